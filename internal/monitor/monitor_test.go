package monitor

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halobuzz/healthd/internal/health"
	"github.com/halobuzz/healthd/internal/memory"
	"github.com/halobuzz/healthd/internal/report"
)

const historyPath, metricsPath = "/api/v1/monitoring/history", "/metrics"

func known(n int64) memory.Size { return memory.Size{Bytes: n, Known: true} }

// source is what a test's monitor measures.
type source struct{ health.Input }

// newSource returns a source in a container of 1000 bytes.
func newSource(unreclaimable int64) *source {
	s := &source{}
	s.Memory = memory.Sample{
		HeapBytes: 10, GoBytes: 20, RSSBytes: 30, RSSSource: memory.KernelRSS,
		Container: memory.Container{
			Source: memory.Cgroup2, Limit: known(1000), LowestLimit: known(1000),
		},
	}
	s.use(unreclaimable)
	return s
}

// use sets the container's unreclaimable memory, and a working set of 5 bytes more.
func (s *source) use(unreclaimable int64) {
	s.Memory.Container.Unreclaimable = known(unreclaimable)
	s.Memory.Container.WorkingSet = known(unreclaimable + 5)
}

func (s *source) measure(now time.Time) health.Input {
	in := s.Input
	in.Time = now
	return in
}

func newMonitor(measure func(time.Time) health.Input) *Monitor {
	writer := report.NewWriter(report.Service{
		Name: "api", Environment: "test", Release: "v0.1.0", Started: time.Now(),
		OpenFiles:    func() (int, bool) { return 0, false },
		MaxOpenFiles: math.MaxUint64,
	})
	judge := health.NewJudge(health.Rules{WarnPercent: 80, FailPercent: 90})
	return New(measure, judge, writer, "")
}

// start runs f, which stop ends and waits for.
func start(t *testing.T, f func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); f(ctx) }()
	return func() { cancel(); <-done }
}

// get returns a current document as a client with the token gets it.
func get(t *testing.T, m *Monitor, path string) *report.Document {
	t.Helper()
	for _, e := range report.Endpoints() {
		if e.Path == path {
			return e.Document(m.Documents(), report.Request{Authorized: true})
		}
	}
	t.Fatalf("Endpoints() has no %s", path)
	return nil
}

func body(d *report.Document) string { return strings.Join(d.Body, "") }

// reported is what the tests read of a report.
type reported struct {
	Draining      bool
	UptimeSeconds int
}

func monitoring(t *testing.T, m *Monitor) (r reported) {
	t.Helper()
	d := get(t, m, report.MonitoringPath)
	if err := json.Unmarshal([]byte(body(d)), &r); err != nil {
		t.Fatalf("Unmarshal(%s) = %v", body(d), err)
	}
	return r
}

func TestMonitorPublishes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMonitor(newSource(100).measure)
		first := m.Documents()
		if first.State.Status != health.Pass {
			t.Errorf("New().Documents().State = %+v, want pass", first.State)
		}
		if d := get(t, m, report.MonitoringPath); d.Code != 200 {
			t.Errorf("first report = %d, want 200", d.Code)
		}
		const ready = `{"status":"pass"}` + "\n"
		if d := get(t, m, report.ReadyPath); d.Code != 200 || body(d) != ready {
			t.Errorf("first readiness = %d %q, want 200 %q", d.Code, body(d), ready)
		}
		stop := start(t, m.Run)
		for i := range 5 {
			time.Sleep(health.SamplePeriod)
			synctest.Wait()
			if got, want := monitoring(t, m).UptimeSeconds, i+1; got != want {
				t.Errorf("uptime after %d s = %d, want %d", want, got, want)
			}
		}
		if m.Documents() == first {
			t.Error("Documents() after 5 s = the first ones, want newer ones")
		}
		stop()
		last := m.Documents()
		time.Sleep(2 * health.SamplePeriod)
		if m.Documents() != last {
			t.Error("Documents() after Run has returned = newer ones, want the last ones")
		}
	})
}

// TestMonitorDrain has the report say at once that the service drains, and nothing else change.
func TestMonitorDrain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMonitor(newSource(100).measure)
		defer start(t, m.Run)()
		time.Sleep(health.SamplePeriod + health.SamplePeriod/2)
		synctest.Wait()
		if monitoring(t, m).Draining || m.Documents().State.Draining {
			t.Errorf("report before Drain() = %s, want no draining",
				body(get(t, m, report.MonitoringPath)))
		}
		m.Drain()
		m.Drain()
		synctest.Wait()
		for range 3 {
			if !monitoring(t, m).Draining || !m.Documents().State.Draining {
				t.Errorf("report after Drain() = %s, want draining",
					body(get(t, m, report.MonitoringPath)))
			}
			s := m.Documents().State
			report, ready := get(t, m, report.MonitoringPath), get(t, m, report.ReadyPath)
			if s.Status != health.Pass || s.Checks[0].Status != health.Pass ||
				report.Code != 200 || ready.Code != 200 {
				t.Errorf("after Drain() = %+v, report %d, readiness %d, want pass, 200, 200",
					s, report.Code, ready.Code)
			}
			time.Sleep(health.SamplePeriod)
			synctest.Wait()
		}
	})
}

// TestMonitorStale blocks the measurement. Documents that are more than 10 s old are replaced by
// a failure, until there are new ones.
func TestMonitorStale(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSource(100)
		blocked, first := make(chan struct{}), true
		m := newMonitor(func(now time.Time) health.Input {
			if !first {
				<-blocked
				now = time.Now()
			}
			first = false
			return s.measure(now)
		})
		defer start(t, m.Run)()
		fresh := func() {
			t.Helper()
			d := get(t, m, metricsPath)
			if got := m.Documents().State.Status; got != health.Pass ||
				get(t, m, report.MonitoringPath).Code != 200 ||
				get(t, m, report.ReadyPath).Code != 200 ||
				d.Code != 200 || !strings.Contains(body(d), "\nhealthd_status{") {
				t.Errorf("Documents() = %v, metrics %d %s, want pass with values",
					got, d.Code, body(d))
			}
		}
		time.Sleep(health.StaleAfter)
		fresh()
		const failure = `{"status":"fail","output":"Memory was last measured more than 10 s ago`
		for range 50 {
			time.Sleep(time.Second)
			if got := m.Documents().State; got.Status != health.Fail ||
				got.Reason != health.StaleReason {
				t.Fatalf("Documents().State = %+v, want the failure", got)
			}
			for _, path := range []string{report.MonitoringPath, report.ReadyPath, metricsPath} {
				d := get(t, m, path)
				if d.Code != 503 || !strings.HasPrefix(body(d), failure) {
					t.Fatalf("%s = %d %s, want 503 %s…", path, d.Code, body(d), failure)
				}
			}
			if d := get(t, m, report.LivePath); d.Code != 200 {
				t.Fatalf("%s = %d, want 200", report.LivePath, d.Code)
			}
		}
		close(blocked)
		synctest.Wait()
		fresh()
	})
}

// TestMonitorHistory writes the history at most once in 10 s, and has the published statuses
// in it.
func TestMonitorHistory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSource(100)
		m := newMonitor(s.measure)
		documents := map[*report.Document]bool{}
		var want []string
		last := health.Pass
		for i := range 120 {
			documents[get(t, m, historyPath)] = true
			time.Sleep(health.SamplePeriod)
			s.use([]int64{100, 950}[i/40%2])
			m.publish()
			if status := m.Documents().State.Status; status != last {
				want = append(want, status.String())
				last = status
			}
		}
		if len(documents) != 12 {
			t.Errorf("histories written in two minutes = %d, want 12", len(documents))
		}
		var got struct {
			Hour    struct{ WorkingSetBytes, LimitBytes []int64 }
			Changes struct{ Status []string }
		}
		d := get(t, m, historyPath)
		if err := json.Unmarshal([]byte(body(d)), &got); err != nil {
			t.Fatalf("Unmarshal(%s) = %v", body(d), err)
		}
		if len(want) < 2 || !slices.Equal(got.Changes.Status, want) {
			t.Errorf("changes = %v, want %v", got.Changes.Status, want)
		}
		workingSets := []int64{105, 105, 105, 105, 955, 955, 955, 955, 105, 105, 105, 105}
		limits := slices.Repeat([]int64{1000}, 12)
		if !slices.Equal(got.Hour.WorkingSetBytes, workingSets) ||
			!slices.Equal(got.Hour.LimitBytes, limits) {
			t.Errorf("hour = %v, %v, want %v, %v",
				got.Hour.WorkingSetBytes, got.Hour.LimitBytes, workingSets, limits)
		}
	})
}

// TestMonitorWritesOnce writes the metrics once for each state, whoever asks for them.
func TestMonitorWritesOnce(t *testing.T) {
	t.Parallel()
	m := newMonitor(newSource(100).measure)
	first := get(t, m, metricsPath)
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			for range 100 {
				if get(t, m, metricsPath) != first {
					t.Error("metrics of the same state = another document, want the first")
				}
			}
		})
	}
	readers.Wait()
	m.publish()
	if get(t, m, metricsPath) == first {
		t.Error("metrics of the next state = the first document, want another")
	}
}
