//go:build e2e && linux

package e2e

import (
	"strings"
	"testing"
	"time"
)

// signalTerm sends SIGTERM to PID 1 and does not wait.
func (c *appContainer) signalTerm() {
	c.t.Helper()
	mustDocker(c.t, "kill", "-s", "TERM", c.id)
}

// TestAppStopLosesNothing runs `docker stop` under requests. The app behind each of the usual
// wrappers gets one SIGTERM, drains to its end, and loses no request. No other test runs
// beside it, because timeouts count as lost requests.
func TestAppStopLosesNothing(t *testing.T) {
	for _, tt := range []struct {
		name    string
		command []string
		code    int
	}{
		{"node", []string{"node", "app.js"}, 0},
		// npm and the shell die of the signal, and leave node behind.
		{"npm start", npmRun("start"), 143},
		{"compound npm script", npmRun("compound"), 143},
		{"cross-env", npmRun("cross"), 143},
		{"sh", []string{"sh", "-c", "true; node app.js"}, 143},
		{"static Go program", []string{"/self"}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			options := append(memoryLimit(256), environment("HEALTHD_DRAIN_DELAY=1s", "APP={}")...)
			c := runApp(t, options, tt.command...)
			c.bothServe()
			const clients = 64
			l := startLoad(c.app, clients, "/", "/", "/", "/slow")
			eventually(t, 20*time.Second, "is busy", func() bool {
				return l.answered.Load() > 5*clients
			})
			began := time.Now()
			mustDocker(t, "stop", "-t", "30", c.id)
			took := time.Since(began)
			code, log := c.ended(time.Second)
			lost := l.wait()
			t.Logf("%d responses, %d clients of %d got a last one, %d lost, stopped in %.1f s",
				l.answered.Load(), l.told.Load(), clients, len(lost), took.Seconds())
			if len(lost) > 0 || l.told.Load() != clients {
				t.Errorf("%d requests were lost, and %d clients got a last response, "+
					"want 0 and %d: %v", len(lost), l.told.Load(), clients, lost)
			}
			const drained = "app has drained after 1 SIGTERM\n"
			if code != tt.code || !strings.Contains(log.String(), drained) {
				t.Errorf("exit code %d, want %d and %q", code, tt.code, drained)
			}
		})
	}
}

// TestAppReadiness stops an app: /readyz fails at once, before the app is told, and healthd
// serves as long as the app does.
func TestAppReadiness(t *testing.T) {
	t.Parallel()
	c := runApp(t, environment("HEALTHD_DRAIN_DELAY=2s"), "node", "app.js")
	c.bothServe()
	eventually(t, 10*time.Second, "is ready", func() bool {
		code, _ := c.ready()
		return code == 200
	})
	c.signalTerm()
	eventually(t, 500*time.Millisecond, "is not ready", func() bool {
		code, _ := c.ready()
		return code == 503
	})
	if log := c.logs(); strings.Contains(log, "app is draining") {
		t.Error("the app was told to stop during DRAIN_DELAY")
	}
	served := false
	eventually(t, 10*time.Second, "tells the app to stop", func() bool {
		served = c.serves()
		return strings.Contains(c.logs(), "app is draining")
	})
	if !served {
		t.Error("healthd does not serve while the app drains, want 200")
	}
	if code, _ := c.ended(10 * time.Second); code != 0 {
		t.Errorf("the exit code is %d, want 0", code)
	}
}

const ignoresTerm = `trap '' TERM; echo app is up; while :; do sleep 0.1; done`

// TestAppIgnoresSIGTERM ends a command that ignores SIGTERM after SHUTDOWN_TIMEOUT, or at a
// second stop signal.
func TestAppIgnoresSIGTERM(t *testing.T) {
	t.Parallel()
	for name, timeout := range map[string]string{"timeout": "1s", "second signal": "60s"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options := environment("HEALTHD_DRAIN_DELAY=0", "HEALTHD_SHUTDOWN_TIMEOUT="+timeout)
			c := runApp(t, options, "sh", "-c", ignoresTerm)
			eventually(t, 10*time.Second, "is up", func() bool {
				return strings.Contains(c.logs(), "app is up")
			})
			c.signalTerm()
			if timeout != "1s" {
				time.Sleep(1500 * time.Millisecond) // sooner it would be the same request
				c.signalTerm()
			}
			code, log := c.ended(10 * time.Second)
			line := end(t, log)
			t.Log(strings.TrimSpace(line))
			if code != 137 || strings.Contains(log.String(), "oomKilled=true") ||
				strings.Contains(log.String(), "unknown") {
				t.Errorf("exit code %d, log %q, want 137, killed by healthd", code, line)
			}
		})
	}
}

// TestAppSignals sends the signals that do not stop healthd, and SIGINT, which does without
// the drain. The command alone gets each, once.
func TestAppSignals(t *testing.T) {
	t.Parallel()
	const script = `for s in HUP QUIT USR1 USR2; do trap "echo got $s" $s; done
		trap "echo got INT; exit 9" INT; echo app is up; while :; do sleep 0.1; done`
	c := runApp(t, nil, "sh", "-c", script)
	eventually(t, 10*time.Second, "is up", func() bool {
		return strings.Contains(c.logs(), "app is up")
	})
	for _, sig := range []string{"HUP", "QUIT", "USR1", "USR2", "INT"} {
		mustDocker(t, "kill", "-s", sig, c.id)
		eventually(t, 10*time.Second, "passes SIG"+sig+" on", func() bool {
			return strings.Contains(c.log().String(), "got "+sig+"\n")
		})
	}
	code, log := c.ended(5 * time.Second)
	if text := log.String(); code != 9 || strings.Count(text, "got ") != 5 ||
		strings.Contains(text, "draining") {
		t.Errorf("exit code %d, want 9, each signal once and no drain", code)
	}
}
