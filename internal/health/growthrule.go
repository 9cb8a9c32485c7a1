package health

import "time"

// The rule for growth cuts the newest points into blocks and compares their lowest values. The
// highest ones say little, because a healthy program's are garbage that is collected in time.
// The factors were chosen on the memory of real programs, some of which are in testdata/growth.
const (
	blocks     = 6    // of which the first three are early, and the last three late
	minRise    = 0.03 // of the limit, from the first block to the last
	minSteady  = 0.7  // of the early slope, which the late one must keep
	minEven    = 0.25 // of the whole slope, which the early and the late one must have
	soonFactor = 1.15 // of the largest slope
	lateFactor = 0.85 // of the smallest slope
)

// low is the lowest value of a block.
type low struct{ at, bytes float64 } // at counts points from the first

func slope(from, to low) float64 { return (to.bytes - from.bytes) / (to.at - from.at) }

// growth judges the newest n points. It returns no growth if they begin before since, or if one
// is missing, and unless all of this holds:
//   - Each block's lowest value is higher than that of the block before.
//   - The last block's is higher than anything before the second block, and by minRise higher
//     than the first block's. A sawtooth of hours only returns to where it has been.
//   - The slope has not become much smaller, as it does after a start and in a cache that is
//     nearly full.
//   - The first half and the second have both grown. One step between them is no growth.
//   - The limit is reached within as many points. Further away, no slope is known well enough.
func (s *Series) growth(n int, since int64, limit float64) Growth {
	first := s.len - n
	if first < 0 {
		return Growth{}
	}
	start, span := s.At(first).Start, int64(n)*s.StepSeconds
	if start < max(since, s.setBack) || s.current.Start-start != span {
		return Growth{}
	}
	lows, rising := s.lows(first, n)
	if !rising || lows[5].bytes-lows[0].bytes < minRise*limit ||
		lows[5].bytes <= s.highest(since, first+n/blocks) {
		return Growth{}
	}
	whole, early, late := slope(lows[0], lows[5]), slope(lows[0], lows[2]), slope(lows[3], lows[5])
	swing := s.swing(first, n, lows[0], whole)
	until := func(slope, swing float64) float64 { // the number of points to the limit
		return max(0, (limit-swing-lows[5].bytes)/slope-(float64(n)-lows[5].at))
	}
	rate := min(whole, late)
	switch {
	case late < minSteady*early: // it slows down
		return Growth{}
	case min(early, late) < minEven*whole: // it came in one step
		return Growth{}
	case until(rate, swing) > float64(n), until(rate, 0) > 2*float64(n):
		return Growth{} // the limit is further away than n points
	}
	step := time.Duration(s.StepSeconds) * time.Second
	points := func(n float64) time.Duration { return time.Duration(n * float64(step)) }
	return Growth{
		Known:          true,
		BytesPerMinute: int64(rate / step.Minutes()),
		LimitBytes:     int64(limit),
		Watched:        points(float64(n)),
		LimitIn:        points(until(rate, swing)),
		Soonest:        points(until(soonFactor*max(whole, early, late), swing)),
		// The early slope of a growth that has just begun may be next to nothing.
		Latest: points(min(until(lateFactor*min(rate, early), swing/2), 2*float64(n))),
	}
}

// lows returns the lowest value of each block of n points, and whether all are known and each
// is higher than the one before.
func (s *Series) lows(first, n int) (lows [blocks]low, rising bool) {
	for i := range n {
		u, block := &s.At(first+i).Unreclaimable, i/(n/blocks)
		if u.Last == Unknown {
			return lows, false
		}
		if l := &lows[block]; i%(n/blocks) == 0 || float64(u.Min) < l.bytes {
			*l = low{float64(i), float64(u.Min)}
		}
		last := i%(n/blocks) == n/blocks-1
		if last && block > 0 && lows[block].bytes <= lows[block-1].bytes {
			return lows, false
		}
	}
	return lows, true
}

// highest returns the highest value from since to the point at index end.
func (s *Series) highest(since int64, end int) float64 {
	highest := int64(Unknown)
	for i := range end {
		if p := s.At(i); p.Start >= since {
			highest = max(highest, p.Unreclaimable.Max)
		}
	}
	return float64(highest)
}

// swing returns how far the highest values stand above the line of the lowest ones. A peak that
// has not come back in another block does not count, unless it is in the last one.
func (s *Series) swing(first, n int, from low, slope float64) float64 {
	var swing, highest, second float64
	for block := range blocks {
		swing = 0
		for i := block * n / blocks; i < (block+1)*n/blocks; i++ {
			line := from.bytes + slope*(float64(i)-from.at)
			swing = max(swing, float64(s.At(first+i).Unreclaimable.Max)-line)
		}
		highest, second = max(highest, swing), max(second, min(highest, swing))
	}
	return max(swing, second)
}
