package health

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/halobuzz/healthd/internal/app"
	"github.com/halobuzz/healthd/internal/memory"
)

// stateAt returns a state of n bytes of heap, twice of RSS, three times of working set, four
// times of unreclaimable memory and five times of the app's.
func stateAt(unix, n int64, status Status) *State {
	return &State{
		Input: Input{
			Time: time.Unix(unix, 0),
			Memory: memory.Sample{
				HeapBytes: n, RSSBytes: 2 * n, RSSSource: memory.KernelRSS,
				Container: memory.Container{
					WorkingSet: known(3 * n), Unreclaimable: known(4 * n), Limit: known(1000),
				},
			},
			App: &App{Processes: app.Processes{PIDs: []int{7}, AnonBytes: 5 * n}},
		},
		Status: status,
	}
}

// values returns the values of a ring, from the oldest.
func values[T any](r *Ring[T]) []T {
	all := make([]T, 0, r.Len())
	for i := range r.Len() {
		all = append(all, *r.At(i))
	}
	return all
}

// starts returns the times of the points of a series.
func starts(s *Series) []int64 {
	var all []int64
	for _, p := range values(&s.Ring) {
		all = append(all, p.Start)
	}
	return all
}

// TestHistoryPoints has the last, lowest and highest value of each step.
func TestHistoryPoints(t *testing.T) {
	t.Parallel()
	h := NewHistory()
	if h.Hour.StepSeconds != 10 || h.Day.StepSeconds != 300 {
		t.Errorf("NewHistory() has steps of %d s and %d s, want 10 and 300",
			h.Hour.StepSeconds, h.Day.StepSeconds)
	}
	var completed []int64
	observe := func(s *State) {
		if h.Observe(s) {
			completed = append(completed, s.Time.Unix())
		}
	}
	for i, n := range []int64{5, 9, 3, 7, 1} {
		observe(stateAt(1003+3*int64(i), n, Pass))
	}
	unmeasured := &State{Input: Input{
		Time:   time.Unix(1020, 0),
		Memory: memory.Sample{RSSBytes: 8, RSSSource: memory.RuntimeRSS},
	}}
	observe(unmeasured)
	observe(stateAt(1200, 2, Pass))

	unknown := Extent{Unknown, Unknown, Unknown}
	hour := []Point{
		{1000, Extent{3, 3, 9}, Extent{6, 6, 18}, Extent{9, 9, 27}, Extent{12, 12, 36}, 15, 1000},
		{1010, Extent{1, 1, 7}, Extent{2, 2, 14}, Extent{3, 3, 21}, Extent{4, 4, 28}, 5, 1000},
		{1020, Extent{0, 0, 0}, unknown, unknown, unknown, Unknown, Unknown},
	}
	day := []Point{{900, Extent{0, 0, 9}, Extent{2, 2, 18}, Extent{3, 3, 27}, Extent{4, 4, 36},
		Unknown, Unknown}}
	if got := values(&h.Hour.Ring); !slices.Equal(got, hour) {
		t.Errorf("Hour = %+v, want %+v", got, hour)
	}
	if got := values(&h.Day.Ring); !slices.Equal(got, day) {
		t.Errorf("Day = %+v, want %+v", got, day)
	}
	if want := []int64{1012, 1020, 1200}; !slices.Equal(completed, want) {
		t.Errorf("Observe() = true at %v, want %v", completed, want)
	}
}

// TestHistoryWraps observes two days, and compares what is left of them with the samples.
func TestHistoryWraps(t *testing.T) {
	t.Parallel()
	h := NewHistory()
	random := rand.New(rand.NewPCG(1, 2))
	const first, seconds = 1_800_000_007, 2 * 24 * 3600
	heap := make([]int64, seconds)
	for i := range heap {
		heap[i] = random.Int64N(1 << 40)
		status := Pass
		if i%1000 >= 500 {
			status = Fail
		}
		h.Observe(stateAt(first+int64(i), heap[i], status))
	}
	for _, tt := range []struct {
		name   string
		series *Series
		points int
	}{{"Hour", &h.Hour, 360}, {"Day", &h.Day, 288}} {
		step := tt.series.StepSeconds
		if got := tt.series.Len(); got != tt.points {
			t.Fatalf("%s.Len() = %d, want %d", tt.name, got, tt.points)
		}
		newest := int64(first+seconds-1) / step * step // not complete
		for i, got := range values(&tt.series.Ring) {
			start := newest - step*int64(tt.points-i)
			seen := heap[start-first : start-first+step]
			last, least, most := seen[len(seen)-1], slices.Min(seen), slices.Max(seen)
			want := Point{
				Start:         start,
				Heap:          Extent{last, least, most},
				RSS:           Extent{2 * last, 2 * least, 2 * most},
				WorkingSet:    Extent{3 * last, 3 * least, 3 * most},
				Unreclaimable: Extent{4 * last, 4 * least, 4 * most},
				AppBytes:      5 * last,
				LimitBytes:    1000,
			}
			if got != want {
				t.Fatalf("%s.At(%d) = %+v, want %+v", tt.name, i, got, want)
			}
		}
	}
	if got := h.Changes.Len(); got != maxChanges {
		t.Errorf("Changes.Len() = %d, want %d", got, maxChanges)
	}
	last := h.Changes.At(h.Changes.Len()-1).Time - first
	if last%500 != 0 || seconds-last > 500 {
		t.Errorf("the last change is at %d of %d, want the last multiple of 500", last, seconds)
	}
}

// TestHistoryClock sets the clock. Whatever it does, the times ascend.
func TestHistoryClock(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		clock []int64
		want  []int64
	}{
		{"steady", []int64{100, 105, 110, 115, 120}, []int64{100, 110}},
		{"no sample in a step", []int64{100, 125, 130}, []int64{100, 120}},
		{"a year forward", []int64{100, 110, 31536000, 31536010}, []int64{31536000}},
		{"an hour forward", []int64{100, 110, 3700, 3710}, []int64{110, 3700}},
		{"not quite an hour forward", []int64{100, 110, 3690, 3700}, []int64{100, 110, 3690}},
		{"decades forward", []int64{100, 1_800_000_000, 1_800_000_010}, []int64{1_800_000_000}},
		{"a moment back", []int64{100, 110, 120, 119, 121, 130}, []int64{100, 110, 120}},
		{"within a step", []int64{100, 110, 119, 111, 120}, []int64{100, 110}},
		{"back among the points", []int64{100, 110, 120, 130, 140, 115, 120}, []int64{100, 110}},
		{"a year back", []int64{31536000, 31536010, 100, 110}, []int64{100}},
		{"forward and back", []int64{100, 110, 120, 31536000, 31536010, 130, 140}, []int64{130}},
		{"the epoch", []int64{0, 5, 10, 20}, []int64{0, 10}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := NewHistory()
			for _, unix := range tt.clock {
				h.Observe(stateAt(unix, 1, Pass))
			}
			if got := starts(&h.Hour); !slices.Equal(got, tt.want) {
				t.Errorf("points at %v = %v, want %v", tt.clock, got, tt.want)
			}
		})
	}
}

// TestHistoryAscends sets the clock at random, forward and back.
func TestHistoryAscends(t *testing.T) {
	t.Parallel()
	h := NewHistory()
	random := rand.New(rand.NewPCG(3, 4))
	unix := int64(1_800_000_000)
	for range 100_000 {
		unix++
		if random.IntN(500) == 0 {
			unix += random.Int64N(2000) - 1000
		}
		h.Observe(stateAt(unix, 1, Pass))
		for _, s := range []*Series{&h.Hour, &h.Day} {
			n := s.Len()
			if n > 1 && s.At(n-2).Start >= s.At(n-1).Start ||
				n > 0 && s.At(n-1).Start >= s.current.Start {
				t.Fatalf("points at %d = %v, %d, want ascending times",
					unix, starts(s), s.current.Start)
			}
		}
	}
}

// TestHistoryIsSmall holds it to what a container of 32 MiB can spare.
func TestHistoryIsSmall(t *testing.T) {
	t.Parallel()
	h := NewHistory()
	size := unsafe.Sizeof(*h)
	for _, s := range []*Series{&h.Hour, &h.Day} {
		size += uintptr(cap(s.slots)) * unsafe.Sizeof(s.slots[0])
	}
	size += uintptr(cap(h.Changes.slots)) * unsafe.Sizeof(h.Changes.slots[0])
	t.Logf("size of NewHistory() = %d", size)
	if size > 84<<10 {
		t.Errorf("size of NewHistory() = %d, want at most %d", size, 84<<10)
	}
}

func TestHistoryAllocs(t *testing.T) {
	h := NewHistory()
	for i := range int64(2 * 24 * 3600) {
		h.Observe(stateAt(1_800_000_000+i, 20_000_000+i, Status(i/1000%2)))
	}
	s := stateAt(2_000_000_000, 1, Pass)
	got := testing.AllocsPerRun(1000, func() {
		s.Time = s.Time.Add(time.Second)
		h.Observe(s)
	})
	if got > 0 {
		t.Errorf("AllocsPerRun(Observe) = %v, want 0", got)
	}
}
