package report

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/halobuzz/healthd/internal/app"
	"github.com/halobuzz/healthd/internal/health"
	"github.com/halobuzz/healthd/internal/memory"
)

// usage returns a state with sizes that derive from n.
func usage(unix, n int64, status health.Status) *health.State {
	s := &health.State{Status: status}
	s.Time = time.Unix(unix, 0)
	s.Memory = memory.Sample{HeapBytes: n, RSSBytes: 2 * n, RSSSource: memory.KernelRSS,
		Container: memory.Container{
			WorkingSet: size(3 * n), Unreclaimable: size(4 * n), Limit: size(1000)}}
	s.App = &health.App{Processes: app.Processes{PIDs: []int{7}, AnonBytes: 5 * n}}
	return s
}

func TestWriteHistory(t *testing.T) {
	t.Parallel()
	at := time.Date(2000, 1, 1, 1, 0, 0, 5, time.FixedZone("", 3600)) // written in UTC
	h := health.NewHistory()
	d := WriteHistory(h, at)
	if d.Code != 200 {
		t.Errorf("code = %d, want 200", d.Code)
	}
	checkHeaders(t, "history", d, "application/json")
	compareGolden(t, "empty.history", d)

	for i, n := range []int64{5, 9, 3, 7, 1} {
		status := health.Pass
		if i == 2 {
			status = health.Warn
		}
		h.Observe(usage(1003+3*int64(i), n, status))
	}
	unknown := usage(1020, 0, health.Pass)
	unknown.Memory = memory.Sample{RSSBytes: 8, RSSSource: memory.RuntimeRSS}
	unknown.App = &health.App{} // without a process
	h.Observe(unknown)
	h.Observe(usage(1200, 2, health.Fail))
	compareGolden(t, "some.history", WriteHistory(h, at))
}

// historyDocument is the JSON of a history, decoded strictly.
type historyDocument struct {
	Version   string
	Time      time.Time
	Hour, Day map[string]json.RawMessage
	Changes   struct {
		TimeUnixSeconds []int64
		Status          []string
	}
}

// observeDays feeds two days of random sizes to a history.
func observeDays() *health.History {
	h := health.NewHistory()
	random := rand.New(rand.NewPCG(1, 2))
	for i := range int64(2 * 24 * 3600) {
		status := health.Pass
		if i%1000 >= 500 {
			status = health.Fail
		}
		s := usage(1_800_000_007+i, random.Int64N(1<<40), status)
		if i%7000 < 700 {
			s.Memory.Container, s.App = memory.Container{}, nil
		}
		h.Observe(s)
	}
	return h
}

// TestHistoryColumns holds every column of a full history against its points.
func TestHistoryColumns(t *testing.T) {
	t.Parallel()
	h := observeDays()
	text := body(WriteHistory(h, now))
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	var doc historyDocument
	if err := decoder.Decode(&doc); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if want := now.Truncate(time.Second); doc.Version != "1" || !doc.Time.Equal(want) {
		t.Errorf("version %q of %v, want 1 of %v", doc.Version, doc.Time, want)
	}
	compareSeries(t, "hour", doc.Hour, &h.Hour)
	compareSeries(t, "day", doc.Day, &h.Day)

	var times []int64
	var statuses []string
	for i := range h.Changes.Len() {
		times = append(times, h.Changes.At(i).Time)
		statuses = append(statuses, h.Changes.At(i).Status.String())
	}
	if !slices.Equal(doc.Changes.TimeUnixSeconds, times) ||
		!slices.Equal(doc.Changes.Status, statuses) {
		t.Errorf("changes = %+v, want %v and %v", doc.Changes, times, statuses)
	}
}

func compareSeries(
	t *testing.T, name string, got map[string]json.RawMessage, s *health.Series,
) {
	t.Helper()
	want := map[string][]int64{}
	for i := range s.Len() {
		p := s.At(i)
		for column, value := range map[string]int64{
			"timeUnixSeconds": p.Start,
			"heapBytes":       p.Heap.Last, "heapMinBytes": p.Heap.Min, "heapMaxBytes": p.Heap.Max,
			"rssBytes": p.RSS.Last, "rssMinBytes": p.RSS.Min, "rssMaxBytes": p.RSS.Max,
			"workingSetBytes":    p.WorkingSet.Last,
			"workingSetMinBytes": p.WorkingSet.Min,
			"workingSetMaxBytes": p.WorkingSet.Max,

			"unreclaimableBytes":    p.Unreclaimable.Last,
			"unreclaimableMinBytes": p.Unreclaimable.Min,
			"unreclaimableMaxBytes": p.Unreclaimable.Max,
			"appBytes":              p.AppBytes,
			"limitBytes":            p.LimitBytes,
		} {
			want[column] = append(want[column], value)
		}
	}
	if step := string(got["stepSeconds"]); step != fmt.Sprint(s.StepSeconds) {
		t.Errorf("%s: stepSeconds = %s, want %d", name, step, s.StepSeconds)
	}
	if len(got) != len(want)+1 {
		t.Errorf("%s has %d columns, want %d", name, len(got)-1, len(want))
	}
	for column, values := range want {
		var decoded []*int64
		if err := json.Unmarshal(got[column], &decoded); err != nil {
			t.Errorf("%s: %s: %v", name, column, err)
		}
		if !slices.EqualFunc(decoded, values, equalOrNull) {
			t.Errorf("%s: %s = %s, want %v", name, column, got[column], values)
		}
	}
}

// equalOrNull reports whether got is want, or null if that is unknown.
func equalOrNull(got *int64, want int64) bool {
	if got == nil {
		return want == health.Unknown
	}
	return *got == want && want != health.Unknown
}

// BenchmarkHistory writes a full history once.
func BenchmarkHistory(b *testing.B) {
	h := observeDays()
	b.ReportAllocs()
	var d *Document
	for b.Loop() {
		d = WriteHistory(h, now)
	}
	b.ReportMetric(float64(len(body(d))), "bytes")
}
