package health

import "testing"

// TestGrowthContradicted has memory leap between two points. What was found at the last one must
// not stand in the summary that is read after a kill.
func TestGrowthContradicted(t *testing.T) {
	t.Parallel()
	h := NewHistory()
	var s *State
	mebibytes := 40.0
	for second := range 5105 {
		if mebibytes += 1.0 / 40; second >= 5092 {
			mebibytes = min(mebibytes+12, 255.5)
		}
		s = &State{Input: using(1_800_000_000+int64(second), int64(mebibytes*mib), 256*mib)}
		h.Observe(s)
		if second == 5091 && !h.Growth.Known {
			t.Error("the growth before the leap is not known")
		}
	}
	if h.Growth.Known {
		t.Errorf("at %.1f MiB: %s", mebibytes, h.Growth)
	}
}
