package memory

import (
	"runtime"
	"runtime/debug"
	"time"
)

// Releaser returns memory to the kernel when connections have closed. The runtime's own
// scavenger keeps as much as the last peak needed: after 4,000 connections closed, RSS stood
// at 84 MB for over a minute.
type Releaser struct {
	baseBytes  int64     // GoBytes at the start or after the last release
	aboveSince time.Time // when GoBytes rose above baseBytes; zero if it is not above
	peak       int       // most open connections since the start or the last release
	releasedAt time.Time
	due        bool
}

const (
	releaseBytes = 1 << 20 // above baseBytes
	releaseAfter = 30 * time.Second
	releaseEvery = time.Minute
)

// Observe decides from a sample's GoBytes and the number of open connections whether memory
// is to be released.
func (r *Releaser) Observe(now time.Time, goBytes int64, open int) {
	if r.baseBytes == 0 {
		r.baseBytes = goBytes
	}
	r.peak = max(r.peak, open)
	if goBytes-r.baseBytes < releaseBytes {
		r.aboveSince, r.due = time.Time{}, false
		return
	}
	if r.aboveSince.IsZero() {
		r.aboveSince = now
	}
	r.due = now.Sub(r.aboveSince) >= releaseAfter &&
		now.Sub(r.releasedAt) >= releaseEvery && (open == 0 || open*4 < r.peak)
}

// ReleaseIfDue releases memory if the last call of Observe decided so, and reports whether
// it did. It collects twice, because a single collection leaves what sync.Pool keeps for one
// more; FreeOSMemory starts with the second.
func (r *Releaser) ReleaseIfDue(now time.Time) bool {
	if !r.due {
		return false
	}
	runtime.GC()
	debug.FreeOSMemory()
	*r = Releaser{releasedAt: now}
	return true
}
