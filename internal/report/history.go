package report

import (
	"net/http"
	"strconv"
	"time"

	"github.com/halobuzz/healthd/internal/health"
)

// columns are the history's columns, in their order, each with its value in a point.
var columns = [...]struct {
	name  string
	value func(*health.Point) int64
}{
	{"timeUnixSeconds", func(p *health.Point) int64 { return p.Start }},
	{"heapBytes", func(p *health.Point) int64 { return p.Heap.Last }},
	{"heapMinBytes", func(p *health.Point) int64 { return p.Heap.Min }},
	{"heapMaxBytes", func(p *health.Point) int64 { return p.Heap.Max }},
	{"rssBytes", func(p *health.Point) int64 { return p.RSS.Last }},
	{"rssMinBytes", func(p *health.Point) int64 { return p.RSS.Min }},
	{"rssMaxBytes", func(p *health.Point) int64 { return p.RSS.Max }},
	{"workingSetBytes", func(p *health.Point) int64 { return p.WorkingSet.Last }},
	{"workingSetMinBytes", func(p *health.Point) int64 { return p.WorkingSet.Min }},
	{"workingSetMaxBytes", func(p *health.Point) int64 { return p.WorkingSet.Max }},
	{"unreclaimableBytes", func(p *health.Point) int64 { return p.Unreclaimable.Last }},
	{"unreclaimableMinBytes", func(p *health.Point) int64 { return p.Unreclaimable.Min }},
	{"unreclaimableMaxBytes", func(p *health.Point) int64 { return p.Unreclaimable.Max }},
	{"appBytes", func(p *health.Point) int64 { return p.AppBytes }},
	{"limitBytes", func(p *health.Point) int64 { return p.LimitBytes }},
}

// WriteHistory writes h as JSON, in columns. It does not use encoding/json, which would need
// the columns as slices first and hold the whole twice more.
func WriteHistory(h *health.History, now time.Time) *Document {
	const numberBytes = 10 // of most numbers, with a comma
	points := h.Hour.Len() + h.Day.Len()
	b := make([]byte, 0, 1<<10+numberBytes*(len(columns)*points+2*h.Changes.Len()))
	b = append(b, `{"version":"1","time":"`...)
	b = now.UTC().AppendFormat(b, time.RFC3339)
	b = append(b, `","hour":`...)
	b = appendSeries(b, &h.Hour)
	b = append(b, `,"day":`...)
	b = appendSeries(b, &h.Day)
	b = append(b, `,"changes":{"timeUnixSeconds":`...)
	b = appendArray(b, h.Changes.Len(), func(b []byte, i int) []byte {
		return strconv.AppendInt(b, h.Changes.At(i).Time, 10)
	})
	b = append(b, `,"status":`...)
	b = appendArray(b, h.Changes.Len(), func(b []byte, i int) []byte {
		return strconv.AppendQuote(b, h.Changes.At(i).Status.String())
	})
	b = append(b, "}}\n"...)
	return newDocument(http.StatusOK, jsonType, string(b))
}

func appendSeries(b []byte, s *health.Series) []byte {
	b = append(b, `{"stepSeconds":`...)
	b = strconv.AppendInt(b, s.StepSeconds, 10)
	for _, column := range columns {
		b = append(b, `,"`...)
		b = append(b, column.name...)
		b = append(b, `":`...)
		b = appendArray(b, s.Len(), func(b []byte, i int) []byte {
			if v := column.value(s.At(i)); v != health.Unknown {
				return strconv.AppendInt(b, v, 10)
			}
			return append(b, "null"...)
		})
	}
	return append(b, '}')
}

// appendArray appends a JSON array of n elements.
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
