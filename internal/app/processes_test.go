package app

import (
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// proc makes a /proc of processes, each "pid parent resident shared argv0", and of what
// else there is.
func proc(processes ...string) fstest.MapFS {
	files := fstest.MapFS{
		"meminfo": &fstest.MapFile{},
		"1x":      &fstest.MapFile{Mode: fs.ModeDir | 0o555},
	}
	for _, p := range processes {
		var pid, parent, resident, shared int
		var name string
		fmt.Sscan(p, &pid, &parent, &resident, &shared, &name)
		file := func(name, contents string) {
			files[fmt.Sprint(pid, "/", name)] = &fstest.MapFile{Data: []byte(contents)}
		}
		file("stat", fmt.Sprintf("%d (a) b) S %d 1 1 0\n", pid, parent))
		file("statm", fmt.Sprintf("99999 %d %d 5 0 9 0\n", resident, shared))
		file("cmdline", name+"\x00--flag\x00")
		file("comm", "thread\n")
	}
	return files
}

// directory writes files to a directory.
func directory(t *testing.T, files fs.FS) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, files); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestReaderRead(t *testing.T) {
	t.Parallel()
	page := int64(os.Getpagesize())
	process := func(name string, pid int, resident, shared int64) Process {
		return Process{name, pid, resident * page, (resident - shared) * page}
	}
	for _, tt := range []struct {
		name string
		proc fs.FS
		self int
		want Processes
	}{
		{"PID 1 finds all but itself",
			proc("1 0 500 300 /healthd", "7 1 900 400 /bin/node", "31 0 300 200 sh",
				"40 7 800 100 node"), 1,
			Processes{
				Largest: []Process{
					process("node", 40, 800, 100), process("node", 7, 900, 400),
					process("sh", 31, 300, 200),
				},
				PIDs:      []int{7, 31, 40},
				AnonBytes: 1300 * page,
			}},
		{"another one finds its descendants",
			proc("1 0 500 300 /init", "50 1 500 300 /healthd", "51 50 9 4 npm", "7 51 900 400 node",
				"60 1 800 100 sshd", "61 60 800 100 sh"), 50,
			Processes{
				Largest:   []Process{process("node", 7, 900, 400), process("npm", 51, 9, 4)},
				PIDs:      []int{7, 51},
				AnonBytes: 505 * page,
			}},
		{"parents in a loop", proc("50 1 5 3 /healthd", "51 52 9 4 a", "52 51 9 4 b"), 50,
			Processes{Largest: []Process{}, PIDs: []int{}}},
		{"five of seven, equal ones by ID",
			proc("2 1 9 8 b", "3 1 9 7 c", "4 1 9 6 d", "5 1 9 7 e", "6 1 9 3 f", "7 1 9 9 g",
				"8 1 9 2 h"), 1,
			Processes{
				Largest: []Process{
					process("h", 8, 9, 2), process("f", 6, 9, 3), process("d", 4, 9, 6),
					process("c", 3, 9, 7), process("e", 5, 9, 7),
				},
				PIDs:      []int{2, 3, 4, 5, 6, 7, 8},
				AnonBytes: 21 * page,
			}},
		{"zombies and kernel threads", proc("2 1 0 0 kthreadd", "7 1 9 4 node"), 1,
			Processes{Largest: []Process{process("node", 7, 9, 4)}, PIDs: []int{7}, AnonBytes: 5 * page}},
		{"more shared than resident", proc("7 1 4 9 node"), 1,
			Processes{Largest: []Process{{"node", 7, 4 * page, 0}}, PIDs: []int{7}}},
		{"ended while it was read", fstest.MapFS{"7": &fstest.MapFile{Mode: fs.ModeDir | 0o555}}, 1,
			Processes{Largest: []Process{}, PIDs: []int{}}},
		{"nothing", fstest.MapFS{}, 1, Processes{Largest: []Process{}, PIDs: []int{}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := NewReader(directory(t, tt.proc), tt.self)
			for range 2 { // the second reading reuses what the first has left
				if got := r.Read(); !reflect.DeepEqual(got, tt.want) {
					t.Errorf("Read() = %+v, want %+v", got, tt.want)
				}
			}
		})
	}
}

// TestReaderNameFromComm reads a process that has cleared its arguments.
func TestReaderNameFromComm(t *testing.T) {
	t.Parallel()
	files := proc("7 1 9 4 node")
	files["7/cmdline"] = &fstest.MapFile{}
	if got := NewReader(directory(t, files), 1).Read().Largest[0].Name; got != "thread" {
		t.Errorf("Name = %q, want %q", got, "thread")
	}
}

func TestReaderWithoutProc(t *testing.T) {
	t.Parallel()
	want := Processes{Largest: []Process{}, PIDs: []int{}}
	if got := NewReader("/missing", 1).Read(); !reflect.DeepEqual(got, want) {
		t.Errorf("Read() = %+v, want %+v", got, want)
	}
}

func TestGroupRoots(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		stats map[int]string
		want  []int
	}{
		{"a wrapper and its child", map[int]string{
			1: "1 (healthd) S 0 1 1", 20: "20 (cross-env) S 1 7 1", 31: "31 (node) S 20 7 1",
		}, []int{20}},
		{"the child's ID is lower", map[int]string{
			1: "1 (healthd) S 0 1 1", 9: "9 (node) S 20 7 1", 20: "20 (cross-env) S 1 7 1",
		}, []int{20}},
		{"two orphans", map[int]string{
			1: "1 (healthd) S 0 1 1", 20: "20 (a) S 1 7 1", 31: "31 (b) S 1 7 1",
		}, []int{20, 31}},
		{"a parent outside the group", map[int]string{
			1: "1 (init) S 0 1 1", 20: "20 (a) S 1 20 1", 31: "31 (b) S 20 7 1",
		}, []int{31}},
		{"a parent that cannot be seen", map[int]string{31: "31 (b) S 20 7 1"}, []int{31}},
		{"other groups", map[int]string{20: "20 (a) S 1 20 1", 31: "31 (b) S 20 20 1"}, nil},
		{"nothing", nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			files := fstest.MapFS{}
			for pid, stat := range tt.stats {
				files[fmt.Sprint(pid, "/stat")] = &fstest.MapFile{Data: []byte(stat + " 0 0\n")}
			}
			if got := NewReader(directory(t, files), 1).groupRoots(7); !slices.Equal(got, tt.want) {
				t.Errorf("groupRoots(7) = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestProcessesHas(t *testing.T) {
	t.Parallel()
	p := Processes{PIDs: []int{7, 31, 40}}
	for pid, want := range map[int]bool{7: true, 31: true, 40: true, 1: false, 8: false, 41: false} {
		if got := p.Has(pid); got != want {
			t.Errorf("Has(%d) = %t, want %t", pid, got, want)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add("7", "7 (a) S 1 1", "9 9 4 1", "node\x00")
	f.Add("0", "0 (a) S 0 1", "9 4 9 1", "")
	f.Add("99999999999999999999", "", "", "")
	f.Add("007", "7 (a) S 7 7", "1 0 0 0", "/")
	f.Fuzz(func(t *testing.T, pid, stat, statm, cmdline string) {
		if pid == "." || strings.ContainsAny(pid, "/\x00") || !fs.ValidPath(pid) {
			t.Skip("not the name of a directory")
		}
		files := proc("50 1 5 3 healthd", "51 50 9 4 a")
		files[pid+"/stat"] = &fstest.MapFile{Data: []byte(stat)}
		files[pid+"/statm"] = &fstest.MapFile{Data: []byte(statm)}
		files[pid+"/cmdline"] = &fstest.MapFile{Data: []byte(cmdline)}
		dir := t.TempDir()
		if err := os.CopyFS(dir, files); err != nil {
			t.Skip(err)
		}
		for _, self := range []int{1, 50} {
			got := NewReader(dir, self).Read()
			var sum int64
			for _, p := range got.Largest {
				if p.AnonBytes < 0 || p.AnonBytes > p.RSSBytes || !got.Has(p.PID) || got.Has(self) {
					t.Errorf("Read() as %d = %+v", self, got)
				}
				sum += p.AnonBytes
			}
			if sum != got.AnonBytes {
				t.Errorf("Read() as %d has %d bytes in %d, want the same", self, sum, got.AnonBytes)
			}
		}
	})
}
