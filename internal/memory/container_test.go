package memory

import (
	"io/fs"
	"testing"
	"testing/fstest"
)

// TestContainerCaptured reads files of real systems, which testdata/README.md describes.
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
				Source:        Cgroup1,
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
				Source:        Cgroup1,
				Usage:         known(10391552),
				WorkingSet:    known(10391552 - 8392704),
				Unreclaimable: known(10391552 - 8392704),
				Peak:          known(10690560),
			},
		},
		{
			name: "cgroup2-high",
			want: Container{
				Source:        Cgroup2,
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
				Source:        Cgroup2,
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
				Source:        Cgroup2,
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
				Source:        Cgroup2,
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
				Source:        Cgroup2,
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
				Source:        Cgroup1,
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
				Source:        Cgroup1,
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
			want.OOMKills.Known = want != (Container{})
			for i := range 2 {
				if got := c.read(); got != want {
					t.Errorf("read() for the time %d = %+v, want %+v", i+1, got, want)
				}
			}
		})
	}
}

// alone returns c with its own limit as the lowest one if none is set.
func alone(c Container) Container {
	if !c.LowestLimit.Known {
		c.LowestLimit = c.EffectiveLimit()
	}
	return c
}

// TestContainerAbsent has systems that say nothing, or less than is needed.
func TestContainerAbsent(t *testing.T) {
	t.Parallel()
	limit := files{"memory.max": "67108864\n"}
	for _, tt := range []struct {
		name string
		root fs.FS
		want Container
	}{
		{
			name: "no files at all",
			root: fstest.MapFS{},
		},
		{
			name: "empty files",
			root: fstest.MapFS{
				"proc/self/cgroup": {}, "proc/self/mountinfo": {}, "proc/meminfo": {},
				"proc/self/statm": {},
			},
		},
		{
			name: "directories instead of files",
			root: fstest.MapFS{
				"proc/self/cgroup":    {Mode: fs.ModeDir},
				"proc/self/mountinfo": {Mode: fs.ModeDir},
			},
		},
		{
			name: "no cgroup mounted",
			root: newMachine("0::/\n", "22 27 0:21 / /proc rw,relatime - proc proc rw\n",
				"sys/fs/cgroup", limit),
		},
		{
			name: "no cgroup at all, as in gVisor",
			root: newMachine("", mount2, "sys/fs/cgroup", limit),
		},
		{
			name: "mounted, without files",
			root: newMachine("0::/\n", mount2, "sys/fs/cgroup", nil),
		},
		{
			name: "hybrid, with the memory controller in neither",
			root: newMachine("1:cpu:/\n0::/\n",
				"32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"+
					"41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
				"sys/fs/cgroup/unified", nil),
		},
		{
			name: "a mount cut short",
			root: newMachine("0::/\n", mount2[:len(mount2)-len(" cgroup2 rw\n")], "sys/fs/cgroup", limit),
		},
		{
			name: "MemTotal cut short is no bound",
			root: func() fs.FS {
				m := newMachine("0::/\n", mount2, "sys/fs/cgroup", limit)
				m.write("proc/meminfo", "MemTotal:        8")
				return m
			}(),
			want: Container{Source: Cgroup2, Limit: known(64 * mib)},
		},
		{
			name: "no MemTotal is no bound",
			root: func() fs.FS {
				m := newMachine("0::/\n", mount2, "sys/fs/cgroup", limit)
				delete(m.MapFS, "proc/meminfo")
				return m
			}(),
			want: Container{Source: Cgroup2, Limit: known(64 * mib)},
		},
		{
			name: "v1's highest whole page is no limit without MemTotal",
			root: func() fs.FS {
				m := newMachine("4:memory:/\n", mount1, "sys/fs/cgroup/memory", files{
					"memory.limit_in_bytes": "9223372036854771712\n",
					"memory.stat":           "hierarchical_memory_limit 9223372036854771712\n",
				})
				delete(m.MapFS, "proc/meminfo")
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
