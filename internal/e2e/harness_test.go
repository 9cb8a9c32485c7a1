// Package e2e runs the real binary as a user does: with an environment, signals, files
// and a log. Tests that need a container engine, root or cgroup v2 have the build tag e2e.
package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary returns the path of the program under test: HEALTHD_BIN where no Go is installed
// (a virtual machine), else the program that `make build` builds.
var binary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("HEALTHD_BIN"); path != "" {
		return path, nil
	}
	if out, err := exec.Command("make", "-C", "../..", "build").CombinedOutput(); err != nil {
		return "", fmt.Errorf("make build: %w\n%s", err, out)
	}
	return filepath.Abs("../../bin/healthd")
})

// command returns the command healthd with the environment env and an empty working directory.
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

// result describes a command that has ended.
type result struct {
	code           int
	stdout, stderr string
}

// finish runs a command that ends by itself.
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

// service is a running server.
type service struct {
	endpoint
	cmd  *exec.Cmd
	log  *output
	done chan struct{} // closed at its end
}

// start runs healthd on a free port until the test ends, and returns once it serves.
func start(t *testing.T, env ...string) *service {
	t.Helper()
	return launch(t, freePort(t), command(t, env))
}

// launch runs a server on a port until the test ends, and returns once it serves. All tests
// start servers with it, whichever program, cgroup or root directory they have.
func launch(t *testing.T, port int, cmd *exec.Cmd) *service {
	t.Helper()
	s := &service{endpoint: endpoint{t, port}, cmd: cmd, log: &output{}, done: make(chan struct{})}
	cmd.Env = append(cmd.Env, "PORT="+strconv.Itoa(port))
	if cmd.Dir == "" {
		cmd.Dir = t.TempDir()
	}
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
		s.kill()
		if t.Failed() {
			t.Logf("output of the server on port %d:\n%s", port, s.log)
		}
	})
	retry(t, 10*time.Second, time.Millisecond, "serves", func() bool {
		select {
		case <-s.done:
			t.Fatalf("%s ended with exit code %d:\n%s", cmd, cmd.ProcessState.ExitCode(), s.log)
		default:
		}
		return s.serves()
	})
	return s
}

// pid returns the process ID.
func (s *service) pid() int { return s.cmd.Process.Pid }

// kill ends the service at once, before its test does.
func (s *service) kill() {
	s.cmd.Process.Kill()
	<-s.done
}

func (s *service) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// ended waits for the end of the service and returns its exit code.
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

// output collects the output of a process. It can be read while the process runs.
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

// lines returns the log lines with the given message.
func (o *output) lines(msg string) []string {
	bare, quoted := "msg="+msg+" ", "msg="+strconv.Quote(msg)+" "
	var found []string
	for line := range strings.Lines(o.String()) {
		if strings.Contains(line, bare) || strings.Contains(line, quoted) {
			found = append(found, line)
		}
	}
	return found
}

// freePort returns a port on which nothing listened a moment ago, on either address family.
// It is below the ports that the kernel gives to clients (32768 and up). One of those could be
// taken before the service listens, even by the connection that asks whether it does.
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

// eventually waits until ok returns true, but not longer than within. The test fails with
// what, which starts with a verb: the service "serves".
func eventually(t *testing.T, within time.Duration, what string, ok func() bool) {
	t.Helper()
	retry(t, within, 20*time.Millisecond, what, ok)
}

// retry is eventually with another interval. TestCompare measures starts by the millisecond.
func retry(t *testing.T, within, every time.Duration, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !ok(); time.Sleep(every) {
		if time.Now().After(deadline) {
			t.Fatalf("after %v there is still no service that %s", within, what)
		}
	}
}

func writeFile(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
