package health

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/halobuzz/healthd/internal/memory"
)

// historyDocument is the JSON of History, read strictly.
type historyDocument struct {
	Version string
	Time    time.Time
	Hour    historySeries
	Day     historySeries
	Changes struct {
		TimeUnixSeconds []int64
		Status          []Status
	}
}

type historySeries struct {
	StepSeconds                                             int64
	TimeUnixSeconds                                         []int64
	HeapBytes, HeapMinBytes, HeapMaxBytes                   []*int64
	RSSBytes, RSSMinBytes, RSSMaxBytes                      []*int64
	WorkingSetBytes, WorkingSetMinBytes, WorkingSetMaxBytes []*int64
	LimitBytes                                              []*int64
}

func (h *history) decode(t *testing.T) historyDocument {
	t.Helper()
	body := string(h.encode().Body)
	d := json.NewDecoder(strings.NewReader(body))
	d.DisallowUnknownFields()
	var doc historyDocument
	if err := d.Decode(&doc); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	for _, s := range []historySeries{doc.Hour, doc.Day} {
		v := reflect.ValueOf(s)
		for i := 1; i < v.NumField(); i++ {
			if f := v.Field(i); f.IsNil() || f.Len() != len(s.TimeUnixSeconds) {
				t.Errorf("%s is nil or of length %d, want %d", v.Type().Field(i).Name, f.Len(), len(s.TimeUnixSeconds))
			}
		}
	}
	return doc
}

func sized(n int64) *memory.Sample {
	return &memory.Sample{Heap: n, RSS: 2 * n, RSSSource: "kernel",
		Container: memory.Container{WorkingSet: measured(3 * n), Limit: measured(1000)}}
}

// TestHistoryDocument is the contract: every name, its place and its form.
func TestHistoryDocument(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHistory()
		const empty = `"timeUnixSeconds":[],"heapBytes":[],"heapMinBytes":[],"heapMaxBytes":[],"rssBytes":[],"rssMinBytes":[],"rssMaxBytes":[],` +
			`"workingSetBytes":[],"workingSetMinBytes":[],"workingSetMaxBytes":[],"limitBytes":[]}`
		want := `{"version":"1","time":"2000-01-01T00:00:00Z","hour":{"stepSeconds":10,` + empty + `,"day":{"stepSeconds":300,` + empty +
			`,"changes":{"timeUnixSeconds":[],"status":[]}}` + "\n"
		d := h.encode()
		if string(d.Body) != want {
			t.Errorf("encoded\n%s, want\n%s", d.Body, want)
		}
		if d.Code != 200 || d.Length[0] != fmt.Sprint(len(want)) || d.Type[0] != "application/json" {
			t.Errorf("code %d, length %s, type %s", d.Code, d.Length, d.Type)
		}
		for i, n := range []int64{5, 9, 3, 7, 1} {
			status := Pass
			if i == 2 {
				status = Warn
			}
			h.observe(time.Unix(1003+3*int64(i), 0), sized(n), status)
		}
		h.observe(time.Unix(1020, 0), &memory.Sample{RSS: 8, RSSSource: "runtime"}, Pass)
		h.observe(time.Unix(1200, 0), sized(2), Fail)
		want = `{"version":"1","time":"2000-01-01T00:00:00Z","hour":{"stepSeconds":10,"timeUnixSeconds":[1000,1010,1020],` +
			`"heapBytes":[3,1,0],"heapMinBytes":[3,1,0],"heapMaxBytes":[9,7,0],"rssBytes":[6,2,null],"rssMinBytes":[6,2,null],"rssMaxBytes":[18,14,null],` +
			`"workingSetBytes":[9,3,null],"workingSetMinBytes":[9,3,null],"workingSetMaxBytes":[27,21,null],"limitBytes":[1000,1000,null]},` +
			`"day":{"stepSeconds":300,"timeUnixSeconds":[900],"heapBytes":[0],"heapMinBytes":[0],"heapMaxBytes":[9],"rssBytes":[2],"rssMinBytes":[2],"rssMaxBytes":[18],` +
			`"workingSetBytes":[3],"workingSetMinBytes":[3],"workingSetMaxBytes":[27],"limitBytes":[null]},` +
			`"changes":{"timeUnixSeconds":[1009,1012,1030],"status":["warn","pass","fail"]}}` + "\n"
		if got := string(h.encode().Body); got != want {
			t.Errorf("encoded\n%s, want\n%s", got, want)
		}
	})
}

// TestHistoryChanges: no change lies in the future, and a stuck sampler's failure is one.
func TestHistoryChanges(t *testing.T) {
	t.Parallel()
	type sample struct {
		unix   int64
		status Status
	}
	for _, tt := range []struct {
		name    string
		samples []sample
		times   []int64
		want    []Status
	}{
		{"none", []sample{{100, Pass}, {101, Pass}}, []int64{}, []Status{}},
		{"warn and back", []sample{{100, Pass}, {101, Warn}, {102, Pass}}, []int64{101, 102}, []Status{Warn, Pass}},
		{"clock set back", []sample{{100, Pass}, {101, Warn}, {50, Warn}, {51, Fail}}, []int64{50, 51}, []Status{Warn, Fail}},
		{"clock set back after a pass", []sample{{100, Pass}, {101, Warn}, {102, Pass}, {50, Pass}}, []int64{}, []Status{}},
		{"clock set back between changes", []sample{{100, Pass}, {101, Warn}, {105, Pass}, {109, Fail}, {106, Fail}}, []int64{101, 105, 106}, []Status{Warn, Pass, Fail}},
		{"clock set back to the same status", []sample{{100, Pass}, {101, Warn}, {105, Pass}, {109, Warn}, {103, Warn}}, []int64{101}, []Status{Warn}},
		{"stuck", []sample{{100, Pass}, {150, Pass}}, []int64{110, 150}, []Status{Fail, Pass}},
		{"stuck while it warned", []sample{{99, Pass}, {100, Warn}, {150, Warn}}, []int64{100, 110, 150}, []Status{Warn, Fail, Warn}},
		{"late and not stuck", []sample{{100, Pass}, {110, Pass}}, []int64{}, []Status{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHistory()
			for _, s := range tt.samples {
				h.observe(time.Unix(s.unix, 0), sized(1), s.status)
			}
			if got := h.decode(t).Changes; !slices.Equal(got.TimeUnixSeconds, tt.times) || !slices.Equal(got.Status, tt.want) {
				t.Errorf("changes %v %v, want %v %v", got.TimeUnixSeconds, got.Status, tt.times, tt.want)
			}
		})
	}
}

// TestHistoryChangesByClock: the clock jumps from one sample to the next. Of the changes the
// last day's remain, and always the one that led to the status at its start.
func TestHistoryChangesByClock(t *testing.T) {
	t.Parallel()
	type sample struct {
		unix   int64
		status Status
	}
	for _, tt := range []struct {
		name    string
		samples []sample
		times   []int64
		want    []Status
	}{
		{"older than a day", []sample{{100, Pass}, {101, Warn}, {102, Pass}, {103, Fail}, {103 + 86401, Fail}}, []int64{103}, []Status{Fail}},
		{"the status at the start of the day", []sample{{100, Pass}, {101, Warn}, {102, Fail}, {50000, Pass}, {102 + 86401, Pass}}, []int64{102, 50000}, []Status{Fail, Pass}},
		{"clock set forward by years", []sample{{100, Pass}, {101, Warn}, {102, Fail}, {1_800_000_000, Fail}, {1_800_000_001, Pass}}, []int64{102, 1_800_000_001}, []Status{Fail, Pass}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHistory()
			for _, s := range tt.samples {
				h.at = time.Time{} // or the jump would count as a stuck sampler, without a monotonic clock
				h.observe(time.Unix(s.unix, 0), sized(1), s.status)
			}
			if got := h.decode(t).Changes; !slices.Equal(got.TimeUnixSeconds, tt.times) || !slices.Equal(got.Status, tt.want) {
				t.Errorf("changes %v %v, want %v %v", got.TimeUnixSeconds, got.Status, tt.times, tt.want)
			}
		})
	}
}

// TestHistoryWraps feeds two days, and holds what is left against the samples.
func TestHistoryWraps(t *testing.T) {
	t.Parallel()
	h := newHistory()
	random := rand.New(rand.NewPCG(1, 2))
	const start, seconds = 1_800_000_007, 2 * 24 * 3600
	heap := make([]int64, seconds)
	for i := range heap {
		heap[i] = random.Int64N(1 << 40)
		status := Pass
		if i%1000 >= 500 {
			status = Fail
		}
		h.observe(time.Unix(start+int64(i), 0), sized(heap[i]), status)
	}
	doc := h.decode(t)
	for _, tt := range []struct {
		name   string
		series historySeries
		points int
	}{{"hour", doc.Hour, 360}, {"day", doc.Day, 288}} {
		s := tt.series
		if len(s.TimeUnixSeconds) != tt.points {
			t.Fatalf("the %s has %d points, want %d", tt.name, len(s.TimeUnixSeconds), tt.points)
		}
		newest := int64(start+seconds-1) / s.StepSeconds * s.StepSeconds // not complete
		for i, at := range s.TimeUnixSeconds {
			if want := newest - s.StepSeconds*int64(tt.points-i); at != want {
				t.Fatalf("the %s's point %d is at %d, want %d", tt.name, i, at, want)
			}
			seen := heap[at-start : at-start+s.StepSeconds]
			for _, v := range []struct {
				name      string
				got, want int64
			}{
				{"heap", *s.HeapBytes[i], seen[len(seen)-1]},
				{"least heap", *s.HeapMinBytes[i], slices.Min(seen)},
				{"most heap", *s.HeapMaxBytes[i], slices.Max(seen)},
				{"rss", *s.RSSBytes[i], 2 * seen[len(seen)-1]},
				{"least rss", *s.RSSMinBytes[i], 2 * slices.Min(seen)},
				{"most working set", *s.WorkingSetMaxBytes[i], 3 * slices.Max(seen)},
				{"limit", *s.LimitBytes[i], 1000},
			} {
				if v.got != v.want {
					t.Errorf("the %s's point %d has %s %d, want %d", tt.name, i, v.name, v.got, v.want)
				}
			}
		}
	}
	if n := len(doc.Changes.Status); n != changesKept || len(doc.Changes.TimeUnixSeconds) != n {
		t.Errorf("%d changes, want %d", n, changesKept)
	}
	last := len(doc.Changes.Status) - 1
	if at := doc.Changes.TimeUnixSeconds[last]; (at-start)%500 != 0 || start+seconds-at > 500 {
		t.Errorf("the last change is at %d of %d", at-start, seconds)
	}
}

// TestHistoryClock: whatever the clock does, the times ascend and the last sample's is
// the newest. Each row is a sequence of clock readings and the points that it leaves.
func TestHistoryClock(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		clock  []int64
		points []int64
	}{
		{"steady", []int64{100, 105, 110, 115, 120}, []int64{100, 110}},
		{"no sample in a step", []int64{100, 125, 130}, []int64{100, 120}},
		{"a year forward", []int64{100, 110, 31536000, 31536010}, []int64{31536000}},
		{"an hour forward", []int64{100, 110, 3700, 3710}, []int64{110, 3700}},
		{"not quite an hour forward", []int64{100, 110, 3690, 3700}, []int64{100, 110, 3690}},
		{"decades forward, at the first sample", []int64{100, 1_800_000_000, 1_800_000_010}, []int64{1_800_000_000}},
		{"a moment back", []int64{100, 110, 120, 119, 121, 130}, []int64{100, 110, 120}},
		{"within a step", []int64{100, 110, 119, 111, 120}, []int64{100, 110}},
		{"back among the points", []int64{100, 110, 120, 130, 140, 115, 120}, []int64{100, 110}},
		{"a year back", []int64{31536000, 31536010, 100, 110}, []int64{100}},
		{"forward and back", []int64{100, 110, 120, 31536000, 31536010, 130, 140}, []int64{130}},
		{"the epoch", []int64{0, 5, 10, 20}, []int64{0, 10}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHistory()
			for _, unix := range tt.clock {
				h.observe(time.Unix(unix, 0), sized(1), Pass)
			}
			if got := h.decode(t).Hour.TimeUnixSeconds; !slices.Equal(got, tt.points) {
				t.Errorf("points at %v, want %v", got, tt.points)
			}
		})
	}
	h := newHistory()
	random := rand.New(rand.NewPCG(3, 4))
	unix := int64(1_800_000_000)
	for range 100_000 {
		unix++
		if random.IntN(500) == 0 {
			unix += random.Int64N(2000) - 1000
		}
		h.observe(time.Unix(unix, 0), sized(1), Pass)
		for _, s := range []*series{&h.hour, &h.day} {
			if s.n > 1 && s.at(s.n - 2)[columnTime] >= s.at(s.n - 1)[columnTime] || s.n > 0 && s.at(s.n - 1)[columnTime] >= s.filled[columnTime] {
				t.Fatalf("at %d: times do not ascend", unix)
			}
		}
	}
}

// TestHistoryIsSmall: it lives in containers of 32 MiB.
func TestHistoryIsSmall(t *testing.T) {
	t.Parallel()
	h := newHistory()
	size := unsafe.Sizeof(*h)
	for _, s := range []series{h.hour, h.day} {
		size += uintptr(cap(s.slots)) * unsafe.Sizeof(s.slots[0])
	}
	size += uintptr(cap(h.changes.slots)) * unsafe.Sizeof(h.changes.slots[0])
	t.Logf("%d bytes", size)
	if size > 64<<10 {
		t.Errorf("history takes %d bytes, want at most %d", size, 64<<10)
	}
}

// TestHistoryOnce: at most one encoding in 10 s, on a simulated clock.
func TestHistoryOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newSystem(100).monitor()
		docs := map[*Document]bool{}
		for range 60 {
			docs[m.History()] = true
			time.Sleep(Period)
			m.sample()
		}
		if len(docs) != 6 {
			t.Errorf("encoded %d times in a minute, want 6", len(docs))
		}
		if got := m.history.decode(t); len(got.Hour.TimeUnixSeconds) != 6 || *got.Hour.WorkingSetBytes[0] != 100 || *got.Hour.LimitBytes[5] != 1000 {
			t.Errorf("after a minute: %+v", got)
		}
	})
}

// TestHistoryTellsChanges: the verdicts are the published ones.
func TestHistoryTellsChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newSystem(100).monitor()
		var want []Status
		last := Pass
		for i := range 120 {
			time.Sleep(Period)
			m.reader = memory.NewReader(newSystem([]int{100, 950}[i/40%2]), math.MaxInt64)
			m.sample()
			if status := m.State().Status; status != last {
				want = append(want, status)
				last = status
			}
		}
		if got := m.history.decode(t).Changes.Status; len(want) < 2 || !slices.Equal(got, want) {
			t.Errorf("changes %v, want %v", got, want)
		}
	})
}

func fullHistory() *history {
	h := newHistory()
	for i := range int64(2 * 24 * 3600) {
		h.observe(time.Unix(1_800_000_000+i, 0), sized(20_000_000+i), []Status{Pass, Warn}[i/1000%2])
	}
	return h
}

func TestHistoryAllocs(t *testing.T) {
	h := fullHistory()
	unix := int64(2_000_000_000)
	if n := testing.AllocsPerRun(1000, func() { h.observe(time.Unix(unix, 0), sized(1), Pass); unix++ }); n > 0 {
		t.Errorf("observe allocates %v times, want 0", n)
	}
}

// BenchmarkHistory is one encoding of a full one.
func BenchmarkHistory(b *testing.B) {
	h := fullHistory()
	b.ReportAllocs()
	var d *Document
	for b.Loop() {
		d = h.encode()
	}
	b.ReportMetric(float64(len(d.Body)), "bytes")
}
