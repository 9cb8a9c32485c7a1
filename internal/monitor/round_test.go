package monitor

import (
	"math"
	"runtime"
	"testing"

	"github.com/halobuzz/healthd/internal/memory"
)

// newFullSource returns a source of every value, as in a container with limits.
func newFullSource() *source {
	s := newSource(100)
	s.Memory.HeapLive, s.Memory.NextGC = known(5), known(40)
	c := &s.Memory.Container
	c.Usage, c.Peak, c.High = known(200), known(300), known(900)
	s.GoLimit = memory.GoLimit{Size: known(800), Source: memory.ContainerLimit}
	s.Connections.Open, s.Connections.Limit = 1, 512
	return s
}

// TestRoundAllocs bounds the garbage of a round, so that the resident set after an hour is what
// it was after a minute. That measuring makes none is a test of the memory package. The least of
// many rounds counts: the race detector has sync.Pool, on which encoding/json relies, forget
// values at random.
func TestRoundAllocs(t *testing.T) {
	const rounds, wantAllocs, wantBytes = 100, 20, 4 << 10
	m := newMonitor(newFullSource().measure)
	allocs, bytes := math.Inf(1), uint64(math.MaxUint64)
	for range rounds {
		allocs = min(allocs, testing.AllocsPerRun(1, m.publish))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		m.publish()
		runtime.ReadMemStats(&after)
		bytes = min(bytes, after.TotalAlloc-before.TotalAlloc)
	}
	t.Logf("a round allocates %v times, %d bytes", allocs, bytes)
	if allocs > wantAllocs || bytes > wantBytes {
		t.Errorf("allocations of publish() = %v, %d bytes, want at most %d, %d bytes",
			allocs, bytes, wantAllocs, wantBytes)
	}
}

func BenchmarkRound(b *testing.B) {
	m := newMonitor(newFullSource().measure)
	b.ReportAllocs()
	for b.Loop() {
		m.publish()
	}
}
