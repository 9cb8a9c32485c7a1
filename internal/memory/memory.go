// Package memory measures what this process and its container use, and keeps the
// Go runtime's memory limit below the container's.
//
// The three views differ and none replaces another. The Go runtime knows its heap
// (runtime.MemStats) and not the binary's own pages. The kernel's resident set
// counts both, and pages that other processes share. The container's charge is
// what the kernel compares with the limit before it kills: it counts page cache,
// kernel memory, on cgroup v2 socket buffers, and every other process inside.
package memory

import (
	"io/fs"
	"math"
	"time"
)

// Value is a measured number. The zero Value was not measured, which is not the
// same as a measured zero.
type Value struct {
	N  int64
	OK bool
}

// lower is the smaller of two values; a missing one is no bound.
func lower(a, b Value) Value {
	if !a.OK || b.OK && b.N < a.N {
		return b
	}
	return a
}

// Sample is one reading of everything. Sizes are in bytes.
type Sample struct {
	Heap     int64 // runtime.MemStats.HeapAlloc
	HeapSys  int64 // runtime.MemStats.HeapSys
	HeapLive Value // /gc/heap/live:bytes, what the last collection kept; missing before the first
	Sys      int64 // runtime.MemStats.Sys, all that Go has from the kernel
	Go       int64 // Sys - MemStats.HeapReleased, which is what GOMEMLIMIT governs

	HeapReleased int64 // runtime.MemStats.HeapReleased
	AllocTotal   int64 // runtime.MemStats.TotalAlloc: what was ever allocated in the heap
	NextGC       Value // runtime.MemStats.NextGC; missing where no size of the heap starts a collection

	GoLimit       Value  // the limit in force, read back from the runtime
	GoLimitSource string // "GOMEMLIMIT", "container", "off" or "none"

	RSS       int64  // resident set size
	RSSSource string // "kernel", or "runtime" where RSS is Go standing in for it

	CPU time.Duration // user and system time that the process has used

	Container Container
	GC        GC
}

// Reader takes samples. It is not safe for concurrent use.
type Reader struct {
	process   process
	container container
	limit     limit
	runtime   runtimeReader
}

// NewReader returns a Reader of the /proc and /sys in root, which is the file
// system's root but in tests. memoryLimit is the GOMEMLIMIT asked for, in bytes: 0
// for none, math.MaxInt64 for off.
func NewReader(root fs.FS, memoryLimit int64) *Reader {
	return &Reader{
		process:   newProcess(root),
		container: newContainer(root),
		limit:     limit{asked: memoryLimit},
		runtime:   newRuntimeReader(),
	}
}

// Read measures everything, and first sets the runtime's memory limit if the
// container's has changed.
func (r *Reader) Read() Sample {
	s := Sample{Container: r.container.read()}
	s.GoLimitSource = r.limit.follow(s.Container.LowestLimit)
	r.runtime.read(&s)
	if rss := r.process.rss(); rss.OK {
		s.RSS, s.RSSSource = rss.N, "kernel"
	} else {
		s.RSS, s.RSSSource = s.Go, "runtime"
	}
	s.CPU = r.process.cpu()
	return s
}

// OpenFiles is how many descriptors the process has open, where the kernel tells it.
// It is not part of a sample, because its cost grows with the answer. It may be called
// at any time, by any goroutine.
func (r *Reader) OpenFiles() Value { return openFiles(r.process.statm.root) }

// none is the runtime's own "no limit".
const none = math.MaxInt64
