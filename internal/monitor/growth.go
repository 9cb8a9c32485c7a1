package monitor

import (
	"context"
	"log/slog"
	"time"

	"github.com/halobuzz/healthd/internal/health"
)

// growthQuiet is the least time between two lines that memory grows.
const growthQuiet = 10 * time.Minute

// growthLog remembers what was logged about the growth of memory.
type growthLog struct {
	grows bool
	since time.Time
}

// logGrowth logs when memory begins and ceases to grow steadily.
func (l *growthLog) logGrowth(ctx context.Context, log *slog.Logger, s *health.State) {
	g := &s.Growth
	if g.Known == l.grows || g.Known && time.Since(l.since) < growthQuiet {
		return
	}
	l.grows = g.Known
	if !g.Known {
		log.LogAttrs(ctx, slog.LevelInfo, "memory no longer grows steadily", vitals(s)...)
		return
	}
	l.since = time.Now()
	attrs := []slog.Attr{
		slog.String("output", g.String()), slog.Int64("bytesPerMinute", g.BytesPerMinute),
	}
	log.LogAttrs(ctx, slog.LevelWarn, "memory grows steadily", append(attrs, vitals(s)...)...)
}
