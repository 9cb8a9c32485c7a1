package health

import (
	"net/http"
	"runtime"
	"strconv"
	"sync"

	"github.com/halobuzz/healthd/internal/memory"
)

// Metrics is the newest published state in Prometheus' text format 0.0.4. It is encoded
// when it is first asked for. What was not measured is not in it. It is a failure when the
// newest state is too old.
func (m *Monitor) Metrics() *Document {
	if s := m.State(); s == &m.stale {
		return &s.Report // a scraper must notice, and keeps what it knew
	}
	return m.metrics.get(m.state.Load, m.encodeMetrics)
}

// cached is a Document that is made when it is asked for, and once for each key.
type cached[K comparable] struct {
	mu  sync.Mutex
	key K
	doc *Document
}

// get asks for the key with the lock held, so that no reader brings an older one back.
func (c *cached[K]) get(key func() K, encode func(K) *Document) *Document {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := key(); c.doc == nil || k != c.key {
		c.key, c.doc = k, encode(k)
	}
	return c.doc
}

// checkNames are the checks of a State, by their names in the report.
var checkNames = [...]string{"memory:utilization", "gomemlimit:utilization"}

// statuses are the checks' verdicts, in the order of checkNames; empty for an absent one.
func (c *Checks) statuses() (statuses [len(checkNames)]Status) {
	for i, checks := range [len(checkNames)][]Check{c.Memory, c.GoMemLimit} {
		if len(checks) > 0 {
			statuses[i] = checks[0].Status
		}
	}
	return statuses
}

// The types of a metric.
const (
	gauge   = "gauge"
	counter = "counter"
)

// encodeMetrics uses the names that client_golang and cAdvisor gave these values, since
// dashboards know them.
func (m *Monitor) encodeMetrics(s *State) *Document {
	sample, container := &s.Sample, &s.Sample.Container
	rss := memory.Value{N: sample.RSS, OK: sample.RSSSource == "kernel"}
	maxFiles := memory.Value{N: int64(m.reporter.options.MaxFiles)}
	maxFiles.OK = maxFiles.N > 0 // neither unset nor, as the kernel has it, all ones for unlimited

	t := make(text, 0, 5<<10)
	for _, row := range [...]struct {
		name, kind, help string
		value            memory.Value
	}{
		{"process_resident_memory_bytes", gauge, "Resident set size of the process, from the kernel.", rss},
		{"process_open_fds", gauge, "File descriptors that the process has open.", m.reader.OpenFiles()},
		{"process_max_fds", gauge, "File descriptors that the process may have open.", maxFiles},
		{"go_goroutines", gauge, "Goroutines.", number(int64(s.Goroutines))},
		{"go_memstats_heap_alloc_bytes", gauge, "Objects in the heap, those to be collected included (MemStats.HeapAlloc).", number(sample.Heap)},
		{"go_memstats_heap_sys_bytes", gauge, "Address space of the heap (MemStats.HeapSys).", number(sample.HeapSys)},
		{"go_memstats_heap_released_bytes", gauge, "Heap given back to the system (MemStats.HeapReleased).", number(sample.HeapReleased)},
		{"go_memstats_sys_bytes", gauge, "Memory obtained from the system (MemStats.Sys).", number(sample.Sys)},
		{"go_memstats_alloc_bytes_total", counter, "Memory ever allocated in the heap (MemStats.TotalAlloc).", number(sample.AllocTotal)},
		{"go_memstats_next_gc_bytes", gauge, "Size of the heap that the next collection aims at (MemStats.NextGC).", sample.NextGC},
		{"go_gc_gomemlimit_bytes", gauge, "The Go memory limit in force (GOMEMLIMIT).", sample.GoLimit},
		{"go_gc_cycles_total_gc_cycles_total", counter, "Completed collections.", number(sample.GC.Cycles)},
		{"container_memory_usage_bytes", gauge, "Memory charged to the container, page cache included.", container.Usage},
		{"container_memory_working_set_bytes", gauge, "Usage less the page cache that can go first.", container.WorkingSet},
		{"container_memory_unreclaimable_bytes", gauge, "Usage minus page cache and slab that the kernel can free.", container.Unreclaimable},
		{"container_spec_memory_limit_bytes", gauge, "Memory over which the kernel kills the container.", container.Limit},
		{"healthd_connections_open", gauge, "TCP connections at the sample.", number(int64(s.Connections.Open))},
		{"healthd_connections_limit", gauge, "TCP connections that are kept.", number(int64(s.Connections.Limit))},
		{"healthd_connections_evicted_total", counter, "TCP connections closed to make room for others.", number(s.Connections.Evicted)},
		{"healthd_sample_timestamp_seconds", gauge, "When it was measured, as in the monitoring document's time.", number(s.Time.Unix())},
	} {
		if row.value.OK {
			t.family(row.name, row.kind, row.help)
			t.sample(row.name)
			t = strconv.AppendInt(t, row.value.N, 10)
			t = append(t, '\n')
		}
	}

	t.family("process_cpu_seconds_total", counter, "User and system CPU time of the process.")
	t.sample("process_cpu_seconds_total")
	t = strconv.AppendFloat(t, sample.CPU.Seconds(), 'f', 6, 64)
	t = append(t, '\n')
	t.family("process_start_time_seconds", gauge, "Start of the service, as Unix time.")
	t.sample("process_start_time_seconds")
	t = strconv.AppendFloat(t, float64(m.reporter.started.UnixMilli())/1000, 'f', 3, 64)
	t = append(t, '\n')

	t.family("go_info", gauge, "The Go version of the build.")
	t.set(true, "go_info", "version", runtime.Version())
	t.family("healthd_build_info", gauge, "The version of the build.")
	t.set(true, "healthd_build_info", "version", m.reporter.options.Release, "goversion", runtime.Version())
	t.family("healthd_status", gauge, "1 for the service's status.")
	for _, status := range Statuses {
		t.set(s.Status == status, "healthd_status", "status", string(status))
	}
	if s.Checks != ([len(checkNames)]Status{}) {
		t.family("healthd_check_status", gauge, "1 for the status of each check.")
	}
	for i, name := range checkNames {
		if s.Checks[i] == "" {
			continue
		}
		for _, status := range Statuses {
			t.set(s.Checks[i] == status, "healthd_check_status", "check", name, "status", string(status))
		}
	}
	d := NewText(http.StatusOK, "text/plain; version=0.0.4; charset=utf-8", t)
	return &d
}

func number(n int64) memory.Value { return memory.Value{N: n, OK: true} }

// text is Prometheus' text format.
type text []byte

// family begins the samples of one name.
func (t *text) family(name, kind, help string) {
	for _, s := range [...]string{"# HELP ", name, " ", help, "\n# TYPE ", name, " ", kind, "\n"} {
		*t = append(*t, s...)
	}
}

// sample begins a line with a name and pairs of label and value.
func (t *text) sample(name string, labels ...string) {
	b := append(*t, name...)
	for i := 0; i < len(labels); i += 2 {
		b = append(b, "{,"[min(i, 1)])
		b = append(b, labels[i]...)
		b = append(b, `="`...)
		for _, c := range []byte(labels[i+1]) {
			switch c {
			case '\\', '"':
				b = append(b, '\\', c)
			case '\n':
				b = append(b, `\n`...)
			default:
				b = append(b, c)
			}
		}
		b = append(b, '"')
	}
	if len(labels) > 0 {
		b = append(b, '}')
	}
	*t = append(b, ' ')
}

// set writes whether a labelled state is on.
func (t *text) set(on bool, name string, labels ...string) {
	t.sample(name, labels...)
	value := "0\n"
	if on {
		value = "1\n"
	}
	*t = append(*t, value...)
}
