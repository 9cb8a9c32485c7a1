//go:build e2e

package app

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// These tests run the program as PID 1 in containers, with Node where the app needs it. The
// image is Debian with glibc; program, Node and app are mounted.

const containerImage = "golang:1.26"

func docker(args ...string) *exec.Cmd {
	return exec.Command(cmp.Or(os.Getenv("DOCKER"), "docker"), args...)
}

func mustDocker(t *testing.T, args ...string) string {
	t.Helper()
	out, err := docker(args...).CombinedOutput()
	if err != nil {
		t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// nodeApp installs the app of testdata/node with its one dependency, once.
var nodeApp = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(programDir, "node")
	if err := os.CopyFS(dir, os.DirFS("testdata/node")); err != nil {
		return "", err
	}
	install := exec.Command("npm", "install", "--no-audit", "--no-fund", "cross-env@10")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm install: %w\n%s", err, out)
	}
	return dir, nil
})

// mounts returns the arguments of docker run that mount the program, Node and the app.
func mounts(t *testing.T) []string {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := nodeApp()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"-v", path + ":/run-app:ro", "-v", dir + ":/app:ro", "-w", "/app"}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal(err)
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		t.Fatal(err)
	}
	if npm, err = filepath.EvalSymlinks(npm); err != nil { // .../npm/bin/npm-cli.js
		t.Fatal(err)
	}
	return append(args, "-v", node+":/usr/local/bin/node:ro",
		"-v", filepath.Dir(filepath.Dir(npm))+":/usr/local/lib/npm:ro")
}

// npmCommand runs a script of the app as `npm run` does.
func npmCommand(script string) []string {
	return []string{"node", "/usr/local/lib/npm/bin/npm-cli.js", "run", "--silent", script}
}

// container is the program as PID 1.
type container struct {
	t  *testing.T
	id string
}

func startContainer(t *testing.T, options []string, command ...string) *container {
	t.Helper()
	args := append([]string{"run", "-d", "--network", "host"}, mounts(t)...)
	args = append(append(args, options...), "--entrypoint", "/run-app", containerImage)
	c := &container{t: t, id: mustDocker(t, append(append(args, "--"), command...)...)}
	t.Cleanup(func() { mustDocker(t, "rm", "-f", c.id) })
	return c
}

func (c *container) logs() string { return mustDocker(c.t, "logs", c.id) }

func (c *container) waitFor(text string) {
	c.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !strings.Contains(c.logs()+"\n", text); {
		if time.Now().After(deadline) {
			c.t.Fatalf("not within 60 s: %q in %s", text, c.logs())
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// end waits for the container and returns its exit code and output.
func (c *container) end() (code, logs string) {
	return mustDocker(c.t, "wait", c.id), c.logs()
}

func (c *container) pid() (pid int) {
	fmt.Sscan(mustDocker(c.t, "inspect", "-f", "{{.State.Pid}}", c.id), &pid)
	return pid
}

// TestContainerStop stops apps behind the usual wrappers: the app gets one SIGTERM and drains
// to its end.
func TestContainerStop(t *testing.T) {
	for _, tt := range []struct {
		name    string
		command []string
		code    string
	}{
		{"node", []string{"node", "app.js"}, "0"},
		{"npm start", npmCommand("start"), "143"}, // npm dies of the signal
		{"compound npm script", npmCommand("compound"), "143"},
		{"cross-env", npmCommand("cross"), "143"},
		{"sh", []string{"sh", "-c", "true; node app.js"}, "143"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := startContainer(t, nil, tt.command...)
			c.waitFor("up\n")
			mustDocker(t, "stop", c.id)
			code, logs := c.end()
			if code != tt.code || !strings.Contains(logs, "drained after 1 SIGTERM") {
				t.Errorf("exit code %s, want %s and one SIGTERM:\n%s", code, tt.code, logs)
			}
		})
	}
}

// TestContainerZombies has daemons that fork twice and end while the app lives.
func TestContainerZombies(t *testing.T) {
	const script = `for i in 1 2 3 4 5; do (setsid sh -c 'sleep 1 & exit 0' &); done
		(sh -c 'sleep 2 & exit 0' &); echo up; exec sleep 1000`
	c := startContainer(t, nil, "sh", "-c", script)
	c.waitFor("up\n")
	time.Sleep(10 * time.Second)
	if got := string(childStates(t, c.pid())); got != "S" {
		t.Errorf("PID 1 has children in the states %q after 10 s, want the command alone, S", got)
	}
}

func TestContainerIgnoresSIGTERM(t *testing.T) {
	c := startContainer(t, nil, "sh", "-c", `trap '' TERM; echo up; while :; do sleep 0.1; done`)
	c.waitFor("up\n")
	mustDocker(t, "kill", "-s", "TERM", c.id)
	mustDocker(t, "kill", "-s", "TERM", c.id) // the second stop signal
	if code, logs := c.end(); code != "137" || !strings.Contains(logs, "byUs true empty true") {
		t.Errorf("exit code %s, want 137:\n%s", code, logs)
	}
}

// TestContainerCannotStart has one case per code; TestCannotStart has the others.
func TestContainerCannotStart(t *testing.T) {
	for command, want := range map[string]string{"no-such-command": "127", "/app/app.js": "126"} {
		c := startContainer(t, nil, command)
		if code, logs := c.end(); code != want {
			t.Errorf("%s: exit code %s, want %s:\n%s", command, code, want, logs)
		}
	}
}

// TestContainerInherited compares what the command sees with what it sees as PID 1 itself.
// The engine passes the variables on in any order.
func TestContainerInherited(t *testing.T) {
	const script = `grep -E '^(Sig[^Q]|Shd|THP|Umask|Cap|NoNewPrivs|Seccomp)' /proc/self/status
		ulimit -a; ulimit -aH; id; pwd; env -0 | sort -z | od -c; cat`
	for name, options := range map[string][]string{
		"root": {"--ulimit", "nofile=1000:5000"},
		"restricted": {"--user", "65532:65532", "--read-only", "--cap-drop", "ALL",
			"--security-opt", "no-new-privileges"},
	} {
		t.Run(name, func(t *testing.T) {
			run := func(entry ...string) string {
				args := []string{"run", "--rm", "-i", "--network", "none", "-h", "box", "-e", "EMPTY=",
					"-e", "LINES=a\nb", "-e", "GOMEMLIMIT=200MiB", "-e", "GOGC=off"}
				args = append(append(args, options...), mounts(t)...)
				args = append(args, "--entrypoint", entry[0], containerImage)
				cmd := docker(append(append(args, entry[1:]...), "sh", "-c", script)...)
				cmd.Stdin = strings.NewReader("standard input")
				out, err := cmd.Output()
				if err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				return string(out)
			}
			want, got := run("env", "--"), run("/run-app", "-quiet", "--")
			if got != want {
				t.Errorf("the command sees:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// TestContainerTerminal presses keys in `docker run -it`.
func TestContainerTerminal(t *testing.T) {
	args := append([]string{"run", "--rm", "-it", "--network", "none"}, mounts(t)...)
	args = append(args, "--entrypoint", "/run-app", containerImage, "-quiet", "--", "sh", "-c",
		`echo up; read x; echo "got $x"; read y`)
	s := startSession(t, docker(args...))
	s.expect("up")
	s.write(ctrlZ + "line\n")
	s.expect("got line")
	s.write(ctrlC)
	if got := s.end(); got != 130 {
		t.Errorf("exit code %d after ^Z and ^C, want 130", got)
	}
}

// TestContainerOOM fills the container, directly and behind npm.
func TestContainerOOM(t *testing.T) {
	for _, tt := range []struct {
		name    string
		command []string
		code    string
	}{
		{"node", []string{"node", "app.js", "50"}, "137"},
		{"npm", npmCommand("leak"), "137"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := startContainer(t, []string{"-m", "256m", "--memory-swap", "256m"}, tt.command...)
			code, logs := c.end()
			if code != tt.code || !strings.Contains(logs, "run: because node (pid ") ||
				!strings.Contains(logs, OOMKilled.String()) {
				t.Errorf("exit code %s, want %s and the process:\n%s", code, tt.code, logs)
			}
			t.Log(logs)
		})
	}
}

// TestContainerKill kills the command from outside: without a sender, and not for memory.
func TestContainerKill(t *testing.T) {
	c := startContainer(t, []string{"-m", "256m"}, "node", "app.js")
	c.waitFor("up\n")
	mustDocker(t, "exec", c.id, "sh", "-c", "kill -9 $(pidof node)")
	if code, logs := c.end(); code != "137" || !strings.Contains(logs, Killed.String()) {
		t.Errorf("exit code %s, want 137 and %q:\n%s", code, Killed, logs)
	}
}
