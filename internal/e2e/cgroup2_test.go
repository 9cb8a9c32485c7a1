//go:build e2e && linux

package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// The tests in this file need root and a machine whose memory controller is cgroup v2.

// newGroup creates a cgroup with the given settings below parent.
func newGroup(t *testing.T, parent string, settings map[string]string) string {
	t.Helper()
	dir, err := os.MkdirTemp(parent, "healthd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	})
	for name, value := range settings {
		setGroup(t, dir, name, value)
	}
	return dir
}

func setGroup(t *testing.T, dir, name, value string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(value), 0); err != nil {
		t.Fatal(err)
	}
}

// entering returns the start of a command line, for cgroup v1 or v2, that runs the rest of it
// in a cgroup. The shell moves itself there, so that nothing has to keep the directory open.
func entering(dir string) []string {
	return []string{"/bin/sh", "-c", "echo $$ >" + dir + "/cgroup.procs && exec \"$@\"", "sh"}
}

// commandIn returns a command that runs in a cgroup.
func commandIn(dir string, args ...string) *exec.Cmd {
	in := append(entering(dir), args...)
	return exec.Command(in[0], in[1:]...)
}

// startIn runs healthd in a cgroup.
func startIn(t *testing.T, dir string) *service {
	t.Helper()
	return launchIn(t, dir, command(t, nil))
}

// launchIn runs a server in a cgroup, on a free port. The kernel starts it there, so that
// nothing of it is charged elsewhere.
func launchIn(t *testing.T, dir string, cmd *exec.Cmd) *service {
	t.Helper()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(f.Fd())}
	return launch(t, freePort(t), cmd)
}

const root = "/sys/fs/cgroup"

func limitIs(r document, bytes int64) bool {
	c := r.Memory.Container
	return c != nil && c.LimitBytes != nil && *c.LimitBytes == bytes
}

func TestCgroup2Nested(t *testing.T) {
	parent := newGroup(t, root, map[string]string{
		"memory.max": "64M", "cgroup.subtree_control": "+memory",
	})
	child := newGroup(t, parent, map[string]string{"memory.max": "256M"})
	s := startIn(t, child)

	r := s.report()
	c := r.Memory.Container
	if !limitIs(r, 67108864) || c.Source != "cgroup2" ||
		c.PeakBytes == nil || *c.PeakBytes < *c.UsageBytes {
		t.Errorf("container = %+v, want the parent's 64 MiB, cgroup2 and a peak", c)
	}
	if r.Memory.GoLimitSource != "container" || *r.Memory.GoLimitBytes != 67108864/5*4 {
		t.Errorf("memory = %+v, want 80%% of the parent's limit", r.Memory)
	}
	// Usage is read where the limit is: at the parent, with what siblings use.
	eventually(t, 5*time.Second, "reports the parent's usage", func() bool {
		usage := fileNumber(t, parent+"/memory.current", "")
		return near(*s.report().Memory.Container.UsageBytes, usage, 512<<10)
	})

	setGroup(t, parent, "memory.max", "48M")
	eventually(t, 3*time.Second, "reports the new limit", func() bool {
		return limitIs(s.report(), 48<<20)
	})
	setGroup(t, child, "memory.max", "32M")
	eventually(t, 3*time.Second, "reports the child's limit", func() bool {
		return limitIs(s.report(), 32<<20)
	})
	setGroup(t, child, "memory.max", "max")
	setGroup(t, parent, "memory.max", "max")
	eventually(t, 3*time.Second, "reports no limit", func() bool {
		m := s.report().Memory
		return m.Container.LimitBytes == nil && m.GoLimitSource == "none" && m.GoLimitBytes == nil
	})
}

func TestCgroup2NoLimit(t *testing.T) {
	s := startIn(t, newGroup(t, root, nil))
	r := s.report()
	c := r.Memory.Container
	if c == nil || c.LimitBytes != nil || c.UsedPercent != nil ||
		c.UsageBytes == nil || c.WorkingSetBytes == nil || c.Source != "cgroup2" {
		t.Errorf("container = %+v, want usage, no limit and cgroup2", c)
	}
	_, judged := r.Checks["memory:utilization"]
	if r.Status != "pass" || judged || r.Memory.GoLimitSource != "none" ||
		r.Connections.Limit != 512 {
		t.Errorf("report = %+v, want pass, no check of memory, no Go limit, 512 connections", r)
	}
}

func TestCgroup2High(t *testing.T) {
	s := startIn(t, newGroup(t, root, map[string]string{"memory.max": "256M", "memory.high": "128M"}))
	r := s.report()
	c := r.Memory.Container
	if !limitIs(r, 256<<20) || c.HighBytes == nil || *c.HighBytes != 128<<20 {
		t.Fatalf("container = %+v, want a limit of 256 MiB and a high of 128", c)
	}
	want := 100 * float64(*c.WorkingSetBytes) / (128 << 20)
	if got := *c.UsedPercent; got < want-0.1 || got > want+0.1 {
		t.Errorf("usedPercent = %v, want %.1f, of high", got, want)
	}
}

// groupTarget is a server in a cgroup of its own.
type groupTarget struct {
	*service
	dir string
}

func (g groupTarget) address() (port, pid int) { return g.port, g.pid() }
func (g groupTarget) peak() int64 {
	return fileNumber(g.t, filepath.Join(g.dir, "memory.peak"), "")
}
func (g groupTarget) killed() bool {
	return fileNumber(g.t, filepath.Join(g.dir, "memory.events"), "oom_kill ") > 0
}

// inGroup returns a function that starts a server in a cgroup with limits.
func inGroup(server func() (string, error)) func(*testing.T, limits) target {
	return func(t *testing.T, l limits) target {
		path, err := server()
		if err != nil {
			t.Fatal(err)
		}
		dir := newGroup(t, root, map[string]string{
			"memory.max": fmt.Sprint(l.mib * mib),
			"cpu.max":    fmt.Sprintf("%.0f 100000", l.cpus*100_000),
		})
		return groupTarget{launchIn(t, dir, exec.Command(path)), dir}
	}
}

// setKernel sets a value of net.ipv4 until the test ends.
func setKernel(t *testing.T, name, value string) {
	t.Helper()
	const dir = "/proc/sys/net/ipv4"
	before, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	setGroup(t, dir, name, value)
	t.Cleanup(func() { setGroup(t, dir, name, string(before)) })
}

// TestCgroup2Survive floods as TestSurvive does, where the kernel charges socket buffers to the
// container too. The counts suit an emulated processor, on which times mean nothing. The plain
// server must die in the same scenarios.
func TestCgroup2Survive(t *testing.T) {
	// The kernel's own bounds, which follow from the machine's memory, would hide the cost of
	// orphans to the container.
	setKernel(t, "tcp_max_orphans", "65536")
	setKernel(t, "tcp_mem", "400000 400000 400000")
	surviveAll(t, cgroup2Floods, inGroup(binary), inGroup(plain))
}
