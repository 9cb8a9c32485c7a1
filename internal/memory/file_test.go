package memory

import (
	"bytes"
	"io/fs"
	"math"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

func TestFile(t *testing.T) {
	t.Parallel()
	system := fstest.MapFS{"f": {}}
	f := file{root: system, name: "f"}
	for _, tt := range []struct {
		name string
		size int
		want int
	}{
		{"small", 9, 9},
		{"empty", 0, 0},
		{"as long as the first buffer", 512, 512},
		{"a byte longer", 513, 513},
		{"memory.stat", 3000, 3000},
		{"small again", 9, 9},
		{"the longest", maxFile - 1, maxFile - 1},
		{"too long", maxFile, 0},
		{"small after too long", 9, 9},
	} {
		system["f"].Data = bytes.Repeat([]byte("x"), tt.size)
		if got := f.read(); len(got) != tt.want {
			t.Errorf("%s: read() has %d bytes, want %d", tt.name, len(got), tt.want)
		}
	}

	f = file{root: fstest.MapFS{"f": {Mode: fs.ModeDir}}, name: "f"}
	if got := f.read(); got != nil {
		t.Errorf("read() of a directory = %q, want nil", got)
	}
}

// TestFileFails lets a file come and go: what cannot be read now may be later,
// except what did not exist.
func TestFileFails(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name          string
		before, after error // of opening it
		first, second string
	}{
		{"there", nil, nil, "1\n", "1\n"},
		{"not permitted, then permitted", fs.ErrPermission, nil, "", "1\n"},
		{"removed while open", nil, fs.ErrNotExist, "1\n", ""},
		{"stale while open", nil, fs.ErrInvalid, "1\n", ""},
		{"never there", fs.ErrNotExist, nil, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			system := newFakeSystem()
			system.write("f", "1\n")
			system.fail["f"] = tt.before
			f := file{root: system, name: "f"}
			if got := string(f.read()); got != tt.first {
				t.Errorf("first read() = %q, want %q", got, tt.first)
			}
			system.fail["f"] = tt.after
			if got := string(f.read()); got != tt.second {
				t.Errorf("second read() = %q, want %q", got, tt.second)
			}
		})
	}
}

// TestFileReopened reads a file whose descriptor went stale while a new one works.
func TestFileReopened(t *testing.T) {
	t.Parallel()
	old := newFakeSystem()
	old.write("f", "old\n")
	f := file{root: old, name: "f"}
	if got := string(f.read()); got != "old\n" {
		t.Fatalf("read() = %q, want the old file", got)
	}
	old.fail["f"] = fs.ErrNotExist
	f.root = fstest.MapFS{"f": {Data: []byte("new\n")}}
	if got := string(f.read()); got != "new\n" {
		t.Errorf("read() = %q, want the new file", got)
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

func TestParseLine(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, line string
		want       Size
	}{
		{"zero", "0\n", known(0)},
		{"limit", "67108864\n", known(67108864)},
		{"leading zeros", "007\n", known(7)},
		{"highest", "9223372036854775807\n", known(math.MaxInt64)},
		{"one more", "9223372036854775808\n", Size{}},
		{"huge", strings.Repeat("9", 400) + "\n", Size{}},
		{"max", "max\n", Size{}},
		{"empty", "", Size{}},
		{"empty line", "\n", Size{}},
		{"cut short", "67108", Size{}},
		{"negative", "-1\n", Size{}},
		{"minus zero", "-0\n", Size{}},
		{"plus", "+1\n", Size{}},
		{"space before", " 1\n", Size{}},
		{"space after", "1 \n", Size{}},
		{"carriage return", "1\r\n", Size{}},
		{"unit", "64M\n", Size{}},
		{"hexadecimal", "0x10\n", Size{}},
		{"underscore", "1_000\n", Size{}},
		{"fraction", "1.5\n", Size{}},
		{"two lines", "1\n2\n", Size{}},
		{"other digits", "\u0661\n", Size{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := parseLine([]byte(tt.line)); got != tt.want {
				t.Errorf("parseLine(%q) = %v, want %v", tt.line, got, tt.want)
			}
		})
	}
}

func TestStatField(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, lines string
		want        Size
	}{
		{"first", "inactive_file 5\nactive_file 6\n", known(5)},
		{"last", "anon 1\ninactive_file 5\n", known(5)},
		{"zero", "inactive_file 0\n", known(0)},
		{"empty", "", Size{}},
		{"not there", "anon 1\n", Size{}},
		{"a longer key", "inactive_file_x 1\ntotal_inactive_file 2\n", Size{}},
		{"no number", "inactive_file\n", Size{}},
		{"empty number", "inactive_file \n", Size{}},
		{"two spaces", "inactive_file  5\n", Size{}},
		{"unit", "inactive_file 5 kB\n", Size{}},
		{"negative", "inactive_file -5\n", Size{}},
		{"huge", "inactive_file 9223372036854775808\n", Size{}},
		{"cut short", "anon 1\ninactive_file 5", Size{}},
		{"cut in the next line", "inactive_file 5\nacti", known(5)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := statField([]byte(tt.lines), "inactive_file"); got != tt.want {
				t.Errorf("statField(%q) = %v, want %v", tt.lines, got, tt.want)
			}
		})
	}
}

func FuzzParseLine(f *testing.F) {
	for _, seed := range []string{
		"", "\n", "0\n", "1", "007\n", "max\n", "-1\n", "-0\n", "+1\n", " 1\n", "1\r\n", "64M\n", "1\n\n",
		"9223372036854771712\n", "9223372036854775807\n", "9223372036854775808\n",
		"18446744073709551616\n", strings.Repeat("0", 400) + "1\n",
	} {
		f.Add([]byte(seed))
	}
	for _, name := range []string{"memory.max", "memory.high", "memory.current", "memory.peak"} {
		addCaptured(f, "sys/fs/cgroup/"+name)
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		got := parseLine(line)
		if !got.Known {
			if got.Bytes != 0 {
				t.Errorf("parseLine(%q) = %v, want 0 for nothing", line, got)
			}
			return
		}
		digits := strings.TrimLeft(strings.TrimSuffix(string(line), "\n"), "0")
		if want := strings.TrimLeft(strconv.FormatInt(got.Bytes, 10), "0"); digits != want {
			t.Errorf("parseLine(%q) = %v, want the digits that stand there", line, got)
		}
		checkCut(t, line, parseLine)
	})
}

func FuzzStatField(f *testing.F) {
	for _, seed := range []string{
		"", "\n", " ", "inactive_file", "inactive_file \n", "inactive_file 5\n", "inactive_file 5",
		"inactive_file -5\n", "inactive_file 99999999999999999999\n", "inactive_file 5 kB\n",
		"inactive_file x\ninactive_file 5\n", "total_inactive_file 5\ninactive_file_x 5\n",
		strings.Repeat("anon 1\n", 500) + "inactive_file 5\n",
	} {
		f.Add([]byte(seed))
	}
	addCaptured(f, "sys/fs/cgroup/memory.stat")
	addCaptured(f, "sys/fs/cgroup/memory/memory.stat")
	f.Fuzz(func(t *testing.T, lines []byte) {
		inactive := func(b []byte) Size { return statField(b, "inactive_file") }
		got := inactive(lines)
		if got.Known && got.Bytes < 0 || !got.Known && got.Bytes != 0 {
			t.Errorf("statField(%q) = %v, want at least 0, or nothing", lines, got)
		}
		if got.Known && !bytes.Contains(lines, []byte("inactive_file ")) {
			t.Errorf("statField(%q) = %v, want nothing without the key", lines, got)
		}
		other := append([]byte("total_inactive_file 42\n"), lines...)
		if more := inactive(other); more != got {
			t.Errorf("statField(%q) = %v, want %v as without the first line", other, more, got)
		}
		first := append([]byte("inactive_file 42\n"), lines...)
		if more := inactive(first); more != known(42) {
			t.Errorf("statField(%q) = %v, want the first line's", first, more)
		}
		checkCut(t, lines, inactive)
	})
}
