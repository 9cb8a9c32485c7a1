package report

import (
	"time"

	"github.com/halobuzz/healthd/internal/health"
)

// Growth has the values of health.Growth. It has either the three times until the limit is
// reached, or Within.
type Growth struct {
	BytesPerMinute int64  `json:"bytesPerMinute"`
	WatchedSeconds int64  `json:"watchedSeconds"`
	LimitInSeconds *int64 `json:"limitInSeconds,omitempty"`
	SoonestSeconds *int64 `json:"soonestSeconds,omitempty"`
	LatestSeconds  *int64 `json:"latestSeconds,omitempty"`
	Within         string `json:"within,omitempty"` // "day" or "hours"
	Output         string `json:"output"`
}

// newGrowth returns nil for a growth that says nothing.
func newGrowth(g *health.Growth) *Growth {
	if !g.Known {
		return nil
	}
	growth := &Growth{
		BytesPerMinute: g.BytesPerMinute,
		WatchedSeconds: int64(g.Watched.Seconds()),
		Within:         string(g.Within),
		Output:         g.String(),
	}
	if g.Within == "" {
		seconds := func(d time.Duration) *int64 { return new(int64(d.Seconds())) }
		growth.LimitInSeconds = seconds(g.LimitIn)
		growth.SoonestSeconds = seconds(g.Soonest)
		growth.LatestSeconds = seconds(g.Latest)
	}
	return growth
}
