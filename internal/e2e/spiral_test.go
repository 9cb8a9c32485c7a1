//go:build e2e && linux

package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// leak runs the service that leaks in a container of 256 MiB, on one processor like healthd.
func leak(t *testing.T, cpus float64, goLimit string, spec leakSpec) *container {
	t.Helper()
	return oursWithSelf(t, limits{256, cpus}, "--entrypoint", "/self",
		"-e", role(t, "LEAK", spec), "-e", "GOMAXPROCS=1", "-e", "GOMEMLIMIT="+goLimit)
}

// goCheck returns the value and the status of gomemlimit:utilization, if there is a value.
func goCheck(r *document) (percent float64, status string) {
	if c := r.Checks["gomemlimit:utilization"]; len(c) == 1 && c[0].ObservedValue != nil {
		return *c[0].ObservedValue, c[0].Status
	}
	return 0, ""
}

// seconds returns the lines that the leaking service has printed.
func seconds(c *container) []leakSecond {
	var all []leakSecond
	for line := range strings.Lines(c.logs()) {
		var s leakSecond
		if json.Unmarshal([]byte(line), &s) == nil {
			all = append(all, s)
		}
	}
	return all
}

// timeline returns a line per second, with the report and the share of garbage collection.
func timeline(seen []observation, shares []leakSecond) string {
	var b strings.Builder
	for _, s := range shares {
		for i := range seen {
			o := &seen[i]
			if o.at.Before(s.At) {
				continue
			}
			value, status := goCheck(&o.report)
			used, _ := usedPercent(&o.report)
			fmt.Fprintf(&b, "%3.0f s  collector %4.1f%% of CPU (10 s: %4.1f)  "+
				"gomemlimit:utilization %4.1f%% %s  usedPercent %4.1f\n",
				s.At.Sub(seen[0].at).Seconds(), s.GCPercent, o.report.GC.CPUPercent,
				value, status, used)
			break
		}
	}
	return b.String()
}

// spiral leaks 3 MB/s beside 20 MB/s of garbage into 64 MiB for 35 s.
func spiral(t *testing.T, cpus float64) (seen []observation, shares []leakSecond) {
	t.Helper()
	c := leak(t, cpus, "64MiB", leakSpec{Live: 3e6, Garbage: 20e6, Object: 128})
	stop := watch(t, c.url)
	time.Sleep(35 * time.Second)
	seen, shares = stop(), seconds(c)
	t.Logf("%v CPU:\n%s", cpus, timeline(seen, shares))
	for _, o := range seen {
		if used, ok := usedPercent(&o.report); !ok || used >= 50 {
			t.Errorf("usedPercent = %v (%v) at %v, want under 50: GOMEMLIMIT comes first",
				used, ok, o.at)
			break
		}
	}
	return seen, shares
}

// collapse returns the index of the first second in which garbage collection took over 40% of
// the CPU, or -1. The next second counts as well, because a single collection can fill a second
// in which nothing else runs.
func collapse(shares []leakSecond) int {
	for i := range len(shares) - 1 {
		if one := shares[i].GCPercent; one > 40 && one+shares[i+1].GCPercent > 80 {
			return i
		}
	}
	return -1
}

// TestVerdictSpiral checks that the warning comes at least 2 s before the second in which
// garbage collection takes over, and the failure at most 5 s after it.
func TestVerdictSpiral(t *testing.T) {
	seen, shares := spiral(t, 2)
	i := collapse(shares)
	if i < 0 {
		t.Fatal("garbage collection never took over, want a leak that makes it do so")
	}
	end := shares[i].At
	began := end.Add(-time.Second)
	firstWith := func(want string) time.Time {
		return first(seen, func(r *document) bool {
			_, status := goCheck(r)
			return status == want
		})
	}
	warn, fail := firstWith("warn"), firstWith("fail")
	if warn.IsZero() || fail.IsZero() {
		t.Fatalf("warn at %v, fail at %v, want both", warn, fail)
	}
	t.Logf("warn %.1f s before the collapse, fail %.1f s after",
		began.Sub(warn).Seconds(), fail.Sub(end).Seconds())
	if began.Sub(warn) < 2*time.Second {
		t.Errorf("warn %v before the collapse, want at least 2 s", began.Sub(warn))
	}
	if fail.Sub(end) > 5*time.Second {
		t.Errorf("fail %v after the collapse, want at most 5 s", fail.Sub(end))
	}
}

// TestVerdictSpiralSmallestPlan shows the same with a tenth of a CPU. /healthz must respond.
func TestVerdictSpiralSmallestPlan(t *testing.T) {
	spiral(t, 0.1)
}

// TestVerdictBusy checks that much garbage is no incident.
func TestVerdictBusy(t *testing.T) {
	c := leak(t, 2, "200MiB", leakSpec{Garbage: 2e9})
	stop := watch(t, c.url)
	time.Sleep(60 * time.Second)
	seen := stop()
	last := seen[len(seen)-1].report
	ratio, _ := goCheck(&last)
	t.Logf("60 s: %d collections, %.1f%% of CPU, gomemlimit:utilization %.1f%%",
		last.GC.Cycles, last.GC.CPUPercent, ratio)
	if last.GC.Cycles < 60 {
		t.Errorf("gc.cycles = %d after 60 s, want at least 60", last.GC.Cycles)
	}
	for _, o := range seen {
		if o.report.Status != "pass" {
			t.Fatalf("status = %s (%s), want pass", o.report.Status, o.report.Output)
		}
	}
}
