package health

import (
	"fmt"
	"math"
	"time"
)

// Growth is what the history says about memory that grows steadily. The zero Growth says
// nothing. No status follows from it, because a cache that is filling looks the same.
type Growth struct {
	Known          bool
	BytesPerMinute int64
	LimitBytes     int64         // the container's effective one
	Watched        time.Duration // for how long memory has grown, as far as was compared

	// The time until the limit is reached at this rate. It is not known if Within is set.
	LimitIn, Soonest, Latest time.Duration

	// Within says when the limit is reached if only the day shows the growth. Loads rise and
	// fall with the day, which puts any figure out by half.
	Within Within
}

// Within is a rough time.
type Within string

// WithinHours is up to half a day. WithinDay is more, which only a whole day of growth shows.
const (
	WithinHours Within = "hours"
	WithinDay   Within = "day"
)

// growthHold is the number of points of the hour, a minute's, at each of which memory must be
// found to grow.
const growthHold = 6

// observeGrowth updates h.Growth when a point of the hour is complete.
func (h *History) observeGrowth(in *Input) {
	g := h.findGrowth(in)
	h.growing++
	if !g.Known {
		h.growing = 0
	}
	h.Growth = Growth{}
	if h.growing >= growthHold {
		h.Growth = g
	}
}

// findGrowth returns the growth of the last hour, or else of the last day. The longest stretch
// that shows growth counts.
func (h *History) findGrowth(in *Input) Growth {
	limit := in.Memory.Container.EffectiveLimit()
	if !limit.Known {
		return Growth{}
	}
	since := int64(math.MinInt64)
	if in.App != nil { // by its age, because the clock may have been set
		since = in.Time.Unix() - int64(in.Time.Sub(in.App.Started).Seconds())
	}
	for _, points := range [...]int{360, 240, 120, 60} {
		if g := h.Hour.growth(points, since, float64(limit.Bytes)); g.Known {
			return g
		}
	}
	for _, points := range [...]int{288, 144, 72, 36} {
		if g := h.Day.growth(points, since, float64(limit.Bytes)); g.Known {
			g.Within = WithinHours
			if g.LimitIn > daySpan/2 {
				g.Within = WithinDay
			}
			g.LimitIn, g.Soonest, g.Latest = 0, 0, 0
			return g
		}
	}
	return Growth{}
}

// contradicted reports whether an input does not agree with what was found at the last point: it
// has another limit or none, or much less room is left than the growth would take by now.
func (g *Growth) contradicted(in *Input) bool {
	c := &in.Memory.Container
	if !g.Known || !c.Unreclaimable.Known {
		return false
	}
	limit := c.EffectiveLimit()
	room := float64(limit.Bytes - c.Unreclaimable.Bytes)
	return !limit.Known || limit.Bytes != g.LimitBytes || room <= 0 ||
		room < float64(g.BytesPerMinute)*g.Soonest.Minutes()/2
}

// String returns sentences for people, or "" for a growth that says nothing.
func (g Growth) String() string {
	if !g.Known {
		return ""
	}
	watched, perMinute := g.Watched.Minutes(), float64(g.BytesPerMinute)
	grown := fmt.Sprintf("%.0f minutes, by about %s per minute", watched, roundBytes(perMinute))
	if g.Within != "" {
		grown = fmt.Sprintf("%.0f hours, by about %s per hour", watched/60, roundBytes(perMinute*60))
	}
	var in string
	switch {
	case g.Within == WithinHours:
		in = "within hours"
	case g.Within == WithinDay:
		in = "within a day"
	case g.LimitIn < 2*time.Minute:
		in = "in less than 2 minutes"
	default:
		in = fmt.Sprintf("in about %d minutes (%d to %d)",
			roundMinutes(g.LimitIn), roundMinutes(g.Soonest), roundMinutes(g.Latest))
	}
	return fmt.Sprintf("Memory has grown steadily for %s. At this rate it reaches the limit of %s "+
		"%s. A cache that is filling looks the same.", grown, roundBytes(float64(g.LimitBytes)), in)
}

// roundMinutes returns whole minutes, at least 1, and from 15 on a multiple of 5.
func roundMinutes(d time.Duration) int {
	if d >= 15*time.Minute {
		return int(d.Round(5 * time.Minute).Minutes())
	}
	return max(1, int(d.Round(time.Minute).Minutes()))
}

// roundBytes returns n with about two significant digits.
func roundBytes(n float64) string {
	switch mib := n / (1 << 20); {
	case mib >= 9.95:
		return fmt.Sprintf("%.0f MiB", mib)
	case mib >= 0.95:
		return fmt.Sprintf("%.1f MiB", mib)
	}
	return fmt.Sprintf("%.0f KiB", n/(1<<10))
}
