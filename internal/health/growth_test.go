package health

import (
	"strings"
	"testing"
	"time"
)

// TestGrowthHold needs six points in a row at which memory grows, and one at which it does not.
func TestGrowthHold(t *testing.T) {
	t.Parallel()
	const first, limit = 1_800_000_000, 80 * mib
	h := NewHistory()
	grows := func(point int, unreclaimable int64) bool {
		h.Observe(&State{Input: using(first+10*int64(point), unreclaimable, limit)})
		return h.Growth.Known
	}
	point, bytes := 0, int64(30*mib)
	for ; point <= 60+growthHold-2; point++ {
		bytes += mib / 2
		if grows(point, bytes) {
			t.Fatalf("memory grows at point %d, want silence for %d", point, 60+growthHold-1)
		}
	}
	if bytes += mib / 2; !grows(point, bytes) {
		t.Fatalf("memory does not grow at point %d", point)
	}
	// The point is judged when the next one begins.
	grows(point+1, 0)
	if grows(point+2, bytes) {
		t.Errorf("memory grows after it fell")
	}
}

func TestGrowthString(t *testing.T) {
	t.Parallel()
	hour := Growth{
		Known: true, BytesPerMinute: 3250585, LimitBytes: 256 * mib, Watched: 40 * time.Minute,
		LimitIn: 36 * time.Minute, Soonest: 25 * time.Minute, Latest: 51 * time.Minute,
	}
	soon, now := hour, hour
	soon.BytesPerMinute, soon.LimitBytes = 300<<10, 250e6
	soon.LimitIn, soon.Soonest, soon.Latest = 2*time.Minute, 0, 9*time.Minute
	now.BytesPerMinute, now.LimitIn, now.Soonest = 30*mib, time.Minute, 0
	hours := Growth{
		Known: true, BytesPerMinute: mib / 10, LimitBytes: 2 << 30, Watched: 12 * time.Hour,
		Within: WithinHours,
	}
	day := hours
	day.BytesPerMinute, day.Watched, day.Within = 5000, 24*time.Hour, WithinDay
	const begin, end = "Memory has grown steadily for ", " A cache that is filling looks the same."
	for _, tt := range []struct {
		growth Growth
		want   string
	}{
		{hour, "40 minutes, by about 3.1 MiB per minute. At this rate it reaches the limit of " +
			"256 MiB in about 35 minutes (25 to 50)."},
		{soon, "40 minutes, by about 300 KiB per minute. At this rate it reaches the limit of " +
			"238 MiB in about 2 minutes (1 to 9)."},
		{now, "40 minutes, by about 30 MiB per minute. At this rate it reaches the limit of " +
			"256 MiB in less than 2 minutes."},
		{hours, "12 hours, by about 6.0 MiB per hour. At this rate it reaches the limit of " +
			"2048 MiB within hours."},
		{day, "24 hours, by about 293 KiB per hour. At this rate it reaches the limit of " +
			"2048 MiB within a day."},
	} {
		if got := tt.growth.String(); got != begin+tt.want+end {
			t.Errorf("String() = %q, want %q", got, begin+tt.want+end)
		}
	}
	if got := (Growth{}).String(); got != "" {
		t.Errorf("String() = %q, want none", got)
	}
}

// FuzzGrowth plays a step per byte: most are a change of the memory, the highest ones gaps and
// clocks that are set.
func FuzzGrowth(f *testing.F) {
	ramp := strings.Repeat("p", 100)
	f.Add([]byte(ramp), int64(90*mib), int64(64<<10), false)
	f.Add([]byte(ramp), int64(90*mib), int64(64<<10), true)
	f.Add([]byte(strings.Repeat("e", 30)+ramp), int64(60*mib), int64(64<<10), false)
	f.Add([]byte(ramp+"\xff"+ramp), int64(1<<40), int64(1<<30), false)
	f.Add([]byte(ramp+"\xfe"+ramp+"\xfd"), int64(1), int64(1), true)
	f.Add([]byte(strings.Repeat("pzq\x00", 100)), int64(64*mib), int64(mib), false)
	f.Add([]byte(strings.Repeat("n", 500)), int64(0), int64(1<<40), true)
	f.Fuzz(func(t *testing.T, steps []byte, limit, scale int64, day bool) {
		// No machine has more memory.
		const most = 1 << 50
		limit, scale = limit&(most-1), scale&(most>>12-1)
		unix, bytes, step := int64(1_800_000_000), int64(0), int64(10)
		if day {
			step = 300
		}
		h := NewHistory()
		for _, b := range steps {
			switch b {
			case 0xff:
				unix += 7 * step
			case 0xfe:
				unix -= 31 * step
			case 0xfd:
				unix += 1000 * step
			default:
				bytes = min(most, max(0, bytes+(int64(b)-100)*scale))
			}
			h.Observe(&State{Input: using(unix, bytes, limit)})
			checkGrowth(t, h.Growth)
			unix += step
		}
	})
}

func checkGrowth(t *testing.T, g Growth) {
	t.Helper()
	ordered := 0 <= g.Soonest && g.Soonest <= g.LimitIn && g.LimitIn <= g.Latest
	bounded := g.LimitIn <= g.Watched && g.Latest <= 2*g.Watched
	within := g.Within == "" || g.Latest == 0 &&
		(g.Within == WithinHours || g.Within == WithinDay && g.Watched == daySpan)
	if g.BytesPerMinute < 0 || !ordered || !bounded || !within || g.Known == (g.Watched == 0) {
		t.Fatalf("Growth = %+v, want ordered times within what was watched", g)
	}
	if s := g.String(); strings.Contains(s, "-") || strings.Contains(s, "N") ||
		strings.Contains(s, "Inf") {
		t.Fatalf("String() = %q, want figures", s)
	}
}

// growing returns a history of a whole day of growth, and the input that follows.
func growing() (*History, *State) {
	h, s := NewHistory(), &State{}
	for i := range int64(2 * 8640) {
		s.Input = using(1_800_000_000+10*i, mib*(20+i/200)+i*1000, 160*mib)
		h.Observe(s)
	}
	return h, s
}

func TestGrowthAllocs(t *testing.T) {
	h, s := growing()
	if !h.Growth.Known {
		t.Fatalf("Growth = %+v, want a growth", h.Growth)
	}
	got := testing.AllocsPerRun(100, func() {
		s.Time = s.Time.Add(10 * time.Second)
		h.Observe(s)
	})
	if got > 0 {
		t.Errorf("AllocsPerRun(Observe) = %v, want 0", got)
	}
}

// BenchmarkGrowth judges a point for which each stretch of the day grows, but is too far from the
// limit.
func BenchmarkGrowth(b *testing.B) {
	h, s := growing()
	s.Memory.Container.Limit = known(200 * mib)
	b.ReportAllocs()
	for b.Loop() {
		h.observeGrowth(&s.Input)
	}
}
