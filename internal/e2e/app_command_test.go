//go:build e2e && linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestAppExitCode has healthd end with the code of its command.
func TestAppExitCode(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		command []string
		code    int
		log     string
	}{
		{"exits at once", []string{"true"}, 0, "code=0"},
		{"two commands", []string{"sh", "-c", "false; exit 3"}, 3, "code=3"},
		{"static Go program", []string{"/self", "-test.run", "^$"}, 0, "code=0"},
		{"SIGTERM", []string{"sh", "-c", "kill -TERM $$"}, 143, "signal=SIGTERM"},
		{"SIGKILL", []string{"sh", "-c", "kill -KILL $$"}, 137, "sender unknown"},
		{"SIGKILL behind a shell", []string{"sh", "-c", "sh -c 'kill -KILL $$'; exit $?"}, 137,
			"sender unknown"},
		{"SIGABRT", []string{"node", "-e", "process.abort()"}, 134, "aborted itself"},
		{"npm", npmRun("fail"), 5, "code=5"},
		// The daemon is in a session of its own and ends with the container.
		{"daemon", []string{"sh", "-c", "setsid sh -c 'sleep 1000 & exit 0'"}, 0, "code=0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			code, log := runApp(t, memoryLimit(256), tt.command...).ended(30 * time.Second)
			if line := end(t, log); code != tt.code || !strings.Contains(line, tt.log) {
				t.Errorf("exit code %d, log %q, want %d and %q", code, line, tt.code, tt.log)
			}
			if strings.Contains(log.String(), "oomKilled=true") {
				t.Error("the log has an OOM kill")
			}
		})
	}
}

// TestAppCannotStart has commands that cannot be started. One line of the log says why.
func TestAppCannotStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"nointerp": "#!/no/such/interpreter\n",
		"format":   "echo\n",
		"arm64":    otherArchitecture(t),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name, command string
		code          int
	}{
		{"not in PATH", "no-such-command", 127},
		{"no file", "/no/such/file", 127},
		{"no interpreter", "/files/nointerp", 127},
		{"not executable", "/app/app.js", 126},
		{"directory", "/app", 126},
		{"no format", "/files/format", 126},
		{"wrong architecture", "/files/arm64", 126},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := runApp(t, []string{"-v", dir + ":/files:ro"}, tt.command)
			code, log := c.ended(30 * time.Second)
			lines := 0
			for line := range strings.Lines(log.String()) {
				if strings.Contains(line, tt.command) {
					lines++
					t.Log(strings.TrimSpace(line))
				}
			}
			if code != tt.code || lines != 1 {
				t.Errorf("exit code %d with %d lines that name the command, want %d and 1",
					code, lines, tt.code)
			}
		})
	}
}

// otherArchitecture returns the test binary with the machine of another architecture in its
// header: elf(5), e_machine.
func otherArchitecture(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(self(t))
	if err != nil {
		t.Fatal(err)
	}
	const eMachine, riscv = 18, 243
	b[eMachine] = riscv
	return string(b[:1<<20])
}

// TestAppPortTaken starts no command where healthd cannot listen.
func TestAppPortTaken(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := runApp(t, environment(fmt.Sprint("HEALTHD_PORT=", s.port)), "sh", "-c", "echo ran")
	code, log := c.ended(30 * time.Second)
	if text := log.String(); code != 1 || strings.Contains(text, "ran") ||
		!strings.Contains(text, strconv.Itoa(s.port)) {
		t.Errorf("exit code %d, log %s, want 1 and no command", code, text)
	}
}

// TestAppZombies has an app that leaves orphans behind, which end while it lives.
func TestAppZombies(t *testing.T) {
	t.Parallel()
	const script = `for i in 1 2 3 4 5; do (setsid sh -c 'sleep 0.2 & exit 0' &); done
		exec node app.js`
	c := runApp(t, memoryLimit(256), "sh", "-c", script)
	c.bothServe()
	_, pid1 := c.address()
	eventually(t, 10*time.Second, "has its command as its only child", func() bool {
		return slices.Equal(childrenOf(t, pid1), []string{"node S"})
	})
	c.signalTerm()
	if code, _ := c.ended(30 * time.Second); code != 0 {
		t.Errorf("the exit code is %d, want 0", code)
	}
}

// childrenOf returns the name and the state of each child of a process: proc_pid_stat(5).
func childrenOf(t *testing.T, pid int) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	var children []string
	for _, name := range files {
		b, _ := os.ReadFile(name) // the process may have ended
		before, after, found := strings.Cut(string(b), ") ")
		fields := strings.Fields(after)
		if found && len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			_, comm, _ := strings.Cut(before, "(")
			children = append(children, comm+" "+fields[0])
		}
	}
	return children
}
