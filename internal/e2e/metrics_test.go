package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/halobuzz/healthd/internal/health"
)

// exposition is what /metrics says: types by name, and values by name and labels.
type exposition struct {
	types  map[string]string
	values map[string]float64
}

var (
	headLine   = regexp.MustCompile(`^# (HELP|TYPE) ([a-z_]+) (.+)$`)
	sampleLine = regexp.MustCompile(`^([a-z_]+)(\{(?:[a-z]+="[^"\\]*",?)+\})? ([0-9.]+)$`)
)

// parseExposition reads the text format as a strict scraper does: every name has its HELP
// and TYPE, then its samples, and comes once.
func parseExposition(t *testing.T, body string) exposition {
	t.Helper()
	e := exposition{map[string]string{}, map[string]float64{}}
	helped, name := "", ""
	for line := range strings.Lines(body) {
		line, whole := strings.CutSuffix(line, "\n")
		if m := headLine.FindStringSubmatch(line); m != nil && m[1] == "HELP" {
			helped = m[2]
		} else if m != nil && m[2] == helped && e.types[m[2]] == "" {
			name = m[2]
			e.types[name] = m[3]
		} else if m := sampleLine.FindStringSubmatch(line); m != nil && m[1] == name && whole {
			if _, twice := e.values[m[1]+m[2]]; twice {
				t.Errorf("twice: %s", line)
			}
			v, err := strconv.ParseFloat(m[3], 64)
			if err != nil {
				t.Error(err)
			}
			e.values[m[1]+m[2]] = v
		} else {
			t.Errorf("out of place: %q", line)
		}
	}
	return e
}

// sameSample fetches the monitoring document and the metrics of one and the same sample.
func sameSample(t *testing.T, url func(path string) string) (document []byte, e exposition) {
	t.Helper()
	for range 20 {
		_, before := get(t, url("/api/v1/monitoring/health"))
		_, metrics := get(t, url("/metrics"))
		_, after := get(t, url("/api/v1/monitoring/health"))
		if before == after {
			return []byte(before), parseExposition(t, metrics)
		}
	}
	t.Fatal("there is a new sample with every request")
	panic("unreachable")
}

// outsideMetrics are those that the monitoring document does not have.
var outsideMetrics = []string{
	"go_memstats_sys_bytes", "go_memstats_heap_released_bytes", "process_start_time_seconds", "process_cpu_seconds_total",
	"go_memstats_alloc_bytes_total", "go_memstats_next_gc_bytes", "process_open_fds", "process_max_fds",
}

// compareMetrics holds every other value against the monitoring document's.
func compareMetrics(t *testing.T, url func(path string) string) exposition {
	t.Helper()
	document, e := sameSample(t, url)
	var r health.Report
	var checks struct{ Checks map[string][]health.Check } // whatever they are called
	for _, v := range []any{&r, &checks} {
		if err := json.Unmarshal(document, v); err != nil {
			t.Fatal(err)
		}
	}

	want := map[string]float64{
		"go_goroutines":                                  float64(r.Runtime.Goroutines),
		"go_memstats_heap_alloc_bytes":                   float64(r.Memory.HeapBytes),
		"go_memstats_heap_sys_bytes":                     float64(r.Memory.HeapSysBytes),
		"go_gc_cycles_total_gc_cycles_total":             float64(r.GC.Cycles),
		"healthd_connections_open":                       float64(r.Connections.Open),
		"healthd_connections_limit":                      float64(r.Connections.Limit),
		"healthd_connections_evicted_total":              float64(r.Connections.Evicted),
		"healthd_sample_timestamp_seconds":               float64(parseTime(t, r.Time).Unix()),
		`go_info{version="` + r.Runtime.GoVersion + `"}`: 1,
		`healthd_build_info{version="` + r.ReleaseID + `",goversion="` + r.Runtime.GoVersion + `"}`: 1,
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
	}
	for name, v := range optional {
		if v != nil {
			want[name] = float64(*v)
		}
	}
	states := func(name, labels string, status health.Status) {
		for _, of := range []health.Status{health.Pass, health.Warn, health.Fail} {
			v := 0.0
			if of == status {
				v = 1
			}
			want[fmt.Sprintf(`%s{%sstatus="%s"}`, name, labels, of)] = v
		}
	}
	states("healthd_status", "", r.Status)
	for name, check := range checks.Checks {
		states("healthd_check_status", `check="`+name+`",`, check[0].Status)
	}

	for _, name := range slices.Sorted(maps.Keys(e.values)) {
		if _, ok := want[name]; !ok && !slices.Contains(outsideMetrics, name) {
			t.Errorf("%s %v, which the document does not have", name, e.values[name])
		}
	}
	for name, want := range want {
		if got, ok := e.values[name]; !ok || got != want {
			t.Errorf("%s %v (there: %v), want the document's %v", name, got, ok, want)
		}
	}
	for name, kind := range e.types {
		counter := strings.HasSuffix(name, "_total") || name == "go_gc_cycles_total_gc_cycles_total"
		if want := map[bool]string{true: "counter", false: "gauge"}[counter]; kind != want {
			t.Errorf("%s is a %s, want a %s", name, kind, want)
		}
	}
	if got, want := e.values["go_memstats_sys_bytes"]-e.values["go_memstats_heap_released_bytes"], float64(r.Memory.GoBytes); got != want {
		t.Errorf("sys - heap_released = %v, want goBytes, %v", got, want)
	}
	if got, want := e.values["process_start_time_seconds"]+float64(r.UptimeSeconds), e.values["healthd_sample_timestamp_seconds"]; got < want-1 || got > want+1 {
		t.Errorf("start time + uptime = %v, want within a second of %v", got, want)
	}
	return e
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	s := start(t, "GOMEMLIMIT=100MiB")
	// Until the connection that asks is counted, so that not all of them are 0.
	eventually(t, 5*time.Second, "counts the connection", func() bool { return s.report().Connections.Open == 1 })
	v := compareMetrics(t, s.url).values

	// What the document does not have, held against what can be known from outside.
	if got := v["process_cpu_seconds_total"]; got <= 0 || got > 60 {
		t.Errorf("process_cpu_seconds_total %v, want over 0, at most a minute", got)
	}
	if got := v["go_memstats_alloc_bytes_total"]; got < v["go_memstats_heap_alloc_bytes"] {
		t.Errorf("go_memstats_alloc_bytes_total %v, want at least what is in the heap", got)
	}
	if got := v["go_memstats_next_gc_bytes"]; got < 1<<20 || got > 100<<20 {
		t.Errorf("go_memstats_next_gc_bytes %v, want 1 to 100 MiB", got)
	}
}

func TestMetricsOpenFiles(t *testing.T) {
	t.Parallel()
	needProc(t)
	s := start(t)
	v := compareMetrics(t, s.url).values
	eventually(t, 5*time.Second, "counts its descriptors as the kernel does", func() bool {
		fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		_, e := sameSample(t, s.url)
		return e.values["process_open_fds"] == float64(len(fds))
	})
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", s.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(limits), "Max open files")
	if got, want := fmt.Sprintf("%.0f", v["process_max_fds"]), strings.Fields(rest)[0]; got != want {
		t.Errorf("process_max_fds %s, want %s", got, want)
	}
}

// TestHistory waits for the first point, which is complete at the next ten seconds.
func TestHistory(t *testing.T) {
	t.Parallel()
	s := start(t)
	var doc struct {
		Version string
		Hour    struct {
			StepSeconds                           int64
			TimeUnixSeconds                       []int64
			RSSBytes, RSSMinBytes, RSSMaxBytes    []int64
			HeapBytes, HeapMinBytes, HeapMaxBytes []int64
		}
		Day struct{ TimeUnixSeconds []int64 }
	}
	var body string
	eventually(t, 15*time.Second, "has a point", func() bool {
		_, body = get(t, s.url("/api/v1/monitoring/history"))
		if err := json.Unmarshal([]byte(body), &doc); err != nil {
			t.Fatalf("%v in %s", err, body)
		}
		return len(doc.Hour.TimeUnixSeconds) > 0
	})
	h := doc.Hour
	if at := h.TimeUnixSeconds[0]; at%10 != 0 || time.Since(time.Unix(at, 0)) > 30*time.Second || h.StepSeconds != 10 {
		t.Errorf("the first point is of %d, step %d", at, h.StepSeconds)
	}
	if h.HeapBytes[0] <= 0 || h.HeapMinBytes[0] > h.HeapBytes[0] || h.HeapMaxBytes[0] < h.HeapBytes[0] {
		t.Errorf("heap %d, %d to %d", h.HeapBytes[0], h.HeapMinBytes[0], h.HeapMaxBytes[0])
	}
	if rss := vmRSS(t, s.cmd.Process.Pid); !near(h.RSSBytes[0], rss, 1<<20) || h.RSSMinBytes[0] > h.RSSBytes[0] || h.RSSMaxBytes[0] < h.RSSBytes[0] {
		t.Errorf("RSS %d, %d to %d, want near %d", h.RSSBytes[0], h.RSSMinBytes[0], h.RSSMaxBytes[0], rss)
	}
}
