package monitor

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halobuzz/healthd/internal/health"
	"github.com/halobuzz/healthd/internal/memory"
)

// vitalNames are the attributes of vitals.
var vitalNames = []string{
	"heapBytes", "goBytes", "rssBytes",
	"workingSetBytes", "unreclaimableBytes", "limitBytes", "usedPercent",
}

// newLogger returns a logger of every line, without the time and the attributes that omit names.
func newLogger(w io.Writer, omit ...string) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || slices.Contains(omit, a.Key) {
				return slog.Attr{}
			}
			return a
		},
	}))
}

// startLog starts the log of m. stop ends it and returns its lines.
func startLog(
	t *testing.T, m *Monitor, interval time.Duration, omit ...string,
) (stop func() []string) {
	var log bytes.Buffer
	stopLog := start(t, func(ctx context.Context) { m.Log(ctx, newLogger(&log, omit...), interval) })
	return func() []string {
		synctest.Wait()
		stopLog()
		return strings.Split(strings.TrimSuffix(log.String(), "\n"), "\n")
	}
}

// publishAfterPeriod publishes once, and waits until the log has seen it.
func publishAfterPeriod(m *Monitor) {
	time.Sleep(health.SamplePeriod)
	m.publish()
	synctest.Wait()
}

func checkLines(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("log =\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestLog has a line of vitals per interval and a line per change of the status.
func TestLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSource(100)
		m := newMonitor(s.measure)
		stop := startLog(t, m, 10*time.Second, "output")
		time.Sleep(health.SamplePeriod * 3 / 4) // samples come a little before the vitals are due
		m.publish()
		synctest.Wait()
		for _, run := range []struct {
			seconds       int
			unreclaimable int64
		}{{2, 100}, {7, 850}, {5, 950}, {12, 100}} {
			s.use(run.unreclaimable)
			for range run.seconds {
				publishAfterPeriod(m)
			}
		}
		const vitals = " heapBytes=10 goBytes=20 rssBytes=30"
		const used850 = " workingSetBytes=855 unreclaimableBytes=850 limitBytes=1000 usedPercent=85.5"
		const used950 = " workingSetBytes=955 unreclaimableBytes=950 limitBytes=1000 usedPercent=95.5"
		const used100 = " workingSetBytes=105 unreclaimableBytes=100 limitBytes=1000 usedPercent=10.5"
		checkLines(t, stop(), []string{
			`level=WARN msg="status changed" status=warn` + vitals + used850,
			`level=INFO msg=vitals` + vitals + used850,
			`level=ERROR msg="status changed" status=fail` + vitals + used950,
			`level=INFO msg=vitals` + vitals + used100,
			`level=INFO msg="status changed" status=pass` + vitals + used100,
		})
	})
}

// TestLogGoLimit has a line for each change of the limit, but none for the first limit, which
// the start-up line has.
func TestLogGoLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSource(100)
		s.GoLimit = memory.GoLimit{Size: known(800), Source: memory.ContainerLimit}
		m := newMonitor(s.measure)
		stop := startLog(t, m, 0)
		publishAfterPeriod(m)
		s.GoLimit.Size, s.Memory.Container.LowestLimit = known(400), known(500)
		publishAfterPeriod(m)
		publishAfterPeriod(m)
		s.GoLimit = memory.GoLimit{Source: memory.NoLimit}
		s.Memory.Container.LowestLimit = memory.Size{}
		publishAfterPeriod(m)
		const changed = `level=INFO msg="GOMEMLIMIT changed with the container" `
		checkLines(t, stop(), []string{
			changed + `goLimitBytesBefore=800 goLimitBytes=400 goLimitSource=container limitBytes=500`,
			changed + `goLimitBytesBefore=400 goLimitSource=none`,
		})
	})
}

// TestLogEvictions has one line for five minutes of evictions, and another for those that begin
// after a quiet minute.
func TestLogEvictions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSource(100)
		s.Connections.Open, s.Connections.Limit = 8, 8
		m := newMonitor(s.measure)
		stop := startLog(t, m, 0)
		for _, run := range []struct {
			seconds int
			evicted int64 // per second
		}{{5, 0}, {300, 1000}, {70, 0}, {10, 7}, {50, 0}, {1, 3}} {
			for range run.seconds {
				s.Connections.Evicted += run.evicted
				publishAfterPeriod(m)
			}
		}
		checkLines(t, stop(), []string{
			`level=WARN msg="evicting connections" evicted=1000 open=8 limit=8`,
			`level=WARN msg="evicting connections" evicted=7 open=8 limit=8`,
		})
	})
}

func TestLogRelease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSource(100)
		m := newMonitor(s.measure)
		stop := startLog(t, m, 0)
		for _, released := range []bool{false, true, false} {
			s.Released = released
			publishAfterPeriod(m)
		}
		checkLines(t, stop(), []string{
			`level=DEBUG msg="memory released" heapBytes=10 goBytes=20 rssBytes=30 ` +
				`workingSetBytes=105 unreclaimableBytes=100 limitBytes=1000 usedPercent=10.5 ` +
				`reason="Go memory was above its level at rest"`,
		})
	})
}

// TestLogStale stops measuring for a minute, which is logged once, and so is the end of it.
// There are no vitals meanwhile.
func TestLogStale(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMonitor(newSource(100).measure)
		stop := startLog(t, m, time.Second, vitalNames...)
		time.Sleep(time.Minute)
		publishAfterPeriod(m)
		checkLines(t, stop(), []string{
			`level=ERROR msg="status changed" status=fail output="` + health.StaleReason + `"`,
			`level=INFO msg="status changed" status=pass`,
			`level=INFO msg=vitals`,
		})
	})
}

// TestLogStopsWhileStale ends the log before anything is measured again.
func TestLogStopsWhileStale(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMonitor(newSource(100).measure)
		stop := startLog(t, m, 0, vitalNames...)
		time.Sleep(time.Minute)
		checkLines(t, stop(), []string{
			`level=ERROR msg="status changed" status=fail output="` + health.StaleReason + `"`,
		})
	})
}

// TestLogStaleWhileFailing logs each reason, because the last line before the kernel kills the
// service must have the current one.
func TestLogStaleWhileFailing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMonitor(newSource(950).measure)
		stop := startLog(t, m, 0)
		for range 5 {
			publishAfterPeriod(m)
		}
		full := m.Documents().State.Reason
		time.Sleep(30 * time.Second)
		for range 5 {
			publishAfterPeriod(m)
		}
		var want []string
		for _, reason := range []string{full, health.StaleReason, full} {
			want = append(want, `level=ERROR msg="status changed" status=fail output="`+reason+
				`" heapBytes=10 goBytes=20 rssBytes=30 workingSetBytes=955 `+
				`unreclaimableBytes=950 limitBytes=1000 usedPercent=95.5`)
		}
		checkLines(t, stop(), want)
	})
}

// TestLogBlocked has a log that takes a line only now and then. The measurements go on, and the
// log has nothing but the changes.
func TestLogBlocked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSource(950)
		m := newMonitor(s.measure)
		r, w := io.Pipe()
		stop := start(t, func(ctx context.Context) {
			m.Log(ctx, newLogger(w, append(vitalNames, "output")...), 0)
		})
		failed := `level=ERROR msg="status changed" status=fail`
		passed := `level=INFO msg="status changed" status=pass`
		var got, want []string
		line := make([]byte, 1<<10)
		for range 10 {
			for _, unreclaimable := range []int64{950, 100} {
				s.use(unreclaimable)
				for range 20 {
					publishAfterPeriod(m)
				}
				if age := time.Since(m.Documents().State.Time); age > 0 {
					t.Errorf("age of the documents with a blocked log = %v, want 0", age)
				}
				if unreclaimable == 950 && len(got) == 0 {
					continue // the first line is the one that blocks
				}
				n, err := r.Read(line)
				if err != nil {
					t.Fatalf("Read() = %v", err)
				}
				got = append(got, strings.TrimSuffix(string(line[:n]), "\n"))
				want = append(want, []string{failed, passed}[len(want)%2])
			}
		}
		r.Close() // the line that blocks now
		stop()
		checkLines(t, got, want)
	})
}
