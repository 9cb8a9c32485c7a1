package memory

import (
	"io/fs"
	"math"
	"os"
	"testing"
	"testing/fstest"
)

func TestLower(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		a, b, want Value
	}{
		{"neither", Value{}, Value{}, Value{}},
		{"only a", known(1), Value{}, known(1)},
		{"only b", Value{}, known(1), known(1)},
		{"a lower", known(1), known(2), known(1)},
		{"b lower", known(2), known(1), known(1)},
		{"a zero is lower", known(0), known(1), known(0)},
		{"a missing one is not", Value{N: 0}, known(1), known(1)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := lower(tt.a, tt.b); got != tt.want {
				t.Errorf("lower(%v, %v) = %v, want %v", tt.a, tt.b, got, tt.want)
			}
		})
	}
}

// TestReaderWithoutKernel has no /proc: the runtime's figures stand alone.
func TestReaderWithoutKernel(t *testing.T) {
	restoreLimit(t)
	s := NewReader(fstest.MapFS{}, 0).Read()
	if s.RSS != s.Go || s.RSSSource != "runtime" {
		t.Errorf("Read() has RSS %d from %q, want Go, %d, from the runtime", s.RSS, s.RSSSource, s.Go)
	}
	if s.Container != (Container{}) || s.GoLimit != (Value{}) || s.GoLimitSource != "none" {
		t.Errorf("Read() has Container %+v, GoLimit %v from %q, want none", s.Container, s.GoLimit, s.GoLimitSource)
	}
}

func TestReaderCaptured(t *testing.T) {
	restoreLimit(t)
	s := NewReader(captured("docker1-host"), math.MaxInt64).Read()
	if want := int64(331 * os.Getpagesize()); s.RSS != want || s.RSSSource != "kernel" {
		t.Errorf("Read() has RSS %d from %q, want %d from the kernel", s.RSS, s.RSSSource, want)
	}
	if got, want := s.Container.Cap(), known(64*mib); got != want {
		t.Errorf("Read() has Cap %v, want %v", got, want)
	}
	if s.Heap <= 0 || s.Go <= s.Heap {
		t.Errorf("Read() has Heap %d, Go %d, want 0 < Heap < Go", s.Heap, s.Go)
	}
}

// TestReaderLowestLimit: the runtime's limit follows the lowest limit, whichever cgroup is
// the fullest.
func TestReaderLowestLimit(t *testing.T) {
	restoreLimit(t)
	s := NewReader(machine("0::/a/b\n", mount2, "sys/fs/cgroup", map[string]string{
		"a/memory.max": "209715200\n", "a/memory.current": "190000000\n",
		"a/b/memory.max": "67108864\n", "a/b/memory.current": "1000000\n",
	}), 0).Read()
	if got, want := s.Container.Limit, known(200*mib); got != want {
		t.Errorf("Read() has Container.Limit %v, want the parent's, %v", got, want)
	}
	if got, want := s.GoLimit, known(64*mib/5*4); got != want || s.GoLimitSource != "container" {
		t.Errorf("Read() has GoLimit %v from %q, want %v from container", got, s.GoLimitSource, want)
	}
}

// TestReaderAllocs holds a sample to no garbage: it is taken every second for as
// long as the service runs.
func TestReaderAllocs(t *testing.T) {
	restoreLimit(t)
	for _, tt := range []struct {
		name string
		root fs.FS
		max  float64
	}{
		{"this machine", os.DirFS("/"), 0},
		{"v1", captured("cgroup1-nested"), 0},
		{"v1 without a limit", captured("cgroup1-no-limit"), 0},
		{"v2", captured("cgroup2-nested"), 0},
		{"v2 without a limit", captured("cgroup2-no-limit"), 0},
		// Four files that do not exist, each tried at every tenth read.
		{"v2's root, without files", captured("cgroup2-root"), 2},
		{"no files", fstest.MapFS{}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := NewReader(tt.root, math.MaxInt64)
			r.Read() // opens the files
			if got := testing.AllocsPerRun(100, func() { r.Read() }); got > tt.max {
				t.Errorf("Read() allocates %v times, want at most %v", got, tt.max)
			}
		})
	}
}

// TestFileAppears: the memory controller can be switched on while the service runs.
func TestFileAppears(t *testing.T) {
	t.Parallel()
	root := fstest.MapFS{}
	f := file{root: root, name: "memory.max"}
	if got := f.read(); got != nil {
		t.Fatalf("read() = %q without a file, want nil", got)
	}
	root["memory.max"] = &fstest.MapFile{Data: []byte("1024\n")}
	for i := range 10 {
		if got := f.read(); got != nil {
			t.Logf("seen at read %d", i+2)
			return
		}
	}
	t.Error("a file that appeared is not seen in ten reads")
}
