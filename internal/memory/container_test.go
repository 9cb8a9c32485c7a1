package memory

import (
	"io/fs"
	"maps"
	"os"
	"path"
	"syscall"
	"testing"
	"testing/fstest"
)

const mib = 1 << 20

func known(n int64) Value { return Value{n, true} }

// TestContainerCaptured reads what real systems said: testdata/README.md.
func TestContainerCaptured(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string // of the directory
		want Container
	}{
		{
			// /app/web has 256 MiB, /app has 64 MiB, and a leaf's memory.stat tells both.
			name: "cgroup1-nested",
			want: Container{
				Source:        "cgroup1",
				Usage:         known(16003072),
				WorkingSet:    known(16003072 - 12591104),
				Unreclaimable: known(16003072 - 12591104 - 241664),
				Peak:          known(16310272),
				Limit:         known(67108864),
			},
		},
		{
			name: "cgroup1-no-limit",
			want: Container{
				Source:        "cgroup1",
				Usage:         known(10391552),
				WorkingSet:    known(10391552 - 8392704),
				Unreclaimable: known(10391552 - 8392704),
				Peak:          known(10690560),
			},
		},
		{
			name: "cgroup2-high",
			want: Container{
				Source:        "cgroup2",
				Usage:         known(9609216),
				WorkingSet:    known(9609216 - 8388608),
				Unreclaimable: known(9609216 - 8388608 - 948488),
				Peak:          known(10747904),
				Limit:         known(268435456),
				High:          known(134217728),
			},
		},
		{
			name: "cgroup2-nested",
			want: Container{
				Source:        "cgroup2",
				Usage:         known(14553088),
				WorkingSet:    known(14553088 - 12582912),
				Unreclaimable: known(14553088 - 12582912 - 8192 - 1424584),
				Peak:          known(15441920),
				Limit:         known(67108864),
			},
		},
		{
			name: "cgroup2-no-limit",
			want: Container{
				Source:        "cgroup2",
				Usage:         known(10076160),
				WorkingSet:    known(10076160 - 8388608),
				Unreclaimable: known(10076160 - 8388608 - 948272),
				Peak:          known(10747904),
			},
		},
		{
			// The process's own cgroup is somewhere below the mount; nothing says where.
			name: "cgroup2-old-mount",
			want: Container{},
		},
		{
			// The process's own cgroup cannot be seen; the namespace's root can.
			name: "cgroup2-outside",
			want: Container{
				Source:        "cgroup2",
				Usage:         known(14020608),
				WorkingSet:    known(14020608 - 8388608),
				Unreclaimable: known(14020608 - 8388608 - 954392),
				Peak:          known(16953344),
				Limit:         known(67108864),
			},
		},
		{
			name: "cgroup2-private",
			want: Container{
				Source:        "cgroup2",
				Usage:         known(14495744),
				WorkingSet:    known(14495744 - 8388608),
				Unreclaimable: known(14495744 - 8388608 - 957584),
				Peak:          known(16932864),
				Limit:         known(67108864),
			},
		},
		{
			name: "cgroup2-root",
			want: Container{},
		},
		{
			name: "docker1-host",
			want: Container{
				Source:        "cgroup1",
				Usage:         known(13475840),
				WorkingSet:    known(13475840 - 9498624),
				Unreclaimable: known(13475840 - 9498624 - 2002944),
				Peak:          known(13819904),
				Limit:         known(67108864),
			},
		},
		{
			name: "docker1-private",
			want: Container{
				Source:        "cgroup1",
				Usage:         known(10326016),
				WorkingSet:    known(10326016 - 8388608),
				Unreclaimable: known(10326016 - 8388608),
				Peak:          known(10919936),
				Limit:         known(67108864),
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newContainer(captured(tt.name))
			want := alone(tt.want)
			for _, read := range []string{"first", "second"} {
				if got := c.read(); got != want {
					t.Errorf("%s read() = %+v, want %+v", read, got, want)
				}
			}
		})
	}
}

// alone completes c for a cgroup that has the lowest limit itself.
func alone(c Container) Container {
	if !c.LowestLimit.OK {
		c.LowestLimit = c.Cap()
	}
	return c
}

// captured is a system in testdata.
func captured(name string) fs.FS { return os.DirFS(path.Join("testdata", name)) }

// The two versions as they are mounted where there is nothing else to tell.
const (
	mount1 = "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
	mount2 = "24 22 0:21 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw\n"
)

// machine is a made-up system with 8 GiB; files are named from its cgroup mount.
func machine(cgroup, mountinfo, point string, files map[string]string) fstest.MapFS {
	m := fstest.MapFS{
		"proc/self/cgroup":    {Data: []byte(cgroup)},
		"proc/self/mountinfo": {Data: []byte(mountinfo)},
		"proc/meminfo":        {Data: []byte("MemTotal:        8388608 kB\nMemFree:         1048576 kB\n")},
	}
	for name, contents := range files {
		m[path.Join(point, name)] = &fstest.MapFile{Data: []byte(contents)}
	}
	return m
}

func TestContainerVersion2(t *testing.T) {
	t.Parallel()
	// The same usage for every row; a and a/b have their own.
	usage := map[string]string{
		"memory.current":     "3000000\n",
		"memory.stat":        "anon 1\ninactive_file 300000\n",
		"a/memory.current":   "2000000\n",
		"a/memory.stat":      "anon 1\ninactive_file 200000\n",
		"a/b/memory.current": "1000000\n",
		"a/b/memory.stat":    "anon 1\ninactive_file 100000\n",
	}
	at := func(usage, workingSet int64) Container {
		return Container{Source: "cgroup2", Usage: known(usage), WorkingSet: known(workingSet)}
	}
	mount, a, b := at(3000000, 2700000), at(2000000, 1800000), at(1000000, 900000)
	with := func(c Container, limit, high Value) Container {
		c.Limit, c.High = limit, high
		return c
	}
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  Container
	}{
		{
			name: "no files but usage",
			want: b,
		},
		{
			name:  "no limit anywhere",
			files: map[string]string{"a/b/memory.max": "max\n", "a/memory.max": "max\n", "a/memory.high": "max\n"},
			want:  b,
		},
		{
			name:  "the leaf's limit is lowest",
			files: map[string]string{"a/b/memory.max": "67108864\n", "a/memory.max": "268435456\n"},
			want:  with(b, known(64*mib), Value{}),
		},
		{
			name:  "the parent's limit is lowest",
			files: map[string]string{"a/b/memory.max": "268435456\n", "a/memory.max": "67108864\n"},
			want:  with(a, known(64*mib), Value{}),
		},
		{
			name:  "only the mount has a limit, as in a namespace",
			files: map[string]string{"memory.max": "67108864\n", "a/b/memory.max": "max\n"},
			want:  with(mount, known(64*mib), Value{}),
		},
		{
			name:  "a tie goes to the upper one",
			files: map[string]string{"a/b/memory.max": "67108864\n", "a/memory.max": "67108864\n"},
			want:  with(a, known(64*mib), Value{}),
		},
		{
			name:  "a tie of three goes to the top",
			files: map[string]string{"a/b/memory.max": "67108864\n", "a/memory.max": "67108864\n", "memory.max": "67108864\n"},
			want:  with(mount, known(64*mib), Value{}),
		},
		{
			name:  "high under max",
			files: map[string]string{"a/b/memory.max": "67108864\n", "a/b/memory.high": "33554432\n"},
			want:  with(b, known(64*mib), known(32*mib)),
		},
		{
			name:  "high without max",
			files: map[string]string{"a/b/memory.max": "max\n", "a/b/memory.high": "33554432\n"},
			want:  with(b, Value{}, known(32*mib)),
		},
		{
			name:  "high at max says nothing",
			files: map[string]string{"a/b/memory.max": "67108864\n", "a/b/memory.high": "67108864\n"},
			want:  with(b, known(64*mib), Value{}),
		},
		{
			name:  "high over max says nothing",
			files: map[string]string{"a/b/memory.max": "67108864\n", "a/b/memory.high": "134217728\n"},
			want:  with(b, known(64*mib), Value{}),
		},
		{
			name:  "the leaf's high is over the parent's max",
			files: map[string]string{"a/b/memory.high": "134217728\n", "a/memory.max": "67108864\n"},
			want:  with(a, known(64*mib), Value{}),
		},
		{
			name:  "the parent's high is under the leaf's max",
			files: map[string]string{"a/b/memory.max": "67108864\n", "a/memory.high": "33554432\n"},
			want:  with(a, Value{}, known(32*mib)),
		},
		{
			name:  "a limit of 0 is unknown",
			files: map[string]string{"a/b/memory.max": "0\n", "a/memory.max": "67108864\n"},
			want:  with(a, known(64*mib), Value{}),
		},
		{
			name:  "a high of 0 is unknown",
			files: map[string]string{"a/b/memory.max": "67108864\n", "a/b/memory.high": "0\n"},
			want:  with(b, known(64*mib), Value{}),
		},
		{
			name:  "as much as the machine has",
			files: map[string]string{"a/b/memory.max": "8589934592\n"},
			want:  with(b, known(8<<30), Value{}),
		},
		{
			name:  "a page more than the machine has",
			files: map[string]string{"a/b/memory.max": "8589938688\n"},
			want:  b,
		},
		{
			name:  "high over the machine's memory",
			files: map[string]string{"a/b/memory.high": "9223372036854771712\n"},
			want:  b,
		},
		{
			name:  "peak, of the kernels that have it",
			files: map[string]string{"a/b/memory.peak": "1234567\n", "a/memory.peak": "7654321\n"},
			want:  func() Container { c := b; c.Peak = known(1234567); return c }(),
		},
		{
			name:  "a limit cut short",
			files: map[string]string{"a/b/memory.max": "6710", "a/memory.max": "268435456\n"},
			want:  with(a, known(256*mib), Value{}),
		},
		{
			name:  "an empty limit",
			files: map[string]string{"a/b/memory.max": "", "a/memory.max": "\n"},
			want:  b,
		},
		{
			name:  "usage cut short",
			files: map[string]string{"a/b/memory.current": "1000", "a/b/memory.max": "67108864\n"},
			want:  Container{Source: "cgroup2", Limit: known(64 * mib)},
		},
		{
			name:  "inactive_file cut short",
			files: map[string]string{"a/b/memory.stat": "anon 1\ninactive_file 1000"},
			want:  Container{Source: "cgroup2", Usage: known(1000000)},
		},
		{
			name:  "memory.stat without inactive_file",
			files: map[string]string{"a/b/memory.stat": "anon 1\ninactive_file_x 5\n"},
			want:  Container{Source: "cgroup2", Usage: known(1000000)},
		},
		{
			// The two files are read one after the other.
			name:  "more inactive than used",
			files: map[string]string{"a/b/memory.stat": "inactive_file 1000001\n"},
			want:  at(1000000, 0),
		},
		{
			name:  "nothing used",
			files: map[string]string{"a/b/memory.current": "0\n", "a/b/memory.stat": "inactive_file 0\n"},
			want:  at(0, 0),
		},
		{
			name: "a parent fuller than the leaf with the lowest limit",
			files: map[string]string{
				"a/b/memory.max": "67108864\n", "a/memory.max": "209715200\n",
				"a/memory.current": "190000000\n", "a/memory.peak": "195000000\n",
			},
			want: Container{
				Source: "cgroup2", Usage: known(190000000), WorkingSet: known(189800000),
				Peak: known(195000000), Limit: known(200 * mib), LowestLimit: known(64 * mib),
			},
		},
		{
			name: "a parent fuller than all below it, by its high",
			files: map[string]string{
				"a/b/memory.max": "67108864\n", "a/memory.max": "max\n", "a/memory.high": "104857600\n",
				"a/memory.current": "100000000\n",
			},
			want: Container{
				Source: "cgroup2", Usage: known(100000000), WorkingSet: known(99800000),
				High: known(100 * mib), LowestLimit: known(64 * mib),
			},
		},
		{
			name: "a parent full of page cache is not fuller",
			files: map[string]string{
				"a/b/memory.max": "67108864\n", "a/memory.max": "209715200\n", "a/memory.current": "190000000\n",
				"a/memory.stat":      "inactive_file 1000000\nactive_file 180000000\nslab_reclaimable 5000000\n",
				"a/b/memory.stat":    "inactive_file 100000\nactive_file 0\nslab_reclaimable 0\n",
				"a/b/memory.current": "2000000\n",
			},
			want: Container{
				Source: "cgroup2", Usage: known(2000000), WorkingSet: known(1900000),
				Unreclaimable: known(1900000), Limit: known(64 * mib),
			},
		},
		{
			name:  "equally full: the lower limit",
			files: map[string]string{"a/b/memory.max": "67108864\n", "a/memory.max": "134217728\n", "a/memory.current": "2000000\n", "a/memory.stat": "inactive_file 200000\n"},
			want:  with(b, known(64*mib), Value{}),
		},
		{
			name:  "use is known of the parent alone",
			files: map[string]string{"a/b/memory.max": "67108864\n", "a/b/memory.current": "", "a/memory.max": "268435456\n"},
			want:  func() Container { c := with(a, known(256*mib), Value{}); c.LowestLimit = known(64 * mib); return c }(),
		},
		{
			name:  "use is known of none",
			files: map[string]string{"a/b/memory.max": "67108864\n", "a/b/memory.current": "", "a/memory.max": "268435456\n", "a/memory.current": ""},
			want:  Container{Source: "cgroup2", Limit: known(64 * mib)},
		},
		{
			name:  "what cannot be freed",
			files: map[string]string{"a/b/memory.stat": "inactive_file 100000\nactive_file 200000\nslab_reclaimable 50000\nslab_unreclaimable 1\n"},
			want:  func() Container { c := b; c.Unreclaimable = known(650000); return c }(),
		},
		{
			name:  "more to free than used",
			files: map[string]string{"a/b/memory.stat": "inactive_file 100000\nactive_file 900000\nslab_reclaimable 50000\n"},
			want:  func() Container { c := b; c.Unreclaimable = known(0); return c }(),
		},
		{
			name:  "slab_reclaimable cut short",
			files: map[string]string{"a/b/memory.stat": "inactive_file 100000\nactive_file 200000\nslab_reclaimable 500"},
			want:  b,
		},
		{
			name:  "version 1's files mean nothing",
			files: map[string]string{"a/b/memory.limit_in_bytes": "67108864\n", "a/b/memory.stat": "inactive_file 100000\nhierarchical_memory_limit 67108864\ntotal_inactive_file 5\n"},
			want:  b,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			files := maps.Clone(usage)
			maps.Copy(files, tt.files)
			c := newContainer(machine("0::/a/b\n", mount2, "sys/fs/cgroup", files))
			if got, want := c.read(), alone(tt.want); got != want {
				t.Errorf("read() = %+v, want %+v", got, want)
			}
		})
	}
}

func TestContainerVersion1(t *testing.T) {
	t.Parallel()
	usage := map[string]string{
		"a/memory.usage_in_bytes":       "2000000\n",
		"a/memory.max_usage_in_bytes":   "2500000\n",
		"a/memory.stat":                 "inactive_file 5\ntotal_inactive_file 200000\n",
		"a/b/memory.usage_in_bytes":     "1000000\n",
		"a/b/memory.max_usage_in_bytes": "1500000\n",
		"a/b/memory.stat":               "inactive_file 5\ntotal_inactive_file 100000\n",
	}
	a := Container{Source: "cgroup1", Usage: known(2000000), WorkingSet: known(1800000), Peak: known(2500000)}
	b := Container{Source: "cgroup1", Usage: known(1000000), WorkingSet: known(900000), Peak: known(1500000)}
	with := func(c Container, limit int64) Container {
		c.Limit = known(limit)
		return c
	}
	const hierarchical = "inactive_file 5\nhierarchical_memory_limit 67108864\nhierarchical_memsw_limit 1\ntotal_inactive_file 100000\n"
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  Container
	}{
		{
			name:  "the highest whole page is no limit",
			files: map[string]string{"a/b/memory.limit_in_bytes": "9223372036854771712\n"},
			want:  b,
		},
		{
			name:  "the highest number is no limit",
			files: map[string]string{"a/b/memory.limit_in_bytes": "9223372036854775807\n"},
			want:  b,
		},
		{
			name:  "a number that does not fit is no limit",
			files: map[string]string{"a/b/memory.limit_in_bytes": "9223372036854775808\n"},
			want:  b,
		},
		{
			name:  "-1 is no limit",
			files: map[string]string{"a/b/memory.limit_in_bytes": "-1\n"},
			want:  b,
		},
		{
			name:  "its own limit",
			files: map[string]string{"a/b/memory.limit_in_bytes": "67108864\n", "a/memory.limit_in_bytes": "9223372036854771712\n"},
			want:  with(b, 64*mib),
		},
		{
			name:  "the parent's limit is lowest",
			files: map[string]string{"a/b/memory.limit_in_bytes": "268435456\n", "a/memory.limit_in_bytes": "67108864\n"},
			want:  with(a, 64*mib),
		},
		{
			name:  "the parent's limit, told by the leaf too",
			files: map[string]string{"a/b/memory.limit_in_bytes": "268435456\n", "a/b/memory.stat": hierarchical, "a/memory.limit_in_bytes": "67108864\n"},
			want:  with(a, 64*mib),
		},
		{
			name:  "a limit above the mount is told by the leaf alone",
			files: map[string]string{"a/b/memory.limit_in_bytes": "268435456\n", "a/b/memory.stat": hierarchical},
			want:  with(b, 64*mib),
		},
		{
			name: "a limit above the mount is lower than the parent's",
			files: map[string]string{
				"a/b/memory.limit_in_bytes": "268435456\n", "a/b/memory.stat": hierarchical,
				"a/memory.limit_in_bytes": "134217728\n", "a/memory.stat": "hierarchical_memory_limit 67108864\ntotal_inactive_file 200000\n",
			},
			want: with(a, 64*mib),
		},
		{
			// The leaf's memory.stat has the parent's limit. Against that the leaf would
			// be the fullest.
			name: "the parent's limit is held against the parent's use",
			files: map[string]string{
				"a/b/memory.limit_in_bytes": "268435456\n", "a/b/memory.usage_in_bytes": "60000000\n",
				"a/b/memory.stat":         "hierarchical_memory_limit 67108864\ntotal_inactive_file 0\n",
				"a/memory.limit_in_bytes": "67108864\n", "a/memory.usage_in_bytes": "",
			},
			want: Container{
				Source: "cgroup1", Usage: known(60000000), WorkingSet: known(60000000), Peak: known(1500000),
				Limit: known(256 * mib), LowestLimit: known(64 * mib),
			},
		},
		{
			name: "a parent fuller than the leaf with the lowest limit",
			files: map[string]string{
				"a/b/memory.limit_in_bytes": "67108864\n", "a/b/memory.stat": hierarchical,
				"a/memory.limit_in_bytes": "209715200\n", "a/memory.usage_in_bytes": "190000000\n",
			},
			want: Container{
				Source: "cgroup1", Usage: known(190000000), WorkingSet: known(189800000), Peak: known(2500000),
				Limit: known(200 * mib), LowestLimit: known(64 * mib),
			},
		},
		{
			name:  "what cannot be freed, with the children's",
			files: map[string]string{"a/b/memory.stat": "inactive_file 5\nactive_file 5\ntotal_inactive_file 100000\ntotal_active_file 200000\n"},
			want:  func() Container { c := b; c.Unreclaimable = known(700000); return c }(),
		},
		{
			name:  "the hierarchy has no limit",
			files: map[string]string{"a/b/memory.limit_in_bytes": "67108864\n", "a/b/memory.stat": "hierarchical_memory_limit 9223372036854771712\ntotal_inactive_file 100000\n"},
			want:  with(b, 64*mib),
		},
		{
			name:  "more than the machine has",
			files: map[string]string{"a/b/memory.limit_in_bytes": "17179869184\n"},
			want:  b,
		},
		{
			name:  "version 2's files mean nothing",
			files: map[string]string{"a/b/memory.max": "67108864\n", "a/b/memory.current": "1\n", "a/b/memory.peak": "1\n"},
			want:  b,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			files := maps.Clone(usage)
			maps.Copy(files, tt.files)
			c := newContainer(machine("4:memory:/a/b\n0::/\n", mount1, "sys/fs/cgroup/memory", files))
			if got, want := c.read(), alone(tt.want); got != want {
				t.Errorf("read() = %+v, want %+v", got, want)
			}
		})
	}
}

// TestContainerAbsent has systems that say nothing, or less than is needed.
func TestContainerAbsent(t *testing.T) {
	t.Parallel()
	limit := map[string]string{"memory.max": "67108864\n"}
	for _, tt := range []struct {
		name string
		root fstest.MapFS
		want Container
	}{
		{
			name: "no files at all",
			root: fstest.MapFS{},
		},
		{
			name: "empty files",
			root: fstest.MapFS{"proc/self/cgroup": {}, "proc/self/mountinfo": {}, "proc/meminfo": {}, "proc/self/statm": {}},
		},
		{
			name: "directories instead of files",
			root: fstest.MapFS{"proc/self/cgroup": {Mode: fs.ModeDir}, "proc/self/mountinfo": {Mode: fs.ModeDir}},
		},
		{
			name: "no cgroup mounted",
			root: machine("0::/\n", "22 27 0:21 / /proc rw,relatime - proc proc rw\n", "sys/fs/cgroup", limit),
		},
		{
			name: "no cgroup at all, as in gVisor",
			root: machine("", mount2, "sys/fs/cgroup", limit),
		},
		{
			name: "mounted, without files",
			root: machine("0::/\n", mount2, "sys/fs/cgroup", nil),
		},
		{
			name: "hybrid, with the memory controller in neither",
			root: machine("1:cpu:/\n0::/\n", "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n", "sys/fs/cgroup/unified", nil),
		},
		{
			name: "a mount cut short",
			root: machine("0::/\n", mount2[:len(mount2)-len(" cgroup2 rw\n")], "sys/fs/cgroup", limit),
		},
		{
			name: "MemTotal cut short is no bound",
			root: func() fstest.MapFS {
				m := machine("0::/\n", mount2, "sys/fs/cgroup", limit)
				m["proc/meminfo"].Data = []byte("MemTotal:        8")
				return m
			}(),
			want: Container{Source: "cgroup2", Limit: known(64 * mib)},
		},
		{
			name: "no MemTotal is no bound",
			root: func() fstest.MapFS {
				m := machine("0::/\n", mount2, "sys/fs/cgroup", limit)
				delete(m, "proc/meminfo")
				return m
			}(),
			want: Container{Source: "cgroup2", Limit: known(64 * mib)},
		},
		{
			name: "v1's highest whole page is no limit without MemTotal",
			root: func() fstest.MapFS {
				m := machine("4:memory:/\n", mount1, "sys/fs/cgroup/memory", map[string]string{
					"memory.limit_in_bytes": "9223372036854771712\n",
					"memory.stat":           "hierarchical_memory_limit 9223372036854771712\n",
				})
				delete(m, "proc/meminfo")
				return m
			}(),
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newContainer(tt.root)
			if got, want := c.read(), alone(tt.want); got != want {
				t.Errorf("read() = %+v, want %+v", got, want)
			}
		})
	}
}

// TestContainerResized changes the limit of a running container.
func TestContainerResized(t *testing.T) {
	t.Parallel()
	system := machine("0::/\n", mount2, "sys/fs/cgroup", map[string]string{"memory.max": "max\n", "memory.high": "max\n"})
	write := func(name, contents string) { system["sys/fs/cgroup/"+name].Data = []byte(contents) }
	c := newContainer(system)
	for _, tt := range []struct {
		name, max, high string
		limit, bound    Value // bound is what Cap says
	}{
		{"none", "max\n", "max\n", Value{}, Value{}},
		{"set", "268435456\n", "max\n", known(256 * mib), known(256 * mib)},
		{"lowered, with fewer digits", "67108864\n", "max\n", known(64 * mib), known(64 * mib)},
		{"high under it", "67108864\n", "33554432\n", known(64 * mib), known(32 * mib)},
		{"raised", "1073741824\n", "max\n", known(1 << 30), known(1 << 30)},
		{"high alone", "max\n", "33554432\n", Value{}, known(32 * mib)},
		{"cut short", "10737", "max\n", Value{}, Value{}},
		{"lifted", "max\n", "max\n", Value{}, Value{}},
	} {
		write("memory.max", tt.max)
		write("memory.high", tt.high)
		got := c.read()
		if got.Limit != tt.limit || got.Cap() != tt.bound {
			t.Errorf("%s: read() has Limit %v, Cap %v, want %v, %v", tt.name, got.Limit, got.Cap(), tt.limit, tt.bound)
		}
	}
}

// TestContainerRemoved takes files away while they are open.
func TestContainerRemoved(t *testing.T) {
	t.Parallel()
	files := map[string]string{"memory.max": "67108864\n", "memory.current": "1000000\n", "memory.stat": "inactive_file 100000\n", "memory.peak": "2000000\n"}
	system := unreliable{machine("0::/\n", mount2, "sys/fs/cgroup", files), map[string]error{}}
	c := newContainer(system)
	want := alone(Container{Source: "cgroup2", Usage: known(1000000), WorkingSet: known(900000), Peak: known(2000000), Limit: known(64 * mib)})
	if got := c.read(); got != want {
		t.Fatalf("before: read() = %+v, want %+v", got, want)
	}
	for _, tt := range []struct {
		remove string
		absent *Value
	}{
		{"memory.peak", &want.Peak},
		{"memory.stat", &want.WorkingSet},
		{"memory.max", &want.Limit},
	} {
		system.fail["sys/fs/cgroup/"+tt.remove] = fs.ErrNotExist
		*tt.absent = Value{}
		want.LowestLimit = want.Limit
		if got := c.read(); got != want {
			t.Errorf("without %s: read() = %+v, want %+v", tt.remove, got, want)
		}
	}
	system.fail["sys/fs/cgroup/memory.current"] = fs.ErrNotExist
	if got := c.read(); got != (Container{}) {
		t.Errorf("without any: read() = %+v, want nothing", got)
	}
}

// unreliable is a system whose files fail, those that are open too: the kernel
// answers ENODEV for a file of a cgroup that was removed.
type unreliable struct {
	fstest.MapFS
	fail map[string]error // what opening the file says
}

func (u unreliable) Open(name string) (fs.File, error) {
	if err := u.fail[name]; err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	f, err := u.MapFS.Open(name)
	return unreliableFile{f, u, name}, err
}

type unreliableFile struct {
	fs.File
	system unreliable
	name   string
}

func (f unreliableFile) ReadAt(b []byte, off int64) (int, error) {
	if f.system.fail[f.name] != nil {
		return 0, syscall.ENODEV
	}
	return f.File.(interface {
		ReadAt([]byte, int64) (int, error)
	}).ReadAt(b, off)
}

func TestMemTotal(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, meminfo string
		want          Value
	}{
		{"first line", "MemTotal:       24684096 kB\nMemFree:        23390084 kB\n", known(24684096 << 10)},
		{"other lines first", "MemFree: 1 kB\nMemTotal: 2 kB\n", known(2048)},
		{"empty", "", Value{}},
		{"not there", "MemFree:        23390084 kB\n", Value{}},
		{"a longer key", "MemTotalX: 2 kB\n", Value{}},
		{"no number", "MemTotal: kB\n", Value{}},
		{"zero", "MemTotal: 0 kB\n", Value{}},
		{"negative", "MemTotal: -5 kB\n", Value{}},
		{"wrong unit", "MemTotal: 24684096 MB\n", Value{}},
		{"no unit", "MemTotal: 24684096\n", Value{}},
		{"cut in the number", "MemTotal:       246", Value{}},
		{"cut in the unit", "MemTotal:       24684096 k", Value{}},
		{"cut before the newline", "MemTotal:       24684096 kB", Value{}},
		{"as many KiB as fit", "MemTotal: 9007199254740991 kB\n", known(9007199254740991 << 10)},
		{"one KiB more", "MemTotal: 9007199254740992 kB\n", Value{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := memTotal([]byte(tt.meminfo)); got != tt.want {
				t.Errorf("memTotal(%q) = %v, want %v", tt.meminfo, got, tt.want)
			}
		})
	}
}

func FuzzMemTotal(f *testing.F) {
	for _, seed := range []string{
		"", "MemTotal:", "MemTotal: kB\n", "MemTotal: 1 kB\n", "MemTotal: 0 kB\n", "MemTotal: -1 kB\n",
		"MemTotal: 1 MB\n", "MemTotal: 9007199254740992 kB\n", "MemTotal: 99999999999999999999999 kB\n",
		"MemFree: 1 kB\nMemTotal:\t2 kB\n", "\nMemTotal: 1 kB\nMemTotal: 2 kB\n",
	} {
		f.Add([]byte(seed))
	}
	addCaptured(f, "proc/meminfo")
	f.Fuzz(func(t *testing.T, meminfo []byte) {
		got := memTotal(meminfo)
		if got.OK && (got.N <= 0 || got.N%1024 != 0) || !got.OK && got.N != 0 {
			t.Errorf("memTotal(%q) = %v, want whole KiB or nothing", meminfo, got)
		}
		checkCut(t, meminfo, memTotal)
	})
}

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

// checkCut cuts the file at every byte: a part of it may say less than the whole,
// never something else.
func checkCut(t *testing.T, file []byte, parse func([]byte) Value) {
	t.Helper()
	whole := parse(file)
	for i := range file {
		if got := parse(file[:i]); got.OK && got != whole {
			t.Fatalf("%q cut to %q = %v, want %v or nothing", file, file[:i], got, whole)
		}
	}
}
