//go:build e2e && linux

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// seen prints what a command inherits. THP_enabled is 0 where huge pages are refused. The
// engine passes the variables on in any order.
const seen = `grep -E '^(Sig[^Q]|Shd|THP|Umask|Cap|NoNewPrivs|Seccomp)' /proc/self/status
	ulimit -a; ulimit -aH; id; pwd; env -0 | sort -z | od -c; ls -l /proc/self/fd | wc -l; cat`

// restricted are the options of a container without any privilege.
var restricted = []string{"--user", "65532:65532", "--read-only", "--cap-drop", "ALL",
	"--security-opt", "no-new-privileges"}

// TestAppInherits compares what a command sees under healthd with what it sees without.
func TestAppInherits(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]string{
		"root":       {"--ulimit", "nofile=1000:5000"},
		"restricted": restricted,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for stdin, open := range map[string]func(*exec.Cmd){"pipe": inPipe, "file": inFile(t)} {
				run := func(entry ...string) string {
					args := append([]string{"run", "--rm", "-i", "-h", "box"}, appMounts(t)...)
					args = append(append(args, options...), environment("EMPTY=", "LINES=a\nb",
						"HEALTHD_PORT=4040", "GOMEMLIMIT=200MiB", "GOGC=off", "GOMAXPROCS=2",
						"HEALTHD_LOG_LEVEL=error", "SPACES= a  b ", "QUOTED=\"'`$x", "UTF8=\u00e9\xff")...)
					args = append(append(args, "--entrypoint", entry[0], appImage), entry[1:]...)
					cmd := dockerCommand(append(args, "sh", "-c", seen)...)
					open(cmd)
					out, err := cmd.Output()
					if err != nil {
						t.Fatalf("%v: %s", err, out)
					}
					return string(out)
				}
				want, got := run("env", "--"), run("/healthd", "--")
				if got != want || !strings.Contains(got, "standard input") {
					t.Errorf("with a %s, the command sees:\n%s\nwant:\n%s", stdin, got, want)
				}
			}
		})
	}
}

func inPipe(cmd *exec.Cmd) { cmd.Stdin = strings.NewReader("standard input") }

func inFile(t *testing.T) func(*exec.Cmd) {
	name := filepath.Join(t.TempDir(), "input")
	writeFile(t, name, "standard input")
	return func(cmd *exec.Cmd) {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		cmd.Stdin = f
	}
}

// TestAppInheritsFile runs on this machine, where standard input is the file itself and not
// a pipe of the engine, and no PID namespace is between.
func TestAppInheritsFile(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "input")
	writeFile(t, name, "standard input\n")
	const script = `readlink /proc/self/fd/0; cat; grep -E '^(Sig[^Q]|THP)' /proc/self/status;
		ulimit -n; ulimit -Hn; env -0 | od -c`
	env := []string{"PATH=" + os.Getenv("PATH"), fmt.Sprint("HEALTHD_PORT=", freePort(t)),
		"HEALTHD_LOG_LEVEL=error", "EMPTY=", "GOGC=off"}
	run := func(cmd *exec.Cmd) string {
		var out bytes.Buffer
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = f, &out, &out, env
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v: %s", err, &out)
		}
		return out.String()
	}
	dir := t.TempDir()
	under := command(t, nil, "--", "sh", "-c", script)
	alone := exec.Command("sh", "-c", script)
	under.Dir, alone.Dir = dir, dir
	if got, want := run(under), run(alone); got != want || !strings.Contains(got, name) {
		t.Errorf("the command sees:\n%s\nwant:\n%s", got, want)
	}
}

// TestAppEnvironment has an environment, and a .env, that belong to the app.
func TestAppEnvironment(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	const lostQuote = "GREETING=\"hello\nSECRET=hunter2\nHEALTHD_PORT=1\n"
	if err := os.WriteFile(filepath.Join(dir, ".env"), []byte(lostQuote), 0o644); err != nil {
		t.Fatal(err)
	}
	options := append(memoryLimit(256), "-v", dir+":/work:ro", "-w", "/work")
	options = append(options, environment("LOG_LEVEL=http", "HOST=api.example.com",
		"MAX_CONNECTIONS=10", "PORT=/run/app.sock", "SHUTDOWN_TIMEOUT=30000", "GOGC=off",
		"GOMEMLIMIT=200MiB", "GOMAXPROCS=2", "SERVICE_NAME=", "LOG_FORMAT=pretty",
		"MEMORY_WARN_PERCENT=x", "DRAIN_DELAY=soon", "MONITORING_TOKEN=a b")...)
	c := runApp(t, options, "sh", "-c",
		`echo "app: $LOG_LEVEL $HOST $GOMEMLIMIT $GOGC"; exec sleep 100`)
	eventually(t, 10*time.Second, "serves", c.serves)
	r := c.report()
	if r.Memory.GoLimitBytes == nil || *r.Memory.GoLimitBytes != 32<<20 ||
		r.Runtime.GOMAXPROCS != 1 || r.Connections.Limit != 64 || r.ServiceID != "healthd" {
		t.Errorf("report = %+v, want a Go limit of 32 MiB, one processor, 64 connections", r)
	}
	if code, body := c.ready(); code != 200 {
		t.Errorf("GET /readyz = %d %s, want 200: PORT is no number to ask", code, body)
	}
	eventually(t, 5*time.Second, "has an app that sees its environment", func() bool {
		return strings.Contains(c.log().String(), "app: http api.example.com 200MiB off\n")
	})
	log := c.logs()
	if strings.Contains(log, "hunter2") || strings.Contains(log, "level=ERROR") {
		t.Error("the log has a secret of .env, or an error")
	}
	mustDocker(t, "kill", "-s", "INT", c.id)
	if code, _ := c.ended(10 * time.Second); code != 130 {
		t.Errorf("the exit code is %d, want 130, of sleep after SIGINT", code)
	}
}
