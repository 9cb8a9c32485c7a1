package memory

import (
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"
	"testing"
	"testing/fstest"
)

const mib = 1 << 20

func known(n int64) Size { return Size{n, true} }

// captured returns a system in testdata. Its README.md says where each comes from.
func captured(name string) fs.FS { return os.DirFS(path.Join("testdata", name)) }

// addCaptured seeds f with a file of every system in testdata that has it.
func addCaptured(f *testing.F, name string) {
	f.Helper()
	files, err := fs.Glob(os.DirFS("testdata"), path.Join("*", name))
	if err != nil || len(files) == 0 {
		f.Fatalf("Glob(%q) = %v, %v, want captured files", name, files, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(path.Join("testdata", file))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
}

// checkCut cuts a file at every byte. A part of it may say less than the whole, but never
// something else.
func checkCut(t *testing.T, file []byte, parse func([]byte) Size) {
	t.Helper()
	whole := parse(file)
	for i := range file {
		if got := parse(file[:i]); got.Known && got != whole {
			t.Fatalf("parse(%q) = %v, want %v or unknown, as %q was cut", file[:i], got, whole, file)
		}
	}
}

// The memory controllers as they are usually mounted.
const (
	mount1 = "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
	mount2 = "24 22 0:21 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw\n"
)

// files are the contents of files by name.
type files map[string]string

// fakeSystem is a made-up file system. Like a kernel's, its open files have the contents of
// now, and reading them fails with ENODEV after they were removed.
type fakeSystem struct {
	fstest.MapFS
	fail        map[string]error // the error of opening a file, by its name
	descriptors map[string]int   // how often a file is open, by its name
}

func newFakeSystem() fakeSystem {
	return fakeSystem{fstest.MapFS{}, map[string]error{}, map[string]int{}}
}

// newMachine returns a system with 8 GiB, and with cgroup files named relative to their mount.
func newMachine(cgroup, mountinfo, point string, cgroupFiles files) fakeSystem {
	s := newFakeSystem()
	s.write("proc/self/cgroup", cgroup)
	s.write("proc/self/mountinfo", mountinfo)
	s.write("proc/meminfo", "MemTotal:        8388608 kB\nMemFree:         1048576 kB\n")
	for name, contents := range cgroupFiles {
		s.write(path.Join(point, name), contents)
	}
	return s
}

func (s fakeSystem) write(name, contents string) {
	s.MapFS[name] = &fstest.MapFile{Data: []byte(contents)}
}

// openFiles returns how many files are open.
func (s fakeSystem) openFiles() int {
	total := 0
	for _, n := range s.descriptors {
		total += n
	}
	return total
}

func (s fakeSystem) Open(name string) (fs.File, error) {
	if err := s.fail[name]; err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	f, err := s.MapFS.Open(name)
	if err != nil {
		return nil, err
	}
	s.descriptors[name]++
	return &fakeFile{f, s, name}, nil
}

type fakeFile struct {
	fs.File
	system fakeSystem
	name   string
}

func (f *fakeFile) ReadAt(b []byte, off int64) (int, error) {
	file := f.system.MapFS[f.name]
	if file == nil || f.system.fail[f.name] != nil {
		return 0, syscall.ENODEV
	}
	n := copy(b, file.Data[min(int(off), len(file.Data)):])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *fakeFile) Close() error {
	f.system.descriptors[f.name]--
	return f.File.Close()
}
