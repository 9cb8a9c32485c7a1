package health

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/halobuzz/healthd/internal/memory"
)

func measured(n int64) memory.Value { return memory.Value{N: n, OK: true} }

// fullSample has every value.
func fullSample() *memory.Sample {
	return &memory.Sample{
		Heap: 498432, HeapSys: 3866624, HeapLive: measured(301056), Sys: 8220000, Go: 8120000,
		GoLimit: measured(209715200), GoLimitSource: "GOMEMLIMIT",
		RSS: 6123520, RSSSource: "kernel",
		Container: memory.Container{
			Source: "cgroup2", Usage: measured(7340032), WorkingSet: measured(3100000),
			Unreclaimable: measured(2400000), Peak: measured(9000000), Limit: measured(268435456), High: measured(150000000),
		},
		GC: memory.GC{Cycles: 12, CPUPercent: 0.3456},
	}
}

var testOptions = Options{Service: "api", Environment: "staging", Release: "v0.1.0", WarnPercent: 80, FailPercent: 90}

var (
	started = time.Date(2026, 11, 23, 16, 19, 29, 0, time.UTC)
	now     = time.Date(2026, 11, 23, 17, 30, 0, 999, time.UTC)
)

// TestDocument is the contract: every name, its place and its form.
func TestDocument(t *testing.T) {
	t.Parallel()
	runtimeJSON := fmt.Sprintf(`"runtime":{"goVersion":%q,"goroutines":G,"gomaxprocs":%d}`, runtime.Version(), runtime.GOMAXPROCS(0))
	head := `{"status":"pass","version":"1","releaseId":"v0.1.0","serviceId":"api","environment":"staging","time":"2026-11-23T17:30:00Z","uptimeSeconds":4231,`
	for _, tt := range []struct {
		name   string
		sample *memory.Sample
		want   string
	}{
		{"everything", fullSample(), head +
			`"memory":{"heapBytes":498432,"heapSysBytes":3866624,"heapLiveBytes":301056,"goBytes":8120000,"goLimitBytes":209715200,"goLimitSource":"GOMEMLIMIT",` +
			`"rssBytes":6123520,"rssSource":"kernel","container":{"usageBytes":7340032,"workingSetBytes":3100000,"peakBytes":9000000,"unreclaimableBytes":2400000,"limitBytes":268435456,` +
			`"highBytes":150000000,"usedPercent":2.1,"source":"cgroup2"}},"gc":{"cycles":12,"cpuPercent":0.3,"limiterActive":false},` + runtimeJSON +
			`,"connections":{"open":1,"limit":512,"evicted":3},"checks":{"memory:utilization":[{"componentType":"system","observedValue":1.6,` +
			`"observedUnit":"percent","status":"pass","time":"2026-11-23T17:30:00Z"}],"gomemlimit:utilization":[{"componentType":"system","observedValue":2.2,` +
			`"observedUnit":"percent","status":"pass","time":"2026-11-23T17:30:00Z"}]}}`},
		{"nothing optional", &memory.Sample{GoLimitSource: "none", RSSSource: "runtime"}, head +
			`"memory":{"heapBytes":0,"heapSysBytes":0,"goBytes":0,"goLimitSource":"none","rssBytes":0,"rssSource":"runtime"},` +
			`"gc":{"cycles":0,"cpuPercent":0,"limiterActive":false},` + runtimeJSON + `,"connections":{"open":1,"limit":512,"evicted":3},"checks":{}}`},
		{"measured zero", &memory.Sample{GoLimitSource: "none", RSSSource: "kernel", HeapLive: measured(0),
			Container: memory.Container{Source: "cgroup1", Usage: measured(0), WorkingSet: measured(0), Unreclaimable: measured(0), Limit: measured(1000)}}, head +
			`"memory":{"heapBytes":0,"heapSysBytes":0,"heapLiveBytes":0,"goBytes":0,"goLimitSource":"none","rssBytes":0,"rssSource":"kernel",` +
			`"container":{"usageBytes":0,"workingSetBytes":0,"unreclaimableBytes":0,"limitBytes":1000,"usedPercent":0,"source":"cgroup1"}},` +
			`"gc":{"cycles":0,"cpuPercent":0,"limiterActive":false},` + runtimeJSON + `,"connections":{"open":1,"limit":512,"evicted":3},` +
			`"checks":{"memory:utilization":[{"componentType":"system","observedValue":0,"observedUnit":"percent","status":"pass","time":"2026-11-23T17:30:00Z"}]}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var e encoder
			r := newReporter(testOptions)
			r.started = started
			report := r.report(tt.sample, Connections{Open: 1, Limit: 512, Evicted: 3}, now)
			want := strings.Replace(tt.want, `"goroutines":G`, fmt.Sprintf(`"goroutines":%d`, report.Runtime.Goroutines), 1)
			d := e.encode(report.Status, &report)
			if got := string(d.Body); got != want+"\n" {
				t.Errorf("encoded\n%s, want\n%s", got, want)
			}
			if d.Code != 200 || d.Length[0] != fmt.Sprint(len(d.Body)) {
				t.Errorf("code %d and length %s, want 200 and %d", d.Code, d.Length, len(d.Body))
			}
		})
	}
}

func TestNewDocument(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status Status
		output string
		code   int
		body   string
	}{
		{Pass, "", 200, `{"status":"pass"}`},
		{Warn, "a", 200, `{"status":"warn","output":"a"}`},
		{Fail, `b "c"`, 503, `{"status":"fail","output":"b \"c\""}`},
	} {
		if d := NewDocument(tt.status, tt.output); d.Code != tt.code || string(d.Body) != tt.body+"\n" {
			t.Errorf("NewDocument(%s, %q) = %d %s, want %d %s", tt.status, tt.output, d.Code, d.Body, tt.code, tt.body)
		}
	}
}

// system is a container of 1000 bytes whose files a test changes.
type system struct{ fstest.MapFS }

func newSystem(workingSet int) system {
	s := system{fstest.MapFS{}}
	s.set("proc/self/cgroup", "0::/")
	s.set("proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup rw")
	s.set("sys/fs/cgroup/memory.max", "1000")
	s.set("sys/fs/cgroup/memory.stat", "inactive_file 0\nactive_file 0\nslab_reclaimable 0")
	s.use(workingSet)
	return s
}

func (s system) set(name, line string) { s.MapFS[name] = &fstest.MapFile{Data: []byte(line + "\n")} }
func (s system) use(n int)             { s.set("sys/fs/cgroup/memory.current", fmt.Sprint(n)) }

func (s system) monitor() *Monitor {
	// The limit is off: a test process must not run in 1000 bytes.
	return NewMonitor(memory.NewReader(s, math.MaxInt64), func() Connections { return Connections{} }, testOptions)
}

func TestMonitorPublishes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSystem(100)
		m := s.monitor()
		first := m.State()
		if first.Status != Pass || first.Report.Code != 200 || string(first.Ready.Body) != `{"status":"pass"}`+"\n" {
			t.Fatalf("the first state is %+v", first)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); m.Run(ctx) }()
		for i := range 5 {
			time.Sleep(Period)
			synctest.Wait()
			var r Report
			if err := json.Unmarshal(m.State().Report.Body, &r); err != nil || r.UptimeSeconds != int64(i+1) {
				t.Errorf("after %d s the uptime is %d (%v)", i+1, r.UptimeSeconds, err)
			}
		}
		if m.State() == first {
			t.Error("the state is still the first")
		}
		cancel()
		<-done
	})
}

// TestMonitorDrain: the report says at once that the service drains, and nothing else changes.
func TestMonitorDrain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newSystem(100).monitor()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); m.Run(ctx) }()
		defer func() { cancel(); <-done }()
		time.Sleep(Period + Period/2)
		synctest.Wait()
		const draining = `{"status":"pass","draining":true,`
		if got := m.State().Report.Body; bytes.Contains(got, []byte("draining")) {
			t.Errorf("before Drain the report is %s", got)
		}
		m.Drain()
		m.Drain()
		synctest.Wait()
		for range 3 {
			s := m.State()
			if got := s.Report.Body; !bytes.HasPrefix(got, []byte(draining)) {
				t.Errorf("after Drain the report is %s, want %s…", got, draining)
			}
			if s.Status != Pass || s.Report.Code != 200 || s.Ready.Code != 200 || s.Checks[0] != Pass {
				t.Errorf("after Drain the state is %+v, want pass as before", s)
			}
			time.Sleep(Period)
			synctest.Wait()
		}
	})
}

// logs starts the log; stop ends it and returns what it wrote.
func logs(t *testing.T, m *Monitor, interval time.Duration) (stop func() string) {
	var log bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.Log(ctx, slog.New(slog.NewTextHandler(&log, nil)), interval)
	}()
	return func() string {
		synctest.Wait()
		cancel()
		<-done
		return log.String()
	}
}

// TestLog drives the log on a simulated clock: a line per interval, a line per change.
func TestLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newSystem(100).monitor()
		stop := logs(t, m, 10*time.Second)
		publish := func(workingSet int) {
			time.Sleep(Period)
			m.reader = memory.NewReader(newSystem(workingSet), math.MaxInt64)
			m.sample()
			synctest.Wait()
		}
		for _, workingSet := range slices.Concat(slices.Repeat([]int{100}, 3), slices.Repeat([]int{850}, 5), slices.Repeat([]int{950}, 5), slices.Repeat([]int{100}, 12)) {
			publish(workingSet)
		}
		log := stop()
		var got []string
		for line := range strings.Lines(log) {
			fields := strings.SplitN(line, " ", 4)
			got = append(got, strings.TrimSpace(fields[1]+" "+fields[2]))
			for _, name := range []string{"heapBytes=", "goBytes=", "rssBytes=", "workingSetBytes=", "unreclaimableBytes=", "limitBytes=1000", "usedPercent="} {
				if !strings.Contains(line, name) {
					t.Errorf("no %s in %s", name, line)
				}
			}
		}
		want := []string{
			"level=WARN msg=\"status",
			"level=INFO msg=vitals",
			"level=ERROR msg=\"status",
			"level=INFO msg=vitals",
			"level=INFO msg=\"status",
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("logged\n%s\nwant\n%s", log, strings.Join(want, "\n"))
		}
	})
}

// TestLogMemoryLimit: the first limit is in the start-up line, each later one is a line.
func TestLogMemoryLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newSystem(100).monitor()
		publish := func(limit int64) {
			s := *m.state.Load()
			s.Sample.GoLimit, s.Sample.GoLimitSource = measured(limit), "container"
			m.state.Store(&s)
			select {
			case m.published <- struct{}{}:
			default:
			}
			synctest.Wait()
		}
		publish(800)
		stop := logs(t, m, 0)
		publish(800)
		publish(400)
		publish(400)
		log := stop()
		want := `msg="GOMEMLIMIT changed with the container" goLimitBytesBefore=800 goLimitBytes=400 goLimitSource=container`
		if strings.Count(log, "\n") != 1 || !strings.Contains(log, want) {
			t.Errorf("logged\n%s\nwant one line with %s", log, want)
		}
	})
}

// TestLogEvictions: a storm of evictions is one line, and so is the next one.
func TestLogEvictions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var evicted int64
		m := NewMonitor(memory.NewReader(newSystem(100), math.MaxInt64),
			func() Connections { return Connections{Open: 8, Limit: 8, Evicted: evicted} }, testOptions)
		stop := logs(t, m, 0)
		publish := func(seconds int, each int64) {
			for range seconds {
				time.Sleep(Period)
				evicted += each
				m.sample()
				synctest.Wait()
			}
		}
		publish(5, 0)
		publish(300, 1000)
		publish(70, 0)
		publish(10, 7)
		log := stop()
		var got []string
		for line := range strings.Lines(log) {
			got = append(got, strings.TrimSpace(line[strings.Index(line, "level="):]))
		}
		want := []string{
			`level=WARN msg="evicting connections" evicted=1000 open=8 limit=8`,
			`level=WARN msg="evicting connections" evicted=7 open=8 limit=8`,
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("logged %q, want %q", got, want)
		}
	})
}

// TestStuckSampler: a report that is over ten seconds old is a failure, told once, and
// the next sample clears it.
func TestStuckSampler(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newSystem(100).monitor()
		stop := logs(t, m, time.Second)
		time.Sleep(10 * time.Second)
		if got := m.State(); got.Status != Pass {
			t.Errorf("%s after 10 s, want pass", got.Status)
		}
		for range 50 {
			time.Sleep(time.Second)
			s := m.State()
			if s.Status != Fail || s.Report.Code != 503 || s.Ready.Code != 503 || !bytes.HasPrefix(s.Report.Body, []byte(`{"status":"fail","output":"Memory was last measured`)) {
				t.Fatalf("a stuck sampler is %s %d %s", s.Status, s.Report.Code, s.Report.Body)
			}
		}
		m.sample()
		if got := m.State(); got.Status != Pass || got.Report.Code != 200 {
			t.Errorf("%s %d after a sample, want pass and 200", got.Status, got.Report.Code)
		}
		log := stop()
		var got []string
		for line := range strings.Lines(log) {
			if strings.Contains(line, "status changed") {
				_, status, _ := strings.Cut(line, "status=")
				got = append(got, strings.Fields(line)[1]+" "+strings.Fields(status)[0])
			}
		}
		if want := []string{"level=ERROR fail", "level=INFO pass"}; !slices.Equal(got, want) {
			t.Errorf("logged %q, want %q:\n%s", got, want, log)
		}
		if n := strings.Count(log, "msg=vitals"); n != 1 {
			t.Errorf("%d lines of vitals from a stuck sampler, want the first alone", n)
		}
	})
}

// TestStuckSamplerWhileFailing: the last line before a kill must give the reason of now.
func TestStuckSamplerWhileFailing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newSystem(950).monitor()
		stop := logs(t, m, 0)
		fill := func() {
			for range 5 {
				time.Sleep(time.Second)
				m.sample()
			}
		}
		fill()
		time.Sleep(30 * time.Second)
		fill()
		log := stop()
		var got []string
		for line := range strings.Lines(log) {
			_, output, _ := strings.Cut(line, "output=\"")
			got = append(got, strings.Fields(output)[0]+" "+strings.Fields(output)[1])
		}
		if want := []string{"Memory that", "Memory was", "Memory that"}; !slices.Equal(got, want) {
			t.Errorf("logged %q, want %q", got, want)
		}
	})
}

// TestRoundIsCheap bounds what a sample costs, so that RSS after an hour is RSS after
// a minute.
func TestRoundIsCheap(t *testing.T) {
	root := os.DirFS("/")
	m := NewMonitor(memory.NewReader(root, math.MaxInt64), func() Connections { return Connections{} }, testOptions)
	var before, after runtime.MemStats
	const rounds = 200
	m.sample()
	runtime.ReadMemStats(&before)
	for range rounds {
		m.sample()
	}
	runtime.ReadMemStats(&after)
	count := float64(after.Mallocs-before.Mallocs) / rounds
	size := float64(after.TotalAlloc-before.TotalAlloc) / rounds
	t.Logf("a round allocates %.1f times, %.0f bytes", count, size)
	if count > 12 || size > 4096 {
		t.Errorf("a round allocates %.1f times, %.0f bytes, want at most 12 and 4096", count, size)
	}
}

func BenchmarkRound(b *testing.B) {
	m := NewMonitor(memory.NewReader(os.DirFS("/"), math.MaxInt64), func() Connections { return Connections{} }, testOptions)
	b.ReportAllocs()
	for b.Loop() {
		m.sample()
	}
}
