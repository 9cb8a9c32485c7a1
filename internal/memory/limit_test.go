package memory

import (
	"math"
	"runtime/debug"
	"testing"
)

func TestGoLimit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		configured int64
		container  Size
		want       int64
		source     GoLimitSource
	}{
		{"unset, no container", 0, Size{}, math.MaxInt64, NoLimit},
		{"unset", 0, known(256 * mib), 214748364, ContainerLimit},
		{"off, no container", math.MaxInt64, Size{}, math.MaxInt64, LimitOff},
		{"off", math.MaxInt64, known(256 * mib), math.MaxInt64, LimitOff},
		{"set, no container", 200 * mib, Size{}, 200 * mib, ConfiguredLimit},
		{"below 80%", 200 * mib, known(256 * mib), 200 * mib, ConfiguredLimit},
		{"at 80%", 214748364, known(256 * mib), 214748364, ConfiguredLimit},
		{"a byte above 80%", 214748365, known(256 * mib), 214748364, ContainerLimit},
		{"above 80%, below the container", 240 * mib, known(256 * mib), 214748364, ContainerLimit},
		{"above the container", 300 * mib, known(256 * mib), 214748364, ContainerLimit},
		{"a small container", 200 * mib, known(64 * mib), 53687088, ContainerLimit},
		{"almost off", math.MaxInt64 - 1, known(256 * mib), 214748364, ContainerLimit},
		{"a page", 0, known(4096), 3276, ContainerLimit},
		{"no overflow", 0, known(math.MaxInt64), math.MaxInt64 / 5 * 4, ContainerLimit},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, source := goLimit(tt.configured, tt.container)
			if got != tt.want || source != tt.source {
				t.Errorf("goLimit(%d, %v) = %d, %q, want %d, %q",
					tt.configured, tt.container, got, source, tt.want, tt.source)
			}
		})
	}
}

// restoreLimit restores the memory limit of the test process when the test ends.
func restoreLimit(t *testing.T) {
	t.Helper()
	before := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
}

// TestLimitSetterApply resizes a container. It is not parallel because the runtime has only one
// limit.
func TestLimitSetterApply(t *testing.T) {
	restoreLimit(t)
	type step struct {
		container Size
		want      GoLimit
	}
	for _, tt := range []struct {
		name       string
		configured int64
		steps      []step
	}{
		{"unset", 0, []step{
			{Size{}, GoLimit{Size{}, NoLimit}},
			{known(1 << 30), GoLimit{known(858993456), ContainerLimit}},
			{known(512 * mib), GoLimit{known(429496728), ContainerLimit}},
			{known(2 << 30), GoLimit{known(1717986916), ContainerLimit}},
			{Size{}, GoLimit{Size{}, NoLimit}},
		}},
		{"set", 600 * mib, []step{
			{known(1 << 30), GoLimit{known(600 * mib), ConfiguredLimit}},
			{known(512 * mib), GoLimit{known(429496728), ContainerLimit}},
			{known(1 << 30), GoLimit{known(600 * mib), ConfiguredLimit}},
			{Size{}, GoLimit{known(600 * mib), ConfiguredLimit}},
		}},
		{"off", math.MaxInt64, []step{
			{known(512 * mib), GoLimit{Size{}, LimitOff}},
			{Size{}, GoLimit{Size{}, LimitOff}},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := NewLimitSetter(tt.configured)
			for _, s := range tt.steps {
				if got := l.Apply(s.container); got != s.want {
					t.Errorf("Apply(%v) = %v, want %v", s.container, got, s.want)
				}
				inEffect := int64(math.MaxInt64)
				if s.want.Known {
					inEffect = s.want.Bytes
				}
				if got := debug.SetMemoryLimit(-1); got != inEffect {
					t.Errorf("SetMemoryLimit(-1) after Apply(%v) = %d, want %d",
						s.container, got, inEffect)
				}
			}
		})
	}
}

// TestLimitSetterApplyOnce leaves the runtime alone while nothing changes, because
// SetMemoryLimit stops the world. The limit that it returns is the one in effect.
func TestLimitSetterApplyOnce(t *testing.T) {
	restoreLimit(t)
	l := NewLimitSetter(600 * mib)
	l.Apply(Size{})
	debug.SetMemoryLimit(700 * mib)
	if got, want := l.Apply(Size{}), (GoLimit{known(700 * mib), ConfiguredLimit}); got != want {
		t.Errorf("second Apply() = %v, want %v as the runtime has it", got, want)
	}
}

// TestLimitFollowsContainer has the same limits from the files to the runtime.
func TestLimitFollowsContainer(t *testing.T) {
	restoreLimit(t)
	system := newMachine("0::/\n", mount2, "sys/fs/cgroup", nil)
	r, l := NewReader(system), NewLimitSetter(600*mib)
	for _, tt := range []struct {
		name, max, high string
		want            GoLimit
	}{
		{"roomy", "1073741824\n", "max\n", GoLimit{known(600 * mib), ConfiguredLimit}},
		{"lowered", "536870912\n", "max\n", GoLimit{known(429496728), ContainerLimit}},
		{"throttled", "1073741824\n", "536870912\n", GoLimit{known(429496728), ContainerLimit}},
		{"lifted", "max\n", "max\n", GoLimit{known(600 * mib), ConfiguredLimit}},
	} {
		system.write("sys/fs/cgroup/memory.max", tt.max)
		system.write("sys/fs/cgroup/memory.high", tt.high)
		lowest := r.Read().Container.LowestLimit
		if got := l.Apply(lowest); got != tt.want {
			t.Errorf("%s: Apply(%v) = %v, want %v", tt.name, lowest, got, tt.want)
		}
	}
}
