package memory

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"testing"
	"testing/fstest"
)

func TestResidentPages(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, statm string
		want        int64
		ok          bool
	}{
		{"captured", "660 331 305 5 0 123 0\n", 331, true},
		{"zero", "0 0 0 0 0 0 0\n", 0, true},
		{"two fields and more to come", "660 331 ", 331, true},
		{"empty", "", 0, false},
		{"newline", "\n", 0, false},
		{"one field", "660\n", 0, false},
		{"cut in the first field", "66", 0, false},
		{"cut in the second", "660 33", 0, false},
		{"two spaces", "660  331 305\n", 0, false},
		{"negative", "660 -331 305\n", 0, false},
		{"huge", "660 9223372036854775808 305\n", 0, false},
		{"unit", "660 331kB 305\n", 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got, ok := residentPages([]byte(tt.statm)); got != tt.want || ok != tt.ok {
				t.Errorf("residentPages(%q) = %v, %v, want %v, %v",
					tt.statm, got, ok, tt.want, tt.ok)
			}
		})
	}
}

func TestProcessRSS(t *testing.T) {
	t.Parallel()
	p := newProcess(captured("docker1-host"))
	if got, want := p.rss(), known(331*int64(os.Getpagesize())); got != want {
		t.Errorf("rss() = %v, want %v", got, want)
	}
	p = newProcess(fstest.MapFS{})
	if got := p.rss(); got != (Size{}) {
		t.Errorf("rss() without /proc = %v, want nothing", got)
	}
}

func TestOpenFiles(t *testing.T) {
	t.Parallel()
	fds := func(n int) fstest.MapFS {
		root := fstest.MapFS{"proc/self/fd": &fstest.MapFile{Mode: fs.ModeDir | 0o500}}
		for i := range n {
			root[fmt.Sprint("proc/self/fd/", i)] = &fstest.MapFile{}
		}
		return root
	}
	for _, tt := range []struct {
		name string
		root fs.FS
		want int
		ok   bool
	}{
		{"its own alone", fds(1), 0, true},
		{"three and its own", fds(4), 3, true},
		{"many", fds(300), 299, true},
		{"a multiple of what is read at once", fds(128), 127, true},
		{"not even its own", fds(0), 0, false},
		{"no /proc", fstest.MapFS{}, 0, false},
		{"not a directory", fstest.MapFS{"proc/self/fd": &fstest.MapFile{}}, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok := NewReader(tt.root).OpenFiles()
			if ok != tt.ok || ok && got != tt.want {
				t.Errorf("OpenFiles() = %v, %v, want %v, %v", got, ok, tt.want, tt.ok)
			}
		})
	}
}

func FuzzResidentPages(f *testing.F) {
	for _, seed := range []string{
		"", "\n", " ", "  ", "1", "1 2", "1 2 ", "1 2 3 4 5 6 7\n",
		"1 -2 3\n", "1 +2 3\n", "1 9223372036854775807 3\n",
		"1 9223372036854775808 3\n", "1 2kB 3\n", "x 2 3\n",
	} {
		f.Add([]byte(seed))
	}
	addCaptured(f, "proc/self/statm")
	f.Fuzz(func(t *testing.T, statm []byte) {
		got, ok := residentPages(statm)
		if !ok && got != 0 {
			t.Errorf("residentPages(%q) = %v, false, want 0, false", statm, got)
		}
		if ok {
			second := bytes.TrimLeft(bytes.Split(statm, []byte(" "))[1], "0")
			digits := bytes.TrimLeft(strconv.AppendInt(nil, got, 10), "0")
			if !bytes.Equal(second, digits) {
				t.Errorf("residentPages(%q) = %v, true, want the second field", statm, got)
			}
		}
		checkCut(t, statm, func(b []byte) Size {
			pages, ok := residentPages(b)
			return Size{pages, ok}
		})
	})
}
