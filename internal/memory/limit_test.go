package memory

import (
	"math"
	"os"
	"runtime/debug"
	"testing"
)

func TestGoLimit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		asked  int64
		size   Value
		want   int64
		source string
	}{
		{"unset, no container", 0, Value{}, math.MaxInt64, "none"},
		{"unset", 0, known(256 * mib), 214748364, "container"},
		{"off, no container", math.MaxInt64, Value{}, math.MaxInt64, "off"},
		{"off", math.MaxInt64, known(256 * mib), math.MaxInt64, "off"},
		{"set, no container", 200 * mib, Value{}, 200 * mib, "GOMEMLIMIT"},
		{"below 80 %", 200 * mib, known(256 * mib), 200 * mib, "GOMEMLIMIT"},
		{"at 80 %", 214748364, known(256 * mib), 214748364, "GOMEMLIMIT"},
		{"a byte above 80 %", 214748365, known(256 * mib), 214748364, "container"},
		{"above 80 %, under the container", 240 * mib, known(256 * mib), 214748364, "container"},
		{"above the container", 300 * mib, known(256 * mib), 214748364, "container"},
		{"the image's default in a smaller container", 200 * mib, known(64 * mib), 53687088, "container"},
		{"almost off", math.MaxInt64 - 1, known(256 * mib), 214748364, "container"},
		{"a page", 0, known(4096), 3276, "container"},
		{"a container of any size does not overflow", 0, known(math.MaxInt64), math.MaxInt64 / 5 * 4, "container"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, source := goLimit(tt.asked, tt.size)
			if got != tt.want || source != tt.source {
				t.Errorf("goLimit(%d, %v) = %d, %q, want %d, %q", tt.asked, tt.size, got, source, tt.want, tt.source)
			}
		})
	}
}

// restoreLimit gives the test process its memory limit back.
func restoreLimit(t *testing.T) {
	t.Helper()
	before := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
}

// TestLimitFollows resizes a container under the runtime's limit. It is the
// process's, so the test is not parallel.
func TestLimitFollows(t *testing.T) {
	restoreLimit(t)
	for _, tt := range []struct {
		name  string
		asked int64
		steps []limitStep
	}{
		{"unset", 0, []limitStep{
			{Value{}, math.MaxInt64, "none"},
			{known(1 << 30), 858993456, "container"},
			{known(512 * mib), 429496728, "container"},
			{known(2 << 30), 1717986916, "container"},
			{Value{}, math.MaxInt64, "none"},
		}},
		{"set", 600 * mib, []limitStep{
			{known(1 << 30), 600 * mib, "GOMEMLIMIT"},
			{known(512 * mib), 429496728, "container"},
			{known(1 << 30), 600 * mib, "GOMEMLIMIT"},
			{Value{}, 600 * mib, "GOMEMLIMIT"},
		}},
		{"off", math.MaxInt64, []limitStep{
			{known(512 * mib), math.MaxInt64, "off"},
			{Value{}, math.MaxInt64, "off"},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := limit{asked: tt.asked}
			for _, step := range tt.steps {
				source := l.follow(step.size)
				if got := debug.SetMemoryLimit(-1); got != step.want || source != step.source {
					t.Errorf("follow(%v) = %q and a limit of %d, want %q and %d", step.size, source, got, step.source, step.want)
				}
			}
		})
	}
}

type limitStep struct {
	size   Value
	want   int64
	source string
}

// TestLimitToldOnce leaves the runtime alone while nothing changes: SetMemoryLimit
// stops the world.
func TestLimitToldOnce(t *testing.T) {
	restoreLimit(t)
	l := limit{asked: 600 * mib}
	l.follow(Value{})
	debug.SetMemoryLimit(700 * mib)
	l.follow(Value{})
	if got := debug.SetMemoryLimit(-1); got != 700*mib {
		t.Errorf("limit after a second follow = %d, want %d as it was", got, 700*mib)
	}
}

// TestReaderFollowsResize is the same from the file to the sample.
func TestReaderFollowsResize(t *testing.T) {
	restoreLimit(t)
	system := machine("0::/\n", mount2, "sys/fs/cgroup", map[string]string{"memory.max": "1073741824\n", "memory.high": "max\n"})
	r := NewReader(system, 600*mib)
	for _, tt := range []struct {
		name, max, high string
		want            Value
		source          string
	}{
		{"roomy", "1073741824\n", "max\n", known(600 * mib), "GOMEMLIMIT"},
		{"lowered", "536870912\n", "max\n", known(429496728), "container"},
		{"throttled", "1073741824\n", "536870912\n", known(429496728), "container"},
		{"lifted", "max\n", "max\n", known(600 * mib), "GOMEMLIMIT"},
	} {
		system["sys/fs/cgroup/memory.max"].Data = []byte(tt.max)
		system["sys/fs/cgroup/memory.high"].Data = []byte(tt.high)
		s := r.Read()
		if s.GoLimit != tt.want || s.GoLimitSource != tt.source {
			t.Errorf("%s: Read() has GoLimit %v from %q, want %v from %q", tt.name, s.GoLimit, s.GoLimitSource, tt.want, tt.source)
		}
	}

	s := NewReader(os.DirFS("/"), math.MaxInt64).Read()
	if s.GoLimit != (Value{}) || s.GoLimitSource != "off" {
		t.Errorf("off: Read() has GoLimit %v from %q, want none from \"off\"", s.GoLimit, s.GoLimitSource)
	}
}
