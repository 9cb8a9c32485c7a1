package app

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// openTerminal returns the two ends of a new pseudoterminal: pty(7).
func openTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	var number, locked int32
	for request, arg := range map[uintptr]*int32{
		syscall.TIOCSPTLCK: &locked, syscall.TIOCGPTN: &number,
	} {
		_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, master.Fd(), request,
			uintptr(unsafe.Pointer(arg)))
		if errno != 0 {
			t.Fatal(errno)
		}
	}
	slave, err = os.OpenFile(fmt.Sprint("/dev/pts/", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })
	return master, slave
}

// session is a command that leads a session on a terminal of its own.
type session struct {
	t      *testing.T
	cmd    *exec.Cmd
	master *os.File
	lines  *bufio.Scanner
}

func startSession(t *testing.T, cmd *exec.Cmd) *session {
	t.Helper()
	master, slave := openTerminal(t)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	stuck := time.AfterFunc(2*time.Minute, func() {
		cmd.Process.Kill()
		master.Close()
	})
	t.Cleanup(func() {
		stuck.Stop()
		cmd.Process.Kill()
		cmd.Wait()
	})
	return &session{t, cmd, master, bufio.NewScanner(master)}
}

// expect reads lines up to one that ends with text.
func (s *session) expect(text string) {
	s.t.Helper()
	var seen []string
	for s.lines.Scan() {
		seen = append(seen, s.lines.Text())
		if strings.HasSuffix(strings.TrimSpace(s.lines.Text()), text) {
			return
		}
	}
	s.t.Fatalf("the terminal shows %q, want %q", seen, text)
}

func (s *session) write(keys string) {
	s.t.Helper()
	if _, err := s.master.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

func (s *session) end() int {
	s.cmd.Wait()
	return s.cmd.ProcessState.ExitCode()
}

const (
	ctrlC = "\x03"
	ctrlZ = "\x1a"
)

func TestTerminal(t *testing.T) {
	t.Parallel()
	const script = `echo up; read x; echo "got $x"; read y`
	s := startSession(t, command(t, "-quiet", "--", "sh", "-c", script))
	s.expect("up")
	s.write("line\n")
	s.expect("got line")
	s.write(ctrlZ)
	s.write(ctrlC)
	if got := s.end(); got != 130 {
		t.Errorf("exit code %d after ^Z and ^C, want 130", got)
	}
}

// TestTerminalComesBack has a shell that reads from the terminal after the program.
func TestTerminalComesBack(t *testing.T) {
	t.Parallel()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	for name, run := range map[string]string{
		"ended":   ` -- true`,
		"killed":  ` -- sh -c 'kill -9 $$'`,
		"unable":  ` -- /etc/passwd`,
		"no exec": ` -- "$1"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := t.TempDir() + "/format"
			if err := os.WriteFile(file, []byte("echo\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			// The script's shell ignores SIGTTIN, so that a read in the background fails.
			script := `trap '' TTIN; "$0" -quiet` + run + `; echo back; read x && echo "got $x"`
			s := startSession(t, exec.Command("sh", "-c", script, path, file))
			s.expect("back")
			s.write("line\n")
			s.expect("got line")
		})
	}
}

// TestTerminalInBackground has a shell that runs the program as a background job, which must
// leave the terminal alone.
func TestTerminalInBackground(t *testing.T) {
	t.Parallel()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	const script = `set -m
		"$0" -quiet -- sh -c 'echo up; kill -STOP $$' <$(tty) &
		read x && echo "got $x"
		kill -9 %1`
	s := startSession(t, exec.Command("sh", "-c", script, path))
	s.expect("up")
	s.write("line\n")
	s.expect("got line")
	s.end() // the job is killed by then
}

// TestTerminalTostop has a terminal on which a process in the background may not write. The
// program is one while the command has the terminal.
func TestTerminalTostop(t *testing.T) {
	t.Parallel()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	s := startSession(t, exec.Command("sh", "-c", `stty tostop; exec "$0" -- sh -c 'exit 9'`, path))
	s.expect("run: ended true code 9 signal 0 byUs false empty true")
	if got := s.end(); got != 9 {
		t.Errorf("exit code %d, want 9", got)
	}
}
