package memory

import (
	"runtime"
	"runtime/metrics"
)

// GC is what the garbage collector did.
type GC struct {
	Cycles int64 // completed, since the start

	// CPUPercent is the collector's share of the CPU time that the program and its
	// collector used over the last 10 s. Time that the collector took from idle
	// processors counts for neither. 0 without a collection in that time.
	CPUPercent float64

	// LimiterActive says that the collector hit its own bound of half the CPU
	// (/gc/limiter/last-enabled) in the last 10 s: it cannot keep the heap under
	// GOMEMLIMIT any more.
	LimiterActive bool
}

// window is how many samples back GC looks: 10 s at one sample a second.
const window = 10

// The metrics that the runtime is asked for, in the order of their names below.
const (
	metricHeapLive = iota
	metricLimit
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

// gcPoint is where the collector's counters stood at one sample.
type gcPoint struct {
	gc, user float64 // CPU seconds
	limiter  uint64  // the cycle in which the limiter was last on
}

func newRuntimeReader() runtimeReader {
	r := runtimeReader{}
	for i, name := range [metricCount]string{
		metricHeapLive: "/gc/heap/live:bytes",
		metricLimit:    "/gc/gomemlimit:bytes",
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

// read fills in the runtime's part of s. It stops the world for the 15-35 us that
// ReadMemStats takes.
func (r *runtimeReader) read(s *Sample) {
	metrics.Read(r.samples[:])
	s.GC.Cycles = int64(r.uint(metricCycles))
	if s.GC.Cycles > 0 {
		s.HeapLive = Value{int64(r.uint(metricHeapLive)), true}
		runtime.ReadMemStats(&r.stats)
	} else {
		r.memStats()
	}

	s.Heap = int64(r.stats.HeapAlloc)
	s.HeapSys = int64(r.stats.HeapSys)
	s.Sys = int64(r.stats.Sys)
	s.Go = int64(r.stats.Sys - r.stats.HeapReleased)
	s.HeapReleased = int64(r.stats.HeapReleased)
	s.AllocTotal = int64(r.stats.TotalAlloc)
	if n := r.stats.NextGC; n < none/2 { // else it is "no limit" less a few percent, for GOGC=off
		s.NextGC = Value{int64(n), true}
	}
	if n := r.uint(metricLimit); n < none {
		s.GoLimit = Value{int64(n), true}
	}

	now := gcPoint{
		gc:      r.float(metricGCTotal) - r.float(metricGCIdle),
		user:    r.float(metricUser),
		limiter: r.uint(metricLimiter),
	}
	s.GC.CPUPercent, s.GC.LimiterActive = now.since(r.lookBack(now))
}

// lookBack keeps now and returns where the counters stood a window ago, or at the
// first sample as long as there are fewer. The first one has only itself.
func (r *runtimeReader) lookBack(now gcPoint) gcPoint {
	then := now
	if r.reads > 0 {
		then = r.past[max(0, r.reads-window)%window]
	}
	r.past[r.reads%window] = now
	r.reads++
	return then
}

// since is what the collector did from then to p.
func (p gcPoint) since(then gcPoint) (cpuPercent float64, limiterActive bool) {
	return share(p.gc-then.gc, p.user-then.user), p.limiter > then.limiter
}

// memStats fills in what ReadMemStats would, from the same counters. ReadMemStats first
// empties the allocator's caches, as a collection does, and the lists that take them up
// stay: 0.4 MB of RSS that a program at rest need not pay. The price is that Heap
// leaves out what those caches hold, up to 0.25 MB, until the first collection.
func (r *runtimeReader) memStats() {
	r.stats.HeapAlloc = r.uint(metricObjects)
	r.stats.HeapReleased = r.uint(metricReleased)
	r.stats.HeapSys = r.stats.HeapAlloc + r.uint(metricUnused) + r.uint(metricFree) + r.stats.HeapReleased
	r.stats.Sys = r.uint(metricTotal)
	r.stats.TotalAlloc = r.uint(metricAllocs)
	r.stats.NextGC = r.uint(metricGoal)
}

// share is the percentage that part is of part and rest together.
func share(part, rest float64) float64 {
	if part <= 0 {
		return 0
	}
	return 100 * part / (part + max(0, rest))
}

func (r *runtimeReader) uint(i int) uint64   { return r.samples[i].Value.Uint64() }
func (r *runtimeReader) float(i int) float64 { return r.samples[i].Value.Float64() }
