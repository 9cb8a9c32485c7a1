package memory

import (
	"math"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
)

func readRuntime(r *runtimeReader) Sample {
	var s Sample
	r.read(&s)
	return s
}

func TestRuntimeHeap(t *testing.T) {
	r := newRuntimeReader()
	runtime.GC() // a sample before it need not have HeapLive
	before := readRuntime(&r)
	if before.HeapBytes <= 0 || before.HeapBytes > before.HeapSysBytes ||
		before.HeapBytes >= before.GoBytes {
		t.Errorf("read() has HeapBytes %d, HeapSysBytes %d, GoBytes %d, "+
			"want 0 < HeapBytes <= HeapSysBytes, HeapBytes < GoBytes",
			before.HeapBytes, before.HeapSysBytes, before.GoBytes)
	}
	if !before.HeapLive.Known || before.HeapLive.Bytes <= 0 {
		t.Errorf("read() after a collection has HeapLive %v, want more than 0", before.HeapLive)
	}
	if before.GC.Cycles < 1 {
		t.Errorf("read() after a collection has %d cycles, want 1 or more", before.GC.Cycles)
	}

	if got := before.SysBytes - before.HeapReleasedBytes; got != before.GoBytes {
		t.Errorf("read() has SysBytes - HeapReleasedBytes %d, want GoBytes, %d",
			got, before.GoBytes)
	}
	if before.NextGC.Bytes < before.HeapLive.Bytes {
		t.Errorf("read() has NextGC %v, want at least HeapLive, %v",
			before.NextGC, before.HeapLive)
	}

	kept := make([]byte, 8*mib)
	runtime.GC()
	after := readRuntime(&r)
	if after.GC.Cycles <= before.GC.Cycles {
		t.Errorf("read() after another collection has %d cycles, want more than %d",
			after.GC.Cycles, before.GC.Cycles)
	}
	if got := after.HeapLive.Bytes - before.HeapLive.Bytes; got < 7*mib {
		t.Errorf("HeapLive with 8 MiB more grew by %d, want at least 7 MiB", got)
	}
	if got := after.HeapBytes - before.HeapBytes; got < 7*mib {
		t.Errorf("HeapBytes with 8 MiB more grew by %d, want at least 7 MiB", got)
	}
	if got := after.AllocTotalBytes - before.AllocTotalBytes; got < 8*mib || got > 9*mib {
		t.Errorf("AllocTotalBytes with 8 MiB more grew by %d, want 8 to 9 MiB", got)
	}
	runtime.KeepAlive(kept)
}

// TestNextGC: with no collector there is no next collection.
func TestNextGC(t *testing.T) {
	restoreLimit(t)
	debug.SetMemoryLimit(noLimit)
	percent := debug.SetGCPercent(-1)
	r := newRuntimeReader()
	runtime.GC()
	if got := readRuntime(&r).NextGC; got != (Size{}) {
		t.Errorf("NextGC without a collector = %v, want unknown", got)
	}
	debug.SetGCPercent(max(percent, 100))
	if got := readRuntime(&r).NextGC; !got.Known {
		t.Errorf("NextGC with a collector = %v, want known", got)
	}
	debug.SetGCPercent(percent)
}

// TestHeapLiveBeforeFirstCollection runs itself again without a collector: a test
// process may have collected already.
func TestHeapLiveBeforeFirstCollection(t *testing.T) {
	r := newRuntimeReader()
	s := readRuntime(&r)
	if s.GC.Cycles == 0 {
		if s.HeapLive != (Size{}) || s.GC.CPUPercent != 0 || s.GC.LimiterActive {
			t.Errorf("read() before a collection has HeapLive %v, GC %+v, want nothing", s.HeapLive, s.GC)
		}
		return
	}
	if os.Getenv("GOGC") == "off" {
		t.Fatalf("read() without a collector has %d cycles, want 0", s.GC.Cycles)
	}
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	again.Env = append(os.Environ(), "GOGC=off", "GOMEMLIMIT=off")
	if out, err := again.CombinedOutput(); err != nil {
		t.Errorf("without a collector: %v\n%s", err, out)
	}
}

type node struct{ left, right *node }

func tree(depth int) *node {
	if depth == 0 {
		return &node{}
	}
	return &node{tree(depth - 1), tree(depth - 1)}
}

func TestGCCPUPercent(t *testing.T) {
	t.Cleanup(func() func() {
		percent := debug.SetGCPercent(-1) // no collection but the ones below
		return func() { debug.SetGCPercent(percent) }
	}())
	kept := tree(18)
	runtime.GC() // the CPU classes of what was before move here
	r := newRuntimeReader()
	if got := readRuntime(&r).GC.CPUPercent; got != 0 {
		t.Errorf("first sample: CPUPercent = %v, want 0", got)
	}
	for range 5 {
		runtime.GC()
	}
	runtime.KeepAlive(kept)
	for i := range window {
		if got := readRuntime(&r).GC.CPUPercent; !(got > 0 && got <= 100) {
			t.Errorf("sample %d after collections: CPUPercent = %v, want over 0, at most 100", i+1, got)
		}
	}
	if got := readRuntime(&r).GC.CPUPercent; got != 0 {
		t.Errorf("a window later: CPUPercent = %v, want 0", got)
	}
}

// TestGCPoint compares what is kept of a sample with the runtime's own CPU classes,
// which change at the end of a collection only.
func TestGCPoint(t *testing.T) {
	t.Cleanup(func() func() {
		percent := debug.SetGCPercent(-1)
		return func() { debug.SetGCPercent(percent) }
	}())
	runtime.GC()
	r := newRuntimeReader()
	readRuntime(&r)
	classes := []metrics.Sample{
		{Name: "/cpu/classes/gc/mark/assist:cpu-seconds"},
		{Name: "/cpu/classes/gc/mark/dedicated:cpu-seconds"},
		{Name: "/cpu/classes/gc/pause:cpu-seconds"},
		{Name: "/cpu/classes/user:cpu-seconds"},
	}
	metrics.Read(classes)
	collector := classes[0].Value.Float64() + classes[1].Value.Float64() + classes[2].Value.Float64()
	if got := r.past[0].gc; math.Abs(got-collector) > 1e-9 {
		t.Errorf("collector's seconds = %v, want %v", got, collector)
	}
	if got, want := r.past[0].user, classes[3].Value.Float64(); got != want {
		t.Errorf("user's seconds = %v, want %v", got, want)
	}
}

func TestLookBack(t *testing.T) {
	t.Parallel()
	var r runtimeReader
	for i := range 35 {
		want := max(0, i-10)
		if got := r.lookBack(gcPoint{gc: float64(i)}).gc; got != float64(want) {
			t.Errorf("lookBack at sample %d = sample %v, want %d", i, got, want)
		}
	}
}

func TestSince(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		now, then gcPoint
		percent   float64
		limiter   bool
	}{
		{"nothing happened", gcPoint{1, 2, 3}, gcPoint{1, 2, 3}, 0, false},
		{"no collection", gcPoint{1, 5, 0}, gcPoint{1, 2, 0}, 0, false},
		{"a quarter", gcPoint{2, 5, 0}, gcPoint{1, 2, 0}, 25, false},
		{"only collecting", gcPoint{2, 2, 0}, gcPoint{1, 2, 0}, 100, false},
		{"limiter on", gcPoint{2, 3, 7}, gcPoint{1, 2, 0}, 50, true},
		{"limiter on before", gcPoint{2, 3, 7}, gcPoint{1, 2, 7}, 50, false},
		{"limiter on again", gcPoint{2, 3, 8}, gcPoint{1, 2, 7}, 50, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			percent, limiter := tt.now.since(tt.then)
			if percent != tt.percent || limiter != tt.limiter {
				t.Errorf("%+v.since(%+v) = %v, %v, want %v, %v",
					tt.now, tt.then, percent, limiter, tt.percent, tt.limiter)
			}
		})
	}
}

func TestShare(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		part, rest float64
		want       float64
	}{
		{"nothing", 0, 0, 0},
		{"no part", 0, 5, 0},
		{"no rest", 5, 0, 100},
		{"half", 1, 1, 50},
		{"a fifth", 1, 4, 20},
		{"negative part", -1, 5, 0},
		{"negative rest", 1, -5, 100},
		{"negative rest, as large", 1, -1, 100},
		{"both negative", -1, -1, 0},
		{"tiny", 5e-324, 1, 0},
		{"tiny alone", math.SmallestNonzeroFloat64, 0, 100},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := share(tt.part, tt.rest); math.Abs(got-tt.want) > 1e-9 {
				t.Errorf("share(%v, %v) = %v, want %v", tt.part, tt.rest, got, tt.want)
			}
		})
	}
}

// TestMemStatsStandIn holds the stand-in against the real one, taken at the same time.
func TestMemStatsStandIn(t *testing.T) {
	r := newRuntimeReader()
	metrics.Read(r.samples[:]) // the first one allocates its tables
	runtime.GC()
	var before, want runtime.MemStats
	for {
		runtime.ReadMemStats(&before)
		metrics.Read(r.samples[:])
		runtime.ReadMemStats(&want)
		if before.Sys == want.Sys && before.HeapReleased == want.HeapReleased {
			break // nothing moved meanwhile
		}
	}
	r.memStats()
	got := r.stats
	for _, tt := range []struct {
		name      string
		got, want uint64
	}{
		{"HeapAlloc", got.HeapAlloc, want.HeapAlloc},
		{"HeapSys", got.HeapSys, want.HeapSys},
		{"TotalAlloc", got.TotalAlloc, want.TotalAlloc},
		{"NextGC", got.NextGC, want.NextGC},
		{"Sys - HeapReleased", got.Sys - got.HeapReleased, want.Sys - want.HeapReleased},
	} {
		if diff := max(tt.got, tt.want) - min(tt.got, tt.want); diff > 1<<20 {
			t.Errorf("%s %d, want within 1 MiB of %d", tt.name, tt.got, tt.want)
		}
	}
}
