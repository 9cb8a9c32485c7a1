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

// floods hold or feed many connections.
var floods = []scenario{
	{name: "8,000 held in 64 MiB", limits: limits{64, 0.5},
		count: 8000, use: "held", plainDies: true, peakMiB: 32},
	{name: "8,000 half headers in 64 MiB", limits: limits{64, 0.5},
		count: 8000, use: "halfHeader", plainDies: true, peakMiB: 32},
	{name: "2,000 slow 1 MB headers in 64 MiB", limits: limits{64, 0.5},
		count: 2000, use: "slowHeader", plainDies: true, peakMiB: 32},
	{name: "2,000 slow bodies in 64 MiB", limits: limits{64, 0.5},
		count: 2000, use: "slowBody", peakMiB: 32},
	{name: "2,000 pipelines in 64 MiB", limits: limits{64, 0.5},
		count: 2000, use: "pipeline", peakMiB: 32},
	{name: "16,000 held in 256 MiB", limits: limits{256, 0.5},
		count: 16000, use: "held", plainDies: true, peakMiB: 32},
	{name: "4,000 held in 32 MiB, 0.1 CPU", limits: limits{32, 0.1},
		count: 4000, use: "held", plainDies: true, peakMiB: 32, mayMiss: 0.1},
}

// attacks aim at what a single connection can make a server spend. The plain server has no
// limit on headers that a 431 could come from.
var attacks = []scenario{
	{name: "64 short requests, unread body, 64 MiB", limits: limits{64, 1},
		count: 64, use: "unreadBody"},
	{name: "256 short requests, unread body, 64 MiB", limits: limits{64, 1},
		count: 256, use: "unreadBody", full: true},
	{name: "64 short requests, unread body, 32 MiB", limits: limits{32, 1},
		count: 64, use: "unreadBody", plainDies: true, full: true},
	{name: "256 short requests, unread body, 32 MiB", limits: limits{32, 1},
		count: 256, use: "unreadBody", plainDies: true},
	{name: "64 short requests, 431, 64 MiB", limits: limits{64, 1},
		count: 64, use: "longHeader"},
	{name: "256 short requests, 431, 64 MiB", limits: limits{64, 1},
		count: 256, use: "longHeader", full: true},
	{name: "64 short requests, 431, 32 MiB", limits: limits{32, 1},
		count: 64, use: "longHeader", full: true},
	{name: "256 short requests, 431, 32 MiB", limits: limits{32, 1},
		count: 256, use: "longHeader", full: true},
	{name: "64 redirects of 8 KB with trailers, 32 MiB, 0.25 CPU", limits: limits{32, 0.25},
		count: 64, use: "redirect8"},
	{name: "64 redirects of 12 KB with trailers, 32 MiB, 0.25 CPU", limits: limits{32, 0.25},
		count: 64, use: "redirect12", full: true},
	{name: "1,500 headers without end, 64 MiB", limits: limits{64, 0.5},
		count: 1500, use: "headerNoEnd", plainDies: true},
	{name: "1,500 headers without body, 64 MiB", limits: limits{64, 0.5},
		count: 1500, use: "headerNoBody", plainDies: true, full: true},
	{name: "4,000 headers without body, 256 MiB", limits: limits{256, 0.5},
		count: 4000, use: "headerNoBody", full: true},
	{name: "700 headers a second, 64 MiB, 0.25 CPU", limits: limits{64, 0.25},
		count: 7000, use: "headerFast"},
	{name: "128 one-byte chunks, 64 MiB, 1 CPU", limits: limits{64, 1},
		count: 128, use: "chunks"},
	{name: "64 one-byte chunks, 32 MiB, 0.25 CPU", limits: limits{32, 0.25},
		count: 64, use: "chunks", full: true},
	{name: "200 pipelines, 64 MiB, 0.25 CPU", limits: limits{64, 0.25},
		count: 200, use: "pipelineShort", full: true},
	{name: "200 pipelines of long headers, 64 MiB, 0.25 CPU", limits: limits{64, 0.25},
		count: 200, use: "pipelineLong"},
	{name: "200 pipelines of short requests, 256 MiB, 0.5 CPU", limits: limits{256, 0.5},
		count: 200, use: "pipelinePadded"},
	{name: "300 half-closed, 64 MiB, 0.25 CPU", limits: limits{64, 0.25},
		count: 300, use: "halfClose"},
}

// outcome is a scenario's line of figures.
type outcome struct {
	opened     int64
	took       time.Duration // to open them
	probes     probed
	ready      probed
	pages      probed
	lateMisses int // probes not answered once the flood stood
	peak       int64
	killed     bool
}

func (o outcome) String() string {
	end := "alive"
	if o.killed {
		end = "OOM-killed"
	}
	return fmt.Sprintf("opened %d in %.1f s, probes %v, ready %v, pages %v, peak %.1f MiB, %s", o.opened, o.took.Seconds(), o.probes, o.ready, o.pages, float64(o.peak)/mib, end)
}

// floodLength is enough to feed a header of 1 MB in.
const floodLength = 8 * time.Second

// run floods a target while it is probed.
func (s scenario) run(t *testing.T, on target) outcome {
	t.Helper()
	port, _ := on.address()
	prober, ready, poller := startProber(port, liveness), startProber(port, readiness), startProber(port, pages)
	began := time.Now()
	flood := startFlood(t, floodSpec{s.use, port, s.count, floodLength})()
	o := outcome{opened: flood.Opened, took: flood.Took, probes: prober.stop(), ready: ready.stop(), pages: poller.stop()}
	for _, p := range prober.probes {
		if p.err != nil && p.at.Sub(began) > flood.Took {
			o.lateMisses++
		}
	}
	o.peak, o.killed = on.peak(), on.killed()
	return o
}

// survive holds healthd to a scenario and shows that the plain server does not.
func survive(t *testing.T, s scenario, ours, plain func(*testing.T, limits) target) {
	t.Helper()
	on := ours(t, s.limits)
	_, pid := on.address()
	time.Sleep(2 * time.Second)
	idle := vmRSS(t, pid)
	o := s.run(t, on)
	t.Logf("%-54s healthd   %v", s.name, o)
	if o.killed {
		t.Fatal("healthd was OOM-killed")
	}
	const within = 90 * time.Second
	back := make(chan time.Duration, 1)
	ended := time.Now()
	go func() {
		defer close(back)
		for vmRSS(t, pid) > 2*idle && time.Since(ended) < within {
			time.Sleep(100 * time.Millisecond)
		}
		back <- time.Since(ended)
	}()
	if o.opened < int64(s.count) {
		t.Errorf("the flood opened %d of %d connections", o.opened, s.count)
	}
	if !s.untimed {
		for what, p := range map[string]probed{"probes": o.probes, "readiness probes": o.ready, "pages": o.pages} {
			if float64(p.answered) < (1-s.mayMiss)*float64(p.total) {
				t.Errorf("%d of %d %s were answered: %v", p.answered, p.total, what, p.firstError)
			}
		}
		if o.lateMisses > 0 {
			t.Errorf("%d probes were not answered once the flood stood: %v", o.lateMisses, o.probes.firstError)
		}
	}
	if o.peak == 0 {
		t.Error("the peak could not be read")
	}
	if most := cmp.Or(s.peakMiB, 24); o.peak > most*mib {
		t.Errorf("the peak was %.1f MiB, want at most %d", float64(o.peak)/mib, most)
	}

	p := s.run(t, plain(t, s.limits))
	t.Logf("%-54s net/http  %v", s.name, p)
	if s.plainDies && !p.killed {
		t.Error("the plain server survived: the flood is not what it says")
	}

	t.Parallel() // the floods of the others come before the rest
	took := <-back
	if took >= within {
		t.Errorf("VmRSS was not at most twice what it was at rest, %d bytes, within %v", idle, within)
	}
	eventually(t, within-time.Since(ended), "stays given back", func() bool { return vmRSS(t, pid) <= 2*idle })
	t.Logf("%-54s healthd   VmRSS %.1f MiB idle, at most twice that after %.0f s, %.1f MiB after %.0f s",
		s.name, float64(idle)/mib, took.Seconds(), float64(vmRSS(t, pid))/mib, time.Since(ended).Seconds())
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
