//go:build e2e && linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestAppRestricted runs the app as nobody in a container without any privilege.
func TestAppRestricted(t *testing.T) {
	t.Parallel()
	c := runApp(t, append(memoryLimit(256), restricted...), "node", "app.js")
	c.bothServe()
	var r appReport
	eventually(t, 5*time.Second, "reports the app's memory", func() bool {
		r = c.appReport()
		return r.App != nil && len(r.App.Processes) == 1 && r.App.Processes[0].AnonBytes > 5e6
	})
	p := r.App.Processes[0]
	if r.App.Name != "node" || r.App.PID != p.PID || p.Name != "node" || p.AnonBytes >= p.RSSBytes ||
		r.App.AnonBytes == nil || *r.App.AnonBytes != p.AnonBytes {
		t.Errorf("app = %+v, want node as its only process", r.App)
	}
	mustDocker(t, "stop", "-t", "30", c.id)
	code, log := c.ended(time.Second)
	if code != 0 || !strings.Contains(log.String(), "app has drained after 1 SIGTERM\n") {
		t.Errorf("exit code %d, want 0 and a drained app", code)
	}
}

// appDockerfile is the one of the README, with an app on the same base as healthd's.
const appDockerfile = `FROM gcr.io/distroless/static-debian13:nonroot
COPY app /app
COPY --from=halobuzz-minimal /healthd /healthd
ENV HEALTHD_PORT=4040
ENTRYPOINT ["/healthd", "--"]
CMD ["/app"]
`

// TestAppImage builds an app's image as the README says. The port is not 4040, because the
// container shares the network of this machine.
func TestAppImage(t *testing.T) {
	t.Parallel()
	if _, err := image(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "Dockerfile"), appDockerfile)
	copyFile(t, self(t), filepath.Join(dir, "app"))
	const name = "halobuzz-minimal-app"
	mustDocker(t, "build", "-q", "-t", name, dir)
	c := &appContainer{&container{endpoint: endpoint{t, freePort(t)}}, endpoint{t, freePort(t)}}
	args := append([]string{"run", "-d", "--network", "host", "--read-only"}, environment("APP={}",
		fmt.Sprint("PORT=", c.app.port), fmt.Sprint("HEALTHD_PORT=", c.port))...)
	c.id = mustDocker(t, append(args, name)...)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("output of the container:\n%s", c.logs())
		}
		mustDocker(t, "rm", "-f", c.id)
		mustDocker(t, "rmi", "-f", name)
	})
	c.bothServe()
	if out := mustDocker(t, "exec", c.id, "/healthd", "probe"); !strings.Contains(out, "200") {
		t.Errorf("healthd probe prints %q, want 200", out)
	}
	mustDocker(t, "stop", "-t", "30", c.id)
	if code, _ := c.ended(time.Second); code != 0 {
		t.Errorf("the exit code is %d, want 0", code)
	}
}

// TestAppWithoutProc runs a command where /proc is empty. It needs root.
func TestAppWithoutProc(t *testing.T) {
	t.Parallel()
	healthd, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	const script = `mount -t tmpfs none /proc && exec env -u PORT "$0" -- sh -c '
		trap "exit 7" TERM; (sleep 0.1 &); echo app is up; while :; do sleep 0.1; done'`
	port := freePort(t)
	cmd := exec.Command("unshare", "--mount", "sh", "-c", script, healthd)
	cmd.Env = append(os.Environ(), fmt.Sprint("HEALTHD_PORT=", port), "HEALTHD_DRAIN_DELAY=0")
	s := launch(t, port, cmd)
	eventually(t, 10*time.Second, "is up", func() bool {
		return strings.Contains(s.log.String(), "app is up")
	})
	r := s.appReport()
	if r.App == nil || r.App.Name != "sh" || r.App.PID == 0 || len(r.App.Processes) > 0 {
		t.Errorf("app = %+v, want sh without processes", r.App)
	}
	s.signal(syscall.SIGTERM)
	if code := s.ended(10 * time.Second); code != 7 {
		t.Errorf("the exit code is %d, want 7", code)
	}
}
