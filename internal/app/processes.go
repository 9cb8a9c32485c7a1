package app

import (
	"bytes"
	"cmp"
	"os"
	"slices"
	"strconv"
	"syscall"
)

// Process is one process, as a sample saw it.
type Process struct {
	Name      string // base name of argv[0]
	PID       int
	RSSBytes  int64 // resident set
	AnonBytes int64 // resident set without the pages of files and shared memory
}

// Processes is one reading of the processes beside healthd.
type Processes struct {
	Largest   []Process // at most five, by AnonBytes, the largest first
	PIDs      []int     // of all of them, in ascending order
	AnonBytes int64     // of all of them together
}

// Has reports whether the reading has a process with the given ID.
func (p Processes) Has(pid int) bool {
	_, found := slices.BinarySearch(p.PIDs, pid)
	return found
}

// mostProcesses bounds Processes.Largest.
const mostProcesses = 5

// Reader reads the processes beside healthd from proc(5). Where there is no /proc it finds
// none. It is not safe for concurrent use.
type Reader struct {
	proc  string
	self  int
	page  int64
	found []process // kept, as are the buffers, for the next reading
	path  []byte
	buf   [4096]byte
}

// process is what is read of each process.
type process struct {
	pid, parent, group int
	descendant         bool // of healthd
	rss, anon          int64
}

// NewReader returns a Reader of proc, which is "/proc" but in tests. The process ID self is
// healthd's own. If it is 1, the reader finds every process that can be seen, since all of
// them are charged to the container, even a shell by `kubectl exec`. Otherwise it finds the
// descendants of self.
func NewReader(proc string, self int) *Reader {
	return &Reader{proc: proc, self: self, page: int64(os.Getpagesize())}
}

// Read takes a reading.
func (r *Reader) Read() Processes {
	r.list()
	if r.self != 1 {
		r.keepDescendants()
	}
	r.measure()
	p := Processes{PIDs: make([]int, len(r.found))}
	for i, found := range r.found {
		p.PIDs[i] = found.pid
		p.AnonBytes += found.anon
	}
	slices.SortFunc(r.found, func(a, b process) int {
		return cmp.Or(cmp.Compare(b.anon, a.anon), cmp.Compare(a.pid, b.pid))
	})
	p.Largest = make([]Process, min(len(r.found), mostProcesses))
	for i := range p.Largest {
		found := &r.found[i]
		p.Largest[i] = Process{r.name(found.pid), found.pid, found.rss, found.anon}
	}
	return p
}

// list finds the processes in the directory /proc, in ascending order.
func (r *Reader) list() {
	r.found = r.found[:0]
	dir, err := os.Open(r.proc)
	if err != nil {
		return
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1) // what could be read before an error counts
	for _, name := range names {
		pid, ok := parseDigits(name)
		if ok && int(pid) != r.self {
			r.found = append(r.found, process{pid: int(pid)})
		}
	}
	slices.SortFunc(r.found, func(a, b process) int { return cmp.Compare(a.pid, b.pid) })
}

// relate reads the parent and the group of each process, 0 where they are unknown.
func (r *Reader) relate() {
	for i := range r.found {
		p := &r.found[i]
		p.parent, p.group, _ = parseStat(r.read(p.pid, "stat"))
	}
}

// find returns the index of the process with the given ID.
func (r *Reader) find(pid int) (int, bool) {
	return slices.BinarySearchFunc(r.found, pid, func(p process, pid int) int {
		return cmp.Compare(p.pid, pid)
	})
}

// groupRoots returns the processes of a group whose parent is not one of the group.
func (r *Reader) groupRoots(group int) []int {
	r.list()
	r.relate()
	var roots []int
	for _, p := range r.found {
		if p.group != group {
			continue
		}
		if i, found := r.find(p.parent); !found || r.found[i].group != group {
			roots = append(roots, p.pid)
		}
	}
	return roots
}

// keepDescendants drops the processes that do not descend from self.
func (r *Reader) keepDescendants() {
	r.relate()
	// A second pass, because an ancestor may have the higher ID once IDs start again.
	for i := range r.found {
		r.found[i].descendant = r.descends(i)
	}
	r.found = slices.DeleteFunc(r.found, func(p process) bool { return !p.descendant })
}

// descends reports whether self is an ancestor of the process at index i. Parents that were
// read at different times can form a loop, so the walk is bounded.
func (r *Reader) descends(i int) bool {
	for range r.found {
		parent := r.found[i].parent
		if parent == r.self {
			return true
		}
		var found bool
		if i, found = r.find(parent); !found {
			return false
		}
	}
	return false
}

// measure reads the memory of each process and drops those that have none: zombies, kernel
// threads and processes that have ended since they were listed.
func (r *Reader) measure() {
	kept := r.found[:0]
	for _, p := range r.found {
		resident, shared, ok := parseStatm(r.read(p.pid, "statm"))
		if !ok || resident == 0 {
			continue
		}
		p.rss = resident * r.page
		p.anon = max(0, resident-shared) * r.page
		kept = append(kept, p)
	}
	r.found = kept
}

// name returns the name of a process. Each reading reads it again, because exec changes it.
func (r *Reader) name(pid int) string {
	if name := displayName(firstArgument(r.read(pid, "cmdline"))); name != "" {
		return name
	}
	// A process may clear its arguments.
	return displayName(bytes.TrimSuffix(r.read(pid, "comm"), []byte("\n")))
}

// read returns the beginning of a file of a process, valid until the next read, or nil. The
// file is not kept open, because a descriptor for each process could be more than the limit
// allows. It is not an os.File, which takes twice the time: it tries the network poller first.
func (r *Reader) read(pid int, name string) []byte {
	r.path = append(r.path[:0], r.proc...)
	r.path = append(r.path, '/')
	r.path = strconv.AppendInt(r.path, int64(pid), 10)
	r.path = append(r.path, '/')
	r.path = append(r.path, name...)
	fd, err := syscall.Open(string(r.path), syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	n, err := syscall.Read(fd, r.buf[:])
	syscall.Close(fd)
	if err != nil {
		return nil
	}
	return r.buf[:n]
}
