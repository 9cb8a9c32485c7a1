package app

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Start takes all children of a process and can be called once, so these tests call it in
// the program testdata/run.

var programDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "app")
	if err != nil {
		panic(err)
	}
	programDir = dir
	// Under nohup, the commands would start with SIGHUP ignored, unless it is caught here.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// program builds testdata/run, once.
var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(programDir, "run")
	build := exec.Command("go", "build", "-o", path, "./testdata/run")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// command prepares the program to run a command.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return exec.Command(path, args...)
}

// shell prepares the program to run a shell script.
func shell(t *testing.T, script string, options ...string) *exec.Cmd {
	t.Helper()
	return command(t, append(options, "--", "sh", "-c", script)...)
}

// running is the program while it runs.
type running struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout *bufio.Reader
	stderr output
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

func start(t *testing.T, cmd *exec.Cmd) *running {
	t.Helper()
	r := &running{t: t, cmd: cmd}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	r.stdout = bufio.NewReader(stdout)
	cmd.Stderr = &r.stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stuck := time.AfterFunc(30*time.Second, func() { cmd.Process.Kill() })
	t.Cleanup(func() { // after a failure the command may still run
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Process.Signal(syscall.SIGINT) // the second signal kills the group
		cmd.Wait()
		stuck.Stop()
	})
	return r
}

// line reads a line that the command writes.
func (r *running) line() string {
	r.t.Helper()
	line, err := r.stdout.ReadString('\n')
	if err != nil {
		r.t.Fatalf("%v after %q; standard error: %s", err, line, &r.stderr)
	}
	return strings.TrimSuffix(line, "\n")
}

func (r *running) signal(sig syscall.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(sig); err != nil {
		r.t.Fatal(err)
	}
}

// end waits for the program. It returns its exit code, the rest of the command's output and
// the program's own line about the end, or why there was none.
func (r *running) end() (code int, stdout, last string) {
	r.t.Helper()
	rest, err := io.ReadAll(r.stdout)
	if err != nil {
		r.t.Fatal(err)
	}
	r.cmd.Wait()
	for line := range strings.Lines(r.stderr.String()) {
		if last = strings.TrimSuffix(line, "\n"); strings.HasPrefix(last, "run: ended") {
			break
		}
	}
	return r.cmd.ProcessState.ExitCode(), string(rest), last
}
