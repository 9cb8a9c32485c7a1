package health

import (
	"fmt"
	"math"
	"os"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/halobuzz/healthd/internal/memory"
)

// metricsMonitor has three open files besides the one that counts them.
func metricsMonitor(maxFiles uint64) *Monitor {
	root := fstest.MapFS{}
	for fd := range 4 {
		root[fmt.Sprint("proc/self/fd/", fd)] = &fstest.MapFile{}
	}
	m := &Monitor{reader: memory.NewReader(root, math.MaxInt64), reporter: newReporter(testOptions)}
	m.reporter.started = started.Add(250 * time.Millisecond)
	m.reporter.options.MaxFiles = maxFiles
	return m
}

// TestMetrics is the contract: every name with its type, and its form.
func TestMetrics(t *testing.T) {
	t.Parallel()
	full := fullSample()
	full.Sys, full.HeapReleased, full.AllocTotal, full.NextGC = 9000000, 880000, 7654321, measured(4194304)
	full.CPU = 1234567 * time.Microsecond
	got := metricsMonitor(1024).encodeMetrics(&State{
		Status: Warn, Sample: *full, Time: now, Goroutines: 7,
		Connections: Connections{Open: 1, Limit: 512, Evicted: 3}, Checks: [len(checkNames)]Status{Warn},
	})
	want := strings.ReplaceAll(`# HELP process_resident_memory_bytes Resident set size of the process, from the kernel.
# TYPE process_resident_memory_bytes gauge
process_resident_memory_bytes 6123520
# HELP process_open_fds File descriptors that the process has open.
# TYPE process_open_fds gauge
process_open_fds 3
# HELP process_max_fds File descriptors that the process may have open.
# TYPE process_max_fds gauge
process_max_fds 1024
# HELP go_goroutines Goroutines.
# TYPE go_goroutines gauge
go_goroutines 7
# HELP go_memstats_heap_alloc_bytes Objects in the heap, those to be collected included (MemStats.HeapAlloc).
# TYPE go_memstats_heap_alloc_bytes gauge
go_memstats_heap_alloc_bytes 498432
# HELP go_memstats_heap_sys_bytes Address space of the heap (MemStats.HeapSys).
# TYPE go_memstats_heap_sys_bytes gauge
go_memstats_heap_sys_bytes 3866624
# HELP go_memstats_heap_released_bytes Heap given back to the system (MemStats.HeapReleased).
# TYPE go_memstats_heap_released_bytes gauge
go_memstats_heap_released_bytes 880000
# HELP go_memstats_sys_bytes Memory obtained from the system (MemStats.Sys).
# TYPE go_memstats_sys_bytes gauge
go_memstats_sys_bytes 9000000
# HELP go_memstats_alloc_bytes_total Memory ever allocated in the heap (MemStats.TotalAlloc).
# TYPE go_memstats_alloc_bytes_total counter
go_memstats_alloc_bytes_total 7654321
# HELP go_memstats_next_gc_bytes Size of the heap that the next collection aims at (MemStats.NextGC).
# TYPE go_memstats_next_gc_bytes gauge
go_memstats_next_gc_bytes 4194304
# HELP go_gc_gomemlimit_bytes The Go memory limit in force (GOMEMLIMIT).
# TYPE go_gc_gomemlimit_bytes gauge
go_gc_gomemlimit_bytes 209715200
# HELP go_gc_cycles_total_gc_cycles_total Completed collections.
# TYPE go_gc_cycles_total_gc_cycles_total counter
go_gc_cycles_total_gc_cycles_total 12
# HELP container_memory_usage_bytes Memory charged to the container, page cache included.
# TYPE container_memory_usage_bytes gauge
container_memory_usage_bytes 7340032
# HELP container_memory_working_set_bytes Usage less the page cache that can go first.
# TYPE container_memory_working_set_bytes gauge
container_memory_working_set_bytes 3100000
# HELP container_memory_unreclaimable_bytes Usage minus page cache and slab that the kernel can free.
# TYPE container_memory_unreclaimable_bytes gauge
container_memory_unreclaimable_bytes 2400000
# HELP container_spec_memory_limit_bytes Memory over which the kernel kills the container.
# TYPE container_spec_memory_limit_bytes gauge
container_spec_memory_limit_bytes 268435456
# HELP healthd_connections_open TCP connections at the sample.
# TYPE healthd_connections_open gauge
healthd_connections_open 1
# HELP healthd_connections_limit TCP connections that are kept.
# TYPE healthd_connections_limit gauge
healthd_connections_limit 512
# HELP healthd_connections_evicted_total TCP connections closed to make room for others.
# TYPE healthd_connections_evicted_total counter
healthd_connections_evicted_total 3
# HELP healthd_sample_timestamp_seconds When it was measured, as in the monitoring document's time.
# TYPE healthd_sample_timestamp_seconds gauge
healthd_sample_timestamp_seconds 1795455000
# HELP process_cpu_seconds_total User and system CPU time of the process.
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total 1.234567
# HELP process_start_time_seconds Start of the service, as Unix time.
# TYPE process_start_time_seconds gauge
process_start_time_seconds 1795450769.250
# HELP go_info The Go version of the build.
# TYPE go_info gauge
go_info{version="go1"} 1
# HELP healthd_build_info The version of the build.
# TYPE healthd_build_info gauge
healthd_build_info{version="v0.1.0",goversion="go1"} 1
# HELP healthd_status 1 for the service's status.
# TYPE healthd_status gauge
healthd_status{status="pass"} 0
healthd_status{status="warn"} 1
healthd_status{status="fail"} 0
# HELP healthd_check_status 1 for the status of each check.
# TYPE healthd_check_status gauge
healthd_check_status{check="memory:utilization",status="pass"} 0
healthd_check_status{check="memory:utilization",status="warn"} 1
healthd_check_status{check="memory:utilization",status="fail"} 0
`, `"go1"`, strconv.Quote(runtime.Version()))
	if string(got.Body) != want {
		t.Errorf("encoded\n%s, want\n%s", got.Body, want)
	}
	if got.Code != 200 || got.Length[0] != fmt.Sprint(len(want)) || got.Type[0] != "text/plain; version=0.0.4; charset=utf-8" {
		t.Errorf("code %d, length %s, type %s", got.Code, got.Length, got.Type)
	}
}

// TestMetricsAbsent: nothing is said of what was not measured, and 0 of a measured zero.
func TestMetricsAbsent(t *testing.T) {
	t.Parallel()
	optional := []string{
		"process_resident_memory_bytes", "process_open_fds", "process_max_fds", "go_memstats_next_gc_bytes", "go_gc_gomemlimit_bytes",
		"container_memory_usage_bytes", "container_memory_working_set_bytes", "container_memory_unreclaimable_bytes", "container_spec_memory_limit_bytes", "healthd_check_status",
	}
	m := metricsMonitor(math.MaxUint64)
	m.reader = memory.NewReader(fstest.MapFS{}, math.MaxInt64)
	body := string(m.encodeMetrics(&State{Status: Pass, Sample: memory.Sample{RSS: 1, RSSSource: "runtime"}}).Body)
	for _, name := range optional {
		if strings.Contains(body, name) {
			t.Errorf("%s is there: %s", name, body)
		}
	}
	zero := memory.Sample{RSSSource: "kernel", NextGC: measured(0), GoLimit: measured(0),
		Container: memory.Container{Usage: measured(0), WorkingSet: measured(0), Unreclaimable: measured(0), Limit: measured(0)}}
	body = string(metricsMonitor(1).encodeMetrics(&State{Status: Pass, Sample: zero, Checks: [len(checkNames)]Status{Pass}}).Body)
	for _, name := range optional {
		if !strings.Contains(body, "\n"+name) {
			t.Errorf("%s is not there: %s", name, body)
		}
	}
}

func TestMetricsLabels(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		labels []string
		want   string
	}{
		{nil, "x "},
		{[]string{"a", ""}, `x{a=""} `},
		{[]string{"a", "b", "c", "d"}, `x{a="b",c="d"} `},
		{[]string{"a", "\\ \" \n é"}, `x{a="\\ \" \n é"} `},
	} {
		var got text
		if got.sample("x", tt.labels...); string(got) != tt.want {
			t.Errorf("sample(%q) = %q, want %q", tt.labels, got, tt.want)
		}
	}
}

// TestCheckStatuses: a check that is added to the report must get a name here.
func TestCheckStatuses(t *testing.T) {
	t.Parallel()
	for i, field := range reflect.VisibleFields(reflect.TypeFor[Checks]()) {
		if tag := field.Tag.Get("json"); i >= len(checkNames) || tag != checkNames[i]+",omitempty" {
			t.Errorf("the report's check %d is %s, want checkNames, %q", i, tag, checkNames)
		}
	}
	r := newReporter(testOptions)
	report := r.report(fullSample(), Connections{}, now)
	for i, status := range report.Checks.statuses() {
		if status != Pass {
			t.Errorf("%s is %q, want %q", checkNames[i], status, Pass)
		}
	}
	if got := (&Checks{}).statuses(); got != ([len(checkNames)]Status{}) {
		t.Errorf("statuses of no check = %q", got)
	}
}

// TestMetricsStale: a stuck sampler's values are not given as if they were new.
func TestMetricsStale(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newSystem(100).monitor()
		if d := m.Metrics(); d.Code != 200 || !strings.Contains(string(d.Body), "\nhealthd_status{") {
			t.Errorf("fresh: %d %s", d.Code, d.Body)
		}
		time.Sleep(11 * time.Second)
		if d := m.Metrics(); d.Code != 503 || strings.Contains(string(d.Body), "_bytes") {
			t.Errorf("stale: %d %s, want 503 and no values", d.Code, d.Body)
		}
		m.sample()
		if d := m.Metrics(); d.Code != 200 {
			t.Errorf("fresh again: %d", d.Code)
		}
	})
}

// TestMetricsOnce: one encoding for each published state, whoever asks.
func TestMetricsOnce(t *testing.T) {
	t.Parallel()
	m := newSystem(100).monitor()
	first := m.Metrics()
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			for range 100 {
				if m.Metrics() != first {
					t.Error("encoded again")
				}
			}
		})
	}
	readers.Wait()
	m.sample()
	if m.Metrics() == first {
		t.Error("not encoded after a sample")
	}
}

// BenchmarkMetrics is one encoding, the listing of the open files included.
func BenchmarkMetrics(b *testing.B) {
	m := NewMonitor(memory.NewReader(os.DirFS("/"), math.MaxInt64), func() Connections { return Connections{} }, testOptions)
	b.ReportAllocs()
	var d *Document
	for b.Loop() {
		d = m.encodeMetrics(m.State())
	}
	b.ReportMetric(float64(len(d.Body)), "bytes")
}
