package report

import (
	"math"
	"os"
	"strings"
	"testing"

	"github.com/halobuzz/healthd/internal/health"
	"github.com/halobuzz/healthd/internal/memory"
)

// TestOptionalMetrics holds that an unknown value is omitted, and a known zero is not.
func TestOptionalMetrics(t *testing.T) {
	t.Parallel()
	optional := []string{
		"process_resident_memory_bytes", "process_open_fds", "process_max_fds",
		"go_memstats_next_gc_bytes", "go_gc_gomemlimit_bytes",
		"container_memory_usage_bytes", "container_memory_working_set_bytes",
		"container_memory_unreclaimable_bytes", "container_spec_memory_limit_bytes",
		"healthd_check_status",
	}
	unknown := &health.State{}
	unknown.Memory = memory.Sample{RSSBytes: 1, RSSSource: memory.RuntimeRSS}
	text := body(testWriter(math.MaxUint64).writeMetrics(unknown))
	for _, name := range optional {
		if strings.Contains(text, name) {
			t.Errorf("an unknown value has %s: %s", name, text)
		}
	}
	zero := &health.State{Checks: []health.Check{{Name: "a"}}}
	zero.GoLimit.Size = size(0)
	zero.Memory = memory.Sample{RSSSource: memory.KernelRSS, NextGC: size(0),
		Container: memory.Container{
			Usage: size(0), WorkingSet: size(0), Unreclaimable: size(0), Limit: size(0),
		}}
	text = body(testWriter(1).writeMetrics(zero))
	for _, name := range optional {
		if !strings.Contains(text, "\n"+name) && !strings.HasPrefix(text, "# HELP "+name) {
			t.Errorf("a known zero lacks %s: %s", name, text)
		}
	}
}

func TestMetricsName(t *testing.T) {
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
		var got metricsText
		if got.name("x", tt.labels...); string(got) != tt.want {
			t.Errorf("name(%q) = %q, want %q", tt.labels, got, tt.want)
		}
	}
}

// BenchmarkMetrics writes the metrics once, and lists the open files for them.
func BenchmarkMetrics(b *testing.B) {
	w := testWriter(1024)
	w.service.OpenFiles = memory.NewReader(os.DirFS("/")).OpenFiles
	f := fixtures()[0]
	state := f.state()
	b.ReportAllocs()
	var d *Document
	for b.Loop() {
		d = w.writeMetrics(state)
	}
	b.ReportMetric(float64(len(body(d))), "bytes")
}
