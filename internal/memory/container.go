package memory

import (
	"bytes"
	"io/fs"
	"math"
	"os"
	"path"
	"slices"
	"strings"
)

// Container is what the kernel charges to a cgroup that this process runs in, in bytes.
// Of the cgroups from the process's own up to the mount it is the fullest that has a limit,
// because a parent that its other children fill kills just as well. It is the process's own
// where none has a limit. Every value is optional: sandboxes such as gVisor and Kata may
// lack any of the files.
//
// The kernel's count of OOM kills (oom_kill in memory.events) is left out on purpose: the
// cgroup dies with the container, so after a kill it starts again at 0, and Kubernetes has
// the whole cgroup killed as one. What must be known is logged before.
type Container struct {
	Source        string // "cgroup2", "cgroup1", or empty when nothing is known
	Usage         Value  // all memory charged, page cache included
	WorkingSet    Value  // Usage minus the page cache that can go first (inactive_file)
	Unreclaimable Value  // Usage minus what the kernel frees before it kills: page cache, slab
	Peak          Value  // the highest Usage so far
	Limit         Value  // over it the kernel kills
	High          Value  // over it the kernel stalls the container; set only when under Limit

	// LowestLimit is the lowest Limit or High of all these cgroups. It bounds what this
	// process alone may use, whichever cgroup is the fullest.
	LowestLimit Value
}

// Cap is the size that the container must stay under: the lower of Limit and High.
func (c Container) Cap() Value { return lower(c.Limit, c.High) }

// fullness returns how much of Cap is in use, 1 for all of it, and -1 where it is unknown.
func (c Container) fullness() float64 {
	for _, used := range [...]Value{c.Unreclaimable, c.WorkingSet, c.Usage} {
		if limit := c.Cap(); used.OK && limit.OK {
			return float64(used.N) / float64(limit.N)
		}
	}
	return -1
}

// fuller reports whether c is nearer to its limit than other. When both are equally near,
// the lower limit counts.
func (c Container) fuller(other Container) bool {
	f, o := c.fullness(), other.fullness()
	return f > o || f == o && c.Cap().N < other.Cap().N
}

// container reads the memory controller's files for the process's cgroup and every
// one above it, as far as they can be seen.
type container struct {
	cgroup   file   // names the process's cgroup
	found    []byte // the contents of cgroup that groups were found by
	source   string
	dirs     []string
	groups   []group // one for each of dirs, from the process's own cgroup up to the mount
	memTotal Value   // of the machine: a limit above it is none
	reads    int
}

// findEvery is the number of reads after which the process's cgroup is looked up again, a
// minute at one read a second: systemd, for one, moves a process after it has started.
const findEvery = 60

// group is one cgroup's files.
type group struct {
	limit, high, usage, peak, stat file
}

func newContainer(root fs.FS) container {
	c := container{
		cgroup:   file{root: root, name: "proc/self/cgroup"},
		memTotal: memTotal(readAll(root, "proc/meminfo")),
	}
	c.find()
	return c
}

// find looks up the process's cgroup and those above it, and reports whether they differ
// from the known ones.
func (c *container) find() bool {
	root, cgroup := c.cgroup.root, c.cgroup.read()
	if cgroup == nil || bytes.Equal(cgroup, c.found) {
		return false
	}
	c.found = bytes.Clone(cgroup)
	dirs, source := cgroupDirs(cgroup, readAll(root, "proc/self/mountinfo"))
	if source == c.source && slices.Equal(dirs, c.dirs) {
		return false // another controller's cgroup changed
	}
	for i := range c.groups {
		c.groups[i].close()
	}
	c.source, c.dirs, c.groups = source, dirs, make([]group, len(dirs))
	for i, dir := range dirs {
		c.groups[i] = newGroup(root, dir, source)
	}
	return true
}

func newGroup(root fs.FS, dir, source string) group {
	at := func(name string) file {
		return file{root: root, name: strings.TrimPrefix(path.Join(dir, name), "/")}
	}
	if source == cgroup1 {
		return group{
			limit: at("memory.limit_in_bytes"),
			high:  at("memory.high"),
			usage: at("memory.usage_in_bytes"),
			peak:  at("memory.max_usage_in_bytes"),
			stat:  at("memory.stat"),
		}
	}
	return group{
		limit: at("memory.max"),
		high:  at("memory.high"),
		usage: at("memory.current"),
		peak:  at("memory.peak"),
		stat:  at("memory.stat"),
	}
}

func (g *group) close() {
	for _, f := range [...]*file{&g.limit, &g.high, &g.usage, &g.peak, &g.stat} {
		f.close()
	}
}

func (c *container) read() Container {
	if c.reads++; c.reads%findEvery == 0 {
		c.find()
	}
	out := c.measure()
	if c.removed() && c.find() {
		out = c.measure()
	}
	return out
}

// removed reports whether a cgroup was removed since the last call. The kernel refuses that
// while a process is in it, so this process was moved before.
func (c *container) removed() bool {
	removed := false
	for i := range c.groups {
		limit := &c.groups[i].limit
		removed = removed || limit.lost
		limit.lost = false
	}
	return removed
}

// measure reads the limits of every cgroup, and the use of those that have one.
func (c *container) measure() Container {
	var out Container
	var lowest Value
	var reported *group
	// From the mount down, so that of two equals the upper one counts: its use includes
	// that of its other children.
	for i := len(c.groups) - 1; i >= 0; i-- {
		g := &c.groups[i]
		next := c.limits(g, lowest)
		lowest = lower(lowest, next.Cap())
		if !next.Cap().OK && (i > 0 || reported != nil) {
			continue
		}
		c.readUse(g, &next)
		if reported == nil || next.fuller(out) {
			out, reported = next, g
		}
	}
	if reported != nil {
		out.Peak, out.LowestLimit = number(reported.peak.read()), lowest
	}
	if out != (Container{}) {
		out.Source = c.source
	}
	return out
}

// limits reads what one cgroup may use, given the lowest limit of those above it.
func (c *container) limits(g *group, above Value) Container {
	limit, high := c.bound(number(g.limit.read())), c.bound(number(g.high.read()))
	if c.source == cgroup1 {
		// It is the lowest limit from this cgroup upwards. Where one that can be seen
		// has it, it must be held against that one's use. Where none has, it belongs to
		// an ancestor outside the mount, of whose use this cgroup's is a part.
		all := c.bound(field(g.stat.read(), "hierarchical_memory_limit"))
		if all.OK && (!above.OK || all.N < above.N) {
			limit = lower(limit, all)
		}
	}
	if limit.OK && high.OK && high.N >= limit.N {
		high = Value{}
	}
	return Container{Limit: limit, High: high}
}

// bound drops what is no limit: v1 writes "none" as the highest whole page, 0 says
// nothing, and more than the machine has cannot be reached. v2's "max" is not a
// number and never gets here.
func (c *container) bound(v Value) Value {
	page := int64(os.Getpagesize())
	if v.N == 0 || v.N >= math.MaxInt64/page*page || c.memTotal.OK && v.N > c.memTotal.N {
		return Value{}
	}
	return v
}

// readUse reads what one cgroup uses, its children included.
func (c *container) readUse(g *group, out *Container) {
	out.Usage = number(g.usage.read())
	stat := g.stat.read()
	if c.source == cgroup1 {
		inactive, active := field(stat, "total_inactive_file"), field(stat, "total_active_file")
		out.WorkingSet = less(out.Usage, inactive)
		out.Unreclaimable = less(out.WorkingSet, active)
		return
	}
	inactive, active := field(stat, "inactive_file"), field(stat, "active_file")
	out.WorkingSet = less(out.Usage, inactive)
	out.Unreclaimable = less(less(out.WorkingSet, active), field(stat, "slab_reclaimable"))
}

// less returns a - b, but never below 0: the kernel's files are read one after the other.
func less(a, b Value) Value {
	if !a.OK || !b.OK {
		return Value{}
	}
	return Value{max(0, a.N-b.N), true}
}

// memTotal reads the machine's memory from proc_meminfo(5), which counts in KiB.
func memTotal(meminfo []byte) Value {
	for line := range bytes.Lines(meminfo) {
		if rest, ok := bytes.CutPrefix(line, []byte("MemTotal:")); ok {
			digits, whole := bytes.CutSuffix(rest, []byte(" kB\n"))
			kib := count(bytes.TrimSpace(digits))
			if !whole || kib.N == 0 || kib.N > math.MaxInt64>>10 {
				return Value{}
			}
			return Value{kib.N << 10, true}
		}
	}
	return Value{}
}

// readAll reads a file that is needed once; nil if it cannot be read.
func readAll(root fs.FS, name string) []byte {
	b, _ := fs.ReadFile(root, name)
	return b
}
