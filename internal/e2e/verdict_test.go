//go:build e2e && linux

package e2e

import (
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/halobuzz/healthd/internal/report"
)

// tenant is a service in a container with other processes.
type tenant interface {
	url(path string) string
	logs() string
	join(role string) *exec.Cmd // the command of a role in the same container
}

// join returns a command that runs a role of the test binary, which oursWithSelf has mounted.
func (c *container) join(role string) *exec.Cmd {
	return dockerCommand("exec", "-e", role, c.id, "/self")
}

func oursWithSelf(t *testing.T, l limits, args ...string) *container {
	return runImage(t, append(append(dockerLimits(l), "-v", self(t)+":/self:ro"), args...)...)
}

// observation is what the service reported at one time.
type observation struct {
	at     time.Time
	report document
	live   int // status code of /healthz
}

// observe requests liveness and the report. A report that is missing has no status.
func observe(t *testing.T, url func(string) string) observation {
	t.Helper()
	o := observation{at: time.Now()}
	if resp, _, err := fetch("GET", url(report.LivePath), nil); err == nil {
		o.live = resp.StatusCode
	}
	resp, body, err := fetch("GET", url(report.MonitoringPath), nil)
	if err != nil {
		return o
	}
	if o.report, err = decode(body); err != nil {
		t.Error(err)
	}
	if failed := o.report.Status == "fail"; failed != (resp.StatusCode == 503) {
		t.Errorf("GET %s = %d with status %s", report.MonitoringPath, resp.StatusCode, o.report.Status)
	}
	return o
}

// watch observes the service ten times a second until stop is called, which returns the
// observations.
func watch(t *testing.T, url func(string) string) (stop func() []observation) {
	t.Helper()
	var seen []observation
	stopped := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			seen = append(seen, observe(t, url))
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
				t.Errorf("at %v: GET /healthz = %d, status %q, want 200 and a status",
					o.at.Format(time.TimeOnly), o.live, o.report.Status)
			}
		}
		return seen
	}
}

// first returns the time of the first report that is ok, or the zero time if there is none.
func first(seen []observation, ok func(*document) bool) time.Time {
	for i := range seen {
		if ok(&seen[i].report) {
			return seen[i].at
		}
	}
	return time.Time{}
}

// logged returns the time of the first change to status in the log, or the zero time.
func logged(t *testing.T, log, status string) time.Time {
	t.Helper()
	for line := range strings.Lines(log) {
		if strings.Contains(line, `msg="status changed" status=`+status+" ") {
			const layout = "time=2006-01-02T15:04:05.000Z07:00"
			at, err := time.Parse(layout, strings.Fields(line)[0])
			if err != nil {
				t.Error(err)
			}
			return at
		}
	}
	return time.Time{}
}

// leadTime has a process beside the service grow by 2 MiB/s until the kernel kills it.
func leadTime(t *testing.T, on tenant) {
	t.Helper()
	stop := watch(t, on.url)
	out, err := on.join(role(t, "HOG", hogSpec{GrowMiB: 2})).CombinedOutput()
	killed := time.Now()
	seen := stop()
	if err == nil || len(out) > 0 {
		t.Fatalf("the process that grows ended by itself: %v\n%s", err, out)
	}
	for _, want := range []struct {
		status string
		lead   time.Duration
	}{{"warn", 8 * time.Second}, {"fail", 2 * time.Second}} {
		reported := first(seen, func(r *document) bool { return r.Status == want.status })
		for where, at := range map[string]time.Time{
			"report": reported,
			"log":    logged(t, on.logs(), want.status),
		} {
			lead := killed.Sub(at)
			if at.IsZero() || lead < want.lead {
				t.Errorf("the %s has %s %v before the kill, want %v", where, want.status, lead, want.lead)
			}
			t.Logf("%s before the kill: %.1f s in the %s", want.status, lead.Seconds(), where)
		}
	}
}

// steady has a process beside the service use memory in a way that is no incident.
func steady(t *testing.T, on tenant, spec hogSpec, changes int) {
	t.Helper()
	stop := watch(t, on.url)
	if out, err := on.join(role(t, "HOG", spec)).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	highest, lowest := 0.0, 100.0
	for _, o := range stop() {
		if used, ok := usedPercent(&o.report); ok {
			highest, lowest = max(highest, used), min(lowest, used)
		}
	}
	n := strings.Count(on.logs(), "status changed")
	t.Logf("%v%% for %v each, %d times: usedPercent %.1f to %.1f, %d changes of the status",
		spec.Percent, spec.Hold, spec.Times, lowest, highest, n)
	if top := spec.Percent[len(spec.Percent)-1]; highest < top-2 {
		t.Errorf("the highest usedPercent is %v, want about %v", highest, top)
	}
	if n > changes {
		t.Errorf("the status changed %d times, want at most %d", n, changes)
	}
}

// usedPercent returns the container's usedPercent if it is known.
func usedPercent(r *document) (percent float64, ok bool) {
	if c := r.Memory.Container; c != nil && c.UsedPercent != nil {
		return *c.UsedPercent, true
	}
	return 0, false
}

func TestVerdictLeadTime(t *testing.T) {
	t.Parallel()
	leadTime(t, oursWithSelf(t, limits{128, 1}))
}

func TestVerdictSteady(t *testing.T) {
	t.Parallel()
	steady(t, oursWithSelf(t, limits{128, 1}),
		hogSpec{Percent: []float64{70, 88}, Hold: 2 * time.Second, Times: 15}, 1)
}

func TestVerdictSpike(t *testing.T) {
	t.Parallel()
	steady(t, oursWithSelf(t, limits{128, 1}),
		hogSpec{Percent: []float64{50, 50, 50, 99}, Hold: time.Second, Times: 1}, 0)
}

// join returns a command that runs a role in the service's cgroup.
func (g groupTarget) join(role string) *exec.Cmd {
	cmd := commandIn(g.dir, self(g.t))
	cmd.Env = []string{role}
	return cmd
}

func (g groupTarget) logs() string { return g.log.String() }

func TestCgroup2VerdictLeadTime(t *testing.T) {
	leadTime(t, inGroup(binary)(t, limits{128, 1}).(groupTarget))
}
