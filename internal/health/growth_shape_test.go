package health

import (
	"math"
	"testing"
	"time"

	"github.com/halobuzz/healthd/internal/memory"
)

// shape is memory over time on a simulated clock.
type shape struct {
	name  string
	hours float64
	// every is the number of seconds that a letter of want stands for: - is silent, m has
	// figures, h is within hours and d within a day.
	every int
	use   func(s float64) float64 // MiB after s seconds
	// change changes the input after s seconds, and reports whether it is observed.
	change func(s int, in *Input) bool
	want   string
}

// sawtooth rises by height within each period, and falls at once.
func sawtooth(s, period, height float64) float64 { return math.Mod(s, period) / period * height }

// wave rises and falls by height around 0 once per day.
func wave(s, height float64) float64 { return -height * math.Cos(s/86400*2*math.Pi) }

// noise is up to height and has no period.
func noise(s, height float64) float64 { return height * (1 + math.Sin(s*s)) / 2 }

func (shape *shape) said() string {
	const first = 1_800_000_000
	h, text := NewHistory(), ""
	for s := 0; float64(s) < shape.hours*3600; s += 10 {
		in := using(first+int64(s), int64(shape.use(float64(s))*mib), 256*mib)
		if shape.change == nil || shape.change(s, &in) {
			h.Observe(&State{Input: in})
		}
		if (s+10)%shape.every != 0 {
			continue
		}
		switch g := h.Growth; {
		case !g.Known:
			text += "-"
		case g.Within == "":
			text += "m"
		default:
			text += string(g.Within[0])
		}
	}
	return text
}

func TestGrowthShapes(t *testing.T) {
	t.Parallel()
	const tenMinutes, hour = 600, 3600
	leak := func(s float64) float64 { return 60 + s/30 + noise(s, 3) } // 98 minutes to 256 MiB
	for _, tt := range []shape{
		{
			name: "flat", hours: 26, every: hour,
			use:  func(float64) float64 { return 200 },
			want: "--------------------------",
		},
		{
			name: "noise", hours: 26, every: hour,
			use:  func(s float64) float64 { return 150 + noise(s, 60) },
			want: "--------------------------",
		},
		{
			name: "sawtooth of minutes", hours: 4, every: tenMinutes,
			use:  func(s float64) float64 { return 50 + sawtooth(s, 400, 150) },
			want: "------------------------",
		},
		{
			// The first tooth could be anything.
			name: "sawtooth of half a day", hours: 48, every: hour,
			use:  func(s float64) float64 { return 50 + sawtooth(s, 12*hour, 150) },
			want: "----------hh------------------------------------",
		},
		{
			name: "warm-up", hours: 4, every: tenMinutes,
			use:  func(s float64) float64 { return 200 - 150*math.Exp(-s/1200) },
			want: "------------------------",
		},
		{
			// No rule can tell this from a leak before it stops.
			name: "fill and stop", hours: 2, every: tenMinutes,
			use:  func(s float64) float64 { return min(200, 40+s/25) },
			want: "-----mmm----",
		},
		{
			name: "steps that stop", hours: 2, every: tenMinutes,
			use:  func(s float64) float64 { return 40 + 20*min(4, math.Floor(s/600)) },
			want: "------------",
		},
		{
			name: "batches", hours: 4, every: tenMinutes,
			use:  func(s float64) float64 { return 40 + 150*max(0, math.Sin(s/900*2*math.Pi)) },
			want: "------------------------",
		},
		{
			name: "day wave", hours: 48, every: hour,
			use:  func(s float64) float64 { return 130 + wave(s, 30) + noise(s, 5) },
			want: "------------------------------------------------",
		},
		{
			// The first rise of a large one could be anything.
			name: "large day wave", hours: 48, every: hour,
			use:  func(s float64) float64 { return 130 + wave(s, 70) + noise(s, 5) },
			want: "-------hhhh-h-----------------------------------",
		},
		{
			name: "day wave over a leak", hours: 96, every: hour,
			use: func(s float64) float64 { return 60 + s/86400*40 + wave(s, 30) + noise(s, 5) },
			want: "---------------------------------------------------------hhhh------------------" +
				"hhhhhh-----------",
		},
		{
			name: "creeps just below the limit", hours: 4, every: tenMinutes,
			use:  func(s float64) float64 { return 246 + s/hour*2.5 },
			want: "------------------------",
		},
		{
			name: "ramp", hours: 1.6, every: tenMinutes,
			use:  leak,
			want: "-----mmmm",
		},
		{
			name: "leak in steps", hours: 1.6, every: tenMinutes,
			use:  func(s float64) float64 { return 60 + 4*math.Floor(s/120) + noise(s, 2) },
			want: "-----mmmm",
		},
		{
			name: "leak under a sawtooth", hours: 1.3, every: tenMinutes,
			use:  func(s float64) float64 { return 60 + s/30 + sawtooth(s, 45, 30) },
			want: "----mmm",
		},
		{
			name: "leak of days", hours: 48, every: hour,
			use:  func(s float64) float64 { return 20 + s/hour*4 + noise(s, 3) },
			want: "----------------------------------ddddddddddddhh",
		},
		{
			name: "faster than it can be told", hours: .15, every: 60,
			use:  func(s float64) float64 { return 20 + s/2 },
			want: "---------",
		},
		{
			name: "restart", hours: 2.2, every: tenMinutes,
			use:  func(s float64) float64 { return leak(math.Mod(s, hour)) },
			want: "-----m-------",
		},
		{
			name: "command started later", hours: 1.5, every: tenMinutes,
			use: func(s float64) float64 {
				if s < 30*60 {
					return 250
				}
				return leak(s)
			},
			change: func(s int, in *Input) bool {
				in.App = &App{Started: in.Time.Add(-time.Duration(s-30*60) * time.Second)}
				return true
			},
			want: "-------mm",
		},
		{
			name: "gap", hours: 1.5, every: tenMinutes,
			use:    leak,
			change: func(s int, _ *Input) bool { return s < 40*60 || s >= 42*60 },
			want:   "-------mm",
		},
		{
			name: "unknown for a while", hours: 1.5, every: tenMinutes,
			use: leak,
			change: func(s int, in *Input) bool {
				if s >= 40*60 && s < 42*60 {
					in.Memory.Container.Unreclaimable = memory.Size{}
				}
				return true
			},
			want: "-------mm",
		},
		{
			name: "clock set back", hours: 1.5, every: tenMinutes,
			use: leak,
			change: func(s int, in *Input) bool {
				if s >= 40*60 {
					in.Time = in.Time.Add(-15 * time.Minute)
				}
				return true
			},
			want: "-------mm",
		},
		{
			name: "clock set forward", hours: 1.5, every: tenMinutes,
			use: leak,
			change: func(s int, in *Input) bool {
				if s >= 40*60 {
					in.Time = in.Time.Add(15 * time.Minute)
				}
				return true
			},
			want: "-------mm",
		},
		{
			name: "limit raised", hours: 1.5, every: tenMinutes,
			use: leak,
			change: func(s int, in *Input) bool {
				if s >= 65*60 {
					in.Memory.Container.Limit = known(1 << 30)
				}
				return true
			},
			want: "-----m---",
		},
		{
			name: "limit lowered below the use", hours: 1, every: tenMinutes,
			use: leak,
			change: func(s int, in *Input) bool {
				if s >= 40*60 {
					in.Memory.Container.High = known(64 * mib)
				}
				return true
			},
			want: "------",
		},
		{
			name: "one step in what drifts a little", hours: 3, every: tenMinutes,
			use: func(s float64) float64 {
				if s >= hour {
					return 200 + s/36000
				}
				return 50 + s/36000
			},
			want: "------------------",
		},
		{
			name: "one peak over a slow drift", hours: 3, every: tenMinutes,
			use: func(s float64) float64 {
				if s == 61*60 {
					return 250
				}
				return 60 + s/hour*15
			},
			want: "------------------",
		},
		{
			name: "a soft limit that is passed", hours: 3, every: tenMinutes,
			use: func(s float64) float64 { return 40 + s/40 },
			change: func(_ int, in *Input) bool {
				in.Memory.Container.High = known(200 * mib)
				return true
			},
			want: "------mmmm--------",
		},
		{
			name: "no limit", hours: 1.5, every: tenMinutes,
			use: leak,
			change: func(_ int, in *Input) bool {
				in.Memory.Container.Limit = memory.Size{}
				return true
			},
			want: "---------",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.said(); got != tt.want {
				t.Errorf("said %s, want %s", got, tt.want)
			}
		})
	}
}
