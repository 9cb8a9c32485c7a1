//go:build e2e && linux

package e2e

import (
	"os/exec"
	"testing"
	"time"
)

// The tests in this file belong to `make survive` but do not flood a container.

// TestSurvivePolling has 64 clients request the monitoring document without a pause, on the
// smallest plan.
func TestSurvivePolling(t *testing.T) {
	for _, server := range []struct {
		name  string
		start func(*testing.T, limits) target
	}{{"healthd", oursInDocker}, {"net/http", plainInDocker}} {
		on := server.start(t, limits{256, 0.1})
		port, pid := on.address()
		patient := liveness
		patient.timeout = 5 * time.Second
		prober := startProber(port, patient)
		polling := startFlood(t, floodSpec{"poll", port, 64, 20 * time.Second})
		polling.waitOpen()
		time.Sleep(5 * time.Second)
		early := vmRSS(t, pid)
		flood := polling.wait()
		late := vmRSS(t, pid)
		probes := prober.stop()
		t.Logf("64 pollers for 20 s in 256 MiB, 0.1 CPU  %-9s responses %d, 5xx %d, probes %v, "+
			"VmRSS %.1f to %.1f MiB", server.name, flood.Answers, flood.Errors, probes,
			float64(early)/mib, float64(late)/mib)
		if server.name != "healthd" {
			continue
		}
		if probes.answered != probes.total || flood.Errors > 0 {
			t.Errorf("%d of %d probes were answered and %d responses were 5xx, want all and 0: %v",
				probes.answered, probes.total, flood.Errors, probes.firstError)
		}
		if late > early+mib {
			t.Errorf("VmRSS grew from %d to %d bytes", early, late)
		}
	}
}

// TestSurviveIdle checks that memory at rest does not grow, for ten minutes, or 40 s with
// -short.
func TestSurviveIdle(t *testing.T) {
	t.Parallel()
	s := start(t)
	time.Sleep(10 * time.Second)
	early := vmRSS(t, s.pid())
	length := 10 * time.Minute
	if testing.Short() {
		length = 40 * time.Second
	}
	time.Sleep(length - 10*time.Second)
	late := vmRSS(t, s.pid())
	t.Logf("idle: VmRSS %.2f MB after 10 s, %.2f MB after %v", mb(early), mb(late), length)
	if late > early+1.5e6 {
		t.Errorf("VmRSS grew from %d to %d bytes", early, late)
	}
}

// TestSurviveGivesBack checks that the memory of a burst is released, and that the log says so.
func TestSurviveGivesBack(t *testing.T) {
	t.Parallel()
	s := start(t, "LOG_LEVEL=debug", "MEMORY_LOG_INTERVAL=0")
	pid := s.pid()
	idle := vmRSS(t, pid)
	startFlood(t, floodSpec{"held", s.port, 500, 3 * time.Second}).wait()
	full := vmRSS(t, pid)
	eventually(t, 60*time.Second, "releases memory", func() bool {
		return len(s.log.lines("memory released")) == 1
	})
	after := vmRSS(t, pid)
	t.Logf("500 held: VmRSS %.1f MiB idle, %.1f after the burst, %.1f once released",
		float64(idle)/mib, float64(full)/mib, float64(after)/mib)
	if after > full || after > 2*idle {
		t.Errorf("VmRSS = %d, want at most %d as after the burst, and twice the idle %d",
			after, full, idle)
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
		s := launch(t, freePort(t), limitFiles(exec.Command(server.path), 64))
		prober := startProber(s.port, liveness)
		flood := startFlood(t, floodSpec{"held", s.port, 500, 5 * time.Second}).wait()
		probes := prober.stop()
		t.Logf("500 held, 64 descriptors  %-9s opened %d, probes %v",
			server.name, flood.Opened, probes)
		if server.name == "healthd" {
			if flood.Opened != 500 {
				t.Errorf("the flood opened %d connections, want 500", flood.Opened)
			}
			if probes.answered != probes.total {
				t.Errorf("%d of %d probes were answered, want all: %v",
					probes.answered, probes.total, probes.firstError)
			}
			if n := len(s.log.lines("evicting connections")); n != 1 {
				t.Errorf("the log has the evictions %d times, want once", n)
			}
		} else if probes.answered == probes.total {
			t.Error("the plain server answered every probe, want some to fail")
		}
	}
}
