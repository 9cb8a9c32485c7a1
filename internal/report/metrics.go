package report

import (
	"math"
	"net/http"
	"runtime"

	"github.com/halobuzz/healthd/internal/health"
	"github.com/halobuzz/healthd/internal/memory"
)

// metric is a metric without labels. Unknown values are omitted.
type metric struct {
	name, kind string
	value      int64
	known      bool
	help       string
}

// integers returns the metrics with whole numbers. They have the names of client_golang and
// cAdvisor where those have the same value, so that existing dashboards show them.
func (w *Writer) integers(s *health.State) []metric {
	m, c := &s.Memory, &s.Memory.Container
	openFiles, openFilesKnown := w.service.OpenFiles()
	maxFiles := w.service.MaxOpenFiles
	value := func(name, kind string, n int64, help string) metric {
		return metric{name, kind, n, true, help}
	}
	size := func(name string, size memory.Size, help string) metric {
		return metric{name, gauge, size.Bytes, size.Known, help}
	}
	return []metric{
		{"process_resident_memory_bytes", gauge, m.RSSBytes, m.RSSSource == memory.KernelRSS,
			"Resident set size of the process, as the kernel reports it."},
		{"process_open_fds", gauge, int64(openFiles), openFilesKnown,
			"Open file descriptors of the process."},
		{"process_max_fds", gauge, int64(maxFiles), maxFiles > 0 && maxFiles <= math.MaxInt64,
			"Limit of open file descriptors of the process."},
		value("go_goroutines", gauge, int64(m.Goroutines),
			"Number of goroutines."),
		value("go_memstats_heap_alloc_bytes", gauge, m.HeapBytes,
			"Heap objects, including garbage not collected yet (MemStats.HeapAlloc)."),
		value("go_memstats_heap_sys_bytes", gauge, m.HeapSysBytes,
			"Address space of the heap (MemStats.HeapSys)."),
		value("go_memstats_heap_released_bytes", gauge, m.HeapReleasedBytes,
			"Heap memory returned to the kernel (MemStats.HeapReleased)."),
		value("go_memstats_sys_bytes", gauge, m.SysBytes,
			"Memory obtained from the kernel (MemStats.Sys)."),
		value("go_memstats_alloc_bytes_total", counter, m.AllocTotalBytes,
			"Heap memory allocated since the start (MemStats.TotalAlloc)."),
		size("go_memstats_next_gc_bytes", m.NextGC,
			"Heap size at which the next garbage collection starts (MemStats.NextGC)."),
		size("go_gc_gomemlimit_bytes", s.GoLimit.Size,
			"Go memory limit in effect (GOMEMLIMIT)."),
		value("go_gc_cycles_total_gc_cycles_total", counter, m.GC.Cycles,
			"Completed garbage collections."),
		size("container_memory_usage_bytes", c.Usage,
			"Memory charged to the container, including page cache."),
		size("container_memory_working_set_bytes", c.WorkingSet,
			"Usage minus page cache that the kernel can reclaim first."),
		size("container_memory_unreclaimable_bytes", c.Unreclaimable,
			"Usage minus page cache and slab that the kernel can free."),
		size("container_spec_memory_limit_bytes", c.Limit,
			"Limit of the container's memory, at which the kernel kills a process."),
		{"container_oom_events_total", counter, c.OOMKills.N, c.OOMKills.Known,
			"Processes of the container that the kernel has killed for lack of memory."},
		value("healthd_connections_open", gauge, int64(s.Connections.Open),
			"Open TCP connections."),
		value("healthd_connections_limit", gauge, int64(s.Connections.Limit),
			"Limit of open TCP connections."),
		value("healthd_connections_evicted_total", counter, s.Connections.Evicted,
			"TCP connections closed to make room for others."),
		{"healthd_memory_growth_bytes_per_second", gauge, s.Growth.BytesPerMinute / 60, s.Growth.Known,
			"Rate at which the container's memory grows, while it grows steadily."},
		value("healthd_sample_timestamp_seconds", gauge, s.Time.Unix(),
			"Unix time of the measurement."),
	}
}

// writeMetrics writes the metrics of s.
func (w *Writer) writeMetrics(s *health.State) *Document {
	t := make(metricsText, 0, 5<<10)
	for _, m := range w.integers(s) {
		if m.known {
			t.integer(m.name, m.kind, m.help, m.value)
		}
	}
	t.seconds("process_cpu_seconds_total", counter,
		"User and system CPU time of the process.", s.Memory.CPU.Seconds(), 6)
	t.seconds("process_start_time_seconds", gauge,
		"Unix time of the start of the process.", float64(w.service.Started.UnixMilli())/1000, 3)

	if a := s.App; a != nil {
		if anon := s.AppAnon(); anon.Known {
			t.integer("healthd_app_anon_bytes", gauge,
				"Memory of all processes beside healthd, without the pages of files.", anon.Bytes)
		}
		t.seconds("healthd_app_start_time_seconds", gauge,
			"Unix time of the start of the command.", float64(a.Started.UnixMilli())/1000, 3)
	}

	t.family("go_info", gauge, "Go version of the build.")
	t.flag(true, "go_info", "version", runtime.Version())
	t.family("healthd_build_info", gauge, "Version of the build.")
	t.flag(true, "healthd_build_info", "version", w.service.Release, "goversion", runtime.Version())
	t.family("healthd_status", gauge, "1 for the status of the service, 0 for the others.")
	for _, status := range health.Statuses {
		t.flag(s.Status == status, "healthd_status", "status", status.String())
	}
	if len(s.Checks) > 0 {
		t.family("healthd_check_status", gauge, "1 for the status of each check, 0 for the others.")
	}
	for _, c := range s.Checks {
		for _, status := range health.Statuses {
			t.flag(c.Status == status, "healthd_check_status",
				"check", c.Name, "status", status.String())
		}
	}
	if len(s.Dependencies) > 0 {
		t.family("healthd_dependency_up", gauge, "1 for a dependency that passes, else 0.")
	}
	for i := range s.Dependencies {
		d := &s.Dependencies[i]
		if d.Asked() {
			t.flag(!d.Failed(), "healthd_dependency_up", "name", d.Name)
		}
	}
	return newDocument(http.StatusOK, metricsType, string(t))
}
