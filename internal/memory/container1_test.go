package memory

import (
	"maps"
	"testing"
)

func TestContainerVersion1(t *testing.T) {
	t.Parallel()
	usage := files{
		"a/memory.usage_in_bytes":       "2000000\n",
		"a/memory.max_usage_in_bytes":   "2500000\n",
		"a/memory.stat":                 "inactive_file 5\ntotal_inactive_file 200000\n",
		"a/b/memory.usage_in_bytes":     "1000000\n",
		"a/b/memory.max_usage_in_bytes": "1500000\n",
		"a/b/memory.stat":               "inactive_file 5\ntotal_inactive_file 100000\n",
	}
	a := Container{
		Source: Cgroup1, Usage: known(2000000), WorkingSet: known(1800000), Peak: known(2500000),
	}
	b := Container{
		Source: Cgroup1, Usage: known(1000000), WorkingSet: known(900000), Peak: known(1500000),
	}
	limited := func(c Container, limit int64) Container {
		c.Limit = known(limit)
		return c
	}
	const hierarchical = "inactive_file 5\nhierarchical_memory_limit 67108864\n" +
		"hierarchical_memsw_limit 1\ntotal_inactive_file 100000\n"
	for _, tt := range []struct {
		name  string
		files files
		want  Container
	}{
		{
			name:  "the highest whole page is no limit",
			files: files{"a/b/memory.limit_in_bytes": "9223372036854771712\n"},
			want:  b,
		},
		{
			name:  "the highest number is no limit",
			files: files{"a/b/memory.limit_in_bytes": "9223372036854775807\n"},
			want:  b,
		},
		{
			name:  "a number that does not fit is no limit",
			files: files{"a/b/memory.limit_in_bytes": "9223372036854775808\n"},
			want:  b,
		},
		{
			name:  "-1 is no limit",
			files: files{"a/b/memory.limit_in_bytes": "-1\n"},
			want:  b,
		},
		{
			name: "its own limit",
			files: files{
				"a/b/memory.limit_in_bytes": "67108864\n",
				"a/memory.limit_in_bytes":   "9223372036854771712\n",
			},
			want: limited(b, 64*mib),
		},
		{
			name: "the parent's limit is lowest",
			files: files{
				"a/b/memory.limit_in_bytes": "268435456\n",
				"a/memory.limit_in_bytes":   "67108864\n",
			},
			want: limited(a, 64*mib),
		},
		{
			name: "the parent's limit, told by the leaf too",
			files: files{
				"a/b/memory.limit_in_bytes": "268435456\n",
				"a/memory.limit_in_bytes":   "67108864\n",
			},
			want: limited(a, 64*mib),
		},
		{
			name:  "a limit above the mount is told by the leaf alone",
			files: files{"a/b/memory.limit_in_bytes": "268435456\n", "a/b/memory.stat": hierarchical},
			want:  limited(b, 64*mib),
		},
		{
			name: "a limit above the mount is lower than the parent's",
			files: files{
				"a/b/memory.limit_in_bytes": "268435456\n", "a/b/memory.stat": hierarchical,
				"a/memory.limit_in_bytes": "134217728\n",
				"a/memory.stat":           "hierarchical_memory_limit 67108864\ntotal_inactive_file 200000\n",
			},
			want: limited(a, 64*mib),
		},
		{
			// The leaf's memory.stat has the parent's limit. Against that the leaf would
			// be the fullest.
			name: "the parent's limit is held against the parent's use",
			files: files{
				"a/b/memory.limit_in_bytes": "268435456\n", "a/b/memory.usage_in_bytes": "60000000\n",
				"a/b/memory.stat":         "hierarchical_memory_limit 67108864\ntotal_inactive_file 0\n",
				"a/memory.limit_in_bytes": "67108864\n", "a/memory.usage_in_bytes": "",
			},
			want: Container{
				Source: Cgroup1, Usage: known(60000000), WorkingSet: known(60000000), Peak: known(1500000),
				Limit: known(256 * mib), LowestLimit: known(64 * mib),
			},
		},
		{
			name: "a parent fuller than the leaf with the lowest limit",
			files: files{
				"a/b/memory.limit_in_bytes": "67108864\n", "a/b/memory.stat": hierarchical,
				"a/memory.limit_in_bytes": "209715200\n", "a/memory.usage_in_bytes": "190000000\n",
			},
			want: Container{
				Source: Cgroup1, Usage: known(190000000), WorkingSet: known(189800000), Peak: known(2500000),
				Limit: known(200 * mib), LowestLimit: known(64 * mib),
			},
		},
		{
			name: "what cannot be freed, with the children's",
			files: files{
				"a/b/memory.stat": "inactive_file 5\nactive_file 5\n" +
					"total_inactive_file 100000\ntotal_active_file 200000\n",
			},
			want: Container{
				Source: Cgroup1, Usage: known(1000000), WorkingSet: known(900000),
				Unreclaimable: known(700000), Peak: known(1500000),
			},
		},
		{
			name: "the hierarchy has no limit",
			files: files{
				"a/b/memory.limit_in_bytes": "67108864\n",
				"a/b/memory.stat": "hierarchical_memory_limit 9223372036854771712\n" +
					"total_inactive_file 100000\n",
			},
			want: limited(b, 64*mib),
		},
		{
			name:  "more than the machine has",
			files: files{"a/b/memory.limit_in_bytes": "17179869184\n"},
			want:  b,
		},
		{
			name: "version 2's files mean nothing",
			files: files{
				"a/b/memory.max":     "67108864\n",
				"a/b/memory.current": "1\n",
				"a/b/memory.peak":    "1\n",
			},
			want: b,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			all := maps.Clone(usage)
			maps.Copy(all, tt.files)
			c := newContainer(newMachine("4:memory:/a/b\n0::/\n", mount1, "sys/fs/cgroup/memory", all))
			if got, want := c.read(), alone(tt.want); got != want {
				t.Errorf("read() = %+v, want %+v", got, want)
			}
		})
	}
}
