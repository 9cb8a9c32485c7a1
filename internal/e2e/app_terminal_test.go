//go:build e2e && linux

package e2e

import (
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	ctrlC = "\x03"
	ctrlZ = "\x1a"
)

// terminal is a command on a terminal of its own, which script(1) makes.
type terminal struct {
	t    *testing.T
	cmd  *exec.Cmd
	keys io.Writer
	seen *output
	done chan struct{}
}

func startTerminal(t *testing.T, command string) *terminal {
	t.Helper()
	term := &terminal{
		t: t, cmd: exec.Command("script", "-qefc", command, "/dev/null"),
		seen: &output{}, done: make(chan struct{}),
	}
	keys, err := term.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	term.keys = keys
	term.cmd.Env = append(os.Environ(), "SHELL=/bin/sh")
	term.cmd.Stdout, term.cmd.Stderr = term.seen, term.seen
	if err := term.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(term.done)
		term.cmd.Wait()
	}()
	t.Cleanup(func() {
		term.cmd.Process.Kill()
		<-term.done
	})
	return term
}

// expect waits until the terminal shows text.
func (s *terminal) expect(text string) {
	s.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(s.seen.String(), text); {
		if time.Now().After(deadline) {
			s.t.Fatalf("the terminal shows %q, want %q", s.seen, text)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (s *terminal) press(keys string) {
	s.t.Helper()
	if _, err := io.WriteString(s.keys, keys); err != nil {
		s.t.Fatal(err)
	}
}

// end waits for the command and returns its exit code.
func (s *terminal) end() int {
	s.t.Helper()
	select {
	case <-s.done:
	case <-time.After(20 * time.Second):
		s.t.Fatalf("still running; the terminal shows %q", s.seen)
	}
	return s.cmd.ProcessState.ExitCode()
}

// reads says what it reads from the terminal. The quotes let it pass through the shell of
// script(1).
const reads = `'echo "up"; read x; echo "got $x"; read y'`

// TestAppTerminal presses keys in `docker run -it`: ^Z stops nothing for good, and ^C ends the
// command.
func TestAppTerminal(t *testing.T) {
	t.Parallel()
	args := append([]string{"run", "--rm", "-it"}, appMounts(t)...)
	args = append(append(args, environment("HEALTHD_PORT=4040")...),
		"--entrypoint", "/healthd", appImage, "--", "sh", "-c", reads)
	s := startTerminal(t, strings.Join(dockerCommand(args...).Args, " "))
	s.expect("up\r\n")
	s.press(ctrlZ)
	s.press("line\n")
	s.expect("got line\r\n")
	s.press(ctrlC)
	if code := s.end(); code != 130 {
		t.Errorf("exit code %d after ^Z and ^C, want 130; the terminal shows %q", code, s.seen)
	}
}

// TestAppTerminalComesBack has a shell that reads from the terminal after healthd has ended.
func TestAppTerminalComesBack(t *testing.T) {
	t.Parallel()
	healthd, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	s := startTerminal(t, "HEALTHD_PORT="+strconv.Itoa(freePort(t))+" "+healthd+" -- sh -c "+reads+
		`; read z; echo "shell got $z"`)
	s.expect("up\r\n")
	s.press("one\ntwo\n")
	s.expect("msg=\"app ended\"")
	s.press("three\n")
	s.expect("shell got three")
	if code := s.end(); code != 0 {
		t.Errorf("the exit code is %d, want 0", code)
	}
}
