package memory

import (
	"runtime"
	"runtime/debug"
	"time"
)

// Releaser decides when memory that a burst of connections left behind goes back to the
// kernel. The runtime's own scavenger keeps what a past peak needed: after 4,000
// connections closed, RSS stood at 84 MB for over a minute.
type Releaser struct {
	base     int64     // Sample.Go at start, or after the last release
	above    time.Time // since when Sample.Go has stood above base; zero when it does not
	peak     int       // most connections since then
	released time.Time
}

const (
	releaseOver  = 1 << 20 // bytes above base
	releaseAfter = 30 * time.Second
	releaseEvery = time.Minute
)

// Observe takes a sample's Go memory and the number of open connections, and says
// whether to Release before the next.
func (r *Releaser) Observe(now time.Time, goBytes int64, open int) bool {
	if r.base == 0 {
		r.base = goBytes
	}
	r.peak = max(r.peak, open)
	if goBytes-r.base < releaseOver {
		r.above = time.Time{}
		return false
	}
	if r.above.IsZero() {
		r.above = now
	}
	return now.Sub(r.above) >= releaseAfter && now.Sub(r.released) >= releaseEvery && open*4 < r.peak
}

// Release gives back what can be: one collection would leave the victims that sync.Pool
// keeps for one more, and FreeOSMemory begins with the second.
func (r *Releaser) Release(now time.Time) {
	runtime.GC()
	debug.FreeOSMemory()
	*r = Releaser{released: now}
}
