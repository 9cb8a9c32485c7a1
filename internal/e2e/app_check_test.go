//go:build e2e && linux

package e2e

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const notAnswered = "The app has not answered yet."

// live returns the status code of /healthz.
func (e endpoint) live() int {
	e.t.Helper()
	resp, _ := get(e.t, e.url("/healthz"))
	return resp.StatusCode
}

// TestAppSlowStart has an app that listens after 10 s. Until then healthd is alive, and not
// ready, whether the check is the default or not.
func TestAppSlowStart(t *testing.T) {
	t.Parallel()
	for _, set := range []bool{false, true} {
		t.Run(fmt.Sprint("set ", set), func(t *testing.T) {
			t.Parallel()
			options := environment("START_SECONDS=10", "HEALTHD_DRAIN_DELAY=0")
			var check string
			if set {
				port := freePort(t)
				check = fmt.Sprintf("http://127.0.0.1:%d/", port)
				options = append(options, environment(fmt.Sprint("PORT=", port),
					"HEALTHD_APP_CHECK="+check)...)
			}
			c := runApp(t, options, "node", "app.js")
			eventually(t, 10*time.Second, "serves", c.serves)
			waited := 0
			retry(t, 30*time.Second, 250*time.Millisecond, "is ready", func() bool {
				if code := c.live(); code != 200 {
					t.Fatalf("GET /healthz = %d before the app has answered, want 200", code)
				}
				code, body := c.ready()
				if code == http.StatusServiceUnavailable && strings.Contains(body, notAnswered) {
					waited++
				} else if code != 200 {
					t.Fatalf("GET /readyz = %d %s, want 503 with %q", code, body, notAnswered)
				}
				return code == 200
			})
			t.Logf("not ready for %.1f s", float64(waited)/4)
			if !strings.Contains(c.logs(), "app is up") {
				t.Error("healthd is ready before the app is")
			}
			c.signalTerm()
			if code, _ := c.ended(10 * time.Second); code != 0 {
				t.Errorf("the exit code is %d, want 0", code)
			}
		})
	}
}

// TestAppHangs stops an app with SIGSTOP, and continues it.
func TestAppHangs(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	check := fmt.Sprintf("HEALTHD_APP_CHECK=http://127.0.0.1:%d/", port)
	c := runApp(t, environment(fmt.Sprint("PORT=", port), check), "node", "app.js")
	c.app.port = port
	c.bothServe()
	eventually(t, 10*time.Second, "is ready", func() bool {
		code, _ := c.ready()
		return code == 200
	})
	pid := hostPID(t, c)
	signal := func(sig syscall.Signal) time.Time {
		if err := syscall.Kill(pid, sig); err != nil {
			t.Fatal(err)
		}
		return time.Now()
	}
	at := signal(syscall.SIGSTOP)
	t.Cleanup(func() { syscall.Kill(pid, syscall.SIGCONT) })
	eventually(t, 20*time.Second, "is not alive", func() bool { return c.live() == 503 })
	t.Logf("GET /healthz = 503 %.1f s after SIGSTOP", time.Since(at).Seconds())
	at = signal(syscall.SIGCONT)
	eventually(t, 10*time.Second, "is alive again", func() bool { return c.live() == 200 })
	t.Logf("GET /healthz = 200 %.1f s after SIGCONT", time.Since(at).Seconds())

	// While it stops, an app that no longer answers is not held against it.
	signal(syscall.SIGSTOP)
	c.signalTerm()
	if code := c.live(); code != 200 {
		t.Errorf("GET /healthz = %d while it stops, want 200", code)
	}
}

// hostPID returns the app's process ID outside the container: PID 1's only child.
func hostPID(t *testing.T, c *appContainer) int {
	t.Helper()
	_, parent := c.address()
	text := strings.TrimSpace(mustDocker(t, "top", c.id, "-o", "pid,ppid"))
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 2 && fields[1] == strconv.Itoa(parent) {
			pid, err := strconv.Atoi(fields[0])
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
	}
	t.Fatalf("no child of PID 1 in %s", text)
	return 0
}
