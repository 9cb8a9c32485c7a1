//go:build e2e && linux

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/halobuzz/healthd/internal/health"
)

// tenant is a service in a container where other processes run too.
type tenant interface {
	url(path string) string
	logs() string
	join(role string) *exec.Cmd // a role in the same container, not started
}

// join runs a role of this binary in the container, which oursWithSelf put there.
func (c *container) join(role string) *exec.Cmd {
	return dockerCommand("exec", "-e", role, c.id, "/self")
}

func oursWithSelf(t *testing.T, l limits, args ...string) *container {
	return runImage(t, append(append(dockerLimits(l), "-v", self(t)+":/self:ro"), args...)...)
}

// observation is what the service said at one time.
type observation struct {
	at     time.Time
	report health.Report
	live   int // the code of /healthz
}

// watch asks a service ten times a second until stop is called, which returns what it said.
func watch(t *testing.T, url func(string) string) (stop func() []observation) {
	t.Helper()
	client := &http.Client{Timeout: 5 * time.Second}
	var seen []observation
	stopped := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			o := observation{at: time.Now()}
			if resp, err := client.Get(url("/healthz")); err == nil {
				o.live = resp.StatusCode
				resp.Body.Close()
			}
			if resp, err := client.Get(url("/api/v1/monitoring/health")); err == nil {
				json.NewDecoder(resp.Body).Decode(&o.report) // what is missing has no status
				resp.Body.Close()
				if failed := o.report.Status == health.Fail; failed != (resp.StatusCode == 503) {
					t.Errorf("status %s with code %d", o.report.Status, resp.StatusCode)
				}
			}
			seen = append(seen, o)
			select {
			case <-stopped:
				return
			case <-tick.C:
			}
		}
	})
	return func() []observation {
		close(stopped)
		wg.Wait()
		for _, o := range seen {
			if o.live != 200 || o.report.Status == "" {
				t.Errorf("at %v: /healthz %d, status %q", o.at.Format(time.TimeOnly), o.live, o.report.Status)
			}
		}
		return seen
	}
}

// first is when the service first gave a report that is ok; the zero time for never.
func first(seen []observation, ok func(*health.Report) bool) time.Time {
	for i := range seen {
		if ok(&seen[i].report) {
			return seen[i].at
		}
	}
	return time.Time{}
}

func says(status health.Status) func(*health.Report) bool {
	return func(r *health.Report) bool { return r.Status == status }
}

// logged is when the log first told a change to status.
func logged(t *testing.T, log string, status health.Status) time.Time {
	t.Helper()
	for line := range strings.Lines(log) {
		if strings.Contains(line, `msg="status changed" status=`+string(status)+" ") {
			at, err := time.Parse("2006-01-02T15:04:05.000Z07:00", strings.TrimPrefix(strings.Fields(line)[0], "time="))
			if err != nil {
				t.Error(err)
			}
			return at
		}
	}
	return time.Time{}
}

// leadTime has a process beside the service take 2 MiB/s until the kernel kills it.
func leadTime(t *testing.T, on tenant) {
	t.Helper()
	stop := watch(t, on.url)
	out, err := on.join(role(t, "HOG", hogSpec{GrowMiB: 2})).CombinedOutput()
	killed := time.Now()
	seen := stop()
	if err == nil || len(out) > 0 {
		t.Fatalf("the process beside it ended by itself: %v\n%s", err, out)
	}
	for _, want := range []struct {
		status health.Status
		lead   time.Duration
	}{{health.Warn, 8 * time.Second}, {health.Fail, 2 * time.Second}} {
		in := map[string]time.Time{"the report": first(seen, says(want.status)), "the log": logged(t, on.logs(), want.status)}
		for where, at := range in {
			if at.IsZero() || killed.Sub(at) < want.lead {
				t.Errorf("%s says %s %v before the kill, want %v", where, want.status, killed.Sub(at), want.lead)
			}
		}
		t.Logf("%s before the kill: %.1f s in the report, %.1f s in the log", want.status, killed.Sub(in["the report"]).Seconds(), killed.Sub(in["the log"]).Seconds())
	}
}

// steady has a process beside the service do what must not count as an incident.
func steady(t *testing.T, on tenant, spec hogSpec, changes int) {
	t.Helper()
	stop := watch(t, on.url)
	if out, err := on.join(role(t, "HOG", spec)).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	highest, lowest := 0.0, 100.0
	for _, o := range stop() {
		if c := o.report.Memory.Container; c != nil && c.UsedPercent != nil {
			highest, lowest = max(highest, *c.UsedPercent), min(lowest, *c.UsedPercent)
		}
	}
	n := strings.Count(on.logs(), "status changed")
	t.Logf("%v %% for %v each, %d times: usedPercent %.1f to %.1f, %d changes of verdict", spec.Percent, spec.Hold, spec.Times, lowest, highest, n)
	if top := spec.Percent[len(spec.Percent)-1]; highest < top-2 {
		t.Errorf("usedPercent was at most %v, want about %v", highest, top)
	}
	if n > changes {
		t.Errorf("%d changes of verdict, want at most %d", n, changes)
	}
}

func TestVerdictLeadTime(t *testing.T) {
	t.Parallel()
	leadTime(t, oursWithSelf(t, limits{128, 1}))
}

func TestVerdictSteady(t *testing.T) {
	t.Parallel()
	steady(t, oursWithSelf(t, limits{128, 1}), hogSpec{Percent: []float64{70, 88}, Hold: 2 * time.Second, Times: 15}, 1)
}

func TestVerdictSpike(t *testing.T) {
	t.Parallel()
	steady(t, oursWithSelf(t, limits{128, 1}), hogSpec{Percent: []float64{50, 50, 50, 99}, Hold: time.Second, Times: 1}, 0)
}

// leak runs the test-only service in a container of 256 MiB, on one processor as healthd.
func leak(t *testing.T, cpus float64, goLimit string, spec leakSpec) *container {
	t.Helper()
	return oursWithSelf(t, limits{256, cpus}, "--entrypoint", "/self", "-e", role(t, "LEAK", spec), "-e", "GOMAXPROCS=1", "-e", "GOMEMLIMIT="+goLimit)
}

func goCheck(r *health.Report) (float64, health.Status) {
	if c := r.Checks.GoMemLimit; len(c) == 1 && c[0].ObservedValue != nil {
		return *c[0].ObservedValue, c[0].Status
	}
	return 0, ""
}

// seconds are the lines that the leaking service printed.
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

// timeline is what the service said in each second, beside the collector's share.
func timeline(seen []observation, shares []leakSecond) string {
	var b strings.Builder
	for _, s := range shares {
		for i := range seen {
			if o := &seen[i]; !o.at.Before(s.At) {
				ratio, status := goCheck(&o.report)
				var used float64
				if c := o.report.Memory.Container; c != nil && c.UsedPercent != nil {
					used = *c.UsedPercent
				}
				fmt.Fprintf(&b, "%3.0f s  collector %4.1f %% of CPU (10 s: %4.1f)  gomemlimit:utilization %4.1f %% %s  usedPercent %4.1f\n",
					s.At.Sub(seen[0].at).Seconds(), s.GCPercent, o.report.GC.CPUPercent, ratio, status, used)
				break
			}
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
		if c := o.report.Memory.Container; c == nil || c.UsedPercent == nil || *c.UsedPercent >= 50 {
			t.Errorf("container %+v at %v: the container must not be what fills", c, o.at)
			break
		}
	}
	return seen, shares
}

// collapse is the first second in which the collector took over 40 % of the CPU, and with
// the one after it too: a single collection can fill a second in which nothing else ran.
func collapse(shares []leakSecond) int {
	for i := range len(shares) - 1 {
		if one := shares[i].GCPercent; one > 40 && one+shares[i+1].GCPercent > 80 {
			return i
		}
	}
	return -1
}

// TestVerdictSpiral: the warning comes at least 2 s before the second in which the collector
// takes over, whose figures come at its end, and the failure at most 5 s after.
func TestVerdictSpiral(t *testing.T) {
	seen, shares := spiral(t, 2)
	i := collapse(shares)
	if i < 0 {
		t.Fatal("the collector never took over: the leak is not what it says")
	}
	end := shares[i].At
	began := end.Add(-time.Second)
	is := func(want health.Status) time.Time {
		return first(seen, func(r *health.Report) bool { _, status := goCheck(r); return status == want })
	}
	warn, fail := is(health.Warn), is(health.Fail)
	if warn.IsZero() || fail.IsZero() {
		t.Fatalf("warn at %v, fail at %v, want both", warn, fail)
	}
	t.Logf("warn %.1f s before the collapse, fail %.1f s after", began.Sub(warn).Seconds(), fail.Sub(end).Seconds())
	if began.Sub(warn) < 2*time.Second {
		t.Errorf("warn %v before the collapse, want at least 2 s", began.Sub(warn))
	}
	if fail.Sub(end) > 5*time.Second {
		t.Errorf("fail %v after the collapse, want at most 5 s", fail.Sub(end))
	}
}

// TestVerdictSpiralSmallestPlan shows what a tenth of a CPU makes of it; /healthz must answer.
func TestVerdictSpiralSmallestPlan(t *testing.T) {
	spiral(t, 0.1)
}

// TestVerdictBusy: a lot of garbage is no incident.
func TestVerdictBusy(t *testing.T) {
	c := leak(t, 2, "200MiB", leakSpec{Garbage: 2e9})
	stop := watch(t, c.url)
	time.Sleep(60 * time.Second)
	seen := stop()
	last := seen[len(seen)-1].report
	ratio, _ := goCheck(&last)
	t.Logf("60 s: %d collections, %.1f %% of CPU, gomemlimit:utilization %.1f %%", last.GC.Cycles, last.GC.CPUPercent, ratio)
	if last.GC.Cycles < 60 {
		t.Errorf("%d collections in 60 s: not busy", last.GC.Cycles)
	}
	for _, o := range seen {
		if o.report.Status != health.Pass {
			t.Fatalf("%s %s", o.report.Status, o.report.Output)
		}
	}
}

// join starts a role in the service's cgroup.
func (g groupTarget) join(role string) *exec.Cmd {
	// sh moves itself there, so that the caller need not keep the directory open.
	in := append(entering(g.dir), self(g.t))
	cmd := exec.Command(in[0], in[1:]...)
	cmd.Env = []string{role}
	return cmd
}

func (g groupTarget) logs() string { return g.log.String() }

func TestCgroup2VerdictLeadTime(t *testing.T) {
	leadTime(t, inGroup(binary)(t, limits{128, 1}).(groupTarget))
}
