package monitor

import (
	"context"
	"log/slog"
	"math"
	"time"

	"github.com/halobuzz/healthd/internal/health"
	"github.com/halobuzz/healthd/internal/memory"
)

// evictionQuiet is how long no connection must be evicted before the next eviction is logged.
const evictionQuiet = time.Minute

// Log writes what is published to log until ctx is done: changes of the status and of the Go
// memory limit, growth, evictions, releases of memory, and a line of vitals per interval unless
// that is 0. It runs apart from Run because a log that blocks must not stop the measurements.
func (m *Monitor) Log(ctx context.Context, log *slog.Logger, interval time.Duration) {
	l := changeLog{log: log, interval: interval}
	l.goLimit = m.State().GoLimit // the start-up line has it
	l.due = time.Now().Add(interval)
	stale := time.NewTimer(health.StaleAfter)
	defer stale.Stop()
	for {
		l.logState(ctx, m.State())
		select {
		case <-ctx.Done():
			return
		case <-m.published:
		case <-stale.C:
			last := m.State()
			if time.Since(last.Time) < health.StaleAfter {
				break // log has blocked since the timer was set, and so has hidden newer states
			}
			l.logStale(ctx, last)
			select {
			case <-ctx.Done():
				return
			case <-m.published:
			}
		}
		stale.Reset(health.StaleAfter)
	}
}

// unlogged differs from every status.
const unlogged health.Status = -1

// changeLog remembers what was logged last.
type changeLog struct {
	log       *slog.Logger
	interval  time.Duration // between two lines of vitals
	due       time.Time     // the next line of vitals
	growth    growthLog
	status    health.Status
	goLimit   memory.GoLimit
	failing   []bool // by dependency
	evicted   int64
	evictedAt time.Time

	notReady     bool      // followed with a command alone, else the status says it
	killedAt     time.Time // the last OOM kill
	stopDisarmed bool
}

func (l *changeLog) logState(ctx context.Context, s *health.State) {
	if s.GoLimit.Size != l.goLimit.Size {
		l.log.LogAttrs(ctx, slog.LevelInfo, "GOMEMLIMIT changed with the container",
			limitAttrs(s, l.goLimit.Size)...)
		l.goLimit = s.GoLimit
	}
	l.logDependencies(ctx, s)
	l.logApp(ctx, s)
	if !s.Provisional() {
		l.logStatus(ctx, s.Status, s.Reason, s)
	}
	l.growth.logGrowth(ctx, l.log, s)
	if c := s.Connections; c.Evicted > l.evicted {
		if time.Since(l.evictedAt) > evictionQuiet {
			l.log.LogAttrs(ctx, slog.LevelWarn, "evicting connections",
				slog.Int64("evicted", c.Evicted-l.evicted),
				slog.Int("open", c.Open), slog.Int("limit", c.Limit))
		}
		l.evicted, l.evictedAt = c.Evicted, time.Now()
	}
	if s.Released {
		l.log.LogAttrs(ctx, slog.LevelDebug, "memory released", append(vitals(s), slog.String("reason",
			"Go memory was above its level at rest"))...)
	}
	// Half a period early is the closest that a sample comes.
	if now := time.Now(); l.interval > 0 && !now.Add(health.SamplePeriod/2).Before(l.due) {
		l.log.LogAttrs(ctx, slog.LevelInfo, "vitals", vitals(s)...)
		l.due = now.Add(l.interval)
	}
}

// logStale logs that nothing was measured since last. The status that follows is logged too,
// whatever it is.
func (l *changeLog) logStale(ctx context.Context, last *health.State) {
	l.status = unlogged
	l.logStatus(ctx, health.Fail, health.StaleReason, last)
	l.status = unlogged
}

// logStatus logs a status that differs from the one before, with the vitals of s.
func (l *changeLog) logStatus(
	ctx context.Context, status health.Status, reason string, s *health.State,
) {
	if status == l.status {
		return
	}
	l.status = status
	level := [...]slog.Level{
		health.Pass: slog.LevelInfo, health.Warn: slog.LevelWarn, health.Fail: slog.LevelError,
	}[status]
	attrs := []slog.Attr{slog.String("status", status.String())}
	if reason != "" {
		attrs = append(attrs, slog.String("output", reason))
	}
	l.log.LogAttrs(ctx, level, "status changed", append(attrs, vitals(s)...)...)
}

// logDependencies logs the dependencies that began or ceased to fail.
func (l *changeLog) logDependencies(ctx context.Context, s *health.State) {
	if l.failing == nil {
		l.failing = make([]bool, len(s.Dependencies))
	}
	for i := range s.Dependencies {
		d := &s.Dependencies[i]
		switch failed := d.Failed(); {
		case failed == l.failing[i]:
			continue
		case failed:
			l.log.LogAttrs(ctx, slog.LevelWarn, "dependency fails", slog.String("name", d.Name),
				slog.Bool("required", d.Required), slog.String("reason", string(d.Last.Reason)))
		default:
			l.log.LogAttrs(ctx, slog.LevelInfo, "dependency passes", slog.String("name", d.Name),
				slog.Bool("required", d.Required))
		}
		l.failing[i] = !l.failing[i]
	}
}

func limitAttrs(s *health.State, before memory.Size) []slog.Attr {
	var attrs []slog.Attr
	attrs = appendKnown(attrs, "goLimitBytesBefore", before)
	attrs = appendKnown(attrs, "goLimitBytes", s.GoLimit.Size)
	attrs = append(attrs, slog.String("goLimitSource", string(s.GoLimit.Source)))
	return appendKnown(attrs, "limitBytes", s.Memory.Container.LowestLimit)
}

// vitals returns the memory figures of s, named as in the report.
func vitals(s *health.State) []slog.Attr {
	c := &s.Memory.Container
	attrs := []slog.Attr{
		slog.Int64("heapBytes", s.Memory.HeapBytes),
		slog.Int64("goBytes", s.Memory.GoBytes),
		slog.Int64("rssBytes", s.Memory.RSSBytes),
	}
	attrs = appendKnown(attrs, "workingSetBytes", c.WorkingSet)
	attrs = appendKnown(attrs, "unreclaimableBytes", c.Unreclaimable)
	attrs = appendKnown(attrs, "limitBytes", c.Limit)
	if used, ok := c.UsedPercent(); ok {
		attrs = append(attrs, slog.Float64("usedPercent", math.Round(used*10)/10))
	}
	return appendKnown(attrs, "appAnonBytes", s.AppAnon())
}

func appendKnown(attrs []slog.Attr, name string, s memory.Size) []slog.Attr {
	if !s.Known {
		return attrs
	}
	return append(attrs, slog.Int64(name, s.Bytes))
}
