package e2e

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/halobuzz/healthd/internal/report"
)

// sameSample returns the monitoring document and the metrics of the same sample.
func sameSample(t *testing.T, url func(path string) string) (document, exposition) {
	t.Helper()
	for range 20 {
		_, before := get(t, url(report.MonitoringPath))
		_, metrics := get(t, url("/metrics"))
		_, after := get(t, url(report.MonitoringPath))
		if before == after {
			d, err := decode(before)
			if err != nil {
				t.Fatal(err)
			}
			return d, parseExposition(t, metrics)
		}
	}
	t.Fatal("every request gets a new sample")
	panic("unreachable")
}

// outsideMetrics are the metrics that the monitoring document does not have.
var outsideMetrics = []string{
	"go_memstats_sys_bytes", "go_memstats_heap_released_bytes", "go_memstats_next_gc_bytes",
	"go_memstats_alloc_bytes_total", "process_start_time_seconds", "process_cpu_seconds_total",
	"process_open_fds", "process_max_fds",
}

// metricsOf returns the metrics that a monitoring document implies.
func metricsOf(t *testing.T, r document) map[string]float64 {
	t.Helper()
	version := r.Runtime.GoVersion
	metrics := map[string]float64{
		"go_goroutines":                      float64(r.Runtime.Goroutines),
		"go_memstats_heap_alloc_bytes":       float64(r.Memory.HeapBytes),
		"go_memstats_heap_sys_bytes":         float64(r.Memory.HeapSysBytes),
		"go_gc_cycles_total_gc_cycles_total": float64(r.GC.Cycles),
		"healthd_connections_open":           float64(r.Connections.Open),
		"healthd_connections_limit":          float64(r.Connections.Limit),
		"healthd_connections_evicted_total":  float64(r.Connections.Evicted),
		"healthd_sample_timestamp_seconds":   float64(parseTime(t, r.Time).Unix()),
		`go_info{version="` + version + `"}`: 1,
		`healthd_build_info{version="` + r.ReleaseID + `",goversion="` + version + `"}`: 1,
	}
	optional := map[string]*int64{"go_gc_gomemlimit_bytes": r.Memory.GoLimitBytes}
	if r.Memory.RSSSource == "kernel" {
		optional["process_resident_memory_bytes"] = &r.Memory.RSSBytes
	}
	if c := r.Memory.Container; c != nil {
		optional["container_memory_usage_bytes"] = c.UsageBytes
		optional["container_memory_working_set_bytes"] = c.WorkingSetBytes
		optional["container_memory_unreclaimable_bytes"] = c.UnreclaimableBytes
		optional["container_spec_memory_limit_bytes"] = c.LimitBytes
		optional["container_oom_events_total"] = c.OOMKills
	}
	for name, v := range optional {
		if v != nil {
			metrics[name] = float64(*v)
		}
	}
	addStatus := func(name, labels, status string) {
		for _, of := range []string{"pass", "warn", "fail"} {
			v := 0.0
			if of == status {
				v = 1
			}
			metrics[fmt.Sprintf(`%s{%sstatus="%s"}`, name, labels, of)] = v
		}
	}
	addStatus("healthd_status", "", r.Status)
	for name, check := range r.Checks {
		addStatus("healthd_check_status", `check="`+name+`",`, check[0].Status)
	}
	return metrics
}

// compareMetrics compares the metrics with the monitoring document.
func compareMetrics(t *testing.T, url func(path string) string) exposition {
	t.Helper()
	r, e := sameSample(t, url)
	wants := metricsOf(t, r)
	for _, name := range slices.Sorted(maps.Keys(e.values)) {
		if _, ok := wants[name]; !ok && !slices.Contains(outsideMetrics, name) {
			t.Errorf("%s = %v, want none, as in the document", name, e.values[name])
		}
	}
	for name, want := range wants {
		if got, ok := e.values[name]; !ok || got != want {
			t.Errorf("%s = %v (present: %v), want the document's %v", name, got, ok, want)
		}
	}
	for name, got := range e.types {
		want := "gauge"
		if strings.HasSuffix(name, "_total") || name == "go_gc_cycles_total_gc_cycles_total" {
			want = "counter"
		}
		if got != want {
			t.Errorf("the type of %s is %s, want %s", name, got, want)
		}
	}
	got := e.values["go_memstats_sys_bytes"] - e.values["go_memstats_heap_released_bytes"]
	if want := float64(r.Memory.GoBytes); got != want {
		t.Errorf("sys - heap_released = %v, want goBytes, %v", got, want)
	}
	got = e.values["process_start_time_seconds"] + float64(r.UptimeSeconds)
	want := e.values["healthd_sample_timestamp_seconds"]
	if got < want-1 || got > want+1 {
		t.Errorf("start time + uptime = %v, want within a second of %v", got, want)
	}
	return e
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	s := start(t, "GOMEMLIMIT=100MiB")
	// With a connection, not all of their metrics are 0.
	eventually(t, 5*time.Second, "counts the connection", func() bool {
		return s.report().Connections.Open == 1
	})
	v := compareMetrics(t, s.url).values

	// The rest is compared with what can be known from outside.
	if got := v["process_cpu_seconds_total"]; got <= 0 || got > 60 {
		t.Errorf("process_cpu_seconds_total = %v, want over 0, at most a minute", got)
	}
	heap := v["go_memstats_heap_alloc_bytes"]
	if got := v["go_memstats_alloc_bytes_total"]; got < heap {
		t.Errorf("go_memstats_alloc_bytes_total = %v, want at least the heap's %v", got, heap)
	}
	if got := v["go_memstats_next_gc_bytes"]; got < 1<<20 || got > 100<<20 {
		t.Errorf("go_memstats_next_gc_bytes = %v, want 1 to 100 MiB", got)
	}
}

func TestMetricsOpenFiles(t *testing.T) {
	t.Parallel()
	needProc(t)
	s := start(t)
	v := compareMetrics(t, s.url).values
	eventually(t, 5*time.Second, "counts its descriptors as the kernel does", func() bool {
		fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.pid()))
		if err != nil {
			t.Fatal(err)
		}
		_, e := sameSample(t, s.url)
		return e.values["process_open_fds"] == float64(len(fds))
	})
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", s.pid()))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(limits), "Max open files")
	want := strings.Fields(rest)[0]
	if got := fmt.Sprintf("%.0f", v["process_max_fds"]); got != want {
		t.Errorf("process_max_fds = %s, want %s", got, want)
	}
}
