package health

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/halobuzz/healthd/internal/memory"
)

// missing is an unknown value.
const missing = -1.0

func repeat(n int, values ...float64) []float64 { return slices.Repeat(values, n) }

// TestCheckStatus observes one value a second. want has the letter of the status after each: p,
// w or f.
func TestCheckStatus(t *testing.T) {
	t.Parallel()
	p := func(n int) string { return strings.Repeat("p", n) }
	w := func(n int) string { return strings.Repeat("w", n) }
	f := func(n int) string { return strings.Repeat("f", n) }
	type values = [][]float64
	for _, tt := range []struct {
		name   string
		values values
		want   string
	}{
		{"always under", values{repeat(60, 79.999)}, p(60)},
		{"warn at the fourth sample", values{repeat(6, 80)}, p(3) + w(3)},
		{"fail at the fourth sample", values{repeat(6, 90)}, p(3) + f(3)},
		{"over the limit", values{repeat(5, 110)}, p(3) + f(2)},
		{"fail has a hold of its own", values{repeat(5, 85), repeat(5, 95)}, p(3) + w(5) + f(2)},
		{"fail holds beside warn", values{repeat(2, 85), repeat(4, 95)}, p(3) + w(2) + f(1)},
		{"one spike", values{{50, 99}, repeat(8, 50)}, p(10)},
		{"a spike of three samples", values{repeat(3, 99), repeat(5, 50)}, p(8)},
		{"spikes with a breath between", values{repeat(20, 99, 99, 99, 50)}, p(80)},
		{"a breath restarts the hold", values{repeat(3, 85), {79}, repeat(4, 85)}, p(7) + w(1)},
		{"on the line and off it", values{repeat(4, 80), repeat(30, 79.9, 80)}, p(3) + w(61)},
		{"just inside the band", values{repeat(4, 80), repeat(100, 75)}, p(3) + w(101)},
		{"10 s under the band", values{repeat(4, 80), repeat(12, 74.9)}, p(3) + w(11) + p(2)},
		{
			"a spike restarts the clearing",
			values{repeat(4, 80), repeat(10, 70), {75}, repeat(11, 70)}, p(3) + w(22) + p(1),
		},
		{"fail clears to warn", values{repeat(4, 95), repeat(12, 82)}, p(3) + f(11) + w(2)},
		{"fail clears to pass", values{repeat(4, 95), repeat(12, 10)}, p(3) + f(11) + p(2)},
		{"fail stays in its band", values{repeat(4, 95), repeat(30, 85)}, p(3) + f(31)},
		{"a plateau of a minute", values{repeat(60, 92)}, p(3) + f(57)},
		{"a sawtooth across warn", values{repeat(15, 70, 70, 88, 88)}, p(60)},
		{
			"a slow sawtooth across warn",
			values{repeat(20, 70), repeat(6, 88), repeat(5, 70), repeat(6, 88)}, p(23) + w(14),
		},
		{"missing from the start", values{repeat(20, missing)}, p(20)},
		{
			"missing restarts the hold",
			values{repeat(3, 85), {missing}, repeat(4, 85)}, p(7) + w(1),
		},
		{
			"missing keeps the status",
			values{repeat(4, 95), repeat(30, missing), repeat(2, 95)}, p(3) + f(33),
		},
		{
			"missing restarts the clearing",
			values{repeat(4, 95), repeat(9, 10), {missing}, repeat(11, 10)}, p(3) + f(21) + p(1),
		},
		{"missing for good", values{repeat(4, 95), repeat(62, missing)}, p(3) + f(61) + p(2)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newMemoryCheck(testRules)
			var got strings.Builder
			for i, v := range slices.Concat(tt.values...) {
				// A sample comes a little early or late.
				jitter := time.Duration(i%3-1) * 200 * time.Millisecond
				c.observe(after(i).Add(jitter), v, v != missing)
				got.WriteByte(letter(c.status()))
				if (c.reason() == "") != (c.status() == Pass) {
					t.Errorf("reason() of %v at sample %d = %q", c.status(), i, c.reason())
				}
			}
			if got.String() != tt.want {
				t.Errorf("statuses =\n%s, want\n%s", got.String(), tt.want)
			}
		})
	}
}

// TestCheckHold has samples in quick succession, which do not shorten the hold.
func TestCheckHold(t *testing.T) {
	t.Parallel()
	c := newMemoryCheck(testRules)
	for ms := 0; ms < 2500; ms += 100 {
		c.observe(start.Add(time.Duration(ms)*time.Millisecond), 99, true)
		if got := c.status(); got != Pass {
			t.Fatalf("status() after %d ms = %v, want %v", ms, got, Pass)
		}
	}
}

func TestCheckReason(t *testing.T) {
	t.Parallel()
	const memoryAdvice = " Give the container more memory, or find what is growing."
	const goAdvice = " Raise GOMEMLIMIT, or find what keeps the heap alive."
	for _, tt := range []struct {
		name   string
		check  check
		values [][]float64
		want   string
	}{
		{
			"warn", newMemoryCheck(testRules), [][]float64{repeat(4, 85.04)},
			"Memory that the kernel cannot free is 85.0% of the container's limit " +
				"(warning threshold 80%)." + memoryAdvice,
		},
		{
			"fail", newMemoryCheck(Rules{WarnPercent: 70, FailPercent: 95}), [][]float64{repeat(4, 97)},
			"Memory that the kernel cannot free is 97.0% of the container's limit " +
				"(failure threshold 95%)." + memoryAdvice,
		},
		{
			"clearing", newMemoryCheck(testRules), [][]float64{repeat(4, 85), repeat(3, 60)},
			"Memory that the kernel cannot free is 60.0% of the container's limit; the status " +
				"clears after 10 s below 75% (warning threshold 80%)." + memoryAdvice,
		},
		{
			"missing", newMemoryCheck(testRules), [][]float64{repeat(4, 95), repeat(3, missing)},
			"Memory that the kernel cannot free cannot be measured; the last value was 95.0% " +
				"of the container's limit (failure threshold 90%)." + memoryAdvice,
		},
		{
			"Go fails", newGoMemoryCheck(), [][]float64{repeat(4, 91)},
			"Live Go memory is 91.0% of GOMEMLIMIT (failure threshold 90%)." + goAdvice,
		},
		{
			"Go warns", newGoMemoryCheck(), [][]float64{repeat(4, 55)},
			"Live Go memory is 55.0% of GOMEMLIMIT (warning threshold 55%)." + goAdvice,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for i, v := range slices.Concat(tt.values...) {
				tt.check.observe(after(i), v, v != missing)
			}
			if got := tt.check.reason(); got != tt.want {
				t.Errorf("reason() =\n%s, want\n%s", got, tt.want)
			}
		})
	}
}

// TestMemoryReason names what was judged, and keeps the name while nothing is known.
func TestMemoryReason(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		container memory.Container
		subject   string
		percent   string
	}{
		{
			"all known", memory.Container{Unreclaimable: known(95), WorkingSet: known(99)},
			"Memory that the kernel cannot free", "95.0%",
		},
		{
			"no unreclaimable memory", memory.Container{WorkingSet: known(99)},
			"The working set", "99.0%",
		},
		{"neither", memory.Container{}, "Resident memory", "97.0%"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := Input{Memory: memory.Sample{RSSBytes: 97, Container: tt.container}}
			in.Memory.Container.Limit = known(100)
			j := NewJudge(testRules)
			got := judgeSeconds(j, 0, 4, in).Reason
			if want := tt.subject + " is " + tt.percent; !strings.HasPrefix(got, want) {
				t.Errorf("Judge().Reason = %q, want %q…", got, want)
			}
			got = judgeSeconds(j, 4, 1, Input{}).Reason
			want := tt.subject + " cannot be measured; the last value was " + tt.percent
			if !strings.HasPrefix(got, want) {
				t.Errorf("Judge(nothing known).Reason = %q, want %q…", got, want)
			}
		})
	}
}
