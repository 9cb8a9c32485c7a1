package health

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/halobuzz/healthd/internal/memory"
)

// History is the last hour and the last day, as one line of JSON in columns. It is encoded
// when it is asked for, once for each point of the hour: at most once in 10 s.
func (m *Monitor) History() *Document {
	return m.historyDoc.get(m.history.points, func(int64) *Document { return m.history.encode() })
}

// The columns of a point. Of a measured value the last one in the step comes first, then
// the lowest, then the highest.
const (
	columnTime = iota // when the step began, in Unix seconds
	columnHeap
	_
	_
	columnRSS
	_
	_
	columnWorkingSet
	_
	_
	columnLimit
	columns
)

var columnNames = [columns]string{
	"timeUnixSeconds",
	"heapBytes", "heapMinBytes", "heapMaxBytes",
	"rssBytes", "rssMinBytes", "rssMaxBytes",
	"workingSetBytes", "workingSetMinBytes", "workingSetMaxBytes",
	"limitBytes",
}

// unknown stands in a point for what was not measured; the JSON says null.
const unknown = -1

// point is what one step saw.
type point [columns]int64

func newPoint(time int64) point {
	var p point
	for i := range p {
		p[i] = unknown
	}
	p[columnTime] = time
	return p
}

// take adds a value to its three columns.
func (p *point) take(column int, v memory.Value) {
	if !v.OK {
		return
	}
	last, lowest, highest := &p[column], &p[column+1], &p[column+2]
	if *last == unknown {
		*lowest, *highest = v.N, v.N
	}
	*last, *lowest, *highest = v.N, min(*lowest, v.N), max(*highest, v.N)
}

// ring keeps the newest values, as many as it was made for.
type ring[T any] struct {
	slots    []T
	first, n int
}

func newRing[T any](size int) ring[T] { return ring[T]{slots: make([]T, size)} }

// at is the value at i, the oldest of n being at 0.
func (r *ring[T]) at(i int) *T { return &r.slots[(r.first+i)%len(r.slots)] }

func (r *ring[T]) push(v T) {
	if r.n == len(r.slots) {
		r.dropFirst()
	}
	r.n++
	*r.at(r.n - 1) = v
}

func (r *ring[T]) dropFirst() {
	r.first = (r.first + 1) % len(r.slots)
	r.n--
}

// series is a ring of complete points, with the point that is being filled.
type series struct {
	ring[point]
	step   int64 // seconds
	filled point
}

func newSeries(step, span time.Duration) series {
	return series{ring: newRing[point](int(span / step)), step: int64(step / time.Second), filled: newPoint(unknown)}
}

// observe adds a sample, and says whether that completed a point.
func (s *series) observe(unix int64, sample *memory.Sample) (completed bool) {
	at := unix / s.step * s.step
	switch filled := s.filled[columnTime]; {
	case filled == unknown: // the first sample
		s.filled = newPoint(at)
	case at > filled:
		s.push(s.filled)
		s.filled = newPoint(at)
		completed = true
		// No more than a full ring holds, unless the clock was set forward.
		for s.n > 0 && s.at(0)[columnTime] < at-s.step*int64(len(s.slots)) {
			s.dropFirst()
		}
	case at < filled-s.step:
		// The clock was set back, and not by the moment of a correction. What it had
		// called later than now must go, or the times would not ascend.
		for s.n > 0 && s.at(s.n - 1)[columnTime] >= at {
			s.n--
		}
		s.filled = newPoint(at)
	}
	p := &s.filled
	p.take(columnHeap, number(sample.Heap))
	p.take(columnRSS, memory.Value{N: sample.RSS, OK: sample.RSSSource == "kernel"})
	p.take(columnWorkingSet, sample.Container.WorkingSet)
	p[columnLimit] = unknown
	if limit := sample.Container.Limit; limit.OK {
		p[columnLimit] = limit.N
	}
	return completed
}

func (s *series) appendJSON(b []byte) []byte {
	b = append(b, `{"stepSeconds":`...)
	b = strconv.AppendInt(b, s.step, 10)
	for column, name := range columnNames {
		b = append(b, `,"`...)
		b = append(b, name...)
		b = append(b, `":`...)
		b = appendArray(b, s.n, func(b []byte, i int) []byte {
			if v := s.at(i)[column]; v != unknown {
				return strconv.AppendInt(b, v, 10)
			}
			return append(b, "null"...)
		})
	}
	return append(b, '}')
}

func appendArray(b []byte, n int, element func(b []byte, i int) []byte) []byte {
	b = append(b, '[')
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		b = element(b, i)
	}
	return append(b, ']')
}

// change is a status that followed another one.
type change struct {
	time   int64 // Unix seconds
	status Status
}

// changesKept is 10 minutes' worth of a verdict that flaps as fast as it can.
const changesKept = 100

// daySpan is how far back history reaches.
const daySpan = 24 * time.Hour

// history is a fixed piece of memory, and small: it lives where memory is short.
type history struct {
	mu        sync.Mutex
	hour, day series
	changes   ring[change]
	status    Status
	at        time.Time // of the last sample
	completed int64     // points of the hour, those that the ring has lost included
}

func newHistory() *history {
	return &history{
		hour:    newSeries(10*time.Second, time.Hour),
		day:     newSeries(5*time.Minute, daySpan),
		changes: newRing[change](changesKept),
		status:  Pass,
	}
}

// observe adds a sample, and the status that it led to.
func (h *history) observe(now time.Time, sample *memory.Sample, status Status) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.hour.observe(now.Unix(), sample) {
		h.completed++
	}
	h.day.observe(now.Unix(), sample)
	h.adjustChanges(now.Unix())
	if stale := h.at.Add(staleAfter); !h.at.IsZero() && now.After(stale) {
		h.changes.push(change{stale.Unix(), Fail}) // which the sampler could not say then
		h.status = Fail
	}
	h.at = now
	if status != h.status {
		h.changes.push(change{now.Unix(), status})
		h.status = status
	}
}

// adjustChanges drops the changes that the clock, set forward or back, puts outside the
// last day, but never the status that they led to.
func (h *history) adjustChanges(unix int64) {
	status := Pass // which the service starts with
	for h.changes.n > 0 && h.changes.at(h.changes.n-1).time > unix {
		h.changes.n--
	}
	if h.changes.n > 0 {
		status = h.changes.at(h.changes.n - 1).status
	}
	if status != h.status {
		h.changes.push(change{unix, h.status})
	}
	// The newest one that is older than a day says with which status the day began.
	for h.changes.n > 1 && h.changes.at(1).time < unix-int64(daySpan/time.Second) {
		h.changes.dropFirst()
	}
}

func (h *history) points() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.completed
}

// encode writes the JSON itself: encoding/json would need the columns first, and holds
// the whole twice more. There are but whole numbers and the three words of Status in it.
func (h *history) encode() *Document {
	h.mu.Lock()
	defer h.mu.Unlock()
	const each = 10 // bytes of a number, mostly, with its comma
	b := make([]byte, 0, 1<<10+each*columns*(h.hour.n+h.day.n)+2*each*h.changes.n)
	b = append(b, `{"version":"1","time":"`...)
	b = time.Now().UTC().AppendFormat(b, time.RFC3339)
	b = append(b, `","hour":`...)
	b = h.hour.appendJSON(b)
	b = append(b, `,"day":`...)
	b = h.day.appendJSON(b)
	b = append(b, `,"changes":{"timeUnixSeconds":`...)
	b = appendArray(b, h.changes.n, func(b []byte, i int) []byte { return strconv.AppendInt(b, h.changes.at(i).time, 10) })
	b = append(b, `,"status":`...)
	b = appendArray(b, h.changes.n, func(b []byte, i int) []byte { return strconv.AppendQuote(b, string(h.changes.at(i).status)) })
	b = append(b, "}}\n"...)
	d := NewText(http.StatusOK, "application/json", b)
	return &d
}
