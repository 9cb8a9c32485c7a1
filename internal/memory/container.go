package memory

import (
	"bytes"
	"io/fs"
	"math"
	"os"
	"path"
	"strings"
)

// Container is what the kernel charges to the container that this process runs in
// (its cgroup), in bytes. Every value is optional: sandboxes such as gVisor and
// Kata may lack any of the files.
//
// The kernel's count of OOM kills (oom_kill in memory.events) is left out on purpose: the
// cgroup dies with the container, so after a kill it starts again at 0, and Kubernetes has
// the whole cgroup killed as one. What must be known is logged before.
type Container struct {
	Source     string // "cgroup2", "cgroup1", or empty when nothing is known
	Usage      Value  // all memory charged, page cache included
	WorkingSet Value  // Usage without the page cache that can go first (inactive_file)
	Peak       Value  // the highest Usage so far
	Limit      Value  // over it the kernel kills
	High       Value  // over it the kernel stalls the container; set only when under Limit
}

// Cap is the size that the container must stay under: the lower of Limit and High.
func (c Container) Cap() Value { return lower(c.Limit, c.High) }

// container reads the memory controller's files for the process's cgroup and every
// one above it, as far as they can be seen: the lowest limit of them all counts.
type container struct {
	source   string
	groups   []group // from the process's own cgroup up to the mount
	memTotal Value   // of the machine: a limit above it is none
}

// group is one cgroup's files.
type group struct {
	limit, high, usage, peak, stat file
}

func newContainer(root fs.FS) container {
	dirs, source := cgroupDirs(readAll(root, "proc/self/cgroup"), readAll(root, "proc/self/mountinfo"))
	c := container{source: source, memTotal: memTotal(readAll(root, "proc/meminfo"))}
	for _, dir := range dirs {
		at := func(name string) file {
			return file{root: root, name: strings.TrimPrefix(path.Join(dir, name), "/")}
		}
		g := group{limit: at("memory.max"), high: at("memory.high"), usage: at("memory.current"), peak: at("memory.peak"), stat: at("memory.stat")}
		if source == cgroup1 {
			g.limit, g.usage, g.peak = at("memory.limit_in_bytes"), at("memory.usage_in_bytes"), at("memory.max_usage_in_bytes")
		}
		c.groups = append(c.groups, g)
	}
	return c
}

func (c *container) read() Container {
	var out Container
	var lowest Value
	tightest := 0
	for i := range c.groups {
		limit, high := c.bounds(&c.groups[i])
		out.Limit, out.High = lower(out.Limit, limit), lower(out.High, high)
		// On a tie the upper one counts: its usage holds the siblings' too.
		if bound := lower(limit, high); bound.OK && (!lowest.OK || bound.N <= lowest.N) {
			lowest, tightest = bound, i
		}
	}
	if out.Limit.OK && out.High.OK && out.High.N >= out.Limit.N {
		out.High = Value{}
	}
	if len(c.groups) > 0 {
		g := &c.groups[tightest]
		out.Usage = number(g.usage.read())
		out.Peak = number(g.peak.read())
		out.WorkingSet = c.workingSet(g, out.Usage)
	}
	if out != (Container{}) {
		out.Source = c.source
	}
	return out
}

// bounds are what one cgroup may use.
func (c *container) bounds(g *group) (limit, high Value) {
	limit = c.bound(number(g.limit.read()))
	if c.source == cgroup1 {
		// It holds the limits of ancestors that the mount does not show.
		limit = lower(limit, c.bound(field(g.stat.read(), "hierarchical_memory_limit")))
	}
	return limit, c.bound(number(g.high.read()))
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

func (c *container) workingSet(g *group, usage Value) Value {
	key := "inactive_file"
	if c.source == cgroup1 {
		key = "total_inactive_file" // with the children's, as usage is
	}
	inactive := field(g.stat.read(), key)
	if !usage.OK || !inactive.OK {
		return Value{}
	}
	return Value{max(0, usage.N-inactive.N), true}
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
