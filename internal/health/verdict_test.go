package health

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/halobuzz/healthd/internal/memory"
)

// missing is a sample without a value.
const missing = -1.0

func repeat(n int, values ...float64) []float64 { return slices.Repeat(values, n) }

// TestCheck gives a check one value a second; want has a letter for the verdict after
// each: p, w, f.
func TestCheck(t *testing.T) {
	t.Parallel()
	p, w, f := func(n int) string { return strings.Repeat("p", n) }, func(n int) string { return strings.Repeat("w", n) }, func(n int) string { return strings.Repeat("f", n) }
	for _, tt := range []struct {
		name   string
		values [][]float64
		want   string
	}{
		{"always under", [][]float64{repeat(60, 79.999)}, p(60)},
		{"warn at the fourth sample", [][]float64{repeat(6, 80)}, p(3) + w(3)},
		{"fail at the fourth sample", [][]float64{repeat(6, 90)}, p(3) + f(3)},
		{"over the limit", [][]float64{repeat(5, 110)}, p(3) + f(2)},
		{"warn, then fail with a hold of its own", [][]float64{repeat(5, 85), repeat(5, 95)}, p(3) + w(5) + f(2)},
		{"fail holds beside warn", [][]float64{repeat(2, 85), repeat(4, 95)}, p(3) + w(2) + f(1)},
		{"one spike", [][]float64{{50, 99}, repeat(8, 50)}, p(10)},
		{"a spike of three samples", [][]float64{repeat(3, 99), repeat(5, 50)}, p(8)},
		{"spikes with a breath between", [][]float64{repeat(20, 99, 99, 99, 50)}, p(80)},
		{"a breath restarts the hold", [][]float64{repeat(3, 85), {79}, repeat(4, 85)}, p(7) + w(1)},
		{"on the line and off it", [][]float64{repeat(4, 80), repeat(30, 79.9, 80)}, p(3) + w(61)},
		{"just inside the band for ever", [][]float64{repeat(4, 80), repeat(100, 75)}, p(3) + w(101)},
		{"cleared ten seconds under the band", [][]float64{repeat(4, 80), repeat(12, 74.9)}, p(3) + w(11) + p(2)},
		{"a spike restarts the clearing", [][]float64{repeat(4, 80), repeat(10, 70), {75}, repeat(11, 70)}, p(3) + w(22) + p(1)},
		{"fail clears to warn", [][]float64{repeat(4, 95), repeat(12, 82)}, p(3) + f(11) + w(2)},
		{"fail clears to pass", [][]float64{repeat(4, 95), repeat(12, 10)}, p(3) + f(11) + p(2)},
		{"fail stays in its band", [][]float64{repeat(4, 95), repeat(30, 85)}, p(3) + f(31)},
		{"a plateau of a minute", [][]float64{repeat(60, 92)}, p(3) + f(57)},
		{"a sawtooth across warn", [][]float64{repeat(15, 70, 70, 88, 88)}, p(60)},
		{"a slow sawtooth across warn", [][]float64{repeat(4, repeat(5, 70)...), repeat(6, 88), repeat(5, 70), repeat(6, 88)}, p(23) + w(14)},
		{"missing from the start", [][]float64{repeat(20, missing)}, p(20)},
		{"missing restarts the hold", [][]float64{repeat(3, 85), {missing}, repeat(4, 85)}, p(7) + w(1)},
		{"missing keeps the verdict", [][]float64{repeat(4, 95), repeat(30, missing), repeat(2, 95)}, p(3) + f(33)},
		{"missing restarts the clearing", [][]float64{repeat(4, 95), repeat(9, 10), {missing}, repeat(11, 10)}, p(3) + f(21) + p(1)},
		{"missing for good", [][]float64{repeat(4, 95), repeat(62, missing)}, p(3) + f(61) + p(2)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newMemoryCheck(80, 90)
			var got strings.Builder
			for i, v := range slices.Concat(tt.values...) {
				// A sample comes a little early or late.
				jitter := time.Duration(i%3-1) * 200 * time.Millisecond
				c.observe(now.Add(time.Duration(i)*time.Second+jitter), v, v != missing)
				got.WriteByte(c.status()[0])
				if (c.output() == "") != (c.status() == Pass) {
					t.Errorf("sample %d: %s with output %q", i, c.status(), c.output())
				}
			}
			if got.String() != tt.want {
				t.Errorf("verdicts\n%s, want\n%s", got.String(), tt.want)
			}
		})
	}
}

// TestCheckHold: four samples at one a second, and no fewer however fast they come.
func TestCheckHold(t *testing.T) {
	t.Parallel()
	c := newMemoryCheck(80, 90)
	for ms := 0; ms < 2500; ms += 100 {
		if c.observe(now.Add(time.Duration(ms)*time.Millisecond), 99, true); c.status() != Pass {
			t.Fatalf("%s after %d ms", c.status(), ms)
		}
	}
}

func TestOutput(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		check  check
		values [][]float64
		want   string
	}{
		{"warn", newMemoryCheck(80, 90), [][]float64{repeat(4, 85.04)},
			"Memory that the kernel cannot free is 85.0 % of the container's limit, at or over the warning threshold of 80 %: give the container more memory, or find what grows"},
		{"fail", newMemoryCheck(70, 95), [][]float64{repeat(4, 97)},
			"Memory that the kernel cannot free is 97.0 % of the container's limit, at or over the failure threshold of 95 %: give the container more memory, or find what grows"},
		{"clearing", newMemoryCheck(80, 90), [][]float64{repeat(4, 85), repeat(3, 60)},
			"Memory that the kernel cannot free is 60.0 % of the container's limit, and not yet under 75 % for 10 s after it passed the warning threshold of 80 %: give the container more memory, or find what grows"},
		{"missing", newMemoryCheck(80, 90), [][]float64{repeat(4, 95), repeat(3, missing)},
			"Memory that the kernel cannot free is not known now, and was 95.0 % of the container's limit after it passed the failure threshold of 90 %: give the container more memory, or find what grows"},
		{"GOMEMLIMIT", newGoCheck(), [][]float64{repeat(4, 91)},
			"Go memory that survives a collection is 91.0 % of GOMEMLIMIT, at or over the failure threshold of 90 %: raise GOMEMLIMIT, or find what keeps the heap alive, before the collector takes the CPU"},
		{"GOMEMLIMIT warns", newGoCheck(), [][]float64{repeat(4, 55)},
			"Go memory that survives a collection is 55.0 % of GOMEMLIMIT, at or over the warning threshold of 55 %: raise GOMEMLIMIT, or find what keeps the heap alive, before the collector takes the CPU"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for i, v := range slices.Concat(tt.values...) {
				tt.check.observe(now.Add(time.Duration(i)*time.Second), v, v != missing)
			}
			if got := tt.check.output(); got != tt.want {
				t.Errorf("output\n%s, want\n%s", got, tt.want)
			}
		})
	}
}

// judge gives the report after sample has held for four seconds.
func judge(sample *memory.Sample) Report {
	r := newReporter(testOptions)
	for i := range 3 {
		r.report(sample, Connections{}, now.Add(time.Duration(i-3)*time.Second))
	}
	return r.report(sample, Connections{}, now)
}

// TestUtilization: what is a share of what.
func TestUtilization(t *testing.T) {
	t.Parallel()
	none := memory.Value{}
	container := func(workingSet, limit, high memory.Value) memory.Sample {
		return memory.Sample{RSS: 850, Container: memory.Container{Source: "cgroup2", WorkingSet: workingSet, Limit: limit, High: high}}
	}
	cached := func(workingSet, unreclaimable int64) memory.Sample {
		s := container(measured(workingSet), measured(1000), none)
		s.Container.Unreclaimable = measured(unreclaimable)
		return s
	}
	golang := func(heap int64, live memory.Value, sys, heapSys int64, limit memory.Value) memory.Sample {
		return memory.Sample{Heap: heap, HeapLive: live, Sys: sys, HeapSys: heapSys, GoLimit: limit}
	}
	for _, tt := range []struct {
		name           string
		sample         memory.Sample
		want           Status
		memory, golang float64 // observed; -1 for no check
	}{
		{"no container", memory.Sample{RSS: math.MaxInt64}, Pass, -1, -1},
		{"no limit", container(measured(1000), none, none), Pass, -1, -1},
		{"empty", container(measured(0), measured(1000), none), Pass, 0, -1},
		{"under", container(measured(799), measured(1000), none), Pass, 79.9, -1},
		{"judged unrounded", container(measured(79_999), measured(100_000), none), Pass, 80, -1},
		{"warn", container(measured(800), measured(1000), none), Warn, 80, -1},
		{"fail", container(measured(900), measured(1000), none), Fail, 90, -1},
		{"high counts", container(measured(799), measured(1000), measured(800)), Fail, 99.9, -1},
		{"active page cache does not count", cached(930, 20), Pass, 2, -1},
		{"what cannot be freed counts", cached(930, 900), Fail, 90, -1},
		{"RSS without a working set", container(none, measured(1000), none), Warn, 85, -1},
		{"Go, no collection yet", golang(700, none, 150, 100, measured(1000)), Warn, -1, 75},
		{"Go, under", golang(0, measured(449), 900, 800, measured(1000)), Pass, -1, 54.9},
		{"Go, live heap and what is not heap", golang(999, measured(500), 900, 600, measured(1000)), Warn, -1, 80},
		{"Go, measured zero live", golang(999, measured(0), 1000, 900, measured(1000)), Pass, -1, 10},
		{"Go, dead heap does not count", golang(980, measured(300), 1000, 980, measured(1000)), Pass, -1, 32},
		{"Go, fail", golang(0, measured(880), 1000, 980, measured(1000)), Fail, -1, 90},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := judge(&tt.sample)
			if r.Status != tt.want || (r.Output == "") != (tt.want == Pass) {
				t.Errorf("%s %q, want %s", r.Status, r.Output, tt.want)
			}
			for _, c := range []struct {
				name string
				rows []Check
				want float64
			}{{"memory", r.Checks.Memory, tt.memory}, {"gomemlimit", r.Checks.GoMemLimit, tt.golang}} {
				switch {
				case c.want < 0 && c.rows != nil:
					t.Errorf("%s:utilization is %+v, want none", c.name, c.rows)
				case c.want >= 0 && (len(c.rows) != 1 || *c.rows[0].ObservedValue != c.want || c.rows[0].Status != tt.want):
					t.Errorf("%s:utilization is %+v, want %v and %s", c.name, c.rows, c.want, tt.want)
				}
			}
		})
	}
}

// TestMemoryOutput: the reason names what was judged, and keeps the name while nothing is known.
func TestMemoryOutput(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		container memory.Container
		want      string // how the reason starts
	}{
		{"all known", memory.Container{Unreclaimable: measured(95), WorkingSet: measured(99)}, "Memory that the kernel cannot free is 95.0 %"},
		{"no unreclaimable", memory.Container{WorkingSet: measured(99)}, "The working set is 99.0 %"},
		{"neither", memory.Container{}, "Resident memory is 97.0 %"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := memory.Sample{RSS: 97, Container: tt.container}
			s.Container.Limit = measured(100)
			r := newReporter(testOptions)
			var got string
			for i := range 4 {
				got = r.report(&s, Connections{}, now.Add(time.Duration(i)*time.Second)).Output
			}
			if !strings.HasPrefix(got, tt.want) {
				t.Errorf("output %q, want %q…", got, tt.want)
			}
			subject, _, _ := strings.Cut(tt.want, " is ")
			got = r.report(&memory.Sample{}, Connections{}, now.Add(4*time.Second)).Output
			if want := subject + " is not known now"; !strings.HasPrefix(got, want) {
				t.Errorf("output %q, want %q…", got, want)
			}
		})
	}
}

// TestWorstCounts: the whole is the worst of its checks, with that one's reason.
func TestWorstCounts(t *testing.T) {
	t.Parallel()
	at := func(workingSet, live int64) memory.Sample {
		return memory.Sample{HeapLive: measured(live), GoLimit: measured(100),
			Container: memory.Container{Source: "cgroup2", WorkingSet: measured(workingSet), Limit: measured(100)}}
	}
	for _, tt := range []struct {
		workingSet, live int64
		want             Status
		output           string // how it starts
	}{
		{10, 10, Pass, ""},
		{85, 10, Warn, "The working set"},
		{10, 80, Warn, "Go memory"},
		{85, 80, Warn, "The working set"},
		{85, 95, Fail, "Go memory"},
		{95, 80, Fail, "The working set"},
		{95, 95, Fail, "The working set"},
	} {
		sample := at(tt.workingSet, tt.live)
		if r := judge(&sample); r.Status != tt.want || !strings.HasPrefix(r.Output, tt.output) {
			t.Errorf("%d %% and %d %%: %s %q, want %s %q…", tt.workingSet, tt.live, r.Status, r.Output, tt.want, tt.output)
		}
	}
}

// TestLimitLowered: a limit that falls below what is in use is judged like use that rises.
func TestLimitLowered(t *testing.T) {
	t.Parallel()
	r := newReporter(testOptions)
	var got strings.Builder
	for i := range 24 {
		limit := int64(1000)
		if i >= 4 && i < 9 {
			limit = 500
		}
		s := memory.Sample{Container: memory.Container{Source: "cgroup2", WorkingSet: measured(470), Limit: measured(limit)}}
		got.WriteByte(r.report(&s, Connections{}, now.Add(time.Duration(i)*time.Second)).Status[0])
	}
	if want := "ppppppp" + strings.Repeat("f", 12) + "ppppp"; got.String() != want {
		t.Errorf("verdicts %s, want %s", got.String(), want)
	}
}

// TestStatusOutlivesValue: the report says which check is behind its status.
func TestStatusOutlivesValue(t *testing.T) {
	t.Parallel()
	r := newReporter(testOptions)
	s := memory.Sample{Container: memory.Container{Source: "cgroup2", WorkingSet: measured(95), Limit: measured(100)}}
	for i := range 4 {
		r.report(&s, Connections{}, now.Add(time.Duration(i)*time.Second))
	}
	rep := r.report(&memory.Sample{}, Connections{}, now.Add(4*time.Second))
	if c := rep.Checks.Memory; rep.Status != Fail || len(c) != 1 || c[0].Status != Fail || c[0].ObservedValue != nil {
		t.Errorf("%s with %+v, want fail without an observed value", rep.Status, c)
	}
}
