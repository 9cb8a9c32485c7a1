package memory

import (
	"path"
	"testing"
)

// newMovable returns a system with cgroups a, b and b/c of 64, 128 and 256 MiB. The process is
// in a.
func newMovable() fakeSystem {
	all := files{}
	for group, limit := range map[string]string{
		"a": "67108864\n", "b": "134217728\n", "b/c": "268435456\n",
	} {
		all[group+"/memory.max"] = limit
		all[group+"/memory.high"] = "max\n"
		all[group+"/memory.current"] = "1000000\n"
		all[group+"/memory.peak"] = "1000000\n"
		all[group+"/memory.stat"] = "inactive_file 0\nactive_file 0\nslab_reclaimable 0\n"
	}
	return newMachine("0::/a\n", mount2, "sys/fs/cgroup", all)
}

func removeCgroup(s fakeSystem, group string) {
	for name := range s.MapFS {
		if path.Dir(name) == "sys/fs/cgroup/"+group {
			delete(s.MapFS, name)
		}
	}
}

// TestContainerMoved moves the process to another cgroup, back and forth, and counts the
// reads until it is noticed.
func TestContainerMoved(t *testing.T) {
	t.Parallel()
	system := newMovable()
	c := newContainer(system)
	if got := c.read().Limit; got != known(64*mib) {
		t.Fatalf("read() has Limit %v, want 64 MiB", got)
	}
	before := system.openFiles()
	for _, tt := range []struct {
		name, cgroup string
		want         int64
	}{
		{"to b", "0::/b\n", 128 * mib},
		{"to a", "0::/a\n", 64 * mib},
		{"to b/c, fuller is b", "0::/b/c\n", 128 * mib},
		{"to a again", "0::/a\n", 64 * mib},
	} {
		system.write("proc/self/cgroup", tt.cgroup)
		reads := 1
		for c.read().Limit != known(tt.want) && reads <= findEvery {
			reads++
		}
		if reads > findEvery {
			t.Errorf("%s: not noticed in %d reads", tt.name, findEvery)
		}
	}
	if got := system.openFiles(); got != before {
		t.Errorf("openFiles() after the moves = %d, want %d as before: %v",
			got, before, system.descriptors)
	}
}

// TestContainerMovedAndRemoved removes the cgroup that the process has left.
func TestContainerMovedAndRemoved(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, cgroup string
		want         Container
	}{
		{"to b", "0::/b\n", alone(Container{
			Source: Cgroup2, Usage: known(1000000), WorkingSet: known(1000000),
			Unreclaimable: known(1000000), Peak: known(1000000), Limit: known(128 * mib),
		})},
		{"to the root, which has no files", "0::/\n", Container{}},
		{"to where no memory controller is", "1:cpu:/\n", Container{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			system := newMovable()
			c := newContainer(system)
			c.read()
			before := system.openFiles()
			system.write("proc/self/cgroup", tt.cgroup)
			removeCgroup(system, "a")
			if got := c.read(); got != tt.want {
				t.Errorf("read() = %+v, want %+v", got, tt.want)
			}
			if got := system.openFiles(); got > before {
				t.Errorf("openFiles() = %d, want at most %d: %v", got, before, system.descriptors)
			}
		})
	}
}

// TestContainerNotMoved changes what /proc/self/cgroup says of another controller: the files
// of the memory controller stay open.
func TestContainerNotMoved(t *testing.T) {
	t.Parallel()
	system := newMovable()
	system.write("proc/self/cgroup", "2:pids:/x\n0::/a\n")
	c := newContainer(system)
	want := c.read()
	file := c.groups[0].limit.open
	system.write("proc/self/cgroup", "2:pids:/y\n0::/a\n")
	for range 2 * findEvery {
		if got := c.read(); got != want {
			t.Fatalf("read() = %+v, want %+v", got, want)
		}
	}
	if c.groups[0].limit.open != file {
		t.Error("memory.max was opened again")
	}
}
