//go:build e2e && linux

package e2e

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// sizeInLog matches a size in bytes or MiB of at least three digits before the point.
var sizeInLog = regexp.MustCompile(`[0-9]{9,}|[0-9]{3}\.[0-9] MiB`)

// TestAppOOMKill leaks until the kernel kills, directly and behind npm. The end of the log
// names the process and its memory.
func TestAppOOMKill(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, leak string
		command    []string
		full       bool
	}{
		{"50 MiB/s", "50", []string{"node", "app.js"}, false},
		{"50 MiB/s behind npm", "50", npmRun("start"), false},
		{"12 MiB/s", "12", []string{"node", "app.js"}, true},
		{"12 MiB/s behind npm", "12", npmRun("start"), true},
		{"2 MiB/s", "2", []string{"node", "app.js"}, true},
		{"2 MiB/s behind npm", "2", npmRun("start"), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.full && testing.Short() {
				t.Skip("long")
			}
			t.Parallel()
			c := runApp(t, append(memoryLimit(256), "-e", "LEAK_MIB="+tt.leak), tt.command...)
			code, log := c.ended(3 * time.Minute)
			line := end(t, log)
			t.Log(strings.TrimSpace(line))
			if code != 137 || !strings.Contains(line, "oomKilled=true") ||
				!strings.Contains(line, "node") || !sizeInLog.MatchString(line) {
				t.Errorf("exit code %d, log %q, want 137, oomKilled=true, node and its size",
					code, line)
			}
		})
	}
}

// TestAppKilledOtherwise has ends that look like an OOM kill and are none.
func TestAppKilledOtherwise(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		env     []string
		command []string
		do      func(*testing.T, *appContainer)
		code    int
		log     string
	}{
		{"kill -9", nil, []string{"node", "app.js"}, killApp, 137, "sender unknown"},
		{"kill -9 behind npm", nil, npmRun("start"), killApp, 137, "sender unknown"},
		{"kill -9 while stopping", []string{"HEALTHD_DRAIN_DELAY=10s"}, []string{"node", "app.js"},
			func(t *testing.T, c *appContainer) {
				c.signalTerm()
				eventually(t, 5*time.Second, "drains", func() bool {
					code, _ := c.ready()
					return code == 503
				})
				killApp(t, c)
			}, 137, "sender unknown"},
		{"V8 aborts at its heap limit", []string{"LEAK_HEAP=1", "NODE_OPTIONS=--max-old-space-size=40"},
			[]string{"node", "app.js"}, nil, 134, "aborted itself"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := runApp(t, append(memoryLimit(256), environment(tt.env...)...), tt.command...)
			if tt.do != nil {
				c.bothServe()
				tt.do(t, c)
			}
			code, log := c.ended(60 * time.Second)
			line := end(t, log)
			t.Log(strings.TrimSpace(line))
			if code != tt.code || !strings.Contains(line, tt.log) ||
				strings.Contains(log.String(), "oomKilled=true") {
				t.Errorf("exit code %d, log %q, want %d, %q and no OOM kill",
					code, line, tt.code, tt.log)
			}
		})
	}
}

// killApp kills the app, which answers with its process ID, from inside the container.
func killApp(t *testing.T, c *appContainer) {
	t.Helper()
	_, pid := get(t, c.app.url("/"))
	mustDocker(t, "exec", c.id, "sh", "-c", "kill -9 "+pid)
}

// TestAppOOMKillWhileStopping has an app whose drain takes more memory than there is.
func TestAppOOMKillWhileStopping(t *testing.T) {
	t.Parallel()
	options := append(memoryLimit(256),
		environment("DRAIN_HOLD_MIB=400", "HEALTHD_DRAIN_DELAY=0")...)
	c := runApp(t, options, "node", "app.js")
	c.bothServe()
	c.signalTerm()
	code, log := c.ended(30 * time.Second)
	line := end(t, log)
	t.Log(strings.TrimSpace(line))
	if code != 137 || !strings.Contains(line, "oomKilled=true") {
		t.Errorf("exit code %d, log %q, want 137 and oomKilled=true", code, line)
	}
}

// TestAppNeighborOOMKilled has the kernel kill a second process while the app lives on.
func TestAppNeighborOOMKilled(t *testing.T) {
	t.Parallel()
	c := runApp(t, memoryLimit(256), "node", "app.js")
	c.bothServe()
	hog := dockerCommand("exec", "-e", role(t, "HOG", hogSpec{GrowMiB: 80}), c.id, "/self")
	if out, err := hog.CombinedOutput(); err == nil || len(out) > 0 {
		t.Fatalf("the second process ended by itself: %v\n%s", err, out)
	}
	time.Sleep(3 * time.Second) // samples in which nothing more is to be logged
	if !c.serves() {
		t.Error("GET /healthz fails, want 200")
	}
	if kills := c.appReport().Memory.Container.OOMKills; kills == nil || *kills != 1 {
		t.Errorf("oomKills = %v, want 1", kills)
	}
	warnings := 0
	for line := range strings.Lines(c.logs()) {
		if strings.Contains(line, "level=WARN") && strings.Contains(line, "self") {
			warnings++
			t.Log(strings.TrimSpace(line))
		}
	}
	if warnings != 1 {
		t.Errorf("%d warnings name the process that was killed, want 1", warnings)
	}
	c.signalTerm()
	code, log := c.ended(30 * time.Second)
	if line := end(t, log); code != 0 || strings.Contains(line, "oomKilled=true") {
		t.Errorf("exit code %d, log %q, want 0 without an OOM kill", code, line)
	}
}
