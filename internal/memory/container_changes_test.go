package memory

import (
	"io/fs"
	"testing"
)

// TestContainerResized changes the limit of a running container.
func TestContainerResized(t *testing.T) {
	t.Parallel()
	system := newMachine("0::/\n", mount2, "sys/fs/cgroup", nil)
	c := newContainer(system)
	for _, tt := range []struct {
		name, max, high string
		limit           Size
		effective       Size
	}{
		{"none", "max\n", "max\n", Size{}, Size{}},
		{"set", "268435456\n", "max\n", known(256 * mib), known(256 * mib)},
		{"lowered, with fewer digits", "67108864\n", "max\n", known(64 * mib), known(64 * mib)},
		{"high under it", "67108864\n", "33554432\n", known(64 * mib), known(32 * mib)},
		{"raised", "1073741824\n", "max\n", known(1 << 30), known(1 << 30)},
		{"high alone", "max\n", "33554432\n", Size{}, known(32 * mib)},
		{"cut short", "10737", "max\n", Size{}, Size{}},
		{"lifted", "max\n", "max\n", Size{}, Size{}},
	} {
		system.write("sys/fs/cgroup/memory.max", tt.max)
		system.write("sys/fs/cgroup/memory.high", tt.high)
		got := c.read()
		if got.Limit != tt.limit || got.EffectiveLimit() != tt.effective {
			t.Errorf("%s: read() = Limit %v, EffectiveLimit %v, want %v, %v",
				tt.name, got.Limit, got.EffectiveLimit(), tt.limit, tt.effective)
		}
	}
}

// TestContainerRemoved takes files away while they are open.
func TestContainerRemoved(t *testing.T) {
	t.Parallel()
	system := newMachine("0::/\n", mount2, "sys/fs/cgroup", files{
		"memory.max":     "67108864\n",
		"memory.current": "1000000\n",
		"memory.stat":    "inactive_file 100000\n",
		"memory.peak":    "2000000\n",
	})
	c := newContainer(system)
	want := alone(Container{
		Source: Cgroup2, Usage: known(1000000), WorkingSet: known(900000),
		Peak: known(2000000), Limit: known(64 * mib),
	})
	if got := c.read(); got != want {
		t.Fatalf("read() = %+v, want %+v", got, want)
	}
	for _, tt := range []struct {
		remove string
		absent *Size
	}{
		{"memory.peak", &want.Peak},
		{"memory.stat", &want.WorkingSet},
		{"memory.max", &want.Limit},
	} {
		system.fail["sys/fs/cgroup/"+tt.remove] = fs.ErrNotExist
		*tt.absent = Size{}
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
