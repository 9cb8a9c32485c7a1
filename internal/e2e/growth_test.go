//go:build e2e && linux

package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/halobuzz/healthd/internal/report"
)

// growthBegins is part of the line that the log has when memory begins to grow.
const growthBegins = `msg="memory grows steadily"`

// TestGrowthLeak has a process beside the service leak 87 KB per second until the kernel kills
// it. The service tells it after eleven minutes, and when the kill comes.
func TestGrowthLeak(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes 18 minutes")
	}
	t.Parallel()
	on := oursWithSelf(t, limits{96, 1})
	killed := make(chan time.Time)
	began := time.Now()
	go func() {
		on.join(role(t, "HOG", hogSpec{GrowMiB: 1, Every: 12 * time.Second})).Run()
		killed <- time.Now()
	}()
	var told *report.Growth
	var toldAt, killedAt time.Time
	for tick := time.Tick(time.Second); killedAt.IsZero(); {
		select {
		case killedAt = <-killed:
		case <-tick:
			o := observe(t, on.url)
			if g := o.report.Growth; g != nil && told == nil {
				told, toldAt = g, o.at
				t.Logf("told after %v: %s", toldAt.Sub(began).Round(time.Second), g.Output)
			}
		}
	}
	if told == nil || told.LimitInSeconds == nil {
		t.Fatalf("killed after %v, and told %+v", killedAt.Sub(began), told)
	}
	lead := killedAt.Sub(toldAt).Seconds()
	t.Logf("killed %.0f s later; predicted %d s (%d to %d)",
		lead, *told.LimitInSeconds, *told.SoonestSeconds, *told.LatestSeconds)
	const tolerance = 30
	soonest, latest := *told.SoonestSeconds-tolerance, *told.LatestSeconds+tolerance
	if lead < float64(soonest) || lead > float64(latest) {
		t.Errorf("killed after %.0f s, want %d to %d", lead, soonest, latest)
	}
	if after := toldAt.Sub(began); after > 12*time.Minute {
		t.Errorf("told after %v, want 11 minutes", after)
	}
	if n := strings.Count(on.logs(), growthBegins); n != 1 {
		t.Errorf("the log says %d times that memory grows, want once", n)
	}
}

// TestGrowthCache has a process beside the service fill a cache of 40 MiB in eight minutes. The
// service says nothing.
func TestGrowthCache(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes 15 minutes")
	}
	t.Parallel()
	on := oursWithSelf(t, limits{96, 1})
	spec := hogSpec{GrowMiB: 1, Every: 12 * time.Second, MostMiB: 40}
	cache := on.join(role(t, "HOG", spec))
	if err := cache.Start(); err != nil {
		t.Fatal(err)
	}
	defer cache.Wait()
	defer cache.Process.Kill()
	for range 15 * 60 / 5 {
		time.Sleep(5 * time.Second)
		if g := observe(t, on.url).report.Growth; g != nil {
			t.Fatalf("told %s", g.Output)
		}
	}
	used := observe(t, on.url).report.Memory.Container.UnreclaimableBytes
	if used == nil || *used < 40*mib || strings.Contains(on.logs(), growthBegins) {
		t.Errorf("unreclaimableBytes = %v, log %s, want the cache and no growth", used, on.logs())
	}
}
