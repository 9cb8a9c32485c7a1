//go:build e2e && linux

package e2e

import (
	"cmp"
	"fmt"
	"testing"
	"time"
)

// scenario is a flood of a server under limits.
type scenario struct {
	name      string
	limits    limits
	count     int
	use       string
	plainDies bool    // the plain server is OOM-killed
	peakMiB   int64   // at most; 0 is 24
	mayMiss   float64 // share of the probes that need not be answered
	untimed   bool    // the time is not real, and an answer may come late
	full      bool    // not with -short
}

const mib = 1 << 20

// outcome has the figures of a scenario.
type outcome struct {
	opened     int64
	took       time.Duration // to open them
	probes     probed
	ready      probed
	pages      probed
	lateMisses int // probes not answered once all connections were open
	peak       int64
	killed     bool
}

func (o outcome) String() string {
	end := "alive"
	if o.killed {
		end = "OOM-killed"
	}
	return fmt.Sprintf("opened %d in %.1f s, probes %v, ready %v, pages %v, peak %.1f MiB, %s",
		o.opened, o.took.Seconds(), o.probes, o.ready, o.pages, float64(o.peak)/mib, end)
}

// floodLength is long enough to send a header of 1 MB.
const floodLength = 8 * time.Second

// run floods a target while it is probed.
func (s scenario) run(t *testing.T, on target) outcome {
	t.Helper()
	port, _ := on.address()
	live, ready := startProber(port, liveness), startProber(port, readiness)
	reader := startProber(port, pages)
	began := time.Now()
	flood := startFlood(t, floodSpec{s.use, port, s.count, floodLength}).wait()
	o := outcome{
		opened: flood.Opened, took: flood.Took,
		probes: live.stop(), ready: ready.stop(), pages: reader.stop(),
	}
	for _, p := range live.probes {
		if p.err != nil && p.at.Sub(began) > flood.Took {
			o.lateMisses++
		}
	}
	o.peak, o.killed = on.peak(), on.killed()
	return o
}

// survive checks that healthd withstands a scenario and that the plain server does not.
func survive(t *testing.T, s scenario, ours, plain func(*testing.T, limits) target) {
	t.Helper()
	on := ours(t, s.limits)
	_, pid := on.address()
	time.Sleep(idleAfter)
	idle := vmRSS(t, pid)
	o := s.run(t, on)
	t.Logf("%-54s healthd   %v", s.name, o)
	if o.killed {
		t.Fatal("healthd was OOM-killed")
	}
	const within = 90 * time.Second
	ended := time.Now()
	back := make(chan time.Duration, 1)
	go func() {
		for vmRSS(t, pid) > 2*idle && time.Since(ended) < within {
			time.Sleep(100 * time.Millisecond)
		}
		back <- time.Since(ended)
	}()
	s.check(t, o)

	p := s.run(t, plain(t, s.limits))
	t.Logf("%-54s net/http  %v", s.name, p)
	if s.plainDies && !p.killed {
		t.Error("the plain server survived, want it OOM-killed")
	}

	t.Parallel() // the other floods come before the rest of this test
	took := <-back
	if took >= within {
		t.Errorf("VmRSS is over twice the idle %d bytes after %v", idle, within)
	}
	eventually(t, within-time.Since(ended), "has released its memory for good", func() bool {
		return vmRSS(t, pid) <= 2*idle
	})
	t.Logf("%-54s healthd   VmRSS %.1f MiB idle, at most twice that after %.0f s, "+
		"%.1f MiB after %.0f s", s.name, float64(idle)/mib, took.Seconds(),
		float64(vmRSS(t, pid))/mib, time.Since(ended).Seconds())
}

// check checks the outcome for healthd.
func (s scenario) check(t *testing.T, o outcome) {
	t.Helper()
	if o.opened < int64(s.count) {
		t.Errorf("the flood opened %d connections, want %d", o.opened, s.count)
	}
	if !s.untimed {
		for what, p := range map[string]probed{
			"probes": o.probes, "readiness probes": o.ready, "pages": o.pages,
		} {
			if least := (1 - s.mayMiss) * float64(p.total); float64(p.answered) < least {
				t.Errorf("%d of %d %s were answered, want %.0f: %v",
					p.answered, p.total, what, least, p.firstError)
			}
		}
		if o.lateMisses > 0 {
			t.Errorf("%d probes were not answered once all connections were open, want 0: %v",
				o.lateMisses, o.probes.firstError)
		}
	}
	if o.peak == 0 {
		t.Error("the peak cannot be read")
	}
	if most := cmp.Or(s.peakMiB, 24); o.peak > most*mib {
		t.Errorf("the peak is %.1f MiB, want at most %d", float64(o.peak)/mib, most)
	}
}

// surviveAll runs the scenarios; with -short only those that are not marked full.
func surviveAll(t *testing.T, scenarios []scenario, ours, plain func(*testing.T, limits) target) {
	for _, s := range scenarios {
		if s.full && testing.Short() {
			continue
		}
		t.Run(s.name, func(t *testing.T) { survive(t, s, ours, plain) })
	}
}

func TestSurvive(t *testing.T)        { surviveAll(t, floods, oursInDocker, plainInDocker) }
func TestSurviveAttacks(t *testing.T) { surviveAll(t, attacks, oursInDocker, plainInDocker) }
