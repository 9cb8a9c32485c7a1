package health

import (
	"context"
	"log/slog"
	"time"

	"github.com/halobuzz/healthd/internal/memory"
)

// Log writes what is published until ctx is done: a line on every change of the
// verdict or of the Go memory limit, one when connections begin to be evicted, and a
// line of vitals per interval unless that is 0. The sampler does not write it: a log
// that blocks must not stop the samples.
// The Go memory limit of the first state is not a change: the start-up line has it.
func (m *Monitor) Log(ctx context.Context, log *slog.Logger, interval time.Duration) {
	status := Pass
	goLimit := m.state.Load().Sample.GoLimit
	var evicted int64
	var evictedAt time.Time
	due := time.Now().Add(interval)
	stale := time.NewTimer(staleAfter)
	defer stale.Stop()
	for {
		s := m.state.Load()
		if s.Sample.GoLimit != goLimit {
			log.LogAttrs(ctx, slog.LevelInfo, "GOMEMLIMIT changed with the container", s.limitAttrs(goLimit)...)
			goLimit = s.Sample.GoLimit
		}
		if s.Status != status {
			status = s.Status
			log.LogAttrs(ctx, status.level(), "status changed", s.statusAttrs(status, s.Output)...)
		}
		if c := s.Connections; c.Evicted > evicted {
			if time.Since(evictedAt) > storm {
				log.LogAttrs(ctx, slog.LevelWarn, "evicting connections", slog.Int64("evicted", c.Evicted-evicted),
					slog.Int("open", c.Open), slog.Int("limit", c.Limit))
			}
			evicted, evictedAt = c.Evicted, time.Now()
		}
		if s.Released {
			log.LogAttrs(ctx, slog.LevelDebug, "memory given back", append(s.vitals(),
				slog.String("reason", "Go memory stood above its level at rest and the connections that took it are gone"))...)
		}
		// Half a period early is as close to due as a sample comes.
		if now := time.Now(); interval > 0 && !now.Add(Period/2).Before(due) {
			log.LogAttrs(ctx, slog.LevelInfo, "vitals", s.vitals()...)
			due = now.Add(interval)
		}
		select {
		case <-ctx.Done():
			return
		case <-m.published:
		case <-stale.C:
			log.LogAttrs(ctx, m.stale.Status.level(), "status changed", s.statusAttrs(m.stale.Status, m.stale.Output)...)
			status = "" // whatever comes next is news
			select {
			case <-ctx.Done():
				return
			case <-m.published:
			}
		}
		stale.Reset(staleAfter)
	}
}

// storm is how long no connection must be evicted before it is news again.
const storm = time.Minute

// level is the log level at which a change to the status is told.
func (s Status) level() slog.Level {
	switch s {
	case Fail:
		return slog.LevelError
	case Warn:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// statusAttrs are a status with its reason, and the vitals of the last sample.
func (s *State) statusAttrs(status Status, output string) []slog.Attr {
	attrs := []slog.Attr{slog.String("status", string(status))}
	if output != "" {
		attrs = append(attrs, slog.String("output", output))
	}
	return append(attrs, s.vitals()...)
}

func (s *State) limitAttrs(before memory.Value) []slog.Attr {
	var attrs []slog.Attr
	attrs = appendKnown(attrs, "goLimitBytesBefore", before)
	attrs = appendKnown(attrs, "goLimitBytes", s.Sample.GoLimit)
	attrs = append(attrs, slog.String("goLimitSource", s.Sample.GoLimitSource))
	return appendKnown(attrs, "limitBytes", s.Sample.Container.LowestLimit)
}

// vitals are the memory figures, under their names in the report.
func (s *State) vitals() []slog.Attr {
	c := &s.Sample.Container
	attrs := []slog.Attr{
		slog.Int64("heapBytes", s.Sample.Heap),
		slog.Int64("goBytes", s.Sample.Go),
		slog.Int64("rssBytes", s.Sample.RSS),
	}
	attrs = appendKnown(attrs, "workingSetBytes", c.WorkingSet)
	attrs = appendKnown(attrs, "unreclaimableBytes", c.Unreclaimable)
	attrs = appendKnown(attrs, "limitBytes", c.Limit)
	if used, ok := usedPercent(c); ok {
		attrs = append(attrs, slog.Float64("usedPercent", oneDecimal(used)))
	}
	return attrs
}

func appendKnown(attrs []slog.Attr, name string, v memory.Value) []slog.Attr {
	if !v.OK {
		return attrs
	}
	return append(attrs, slog.Int64(name, v.N))
}
