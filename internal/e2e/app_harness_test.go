//go:build e2e && linux

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/halobuzz/healthd/internal/report"
)

// The tests of a command run healthd as PID 1 in containers. The image is Debian with glibc
// and a shell; healthd, Node, npm, the test binary and the Express app are mounted.
const appImage = "golang:1.26"

// nodeApp installs the Express app with its dependencies, once, and returns its directory.
var nodeApp = sync.OnceValues(func() (string, error) {
	dir, err := filepath.Abs("../../bin/app")
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	for _, name := range []string{"package.json", "app.js"} {
		content, err := os.ReadFile(filepath.Join("testdata/app", name))
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return "", err
		}
	}
	return dir, npmInstall(dir)
})

// appMounts returns the options of docker run that mount what the tests need at /healthd,
// /self, /app and on the PATH.
func appMounts(t *testing.T) []string {
	t.Helper()
	healthd, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	app, err := nodeApp()
	if err != nil {
		t.Fatal(err)
	}
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
	return []string{
		"-v", healthd + ":/healthd:ro", "-v", self(t) + ":/self:ro", "-v", app + ":/app:ro",
		"-w", "/app", "-v", node + ":/usr/local/bin/node:ro",
		"-v", filepath.Dir(filepath.Dir(npm)) + ":/usr/local/lib/npm:ro",
	}
}

// npmRun returns the command `npm run SCRIPT`.
func npmRun(script string) []string {
	return []string{"node", "/usr/local/lib/npm/bin/npm-cli.js", "run", "--silent", script}
}

// appContainer is a container with healthd as PID 1 and its command. The embedded endpoint is
// healthd's.
type appContainer struct {
	*container
	app endpoint
}

// runApp runs a command under healthd in the host's network, until the test ends. It does not
// wait for either to serve.
func runApp(t *testing.T, options []string, command ...string) *appContainer {
	t.Helper()
	c := &appContainer{&container{endpoint: endpoint{t, freePort(t)}}, endpoint{t, freePort(t)}}
	args := append([]string{"run", "-d", "--network", "host",
		"-e", fmt.Sprint("HEALTHD_PORT=", c.port), "-e", fmt.Sprint("PORT=", c.app.port)},
		appMounts(t)...)
	args = append(append(args, options...), "--entrypoint", "/healthd", appImage, "--")
	// A container that ends at once can make the client complain after it has printed the ID.
	c.id, _, _ = strings.Cut(mustDocker(t, append(args, command...)...), "\n")
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("output of the container of %q:\n%s", command, c.logs())
		}
		mustDocker(t, "rm", "-f", c.id)
	})
	return c
}

// memoryLimit returns options of docker run. Swap would put off the kill.
func memoryLimit(mib int) []string {
	memory := fmt.Sprintf("%dm", mib)
	return []string{"-m", memory, "--memory-swap", memory}
}

// environment returns options of docker run that set variables.
func environment(entries ...string) []string {
	var options []string
	for _, entry := range entries {
		options = append(options, "-e", entry)
	}
	return options
}

// bothServe waits until healthd and the app serve.
func (c *appContainer) bothServe() {
	c.t.Helper()
	eventually(c.t, 30*time.Second, "serves, as does its app", func() bool {
		_, _, err := fetch("GET", c.app.url("/"), nil)
		return err == nil && c.serves()
	})
}

// ended waits for the end of the container, and returns its exit code and its log.
func (c *appContainer) ended(within time.Duration) (code int, log *output) {
	c.t.Helper()
	state := ""
	retry(c.t, within, 100*time.Millisecond, "has ended", func() bool {
		state = c.inspect("{{.State.Status}} {{.State.ExitCode}}")
		return strings.HasPrefix(state, "exited ")
	})
	code, err := strconv.Atoi(strings.TrimPrefix(state, "exited "))
	if err != nil {
		c.t.Fatal(err)
	}
	return code, c.log()
}

func (c *appContainer) log() *output {
	log := &output{}
	fmt.Fprintln(log, c.logs())
	return log
}

// end is the line of the log that says how the command ended. There must be exactly one.
func end(t *testing.T, log *output) string {
	t.Helper()
	lines := log.lines("app ended")
	if len(lines) != 1 {
		t.Fatalf("%d lines say \"app ended\", want 1", len(lines))
	}
	return lines[0]
}

// appReport is what the monitoring document has of the command.
type appReport struct {
	Status, Output string
	Memory         struct {
		GoLimitBytes int64
		Container    struct{ OOMKills *int64 }
	}
	App *struct {
		Name      string
		PID       int
		AnonBytes *int64
		Processes []appProcess
	}
}

type appProcess struct {
	Name      string
	PID       int
	RSSBytes  int64
	AnonBytes int64
}

// appReport returns the monitoring document's part about the command.
func (e endpoint) appReport() (r appReport) {
	e.t.Helper()
	_, body := get(e.t, e.url(report.MonitoringPath))
	if err := json.Unmarshal([]byte(body), &r); err != nil {
		e.t.Fatal(err)
	}
	return r
}

// ready returns the status code and the body of /readyz.
func (e endpoint) ready() (code int, body string) {
	e.t.Helper()
	resp, body := get(e.t, e.url(report.ReadyPath))
	return resp.StatusCode, body
}
