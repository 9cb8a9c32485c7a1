package memory

import (
	"runtime"
	"runtime/metrics"
)

// GC describes the garbage collector's work.
type GC struct {
	Cycles int64 // completed since the start

	// CPUPercent is the percentage of the program's CPU time that the collector took in the
	// last 10 s, apart from work on otherwise idle processors.
	CPUPercent float64

	// LimiterActive reports whether the collector hit its cap of 50% of the CPU in the last
	// 10 s (/gc/limiter/last-enabled). It can then no longer keep the heap within GOMEMLIMIT.
	LimiterActive bool
}

// window is the number of samples that GC covers, 10 s at one sample per second.
const window = 10

// The runtime/metrics that are read, in the order of their names below.
const (
	metricHeapLive = iota
	metricCycles
	metricLimiter
	metricGCTotal
	metricGCIdle
	metricUser
	metricObjects
	metricUnused
	metricFree
	metricReleased
	metricTotal
	metricAllocs
	metricGoal
	metricCount
)

type runtimeReader struct {
	samples [metricCount]metrics.Sample
	stats   runtime.MemStats
	past    [window]gcPoint
	reads   int
}

// gcPoint has the collector's counters at one sample.
type gcPoint struct {
	gc, user float64 // CPU seconds
	limiter  uint64  // the last cycle in which the limiter was active
}

func newRuntimeReader() runtimeReader {
	r := runtimeReader{}
	for i, name := range [metricCount]string{
		metricHeapLive: "/gc/heap/live:bytes",
		metricCycles:   "/gc/cycles/total:gc-cycles",
		metricLimiter:  "/gc/limiter/last-enabled:gc-cycle",
		metricGCTotal:  "/cpu/classes/gc/total:cpu-seconds",
		metricGCIdle:   "/cpu/classes/gc/mark/idle:cpu-seconds",
		metricUser:     "/cpu/classes/user:cpu-seconds",
		metricObjects:  "/memory/classes/heap/objects:bytes",
		metricUnused:   "/memory/classes/heap/unused:bytes",
		metricFree:     "/memory/classes/heap/free:bytes",
		metricReleased: "/memory/classes/heap/released:bytes",
		metricTotal:    "/memory/classes/total:bytes",
		metricAllocs:   "/gc/heap/allocs:bytes",
		metricGoal:     "/gc/heap/goal:bytes",
	} {
		r.samples[i].Name = name
	}
	return r
}

// read fills in the runtime's part of s. runtime.ReadMemStats stops the world for 15-35 us.
func (r *runtimeReader) read(s *Sample) {
	metrics.Read(r.samples[:])
	s.Goroutines = runtime.NumGoroutine()
	s.GC.Cycles = int64(r.uint(metricCycles))
	if s.GC.Cycles > 0 {
		s.HeapLive = Size{int64(r.uint(metricHeapLive)), true}
		runtime.ReadMemStats(&r.stats)
	} else {
		r.memStats()
	}

	s.HeapBytes = int64(r.stats.HeapAlloc)
	s.HeapSysBytes = int64(r.stats.HeapSys)
	s.SysBytes = int64(r.stats.Sys)
	s.GoBytes = int64(r.stats.Sys - r.stats.HeapReleased)
	s.HeapReleasedBytes = int64(r.stats.HeapReleased)
	s.AllocTotalBytes = int64(r.stats.TotalAlloc)
	if n := r.stats.NextGC; n < noLimit/2 { // above that, GOGC is off
		s.NextGC = Size{int64(n), true}
	}

	now := gcPoint{
		gc:      r.float(metricGCTotal) - r.float(metricGCIdle),
		user:    r.float(metricUser),
		limiter: r.uint(metricLimiter),
	}
	s.GC.CPUPercent, s.GC.LimiterActive = now.since(r.lookBack(now))
}

// lookBack records now and returns the counters a window ago, or those of the first sample if
// there are fewer.
func (r *runtimeReader) lookBack(now gcPoint) gcPoint {
	then := now
	if r.reads > 0 {
		then = r.past[max(0, r.reads-window)%window]
	}
	r.past[r.reads%window] = now
	r.reads++
	return then
}

// since returns the collector's work from then to p.
func (p gcPoint) since(then gcPoint) (cpuPercent float64, limiterActive bool) {
	return share(p.gc-then.gc, p.user-then.user), p.limiter > then.limiter
}

// memStats sets stats as ReadMemStats does, from the same counters. ReadMemStats first flushes
// the allocator's caches, as a collection does, to lists that stay, which costs 0.4 MB of RSS.
// Before the first collection memStats avoids that, and HeapAlloc leaves out up to 0.25 MB in
// the caches.
func (r *runtimeReader) memStats() {
	r.stats.HeapAlloc = r.uint(metricObjects)
	r.stats.HeapReleased = r.uint(metricReleased)
	r.stats.HeapSys = r.stats.HeapAlloc + r.uint(metricUnused) + r.uint(metricFree) +
		r.stats.HeapReleased
	r.stats.Sys = r.uint(metricTotal)
	r.stats.TotalAlloc = r.uint(metricAllocs)
	r.stats.NextGC = r.uint(metricGoal)
}

// share returns part as a percentage of part and rest together.
func share(part, rest float64) float64 {
	if part <= 0 {
		return 0
	}
	return 100 * part / (part + max(0, rest))
}

func (r *runtimeReader) uint(i int) uint64   { return r.samples[i].Value.Uint64() }
func (r *runtimeReader) float(i int) float64 { return r.samples[i].Value.Float64() }
