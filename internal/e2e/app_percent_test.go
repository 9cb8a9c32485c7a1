//go:build e2e && linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestAppStopPercent has an app that leaks up to HEALTHD_STOP_PERCENT under requests. It
// stops as on SIGTERM, before the kernel would kill it.
func TestAppStopPercent(t *testing.T) {
	t.Parallel()
	// The percentage is reached after a minute, in which healthd would not stop the app.
	options := append(memoryLimit(256), environment("LEAK_MIB=2.8", "HEALTHD_STOP_PERCENT=85",
		"HEALTHD_DRAIN_DELAY=1s")...)
	c := runApp(t, options, "node", "app.js")
	c.bothServe()
	began := time.Now()
	l := startLoad(c.app, 16, "/", "/", "/", "/slow")
	code, log := c.ended(2 * time.Minute)
	lost := l.wait()
	t.Logf("stopped after %.0f s, %d responses, %d lost",
		time.Since(began).Seconds(), l.answered.Load(), len(lost))
	const drained = "app has drained after 1 SIGTERM\n"
	if code != 1 || !strings.Contains(log.String(), drained) || len(lost) > 0 {
		t.Errorf("exit code %d, %d requests lost, want 1, none and %q: %v",
			code, len(lost), drained, lost)
	}
	if text := log.String(); !strings.Contains(text, "node (pid ") ||
		strings.Contains(text, "oomKilled=true") {
		t.Error("the log does not say which process was the largest, or has an OOM kill")
	}
	t.Log(strings.TrimSpace(end(t, log)))
}

// TestAppStopPercentFromTheStart has an app that is over HEALTHD_STOP_PERCENT when healthd
// begins to look, a minute after the start. A restart would not help.
func TestAppStopPercentFromTheStart(t *testing.T) {
	t.Parallel()
	options := append(memoryLimit(256), environment("HOLD_MIB=170", "HEALTHD_STOP_PERCENT=60")...)
	c := runApp(t, options, "node", "app.js")
	c.bothServe()
	time.Sleep(75 * time.Second)
	if !c.serves() {
		t.Error("GET /healthz fails, want 200")
	}
	warnings := 0
	for line := range strings.Lines(c.logs()) {
		if strings.Contains(line, "HEALTHD_STOP_PERCENT") {
			warnings++
			t.Log(strings.TrimSpace(line))
		}
	}
	if warnings != 1 {
		t.Errorf("%d lines of the log name HEALTHD_STOP_PERCENT, want 1", warnings)
	}
}

// TestAppStopPercentPageCache fills nine tenths of the limit with page cache that was read
// more than once. The kernel frees it before it kills.
func TestAppStopPercentPageCache(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	t.Parallel()
	dir := t.TempDir()
	big := filepath.Join(dir, "big")
	if err := os.WriteFile(big, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(big, 230<<20); err != nil {
		t.Fatal(err)
	}
	options := append(memoryLimit(256), "-v", dir+":/files:ro", "-e", "HEALTHD_STOP_PERCENT=60")
	c := runApp(t, options, "node", "app.js")
	c.bothServe()
	time.Sleep(62 * time.Second)
	const read = "cat /files/big >/dev/null; "
	mustDocker(t, "exec", c.id, "sh", "-c", strings.Repeat(read, 4))
	used, _ := usedPercent(ptr(c.report()))
	_, workingSet := c.charged()
	t.Logf("usedPercent %.1f, working set %.1f MiB", used, float64(workingSet)/mib)
	if used < 60 {
		t.Fatalf("usedPercent = %.1f, want it over HEALTHD_STOP_PERCENT", used)
	}
	time.Sleep(8 * time.Second)
	if code, _ := c.ready(); code != 200 || strings.Contains(c.logs(), "stopping") {
		t.Errorf("GET /readyz = %d, want 200 and no stop", code)
	}
}

func ptr[T any](v T) *T { return &v }

// haproxyConfig sends requests to the instances that are ready. A request is not sent twice.
const haproxyConfig = `
global
  maxconn 200
defaults
  mode http
  timeout connect 2s
  timeout client 30s
  timeout server 30s
  timeout check 2s
  retries 0
  option httpchk GET /readyz
frontend in
  bind 127.0.0.1:%d
  default_backend apps
backend apps
  balance roundrobin
  default-server check inter 200ms fall 1 rise 1
  server leaks 127.0.0.1:%d check port %d
  server steady 127.0.0.1:%d check port %d
`

// startHAProxy starts a load balancer in front of two apps until the test ends.
func startHAProxy(t *testing.T, a, b *appContainer) endpoint {
	t.Helper()
	in := endpoint{t, freePort(t)}
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	writeFile(t, file, fmt.Sprintf(haproxyConfig, in.port, a.app.port, a.port, b.app.port, b.port))
	cmd := exec.Command("haproxy", "-db", "-f", file)
	log := &output{}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("output of HAProxy:\n%s", log)
		}
	})
	eventually(t, 10*time.Second, "has a ready app", func() bool {
		resp, _, err := fetch("GET", in.url("/"), nil)
		return err == nil && resp.StatusCode == 200
	})
	return in
}

// TestAppBehindBalancer has one of two instances leak 2 MiB/s under 32 clients: with
// HEALTHD_STOP_PERCENT no request is lost, and without it some are.
func TestAppBehindBalancer(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	t.Parallel()
	for _, tt := range []struct {
		name, percent string
		code          int
		loses         bool
	}{{"with", "85", 1, false}, {"without", "0", 137, true}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			leaks := runApp(t, append(memoryLimit(256),
				environment("LEAK_MIB=2", "HEALTHD_STOP_PERCENT="+tt.percent)...), "node", "app.js")
			steady := runApp(t, memoryLimit(256), "node", "app.js")
			leaks.bothServe()
			steady.bothServe()
			l := startLoad(startHAProxy(t, leaks, steady), 32, "/", "/", "/", "/slow")
			code, log := leaks.ended(4 * time.Minute)
			time.Sleep(2 * time.Second)
			lost := l.wait()
			t.Logf("%d responses, %d lost, exit code %d", l.answered.Load(), len(lost), code)
			t.Log(strings.TrimSpace(end(t, log)))
			if code != tt.code || (len(lost) > 0) != tt.loses {
				t.Errorf("exit code %d, %d requests lost, want %d, lost %v: %v",
					code, len(lost), tt.code, tt.loses, lost)
			}
		})
	}
}
