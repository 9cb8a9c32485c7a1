package health

import (
	"time"

	"github.com/halobuzz/healthd/internal/memory"
)

// Unknown stands for a value that was not measured.
const Unknown = -1

// Extent is what one step saw of a value, in bytes, or Unknown.
type Extent struct{ Last, Min, Max int64 }

func (e *Extent) add(s memory.Size) {
	if !s.Known {
		return
	}
	if e.Last == Unknown {
		e.Min, e.Max = s.Bytes, s.Bytes
	}
	e.Last, e.Min, e.Max = s.Bytes, min(e.Min, s.Bytes), max(e.Max, s.Bytes)
}

// Point is one step of a series.
type Point struct {
	Start                                int64 // Unix seconds
	Heap, RSS, WorkingSet, Unreclaimable Extent

	// The last value alone, or Unknown.
	AppBytes   int64 // anonymous memory of the command's processes
	LimitBytes int64 // the container's
}

func newPoint(start int64) Point {
	none := Extent{Unknown, Unknown, Unknown}
	return Point{
		Start: start,
		Heap:  none, RSS: none, WorkingSet: none, Unreclaimable: none,
		AppBytes: Unknown, LimitBytes: Unknown,
	}
}

func (p *Point) add(in *Input) {
	m, c := &in.Memory, &in.Memory.Container
	p.Heap.add(memory.Size{Bytes: m.HeapBytes, Known: true})
	p.RSS.add(memory.Size{Bytes: m.RSSBytes, Known: m.RSSSource == memory.KernelRSS})
	p.WorkingSet.add(c.WorkingSet)
	p.Unreclaimable.add(c.Unreclaimable)
	p.AppBytes, p.LimitBytes = orUnknown(in.AppAnon()), orUnknown(c.Limit)
}

// orUnknown returns the bytes of a size, or Unknown.
func orUnknown(s memory.Size) int64 {
	if !s.Known {
		return Unknown
	}
	return s.Bytes
}

// Series is a ring of completed points, beside the one that is being filled.
type Series struct {
	Ring[Point]
	StepSeconds int64
	current     Point
	setBack     int64 // start of the first point after the clock was set back
}

func newSeries(step, span time.Duration) Series {
	return Series{
		Ring:        newRing[Point](int(span / step)),
		StepSeconds: int64(step / time.Second),
		current:     newPoint(Unknown),
	}
}

// add adds an input, and reports whether that completed a point.
func (s *Series) add(in *Input) (completed bool) {
	start := in.Time.Unix() / s.StepSeconds * s.StepSeconds
	switch current := s.current.Start; {
	case current == Unknown: // the first sample
		s.current = newPoint(start)
	case start > current:
		s.push(s.current)
		s.current = newPoint(start)
		completed = true
		// If the clock was set forward, the ring holds points that are too old.
		for s.len > 0 && s.At(0).Start < start-s.StepSeconds*int64(len(s.slots)) {
			s.dropOldest()
		}
	case start < current-s.StepSeconds:
		// The clock was set back by more than a correction. Points in what is now the
		// future are dropped, so that the times ascend.
		for s.len > 0 && s.At(s.len-1).Start >= start {
			s.dropNewest()
		}
		s.current, s.setBack = newPoint(start), start
	}
	s.current.add(in)
	return completed
}

// Change is a status that followed another one.
type Change struct {
	Time   int64 // Unix seconds
	Status Status
}

// maxChanges is 10 minutes of a status that flaps as fast as it can.
const maxChanges = 100

const daySpan = 24 * time.Hour

// History is the use of memory and the changes of the status over the last hour and day. It
// takes a fixed 80 KB.
type History struct {
	Hour, Day Series
	Changes   Ring[Change]
	Growth    Growth
	growing   int // points of the hour in a row at which memory was found to grow
	status    Status
	lastTime  time.Time
}

// NewHistory returns an empty History.
func NewHistory() *History {
	return &History{
		Hour:    newSeries(10*time.Second, time.Hour),
		Day:     newSeries(5*time.Minute, daySpan),
		Changes: newRing[Change](maxChanges),
	}
}

// Observe adds a state, and reports whether that completed a point of the hour.
func (h *History) Observe(s *State) (completed bool) {
	completed = h.Hour.add(&s.Input)
	h.Day.add(&s.Input)
	if completed {
		h.observeGrowth(&s.Input)
	}
	if h.Growth.contradicted(&s.Input) {
		h.Growth, h.growing = Growth{}, 0
	}
	h.dropChanges(s.Time.Unix())
	if stale := h.lastTime.Add(StaleAfter); !h.lastTime.IsZero() && s.Time.After(stale) {
		// Recorded now, because nothing was observed at the time.
		h.record(stale.Unix(), Fail)
	}
	h.lastTime = s.Time
	if !s.Provisional() {
		h.record(s.Time.Unix(), s.Status)
	}
	return completed
}

func (h *History) record(unix int64, status Status) {
	if status != h.status {
		h.Changes.push(Change{unix, status})
		h.status = status
	}
}

// dropChanges drops the changes that a clock set forward or back puts outside the last day,
// but never the status that they led to.
func (h *History) dropChanges(unix int64) {
	for h.Changes.len > 0 && h.Changes.At(h.Changes.len-1).Time > unix {
		h.Changes.dropNewest()
	}
	last := Pass // at the start
	if h.Changes.len > 0 {
		last = h.Changes.At(h.Changes.len - 1).Status
	}
	if last != h.status {
		h.Changes.push(Change{unix, h.status})
	}
	// The newest of those older than a day has the status that the day began with.
	for h.Changes.len > 1 && h.Changes.At(1).Time < unix-int64(daySpan/time.Second) {
		h.Changes.dropOldest()
	}
}
