package memory

import (
	"testing"
)

// TestContainer2Use has several limits, and tells which cgroup counts and what it uses.
func TestContainer2Use(t *testing.T) {
	t.Parallel()
	b := used2(1000000, 900000)
	unreclaimable := func(c Container, bytes int64) Container {
		c.Unreclaimable = known(bytes)
		return c
	}
	for _, tt := range []struct {
		name  string
		files files
		want  Container
	}{
		{
			name:  "peak, of the kernels that have it",
			files: files{"a/b/memory.peak": "1234567\n", "a/memory.peak": "7654321\n"},
			want: Container{
				Source: Cgroup2, Usage: known(1000000), WorkingSet: known(900000),
				Peak: known(1234567),
			},
		},
		{
			name:  "usage cut short",
			files: files{"a/b/memory.current": "1000", "a/b/memory.max": "67108864\n"},
			want:  Container{Source: Cgroup2, Limit: known(64 * mib)},
		},
		{
			name:  "inactive_file cut short",
			files: files{"a/b/memory.stat": "anon 1\ninactive_file 1000"},
			want:  Container{Source: Cgroup2, Usage: known(1000000)},
		},
		{
			name:  "memory.stat without inactive_file",
			files: files{"a/b/memory.stat": "anon 1\ninactive_file_x 5\n"},
			want:  Container{Source: Cgroup2, Usage: known(1000000)},
		},
		{
			// The two files are read one after the other.
			name:  "more inactive than used",
			files: files{"a/b/memory.stat": "inactive_file 1000001\n"},
			want:  used2(1000000, 0),
		},
		{
			name:  "nothing used",
			files: files{"a/b/memory.current": "0\n", "a/b/memory.stat": "inactive_file 0\n"},
			want:  used2(0, 0),
		},
		{
			name: "a parent fuller than the leaf with the lowest limit",
			files: files{
				"a/b/memory.max": "67108864\n", "a/memory.max": "209715200\n",
				"a/memory.current": "190000000\n", "a/memory.peak": "195000000\n",
			},
			want: Container{
				Source: Cgroup2, Usage: known(190000000), WorkingSet: known(189800000),
				Peak: known(195000000), Limit: known(200 * mib), LowestLimit: known(64 * mib),
			},
		},
		{
			name: "a parent fuller than all below it, by its high",
			files: files{
				"a/b/memory.max": "67108864\n", "a/memory.max": "max\n", "a/memory.high": "104857600\n",
				"a/memory.current": "100000000\n",
			},
			want: Container{
				Source: Cgroup2, Usage: known(100000000), WorkingSet: known(99800000),
				High: known(100 * mib), LowestLimit: known(64 * mib),
			},
		},
		{
			name: "a parent full of page cache is not fuller",
			files: files{
				"a/memory.max":     "209715200\n",
				"a/memory.current": "190000000\n",
				"a/memory.stat": "inactive_file 1000000\nactive_file 180000000\n" +
					"slab_reclaimable 5000000\n",
				"a/b/memory.max":     "67108864\n",
				"a/b/memory.stat":    "inactive_file 100000\nactive_file 0\nslab_reclaimable 0\n",
				"a/b/memory.current": "2000000\n",
			},
			want: Container{
				Source: Cgroup2, Usage: known(2000000), WorkingSet: known(1900000),
				Unreclaimable: known(1900000), Limit: known(64 * mib),
			},
		},
		{
			name: "equally full: the lower limit",
			files: files{
				"a/b/memory.max":   "67108864\n",
				"a/memory.max":     "134217728\n",
				"a/memory.current": "2000000\n",
				"a/memory.stat":    "inactive_file 200000\n",
			},
			want: limited(b, known(64*mib), Size{}),
		},
		{
			name: "use is known of the parent alone",
			files: files{
				"a/b/memory.max":     "67108864\n",
				"a/b/memory.current": "",
				"a/memory.max":       "268435456\n",
			},
			want: Container{
				Source: Cgroup2, Usage: known(2000000), WorkingSet: known(1800000),
				Limit: known(256 * mib), LowestLimit: known(64 * mib),
			},
		},
		{
			name: "use is known of none",
			files: files{
				"a/b/memory.max":     "67108864\n",
				"a/b/memory.current": "",
				"a/memory.max":       "268435456\n",
				"a/memory.current":   "",
			},
			want: Container{Source: Cgroup2, Limit: known(64 * mib)},
		},
		{
			name: "what cannot be freed",
			files: files{
				"a/b/memory.stat": "inactive_file 100000\nactive_file 200000\n" +
					"slab_reclaimable 50000\nslab_unreclaimable 1\n",
			},
			want: unreclaimable(b, 650000),
		},
		{
			name: "more to free than used",
			files: files{
				"a/b/memory.stat": "inactive_file 100000\nactive_file 900000\nslab_reclaimable 50000\n",
			},
			want: unreclaimable(b, 0),
		},
		{
			name: "slab_reclaimable cut short",
			files: files{
				"a/b/memory.stat": "inactive_file 100000\nactive_file 200000\nslab_reclaimable 500",
			},
			want: b,
		},
		{
			name: "version 1's files mean nothing",
			files: files{
				"a/b/memory.limit_in_bytes": "67108864\n",
				"a/b/memory.stat": "inactive_file 100000\nhierarchical_memory_limit 67108864\n" +
					"total_inactive_file 5\n",
			},
			want: b,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got, want := readNested2(tt.files), alone(tt.want); got != want {
				t.Errorf("read() = %+v, want %+v", got, want)
			}
		})
	}
}
