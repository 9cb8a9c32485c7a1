//go:build e2e && linux

package e2e

import (
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The tests in this file belong to `make survive` but are no floods of a container.

// TestSurvivePolling is not a flood: 64 clients on the smallest plan that ask for the
// monitoring document without a pause.
func TestSurvivePolling(t *testing.T) {
	for _, server := range []struct {
		name  string
		start func(*testing.T, limits) target
	}{{"healthd", oursInDocker}, {"net/http", plainInDocker}} {
		on := server.start(t, limits{256, 0.1})
		port, pid := on.address()
		prober := startProber(port, probing{250 * time.Millisecond, 5 * time.Second, []string{"/healthz"}, http.StatusOK})
		wait := startFlood(t, floodSpec{"poll", port, 64, 20 * time.Second})
		time.Sleep(5 * time.Second)
		early := vmRSS(t, pid)
		flood := wait()
		late := vmRSS(t, pid)
		probes := prober.stop()
		t.Logf("64 pollers for 20 s in 256 MiB, 0.1 CPU  %-9s answers %d, 5xx %d, probes %v, VmRSS %.1f to %.1f MiB",
			server.name, flood.Answers, flood.Errors, probes, float64(early)/mib, float64(late)/mib)
		if server.name != "healthd" {
			continue
		}
		if probes.answered != probes.total || flood.Errors > 0 {
			t.Errorf("%d of %d probes were answered and %d answers were 5xx: %v", probes.answered, probes.total, flood.Errors, probes.firstError)
		}
		if late > early+mib {
			t.Errorf("VmRSS grew from %d to %d bytes", early, late)
		}
	}
}

// TestSurviveIdle: memory at rest stays where it is. Ten minutes, or with -short 40 s.
func TestSurviveIdle(t *testing.T) {
	t.Parallel()
	s := start(t)
	time.Sleep(10 * time.Second)
	early := vmRSS(t, s.cmd.Process.Pid)
	length := 10 * time.Minute
	if testing.Short() {
		length = 40 * time.Second
	}
	time.Sleep(length - 10*time.Second)
	late := vmRSS(t, s.cmd.Process.Pid)
	t.Logf("idle: VmRSS %.2f MB after 10 s, %.2f MB after %v", mb(early), mb(late), length)
	if late > early+1.5e6 {
		t.Errorf("VmRSS grew from %d to %d bytes", early, late)
	}
}

// TestSurviveGivesBack: what a burst took is released, and the log says why.
func TestSurviveGivesBack(t *testing.T) {
	t.Parallel()
	s := start(t, "LOG_LEVEL=debug", "MEMORY_LOG_INTERVAL=0")
	pid := s.cmd.Process.Pid
	idle := vmRSS(t, pid)
	startFlood(t, floodSpec{"held", s.port, 500, 3 * time.Second})()
	full := vmRSS(t, pid)
	eventually(t, 60*time.Second, "gives memory back", func() bool { return len(s.log.lines("memory given back")) == 1 })
	after := vmRSS(t, pid)
	t.Logf("500 held: VmRSS %.1f MiB idle, %.1f after the burst, %.1f once given back", float64(idle)/mib, float64(full)/mib, float64(after)/mib)
	if after > full || after > 2*idle {
		t.Errorf("VmRSS %d idle, %d after the burst, %d once given back", idle, full, after)
	}
}

// TestSurviveOpenFiles has 64 descriptors and 500 connections.
func TestSurviveOpenFiles(t *testing.T) {
	path, err := plain()
	if err != nil {
		t.Fatal(err)
	}
	ours, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	for _, server := range []struct{ name, path string }{{"healthd", ours}, {"net/http", path}} {
		port := freePort(t)
		cmd := exec.Command("sh", "-c", "ulimit -n 64; exec "+server.path)
		cmd.Env = []string{"PORT=" + strconv.Itoa(port)}
		cmd.Dir = t.TempDir()
		s := launch(t, port, cmd)
		prober := startProber(port, liveness)
		flood := startFlood(t, floodSpec{"held", port, 500, 5 * time.Second})()
		probes := prober.stop()
		t.Logf("500 held, 64 descriptors  %-9s opened %d, probes %v", server.name, flood.Opened, probes)
		if server.name == "healthd" {
			if probes.answered != probes.total {
				t.Errorf("%d of %d probes were answered: %v", probes.answered, probes.total, probes.firstError)
			}
			if n := strings.Count(s.log.String(), "evicting connections"); n != 1 {
				t.Errorf("the evictions are logged %d times, want once", n)
			}
		} else if probes.answered == probes.total {
			t.Error("the plain server answered every probe: the flood is not what it says")
		}
	}
}
