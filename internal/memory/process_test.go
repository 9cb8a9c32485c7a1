package memory

import (
	"bytes"
	"fmt"
	"io/fs"
	"math"
	"os"
	"strconv"
	"testing"
	"testing/fstest"
)

func TestResidentPages(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, statm string
		want        Value
	}{
		{"captured", "660 331 305 5 0 123 0\n", known(331)},
		{"zero", "0 0 0 0 0 0 0\n", known(0)},
		{"two fields and more to come", "660 331 ", known(331)},
		{"empty", "", Value{}},
		{"newline", "\n", Value{}},
		{"one field", "660\n", Value{}},
		{"cut in the first field", "66", Value{}},
		{"cut in the second", "660 33", Value{}},
		{"two spaces", "660  331 305\n", Value{}},
		{"negative", "660 -331 305\n", Value{}},
		{"huge", "660 9223372036854775808 305\n", Value{}},
		{"unit", "660 331kB 305\n", Value{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := residentPages([]byte(tt.statm)); got != tt.want {
				t.Errorf("residentPages(%q) = %v, want %v", tt.statm, got, tt.want)
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
	if got := p.rss(); got != (Value{}) {
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
		want Value
	}{
		{"its own alone", fds(1), known(0)},
		{"three and its own", fds(4), known(3)},
		{"many", fds(300), known(299)},
		{"a multiple of what is read at once", fds(128), known(127)},
		{"not even its own", fds(0), Value{}},
		{"no /proc", fstest.MapFS{}, Value{}},
		{"not a directory", fstest.MapFS{"proc/self/fd": &fstest.MapFile{}}, Value{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := NewReader(tt.root, math.MaxInt64).OpenFiles(); got != tt.want {
				t.Errorf("OpenFiles() = %v, want %v", got, tt.want)
			}
		})
	}
}

func FuzzResidentPages(f *testing.F) {
	for _, seed := range []string{
		"", "\n", " ", "  ", "1", "1 2", "1 2 ", "1 2 3 4 5 6 7\n", "1 -2 3\n", "1 +2 3\n", "1 9223372036854775807 3\n",
		"1 9223372036854775808 3\n", "1 2kB 3\n", "x 2 3\n",
	} {
		f.Add([]byte(seed))
	}
	addCaptured(f, "proc/self/statm")
	f.Fuzz(func(t *testing.T, statm []byte) {
		got := residentPages(statm)
		if !got.OK && got.N != 0 {
			t.Errorf("residentPages(%q) = %v, want 0 for nothing", statm, got)
		}
		if got.OK {
			second := bytes.TrimLeft(bytes.Split(statm, []byte(" "))[1], "0")
			if want := bytes.TrimLeft(strconv.AppendInt(nil, got.N, 10), "0"); !bytes.Equal(second, want) {
				t.Errorf("residentPages(%q) = %v, want the second field", statm, got)
			}
		}
		checkCut(t, statm, residentPages)
	})
}
