// Package memory measures the memory of this process and of its container, and keeps the Go
// runtime within it.
//
// There are three views, and none replaces another. The Go runtime knows its heap
// (runtime.MemStats), but not the pages of the binary. The kernel's resident set counts both,
// and also pages that other processes share. The container's usage is what the kernel
// compares with the limit before it kills a process. It includes page cache, kernel memory,
// on cgroup v2 socket buffers, and every other process in the container.
package memory

import (
	"io/fs"
	"math"
	"time"
)

// Size is a number of bytes that may be unknown. The zero Size is unknown, which differs
// from a known size of zero.
type Size struct {
	Bytes int64
	Known bool
}

// Count is a number of events that may be unknown.
type Count struct {
	N     int64
	Known bool
}

// minKnown returns the smaller of two sizes, or the one that is known.
func minKnown(a, b Size) Size {
	if !a.Known || b.Known && b.Bytes < a.Bytes {
		return b
	}
	return a
}

// subtract returns a - b, but at least 0 because the kernel's files are not read at the same
// moment. The result is unknown if a or b is.
func subtract(a, b Size) Size {
	if !a.Known || !b.Known {
		return Size{}
	}
	return Size{max(0, a.Bytes-b.Bytes), true}
}

// Sample is the result of one reading.
type Sample struct {
	HeapBytes    int64 // runtime.MemStats.HeapAlloc
	HeapSysBytes int64 // runtime.MemStats.HeapSys
	HeapLive     Size  // heap after the last garbage collection; unknown before the first
	SysBytes     int64 // runtime.MemStats.Sys, all memory that Go has from the kernel
	GoBytes      int64 // Sys - HeapReleased, the memory that counts against GOMEMLIMIT

	HeapReleasedBytes int64 // runtime.MemStats.HeapReleased
	AllocTotalBytes   int64 // runtime.MemStats.TotalAlloc, all heap memory ever allocated
	NextGC            Size  // runtime.MemStats.NextGC; unknown if no heap size starts a collection

	RSSBytes  int64 // resident set size
	RSSSource RSSSource

	CPU        time.Duration // user and system time used by the process
	Goroutines int

	Container Container
	GC        GC
}

// RSSSource says where a sample's RSSBytes comes from.
type RSSSource string

// The sources of RSSBytes.
const (
	KernelRSS  RSSSource = "kernel"  // /proc/self/statm
	RuntimeRSS RSSSource = "runtime" // GoBytes, where the kernel tells nothing
)

// Reader takes samples. It is not safe for concurrent use, except for OpenFiles.
type Reader struct {
	root      fs.FS
	process   process
	container container
	runtime   runtimeReader
}

// NewReader returns a Reader of the proc and sys directories in root.
func NewReader(root fs.FS) *Reader {
	return &Reader{
		root:      root,
		process:   newProcess(root),
		container: newContainer(root),
		runtime:   newRuntimeReader(),
	}
}

// Read takes a sample.
func (r *Reader) Read() Sample {
	s := Sample{Container: r.container.read()}
	r.runtime.read(&s)
	if rss := r.process.rss(); rss.Known {
		s.RSSBytes, s.RSSSource = rss.Bytes, KernelRSS
	} else {
		s.RSSBytes, s.RSSSource = s.GoBytes, RuntimeRSS
	}
	s.CPU = r.process.cpu()
	return s
}

// OpenFiles returns how many file descriptors the process has open. It is not part of a
// sample because its cost grows with the number. It is safe for concurrent use.
func (r *Reader) OpenFiles() (n int, ok bool) { return openFiles(r.root) }

// noLimit is the runtime's value for GOMEMLIMIT=off.
const noLimit = math.MaxInt64
