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

// Container is the memory that the kernel charges to a cgroup that this process runs in. Of
// the cgroups from the process's own up to the mount, it is the fullest one with a limit,
// because a parent that its other children fill leads to a kill as well. If none has a limit,
// it is the process's own. Every size may be unknown, because sandboxes such as gVisor and
// Kata may lack any of the files.
type Container struct {
	Source        ContainerSource // empty if nothing is known
	Usage         Size            // all memory charged, including page cache
	WorkingSet    Size            // Usage minus inactive_file, the page cache that is reclaimed first
	Unreclaimable Size            // Usage minus what the kernel frees before it kills
	Peak          Size            // the highest Usage so far
	Limit         Size            // the kernel kills a process here
	High          Size            // the kernel slows the container down here; known only below Limit

	// LowestLimit is the lowest Limit or High of all these cgroups. It bounds what this
	// process may use, whichever cgroup is the fullest.
	LowestLimit Size

	// OOMKills is how many processes of this process's own cgroup the kernel has killed for
	// lack of memory. On v2 it includes those of the cgroups below.
	OOMKills Count
}

// EffectiveLimit returns the lower of Limit and High.
func (c Container) EffectiveLimit() Size { return minKnown(c.Limit, c.High) }

// fullness returns the share of EffectiveLimit that is in use, or -1 if it is unknown.
func (c Container) fullness() float64 {
	for _, used := range [...]Size{c.Unreclaimable, c.WorkingSet, c.Usage} {
		if limit := c.EffectiveLimit(); used.Known && limit.Known {
			return float64(used.Bytes) / float64(limit.Bytes)
		}
	}
	return -1
}

// fuller reports whether c is nearer to its limit than other. Of two that are equally near,
// the one with the lower limit is fuller.
func (c Container) fuller(other Container) bool {
	f, o := c.fullness(), other.fullness()
	return f > o || f == o && c.EffectiveLimit().Bytes < other.EffectiveLimit().Bytes
}

// container reads the memory controller's files of the process's cgroup and of those above it
// that are visible.
type container struct {
	cgroup   file   // /proc/self/cgroup
	found    []byte // the contents of cgroup at the last search
	source   ContainerSource
	dirs     []string
	groups   []group // one for each of dirs, from the process's own cgroup up to the mount
	memTotal Size    // of the machine: a limit above it is none
	reads    int
}

// findEvery is the number of reads after which the process's cgroup is searched again, a minute
// at one read per second. systemd, for example, moves a process after it has started.
const findEvery = 60

// group is one cgroup's files.
type group struct {
	limit, high, usage, peak, stat, events file
}

func newContainer(root fs.FS) container {
	c := container{
		cgroup:   file{root: root, name: "proc/self/cgroup"},
		memTotal: memTotal(readAll(root, "proc/meminfo")),
	}
	c.find()
	return c
}

// find searches the process's cgroup and those above it, and reports whether they have changed.
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

func newGroup(root fs.FS, dir string, source ContainerSource) group {
	at := func(name string) file {
		return file{root: root, name: strings.TrimPrefix(path.Join(dir, name), "/")}
	}
	if source == Cgroup1 {
		return group{
			limit: at("memory.limit_in_bytes"),
			high:  at("memory.high"),
			usage: at("memory.usage_in_bytes"),
			peak:  at("memory.max_usage_in_bytes"),
			stat:  at("memory.stat"),

			events: at("memory.oom_control"),
		}
	}
	return group{
		limit: at("memory.max"),
		high:  at("memory.high"),
		usage: at("memory.current"),
		peak:  at("memory.peak"),
		stat:  at("memory.stat"),

		events: at("memory.events"),
	}
}

func (g *group) close() {
	for _, f := range [...]*file{&g.limit, &g.high, &g.usage, &g.peak, &g.stat, &g.events} {
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

// removed reports whether a cgroup was removed since the last call. The kernel does not allow
// that while a process is in it, so that this process must have been moved.
func (c *container) removed() bool {
	removed := false
	for i := range c.groups {
		limit := &c.groups[i].limit
		removed = removed || limit.lost
		limit.lost = false
	}
	return removed
}

// measure reads the limits of every cgroup, and the usage of those that have a limit.
func (c *container) measure() Container {
	var out Container
	var lowest Size
	var reported *group
	// It starts at the mount, so that the upper one of two equally full cgroups is reported,
	// whose usage includes that of its other children.
	for i := len(c.groups) - 1; i >= 0; i-- {
		g := &c.groups[i]
		next := c.limitsOf(g, lowest)
		lowest = minKnown(lowest, next.EffectiveLimit())
		if !next.EffectiveLimit().Known && (i > 0 || reported != nil) {
			continue
		}
		c.readUsage(g, &next)
		if reported == nil || next.fuller(out) {
			out, reported = next, g
		}
	}
	if reported != nil {
		out.Peak, out.LowestLimit = parseLine(reported.peak.read()), lowest
		out.OOMKills = c.oomKills()
	}
	if out != (Container{}) {
		out.Source = c.source
	}
	return out
}

// oomKills reads the count of OOM kills of the process's own cgroup. Its file has lines of a
// name and a number on both versions.
func (c *container) oomKills() Count {
	n := statField(c.groups[0].events.read(), "oom_kill")
	return Count{n.Bytes, n.Known}
}

// OOMKills reads Container.OOMKills alone, once.
func OOMKills(root fs.FS) Count {
	c := newContainer(root)
	if len(c.groups) == 0 {
		return Count{}
	}
	return c.oomKills()
}

// limitsOf reads the limits of a cgroup, given the lowest limit of those above it.
func (c *container) limitsOf(g *group, above Size) Container {
	limit, high := c.usableLimit(parseLine(g.limit.read())), c.usableLimit(parseLine(g.high.read()))
	if c.source == Cgroup1 {
		// This is the lowest limit from this cgroup upwards. If a visible cgroup above has
		// it, it applies to the usage of that one. If none has, it belongs to a cgroup
		// outside the mount, whose usage includes this one's.
		all := c.usableLimit(statField(g.stat.read(), "hierarchical_memory_limit"))
		if all.Known && (!above.Known || all.Bytes < above.Bytes) {
			limit = minKnown(limit, all)
		}
	}
	if limit.Known && high.Known && high.Bytes >= limit.Bytes {
		high = Size{}
	}
	return Container{Limit: limit, High: high}
}

// usableLimit returns an unknown Size for values that are no limit. v1 writes the highest whole
// page for none, 0 has no meaning, and more than the machine's memory cannot be reached. v2's
// "max" is not a number and was not parsed.
func (c *container) usableLimit(v Size) Size {
	page := int64(os.Getpagesize())
	if v.Bytes == 0 || v.Bytes >= math.MaxInt64/page*page ||
		c.memTotal.Known && v.Bytes > c.memTotal.Bytes {
		return Size{}
	}
	return v
}

// readUsage reads the usage of a cgroup, which includes that of its children.
func (c *container) readUsage(g *group, out *Container) {
	out.Usage = parseLine(g.usage.read())
	stat := g.stat.read()
	if c.source == Cgroup1 {
		inactive, active := statField(stat, "total_inactive_file"), statField(stat, "total_active_file")
		out.WorkingSet = subtract(out.Usage, inactive)
		out.Unreclaimable = subtract(out.WorkingSet, active)
		return
	}
	inactive, active := statField(stat, "inactive_file"), statField(stat, "active_file")
	out.WorkingSet = subtract(out.Usage, inactive)
	out.Unreclaimable = subtract(subtract(out.WorkingSet, active), statField(stat, "slab_reclaimable"))
}

// memTotal returns the machine's memory from proc_meminfo(5), which counts in KiB.
func memTotal(meminfo []byte) Size {
	for line := range bytes.Lines(meminfo) {
		if rest, ok := bytes.CutPrefix(line, []byte("MemTotal:")); ok {
			digits, whole := bytes.CutSuffix(rest, []byte(" kB\n"))
			kib, ok := parseDigits(bytes.TrimSpace(digits))
			if !whole || !ok || kib == 0 || kib > math.MaxInt64>>10 {
				return Size{}
			}
			return Size{kib << 10, true}
		}
	}
	return Size{}
}

// readAll returns the contents of a file, or nil if it cannot be read.
func readAll(root fs.FS, name string) []byte {
	b, _ := fs.ReadFile(root, name)
	return b
}

// UsedPercent returns the working set as a percentage of EffectiveLimit, the figure that
// kubectl top and the platforms show.
func (c Container) UsedPercent() (percent float64, ok bool) {
	limit := c.EffectiveLimit()
	return Percent(c.WorkingSet.Bytes, limit.Bytes), limit.Known && c.WorkingSet.Known
}

// Percent returns part as a percentage of whole.
func Percent(part, whole int64) float64 { return 100 * float64(part) / float64(whole) }
