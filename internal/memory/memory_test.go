package memory

import (
	"io/fs"
	"os"
	"testing"
	"testing/fstest"
)

func TestMinKnown(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		a, b, want Size
	}{
		{"neither", Size{}, Size{}, Size{}},
		{"only a", known(1), Size{}, known(1)},
		{"only b", Size{}, known(1), known(1)},
		{"a lower", known(1), known(2), known(1)},
		{"b lower", known(2), known(1), known(1)},
		{"a zero is lower", known(0), known(1), known(0)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := minKnown(tt.a, tt.b); got != tt.want {
				t.Errorf("minKnown(%v, %v) = %v, want %v", tt.a, tt.b, got, tt.want)
			}
		})
	}
}

// TestReaderWithoutKernel has no /proc, so that the sample has the runtime's figures only.
func TestReaderWithoutKernel(t *testing.T) {
	t.Parallel()
	s := NewReader(fstest.MapFS{}).Read()
	if s.RSSBytes != s.GoBytes || s.RSSSource != RuntimeRSS {
		t.Errorf("Read() = RSSBytes %d, RSSSource %q, want GoBytes, %d, %q",
			s.RSSBytes, s.RSSSource, s.GoBytes, RuntimeRSS)
	}
	if s.Container != (Container{}) {
		t.Errorf("Read() = Container %+v, want an empty one", s.Container)
	}
}

func TestReaderCaptured(t *testing.T) {
	t.Parallel()
	s := NewReader(captured("docker1-host")).Read()
	if want := int64(331 * os.Getpagesize()); s.RSSBytes != want || s.RSSSource != KernelRSS {
		t.Errorf("Read() = RSSBytes %d, RSSSource %q, want %d, %q",
			s.RSSBytes, s.RSSSource, want, KernelRSS)
	}
	if got, want := s.Container.EffectiveLimit(), known(64*mib); got != want {
		t.Errorf("Read().Container.EffectiveLimit() = %v, want %v", got, want)
	}
	if s.HeapBytes <= 0 || s.GoBytes <= s.HeapBytes {
		t.Errorf("Read() = HeapBytes %d, GoBytes %d, want 0 < HeapBytes < GoBytes",
			s.HeapBytes, s.GoBytes)
	}
	if s.Goroutines < 1 || s.CPU <= 0 {
		t.Errorf("Read() = Goroutines %d, CPU %v, want more than 0", s.Goroutines, s.CPU)
	}
}

// TestReaderLowestLimit has the lowest limit in another cgroup than the fullest one.
func TestReaderLowestLimit(t *testing.T) {
	t.Parallel()
	c := NewReader(newMachine("0::/a/b\n", mount2, "sys/fs/cgroup", files{
		"a/memory.max": "209715200\n", "a/memory.current": "190000000\n",
		"a/b/memory.max": "67108864\n", "a/b/memory.current": "1000000\n",
	})).Read().Container
	if c.Limit != known(200*mib) || c.LowestLimit != known(64*mib) {
		t.Errorf("Read() = Limit %v, LowestLimit %v, want the parent's, %v, and %v",
			c.Limit, c.LowestLimit, known(200*mib), known(64*mib))
	}
}

// TestReaderAllocs allows a sample no garbage, because one is taken every second for as long as
// the service runs.
func TestReaderAllocs(t *testing.T) {
	for _, tt := range []struct {
		name string
		root fs.FS
		want float64 // at most
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
			r := NewReader(tt.root)
			r.Read() // opens the files
			if got := testing.AllocsPerRun(100, func() { r.Read() }); got > tt.want {
				t.Errorf("AllocsPerRun(Read) = %v, want at most %v", got, tt.want)
			}
		})
	}
}

func TestContainerUsedPercent(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		container Container
		want      float64
		ok        bool
	}{
		{"limit", Container{WorkingSet: known(30), Limit: known(40)}, 75, true},
		{"high is lower", Container{WorkingSet: known(30), Limit: known(40), High: known(20)}, 150, true},
		{"nothing used", Container{WorkingSet: known(0), Limit: known(40)}, 0, true},
		{"no limit", Container{WorkingSet: known(30)}, 0, false},
		{"no working set", Container{Usage: known(30), Limit: known(40)}, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok := tt.container.UsedPercent()
			if ok != tt.ok || ok && got != tt.want {
				t.Errorf("UsedPercent() of %+v = %v, %v, want %v, %v",
					tt.container, got, ok, tt.want, tt.ok)
			}
		})
	}
}
