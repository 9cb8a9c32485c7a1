package memory

import (
	"io"
	"io/fs"
	"path"
	"syscall"
	"testing"
	"testing/fstest"
)

// mover is a system that counts its open files, and whose cgroups can be removed while
// their files are open.
type mover struct {
	fstest.MapFS
	open map[string]int // descriptors, by name
}

// newMover returns a system with cgroups a, b and b/c of 64, 128 and 256 MiB; the process
// is in a.
func newMover() mover {
	files := map[string]string{}
	for group, limit := range map[string]string{
		"a": "67108864\n", "b": "134217728\n", "b/c": "268435456\n",
	} {
		files[group+"/memory.max"] = limit
		files[group+"/memory.high"] = "max\n"
		files[group+"/memory.current"] = "1000000\n"
		files[group+"/memory.peak"] = "1000000\n"
		files[group+"/memory.stat"] = "inactive_file 0\nactive_file 0\nslab_reclaimable 0\n"
	}
	return mover{machine("0::/a\n", mount2, "sys/fs/cgroup", files), map[string]int{}}
}

func (m mover) move(cgroup string) { m.MapFS["proc/self/cgroup"].Data = []byte(cgroup) }

func (m mover) remove(group string) {
	for name := range m.MapFS {
		if path.Dir(name) == "sys/fs/cgroup/"+group {
			delete(m.MapFS, name)
		}
	}
}

func (m mover) descriptors() int {
	n := 0
	for _, open := range m.open {
		n += open
	}
	return n
}

func (m mover) Open(name string) (fs.File, error) {
	f, err := m.MapFS.Open(name)
	if err != nil {
		return nil, err
	}
	m.open[name]++
	return &movedFile{f, m, name}, nil
}

type movedFile struct {
	fs.File
	system mover
	name   string
}

// ReadAt reads what the file says now, as the kernel's files do.
func (f *movedFile) ReadAt(b []byte, off int64) (int, error) {
	file, ok := f.system.MapFS[f.name]
	if !ok {
		return 0, syscall.ENODEV
	}
	n := copy(b, file.Data[min(int(off), len(file.Data)):])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *movedFile) Close() error {
	f.system.open[f.name]--
	return f.File.Close()
}

// TestContainerMoved moves the process to another cgroup, back and forth, and counts the
// reads until it is noticed.
func TestContainerMoved(t *testing.T) {
	t.Parallel()
	system := newMover()
	c := newContainer(system)
	if got := c.read().Limit; got != known(64*mib) {
		t.Fatalf("read() has Limit %v, want 64 MiB", got)
	}
	before := system.descriptors()
	for _, tt := range []struct {
		name, cgroup string
		want         int64
	}{
		{"to b", "0::/b\n", 128 * mib},
		{"to a", "0::/a\n", 64 * mib},
		{"to b/c, fuller is b", "0::/b/c\n", 128 * mib},
		{"to a again", "0::/a\n", 64 * mib},
	} {
		system.move(tt.cgroup)
		reads := 1
		for c.read().Limit != known(tt.want) && reads <= findEvery {
			reads++
		}
		if reads > findEvery {
			t.Errorf("%s: not noticed in %d reads", tt.name, findEvery)
		}
	}
	if got := system.descriptors(); got != before {
		t.Errorf("%d files are open after the moves, want %d as before: %v", got, before, system.open)
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
			Source: "cgroup2", Usage: known(1000000), WorkingSet: known(1000000),
			Unreclaimable: known(1000000), Peak: known(1000000), Limit: known(128 * mib),
		})},
		{"to the root, which has no files", "0::/\n", Container{}},
		{"to where no memory controller is", "1:cpu:/\n", Container{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			system := newMover()
			c := newContainer(system)
			c.read()
			before := system.descriptors()
			system.move(tt.cgroup)
			system.remove("a")
			if got := c.read(); got != tt.want {
				t.Errorf("read() = %+v, want %+v", got, tt.want)
			}
			if got := system.descriptors(); got > before {
				t.Errorf("%d files are open, want at most %d: %v", got, before, system.open)
			}
		})
	}
}

// TestContainerNotMoved changes what /proc/self/cgroup says of another controller: the files
// of the memory controller stay open.
func TestContainerNotMoved(t *testing.T) {
	t.Parallel()
	system := newMover()
	system.move("2:pids:/x\n0::/a\n")
	c := newContainer(system)
	want := c.read()
	file := c.groups[0].limit.open
	system.move("2:pids:/y\n0::/a\n")
	for range 2 * findEvery {
		if got := c.read(); got != want {
			t.Fatalf("read() = %+v, want %+v", got, want)
		}
	}
	if c.groups[0].limit.open != file {
		t.Error("memory.max was opened again")
	}
}
