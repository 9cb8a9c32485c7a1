package health

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/halobuzz/healthd/internal/memory"
)

var testRules = Rules{WarnPercent: 80, FailPercent: 90}

// start is the time of the first input.
var start = time.Date(2026, 11, 23, 16, 19, 29, 0, time.UTC)

func after(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }

func known(n int64) memory.Size { return memory.Size{Bytes: n, Known: true} }

// judgeSeconds judges in once a second, and returns the last state.
func judgeSeconds(j *Judge, from, n int, in Input) *State {
	var s *State
	for i := range n {
		in.Time = after(from + i)
		s = j.Judge(in)
	}
	return s
}

// letter returns p, w or f.
func letter(s Status) byte { return s.String()[0] }

// usedOf returns an input with a container whose memory can all be judged.
func usedOf(used, limit int64) Input {
	return Input{Memory: memory.Sample{Container: memory.Container{
		Source: memory.Cgroup2, WorkingSet: known(used), Limit: known(limit),
	}}}
}

// TestJudge has each value for as long as it takes to exceed a threshold.
func TestJudge(t *testing.T) {
	t.Parallel()
	unknown := memory.Size{}
	container := func(workingSet, limit, high memory.Size) Input {
		return Input{Memory: memory.Sample{RSSBytes: 850, Container: memory.Container{
			Source: memory.Cgroup2, WorkingSet: workingSet, Limit: limit, High: high,
		}}}
	}
	cached := func(workingSet, unreclaimable int64) Input {
		in := container(known(workingSet), known(1000), unknown)
		in.Memory.Container.Unreclaimable = known(unreclaimable)
		return in
	}
	golang := func(heap int64, live memory.Size, sys, heapSys int64) Input {
		return Input{
			Memory: memory.Sample{
				HeapBytes: heap, HeapLive: live, SysBytes: sys, HeapSysBytes: heapSys,
			},
			GoLimit: memory.GoLimit{Size: known(1000), Source: memory.ConfiguredLimit},
		}
	}
	const none = -1 // no check
	for _, tt := range []struct {
		name           string
		in             Input
		want           Status
		memory, golang float64
	}{
		{"no container", Input{Memory: memory.Sample{RSSBytes: math.MaxInt64}}, Pass, none, none},
		{"no limit", container(known(1000), unknown, unknown), Pass, none, none},
		{"empty", container(known(0), known(1000), unknown), Pass, 0, none},
		{"under", container(known(799), known(1000), unknown), Pass, 79.9, none},
		{"just under", container(known(79_999), known(100_000), unknown), Pass, 79.999, none},
		{"warn", container(known(800), known(1000), unknown), Warn, 80, none},
		{"fail", container(known(900), known(1000), unknown), Fail, 90, none},
		{"high counts", container(known(799), known(1000), known(800)), Fail, 99.875, none},
		{"active page cache does not count", cached(930, 20), Pass, 2, none},
		{"unreclaimable memory counts", cached(930, 900), Fail, 90, none},
		{"RSS alone", container(unknown, known(1000), unknown), Warn, 85, none},
		{"Go, no collection yet", golang(700, unknown, 150, 100), Warn, none, 75},
		{"Go, under", golang(0, known(449), 900, 800), Pass, none, 54.9},
		{"Go, live heap and no heap", golang(999, known(500), 900, 600), Warn, none, 80},
		{"Go, measured zero live", golang(999, known(0), 1000, 900), Pass, none, 10},
		{"Go, dead heap does not count", golang(980, known(300), 1000, 980), Pass, none, 32},
		{"Go, fail", golang(0, known(880), 1000, 980), Fail, none, 90},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := judgeSeconds(NewJudge(testRules), 0, 4, tt.in)
			var want []Check
			for _, c := range []Check{
				{Name: "memory:utilization", Value: tt.memory},
				{Name: "gomemlimit:utilization", Value: tt.golang},
			} {
				if c.Value != none {
					c.Kind, c.Unit, c.Known, c.Status = "system", "percent", true, tt.want
					c.Reason = got.Reason // TestCheckReason has the words
					c.Time = got.Time
					want = append(want, c)
				}
			}
			if got.Status != tt.want || (got.Reason == "") != (tt.want == Pass) ||
				!slices.Equal(got.Checks, want) {
				t.Errorf("Judge(%+v) = %v, %q, %+v, want %v, %+v",
					tt.in, got.Status, got.Reason, got.Checks, tt.want, want)
			}
		})
	}
}

// TestJudgeInput keeps the whole input in the state.
func TestJudgeInput(t *testing.T) {
	t.Parallel()
	in := usedOf(10, 100)
	in.Time, in.Released, in.Draining = after(0), true, true
	in.Connections = Connections{Open: 1, Limit: 512, Evicted: 3}
	in.GoLimit = memory.GoLimit{Size: known(5), Source: memory.ContainerLimit}
	if got := NewJudge(testRules).Judge(in).Input; !reflect.DeepEqual(got, in) {
		t.Errorf("Judge(%+v).Input = %+v, want the same", in, got)
	}
}

// TestJudgeWorst has both checks, of which the worse one decides the status and the reason.
func TestJudgeWorst(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		used, live int64
		want       Status
		reason     string // its beginning
	}{
		{10, 10, Pass, ""},
		{85, 10, Warn, "The working set is 85.0%"},
		{10, 80, Warn, "Live Go memory is 80.0%"},
		{85, 80, Warn, "The working set is 85.0%"},
		{85, 95, Fail, "Live Go memory is 95.0%"},
		{95, 80, Fail, "The working set is 95.0%"},
		{95, 95, Fail, "The working set is 95.0%"},
	} {
		in := usedOf(tt.used, 100)
		in.Memory.HeapLive, in.GoLimit.Size = known(tt.live), known(100)
		got := judgeSeconds(NewJudge(testRules), 0, 4, in)
		if got.Status != tt.want || !strings.HasPrefix(got.Reason, tt.reason) {
			t.Errorf("Judge(%d%% and %d%%) = %v, %q, want %v, %q…",
				tt.used, tt.live, got.Status, got.Reason, tt.want, tt.reason)
		}
	}
}

// TestJudgeLimitLowered lowers a limit below the use, which is judged like use that rises.
func TestJudgeLimitLowered(t *testing.T) {
	t.Parallel()
	j := NewJudge(testRules)
	var got strings.Builder
	for i := range 24 {
		limit := int64(1000)
		if i >= 4 && i < 9 {
			limit = 500
		}
		got.WriteByte(letter(judgeSeconds(j, i, 1, usedOf(470, limit)).Status))
	}
	if want := "ppppppp" + strings.Repeat("f", 12) + "ppppp"; got.String() != want {
		t.Errorf("statuses = %s, want %s", got.String(), want)
	}
}

// TestJudgeUnknown keeps the check of a status whose value is unknown.
func TestJudgeUnknown(t *testing.T) {
	t.Parallel()
	j := NewJudge(testRules)
	judgeSeconds(j, 0, 4, usedOf(95, 100))
	got := judgeSeconds(j, 4, 1, Input{})
	want := []Check{{
		Name: "memory:utilization", Kind: "system", Unit: "percent",
		Time: got.Time, Status: Fail, Reason: got.Reason,
	}}
	if got.Status != Fail || got.Reason == "" || !slices.Equal(got.Checks, want) {
		t.Errorf("Judge(nothing known) = %v, %q, %+v, want %v, %+v",
			got.Status, got.Reason, got.Checks, Fail, want)
	}
}

// TestJudgeImmutable leaves the states of the past alone.
func TestJudgeImmutable(t *testing.T) {
	t.Parallel()
	j := NewJudge(testRules)
	first := judgeSeconds(j, 0, 4, usedOf(85, 100))
	before := *first
	before.Checks = slices.Clone(first.Checks)
	judgeSeconds(j, 4, 8, usedOf(95, 100))
	if first.Status != before.Status || !slices.Equal(first.Checks, before.Checks) {
		t.Errorf("an earlier state = %+v, want %+v as it was", *first, before)
	}
}
