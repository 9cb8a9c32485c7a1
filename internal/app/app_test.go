package app

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
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
	t.Cleanup(func() { stuck.Stop() })
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

func TestExitCodes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, script string
		code         int
		last         string
	}{
		{"success", "exit 0", 0, "run: ended true code 0 signal 0 byUs false empty true"},
		{"failure", "exit 3", 3, "run: ended true code 3 signal 0 byUs false empty true"},
		{"two commands", "true; exit 4", 4, "run: ended true code 4 signal 0 byUs false empty true"},
		{"SIGTERM", "kill $$", 143, "run: ended true code 143 signal 15 byUs false empty true"},
		{"SIGKILL", "kill -9 $$", 137, "run: ended true code 137 signal 9 byUs false empty true"},
		{"SIGABRT", "kill -6 $$", 134, "run: ended true code 134 signal 6 byUs false empty true"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			code, _, last := start(t, shell(t, tt.script)).end()
			if code != tt.code || last != tt.last {
				t.Errorf("%q ends with %d, %q, want %d, %q", tt.script, code, last, tt.code, tt.last)
			}
		})
	}
}

func TestCannotStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, contents string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(contents), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, tt := range []struct {
		name, command string
		code          int
		want          string
	}{
		{"not in PATH", "no-such-command", 127, "no-such-command: not found in PATH"},
		{"no file", dir + "/missing", 127, "missing: no such file or directory"},
		{"no interpreter", file("script", "#!/missing\n", 0o755), 127, "its interpreter"},
		{"directory", dir, 126, "is a directory"},
		{"not executable", file("data", "#!/bin/sh\n", 0o644), 126, "permission denied"},
		{"no format", file("text", "echo\n", 0o755), 126, "exec format error"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			code, _, last := start(t, command(t, "--", tt.command)).end()
			if code != tt.code || !strings.Contains(last, tt.want) {
				t.Errorf("%s ends with %d, %q, want %d, %q", tt.command, code, last, tt.code, tt.want)
			}
		})
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	const drains = `trap 'echo draining; sleep 0.2; exit 5' TERM; echo up; while :; do sleep 0.01; done`
	const ignores = `trap '' TERM; echo up; while :; do sleep 0.1; done`
	const leaves = `trap 'exit 6' TERM
		(trap 'sleep 0.2; echo drained; exit' TERM; echo up; while :; do sleep 0.01; done) &
		while :; do sleep 0.01; done`
	// As npm, cross-env and node: the app tells how many signals it got within 0.3 s.
	const wrapped = `trap 'exit 6' TERM
		(app() { n=0; trap 'n=$((n+1)); end=30' TERM; echo up; end=-1
			while [ $end != 0 ]; do sleep 0.01; end=$((end-1)); done; echo $n SIGTERM; }
		trap 'kill $!' TERM; app & wait; wait) &
		while :; do sleep 0.01; done`
	for _, tt := range []struct {
		name, script string
		signals      []syscall.Signal
		timeout      string
		code         int
		stdout, last string
	}{
		{"its own drain runs to its end", drains, []syscall.Signal{syscall.SIGTERM}, "10s",
			5, "draining\n", "code 5 signal 0 byUs false empty true"},
		{"SIGINT", `trap 'exit 7' INT; ` + ignores, []syscall.Signal{syscall.SIGINT}, "10s",
			7, "", "code 7 signal 0 byUs false empty true"},
		{"the rest of the group", leaves, []syscall.Signal{syscall.SIGTERM}, "10s",
			6, "drained\n", "code 6 signal 0 byUs false empty true"},
		{"a wrapper that is left behind passes it on", wrapped, []syscall.Signal{syscall.SIGTERM}, "10s",
			6, "1 SIGTERM\n", "code 6 signal 0 byUs false empty true"},
		{"timeout", ignores, []syscall.Signal{syscall.SIGTERM}, "300ms",
			137, "", "code 137 signal 9 byUs true empty true"},
		{"second signal", ignores, []syscall.Signal{syscall.SIGTERM, syscall.SIGINT}, "20s",
			137, "", "code 137 signal 9 byUs true empty true"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, shell(t, tt.script, "-timeout", tt.timeout))
			if got := r.line(); got != "up" {
				t.Fatalf("first line %q, want up", got)
			}
			for _, sig := range tt.signals {
				r.signal(sig)
			}
			code, stdout, last := r.end()
			if code != tt.code || stdout != tt.stdout || !strings.HasSuffix(last, tt.last) {
				t.Errorf("end() = %d, %q, %q, want %d, %q, %q",
					code, stdout, last, tt.code, tt.stdout, tt.last)
			}
		})
	}
}

// TestLeftBehind has a command that ends by itself while another process of its group ignores
// SIGTERM.
func TestLeftBehind(t *testing.T) {
	t.Parallel()
	const script = `(trap '' TERM; sleep 100) >&- 2>&- & exit 8`
	r := start(t, shell(t, script, "-timeout", "200ms"))
	code, _, last := r.end()
	if want := "code 8 signal 0 byUs false empty true"; code != 8 || !strings.HasSuffix(last, want) {
		t.Errorf("end() = %d, %q, want 8, %q", code, last, want)
	}
}

func TestSignals(t *testing.T) {
	t.Parallel()
	const script = `for s in HUP QUIT USR1 USR2; do trap "echo $s" $s; done
		echo up; while :; do sleep 0.01; done`
	r := start(t, shell(t, script))
	r.line()
	for sig, want := range map[syscall.Signal]string{
		syscall.SIGHUP: "HUP", syscall.SIGQUIT: "QUIT", syscall.SIGUSR1: "USR1", syscall.SIGUSR2: "USR2",
	} {
		r.signal(sig)
		if got := r.line(); got != want {
			t.Errorf("after %v the command wrote %q, want %q", sig, got, want)
		}
	}
	r.signal(syscall.SIGTERM)
	if code, _, _ := r.end(); code != 143 {
		t.Errorf("exit code %d, want 143", code)
	}
}

// TestEnvironment passes an environment on byte for byte: order, empty and odd entries.
func TestEnvironment(t *testing.T) {
	t.Parallel()
	cmd := command(t, "-quiet", "--", "env", "-0")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "Z=1", "EMPTY=", "LINES=a\nb", "BYTES=\xff\xfe",
		"SPACE= x ", "no equals sign", "A==", "GOMEMLIMIT=200MiB", "GOGC=off", "PORT=/run/app.sock"}
	code, stdout, _ := start(t, cmd).end()
	if want := strings.Join(cmd.Env, "\x00") + "\x00"; code != 0 || stdout != want {
		t.Errorf("the command's environment is %q, exit code %d, want %q", stdout, code, want)
	}
}

func TestStdin(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "input")
	if err := os.WriteFile(file, []byte("from a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	open, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	for want, stdin := range map[string]io.Reader{
		"from a file": open, "from a pipe": strings.NewReader("from a pipe"), "": nil,
	} {
		cmd := command(t, "--", "cat")
		cmd.Stdin = stdin
		if code, got, _ := start(t, cmd).end(); got != want || code != 0 {
			t.Errorf("cat copies %q, exit code %d, want %q", got, code, want)
		}
	}
}
