package app

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

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
	const drains = `trap 'echo draining; sleep 0.2; exit 5' TERM; echo up
		while :; do sleep 0.01; done`
	const ignores = `trap '' TERM; echo up; while :; do sleep 0.1; done`
	const leaves = `trap 'exit 6' TERM
		(trap 'sleep 0.2; echo drained; exit' TERM; echo up; while :; do sleep 0.01; done) &
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
		{"timeout", ignores, []syscall.Signal{syscall.SIGTERM}, "300ms",
			137, "", "code 137 signal 9 byUs true empty true"},
		// The kernel may deliver the two in either order.
		{"second signal", `trap '' INT; ` + ignores,
			[]syscall.Signal{syscall.SIGTERM, syscall.SIGINT}, "20s",
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

// TestEndsWhenGroupIsEmpty has a command that ends before a process of its group does.
func TestEndsWhenGroupIsEmpty(t *testing.T) {
	t.Parallel()
	const script = `trap '' TERM; (sleep 0.3; echo drained >&2) & exit 0`
	r := start(t, shell(t, script))
	r.end()
	_, after, _ := strings.Cut(r.stderr.String(), "drained\n")
	if !strings.HasPrefix(after, "run: ended") {
		t.Errorf("standard error is %q, want the end after drained", r.stderr.String())
	}
}

// TestLeftBehind has a command that ends by itself while another process of its group ignores
// SIGTERM.
func TestLeftBehind(t *testing.T) {
	t.Parallel()
	const script = `trap '' TERM; sleep 100 >&- 2>&- & exit 8`
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
		syscall.SIGHUP: "HUP", syscall.SIGQUIT: "QUIT",
		syscall.SIGUSR1: "USR1", syscall.SIGUSR2: "USR2",
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
