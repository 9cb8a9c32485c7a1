package report

import (
	"strings"
	"testing"
	"time"

	"github.com/halobuzz/healthd/internal/health"
)

// hourGrowth has the figures that the last hour gives, and dayGrowth those of the last day.
var (
	hourGrowth = health.Growth{
		Known: true, BytesPerMinute: 3250585, LimitBytes: 150000000, Watched: 40 * time.Minute,
		LimitIn: 2100500 * time.Millisecond, Soonest: 0, Latest: 3000 * time.Second,
	}
	dayGrowth = health.Growth{
		Known: true, BytesPerMinute: 120000, LimitBytes: 150000000, Watched: 12 * time.Hour,
		Within: health.WithinHours,
	}
)

// TestGrowth has the growth in the report, the metrics and the table, and none of it without.
func TestGrowth(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		growth health.Growth
		metric string
	}{
		{"", health.Growth{}, ""},
		{"growth", hourGrowth, "\nhealthd_memory_growth_bytes_per_second 54176\n"},
		{"growth-day", dayGrowth, "\nhealthd_memory_growth_bytes_per_second 2000\n"},
	} {
		f := fixtures()[0]
		state := f.state()
		state.Growth = tt.growth
		d := testWriter(f.maxOpenFiles).Write(state, nil)
		monitoring := d.monitoring(Request{Authorized: true})
		if tt.name != "" {
			compareGolden(t, tt.name+".monitoring", monitoring)
		}
		metrics := body(d.metrics(Request{Authorized: true}))
		rows := visible(body(d.root(browser)))
		known := tt.growth.Known
		if strings.Contains(body(monitoring), "growth") != known ||
			strings.Contains(metrics, "growth") != known || !strings.Contains(metrics, tt.metric) {
			t.Errorf("%q: the report is %s, the metrics %s", tt.name, body(monitoring), metrics)
		}
		if got, want := rows["Growth"], tt.growth.String(); got != want {
			t.Errorf("%q: the table has %q, want %q", tt.name, got, want)
		}
		if monitoring.Code != 200 || d.State.Status != health.Pass {
			t.Errorf("%q: %d %v, want a pass", tt.name, monitoring.Code, d.State.Status)
		}
	}
}
