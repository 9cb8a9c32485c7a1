package health

import (
	"slices"
	"testing"
	"time"
)

// TestHistoryChanges has no change in the future, and one for a sampler that was stuck.
func TestHistoryChanges(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		states []Change // what is observed, and when
		want   []Change
	}{
		{"none", []Change{{100, Pass}, {101, Pass}}, nil},
		{
			"warn and back", []Change{{100, Pass}, {101, Warn}, {102, Pass}},
			[]Change{{101, Warn}, {102, Pass}},
		},
		{
			"clock set back", []Change{{100, Pass}, {101, Warn}, {50, Warn}, {51, Fail}},
			[]Change{{50, Warn}, {51, Fail}},
		},
		{
			"clock set back after a pass",
			[]Change{{100, Pass}, {101, Warn}, {102, Pass}, {50, Pass}}, nil,
		},
		{
			"clock set back between changes",
			[]Change{{100, Pass}, {101, Warn}, {105, Pass}, {109, Fail}, {106, Fail}},
			[]Change{{101, Warn}, {105, Pass}, {106, Fail}},
		},
		{
			"clock set back to the same status",
			[]Change{{100, Pass}, {101, Warn}, {105, Pass}, {109, Warn}, {103, Warn}},
			[]Change{{101, Warn}},
		},
		{"stuck", []Change{{100, Pass}, {150, Pass}}, []Change{{110, Fail}, {150, Pass}}},
		{
			"stuck while it warned", []Change{{99, Pass}, {100, Warn}, {150, Warn}},
			[]Change{{100, Warn}, {110, Fail}, {150, Warn}},
		},
		{
			"stuck while it failed", []Change{{99, Pass}, {100, Fail}, {150, Fail}},
			[]Change{{100, Fail}},
		},
		{"late and not stuck", []Change{{100, Pass}, {110, Pass}}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := NewHistory()
			for _, s := range tt.states {
				h.Observe(stateAt(s.Time, 1, s.Status))
			}
			if got := values(&h.Changes); !slices.Equal(got, tt.want) {
				t.Errorf("changes of %v = %v, want %v", tt.states, got, tt.want)
			}
		})
	}
}

// TestHistoryDropsChanges keeps the changes of the last day, and always the one that led to the
// status at its start.
func TestHistoryDropsChanges(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		states []Change
		want   []Change
	}{
		{
			"older than a day",
			[]Change{{100, Pass}, {101, Warn}, {102, Pass}, {103, Fail}, {103 + 86401, Fail}},
			[]Change{{103, Fail}},
		},
		{
			"the status at the start of the day",
			[]Change{{100, Pass}, {101, Warn}, {102, Fail}, {50000, Pass}, {102 + 86401, Pass}},
			[]Change{{102, Fail}, {50000, Pass}},
		},
		{
			"clock set forward by years",
			[]Change{
				{100, Pass}, {101, Warn}, {102, Fail}, {1_800_000_000, Fail}, {1_800_000_001, Pass},
			},
			[]Change{{102, Fail}, {1_800_000_001, Pass}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := NewHistory()
			for _, s := range tt.states {
				h.lastTime = time.Time{} // these times are not monotonic: a jump would be a stuck sampler
				h.Observe(stateAt(s.Time, 1, s.Status))
			}
			if got := values(&h.Changes); !slices.Equal(got, tt.want) {
				t.Errorf("changes of %v = %v, want %v", tt.states, got, tt.want)
			}
		})
	}
}
