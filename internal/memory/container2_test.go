package memory

import (
	"maps"
	"testing"
)

// readNested2 reads the container of a process in the cgroup a/b of version 2. Each of a/b, a and
// the mount uses memory, and changed replaces or adds files.
func readNested2(changed files) Container {
	all := files{
		"memory.current":     "3000000\n",
		"memory.stat":        "anon 1\ninactive_file 300000\n",
		"a/memory.current":   "2000000\n",
		"a/memory.stat":      "anon 1\ninactive_file 200000\n",
		"a/b/memory.current": "1000000\n",
		"a/b/memory.stat":    "anon 1\ninactive_file 100000\n",
	}
	maps.Copy(all, changed)
	c := newContainer(newMachine("0::/a/b\n", mount2, "sys/fs/cgroup", all))
	return c.read()
}

func used2(usage, workingSet int64) Container {
	return Container{Source: Cgroup2, Usage: known(usage), WorkingSet: known(workingSet)}
}

func limited(c Container, limit, high Size) Container {
	c.Limit, c.High = limit, high
	return c
}

// TestContainer2Limits has a limit at different places of a hierarchy.
func TestContainer2Limits(t *testing.T) {
	t.Parallel()
	mount, a, b := used2(3000000, 2700000), used2(2000000, 1800000), used2(1000000, 900000)
	for _, tt := range []struct {
		name  string
		files files
		want  Container
	}{
		{
			name: "no files but usage",
			want: b,
		},
		{
			name:  "no limit anywhere",
			files: files{"a/b/memory.max": "max\n", "a/memory.max": "max\n", "a/memory.high": "max\n"},
			want:  b,
		},
		{
			name:  "the leaf's limit is lowest",
			files: files{"a/b/memory.max": "67108864\n", "a/memory.max": "268435456\n"},
			want:  limited(b, known(64*mib), Size{}),
		},
		{
			name:  "the parent's limit is lowest",
			files: files{"a/b/memory.max": "268435456\n", "a/memory.max": "67108864\n"},
			want:  limited(a, known(64*mib), Size{}),
		},
		{
			name:  "only the mount has a limit, as in a namespace",
			files: files{"memory.max": "67108864\n", "a/b/memory.max": "max\n"},
			want:  limited(mount, known(64*mib), Size{}),
		},
		{
			name:  "a tie goes to the upper one",
			files: files{"a/b/memory.max": "67108864\n", "a/memory.max": "67108864\n"},
			want:  limited(a, known(64*mib), Size{}),
		},
		{
			name: "a tie of three goes to the top",
			files: files{
				"a/b/memory.max": "67108864\n",
				"a/memory.max":   "67108864\n",
				"memory.max":     "67108864\n",
			},
			want: limited(mount, known(64*mib), Size{}),
		},
		{
			name:  "high under max",
			files: files{"a/b/memory.max": "67108864\n", "a/b/memory.high": "33554432\n"},
			want:  limited(b, known(64*mib), known(32*mib)),
		},
		{
			name:  "high without max",
			files: files{"a/b/memory.max": "max\n", "a/b/memory.high": "33554432\n"},
			want:  limited(b, Size{}, known(32*mib)),
		},
		{
			name:  "high at max says nothing",
			files: files{"a/b/memory.max": "67108864\n", "a/b/memory.high": "67108864\n"},
			want:  limited(b, known(64*mib), Size{}),
		},
		{
			name:  "high over max says nothing",
			files: files{"a/b/memory.max": "67108864\n", "a/b/memory.high": "134217728\n"},
			want:  limited(b, known(64*mib), Size{}),
		},
		{
			name:  "the leaf's high is over the parent's max",
			files: files{"a/b/memory.high": "134217728\n", "a/memory.max": "67108864\n"},
			want:  limited(a, known(64*mib), Size{}),
		},
		{
			name:  "the parent's high is under the leaf's max",
			files: files{"a/b/memory.max": "67108864\n", "a/memory.high": "33554432\n"},
			want:  limited(a, Size{}, known(32*mib)),
		},
		{
			name:  "a limit of 0 is unknown",
			files: files{"a/b/memory.max": "0\n", "a/memory.max": "67108864\n"},
			want:  limited(a, known(64*mib), Size{}),
		},
		{
			name:  "a high of 0 is unknown",
			files: files{"a/b/memory.max": "67108864\n", "a/b/memory.high": "0\n"},
			want:  limited(b, known(64*mib), Size{}),
		},
		{
			name:  "as much as the machine has",
			files: files{"a/b/memory.max": "8589934592\n"},
			want:  limited(b, known(8<<30), Size{}),
		},
		{
			name:  "a page more than the machine has",
			files: files{"a/b/memory.max": "8589938688\n"},
			want:  b,
		},
		{
			name:  "high over the machine's memory",
			files: files{"a/b/memory.high": "9223372036854771712\n"},
			want:  b,
		},
		{
			name:  "a limit cut short",
			files: files{"a/b/memory.max": "6710", "a/memory.max": "268435456\n"},
			want:  limited(a, known(256*mib), Size{}),
		},
		{
			name:  "an empty limit",
			files: files{"a/b/memory.max": "", "a/memory.max": "\n"},
			want:  b,
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
