package monitor

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halobuzz/healthd/internal/health"
	"github.com/halobuzz/healthd/internal/report"
)

// TestLogGrowth has a line when memory begins to grow, with the report's sentence, and one when
// it ceases. The status stays.
func TestLogGrowth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSource(100)
		m := newMonitor(s.measure)
		stop := startLog(t, m, 0, vitalNames...)
		for second := range int64(650) {
			s.use(100 + second)
			publishAfterPeriod(m)
		}
		const sentence = "Memory has grown steadily for 10 minutes, by about 0 KiB per minute. " +
			"At this rate it reaches the limit of 1 KiB in about 4 minutes (3 to 5). " +
			"A cache that is filling looks the same."
		d := get(t, m, report.MonitoringPath)
		if d.Code != 200 || !strings.Contains(body(d), sentence) {
			t.Errorf("report = %d %s, want 200 with %q", d.Code, body(d), sentence)
		}
		s.use(700)
		for range 200 {
			publishAfterPeriod(m)
		}
		if d := get(t, m, report.MonitoringPath); strings.Contains(body(d), "growth") {
			t.Errorf("report = %s, want no growth", body(d))
		}
		checkLines(t, stop(), []string{
			`level=WARN msg="memory grows steadily" output="` + sentence + `" bytesPerMinute=60`,
			`level=INFO msg="memory no longer grows steadily"`,
		})
	})
}

// TestLogGrowthQuiet has at most one pair of lines per ten minutes.
func TestLogGrowthQuiet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var text bytes.Buffer
		log, l := newLogger(&text, append(vitalNames, "output")...), growthLog{}
		for minute := range 25 { // it grows for a minute in two, and then for good
			s := &health.State{}
			s.Growth.Known = minute%2 == 1 || minute > 20
			s.Growth.BytesPerMinute = int64(minute)
			l.logGrowth(t.Context(), log, s)
			time.Sleep(time.Minute)
		}
		const begins, ends = `level=WARN msg="memory grows steadily" bytesPerMinute=`,
			"\nlevel=INFO msg=\"memory no longer grows steadily\"\n"
		if got, want := text.String(), begins+"1"+ends+begins+"11"+ends+begins+"21\n"; got != want {
			t.Errorf("log =\n%s\nwant\n%s", got, want)
		}
	})
}
