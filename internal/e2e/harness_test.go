// Package e2e runs the real binary as a user does: with an environment, signals, files
// and a log. What needs a container engine, root or cgroup v2 has the build tag e2e.
package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/halobuzz/healthd/internal/health"
)

// binary is the program under test: HEALTHD_BIN where no Go is installed (a virtual
// machine), else what `make build` makes of the sources.
var binary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("HEALTHD_BIN"); path != "" {
		return path, nil
	}
	if out, err := exec.Command("make", "-C", "../..", "build").CombinedOutput(); err != nil {
		return "", fmt.Errorf("make build: %w\n%s", err, out)
	}
	return filepath.Abs("../../bin/healthd")
})

// command prepares the binary with nothing but env in its environment, in an empty
// working directory.
func command(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append([]string{}, env...)
	cmd.Dir = t.TempDir()
	return cmd
}

// result is how a command that ended by itself ended.
type result struct {
	code           int
	stdout, stderr string
}

// finish runs a command that must end by itself.
func finish(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stuck := time.AfterFunc(15*time.Second, func() { cmd.Process.Kill() })
	defer stuck.Stop()
	err := cmd.Wait()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// service is a running healthd.
type service struct {
	t    *testing.T
	cmd  *exec.Cmd
	port int
	log  *output
	done chan struct{}
}

// start runs the service on a free port until the test ends, and waits until it answers.
func start(t *testing.T, env ...string) *service {
	t.Helper()
	port := freePort(t)
	return launch(t, port, command(t, append([]string{"PORT=" + strconv.Itoa(port)}, env...)))
}

func launch(t *testing.T, port int, cmd *exec.Cmd) *service {
	t.Helper()
	s := &service{t: t, cmd: cmd, port: port, log: &output{}, done: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout = s.log
	}
	cmd.Stderr = s.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.done)
		cmd.Wait()
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-s.done
		if t.Failed() {
			t.Logf("its output:\n%s", s.log)
		}
	})
	retry(t, 10*time.Second, time.Millisecond, "answers", func() bool {
		select {
		case <-s.done:
			t.Fatalf("it ended with %d:\n%s", cmd.ProcessState.ExitCode(), s.log)
		default:
		}
		resp, err := http.Get(s.url("/healthz"))
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return s
}

func (s *service) url(path string) string {
	return fmt.Sprintf("http://127.0.0.1:%d%s", s.port, path)
}

func (s *service) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// ended waits for the exit code.
func (s *service) ended(within time.Duration) int {
	s.t.Helper()
	select {
	case <-s.done:
		return s.cmd.ProcessState.ExitCode()
	case <-time.After(within):
		s.t.Fatalf("still running after %v", within)
		return -1
	}
}

// report fetches the monitoring document.
func (s *service) report() health.Report {
	s.t.Helper()
	return fetchReport(s.t, s.url("/api/v1/monitoring/health"))
}

func fetchReport(t *testing.T, url string) health.Report {
	t.Helper()
	_, body := get(t, url)
	var r health.Report
	d := json.NewDecoder(strings.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return r
}

func get(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// output collects what a process writes, and can be read meanwhile.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// lines are the log lines with the given message.
func (o *output) lines(msg string) []string {
	var found []string
	for line := range strings.Lines(o.String()) {
		if strings.Contains(line, "msg="+msg+" ") || strings.Contains(line, "msg="+strconv.Quote(msg)+" ") {
			found = append(found, line)
		}
	}
	return found
}

// freePort is a port that nothing listened on a moment ago, on either family. It is below
// those that the kernel gives to clients (32768 and up), one of which could be given away
// before the service listens: to the very connection that asks whether it does.
func freePort(t *testing.T) int {
	t.Helper()
	for tries := 1; ; tries++ {
		port := 20000 + rand.IntN(12000)
		ln, err := net.Listen("tcp", ":"+strconv.Itoa(port))
		if err == nil {
			ln.Close()
			return port
		}
		if tries == 100 {
			t.Fatal(err)
		}
	}
}

// dial opens a connection to the service that the test closes at its end.
func (s *service) dial() net.Conn {
	s.t.Helper()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.port))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	return conn
}

// eventually waits until ok, for at most the given time.
func eventually(t *testing.T, within time.Duration, what string, ok func() bool) {
	t.Helper()
	retry(t, within, 20*time.Millisecond, what, ok)
}

// retry is eventually with an interval to choose: compare measures starts by the millisecond.
func retry(t *testing.T, within, every time.Duration, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !ok(); time.Sleep(every) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: it %s", within, what)
		}
	}
}

// near says whether got is within 10 % of want, or within slack bytes.
func near(got, want, slack int64) bool {
	diff := max(got-want, want-got)
	return diff <= max(want/10, slack)
}
