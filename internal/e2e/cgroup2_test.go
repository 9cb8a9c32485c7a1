//go:build e2e && linux

package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/halobuzz/healthd/internal/health"
)

// The tests in this file need root and a machine whose memory controller is cgroup v2.

// newGroup makes a cgroup with the given settings below parent.
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

// entering is a command line, for cgroup v1 or v2, that starts in a cgroup what follows.
func entering(dir string) []string {
	return []string{"/bin/sh", "-c", "echo $$ >" + dir + "/cgroup.procs && exec \"$@\"", "sh"}
}

// startIn runs the service in a cgroup.
func startIn(t *testing.T, dir string, env ...string) *service {
	t.Helper()
	return launchIn(t, dir, command(t, env))
}

// launchIn starts a server in a cgroup, on a free port.
func launchIn(t *testing.T, dir string, cmd *exec.Cmd) *service {
	t.Helper()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	port := freePort(t)
	cmd.Env = append(cmd.Env, "PORT="+strconv.Itoa(port))
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(f.Fd())}
	return launch(t, port, cmd)
}

const root = "/sys/fs/cgroup"

func limitIs(r health.Report, bytes int64) bool {
	c := r.Memory.Container
	return c != nil && c.LimitBytes != nil && *c.LimitBytes == bytes
}

func TestCgroup2Nested(t *testing.T) {
	parent := newGroup(t, root, map[string]string{"memory.max": "64M", "cgroup.subtree_control": "+memory"})
	child := newGroup(t, parent, map[string]string{"memory.max": "256M"})
	s := startIn(t, child)

	r := s.report()
	c := r.Memory.Container
	if !limitIs(r, 67108864) || c.Source != "cgroup2" || c.PeakBytes == nil || *c.PeakBytes < *c.UsageBytes {
		t.Errorf("container %+v, want the parent's 64 MiB, cgroup2 and a peak", c)
	}
	if r.Memory.GoLimitSource != "container" || *r.Memory.GoLimitBytes != 67108864/5*4 {
		t.Errorf("memory %+v, want 80 %% of the parent's limit", r.Memory)
	}
	// Usage is read where the limit is: at the parent, with what siblings use.
	eventually(t, 5*time.Second, "reports the parent's usage", func() bool {
		return near(*s.report().Memory.Container.UsageBytes, fileNumber(t, parent+"/memory.current", ""), 512<<10)
	})

	setGroup(t, parent, "memory.max", "48M")
	eventually(t, 3*time.Second, "reports the new limit", func() bool { return limitIs(s.report(), 48<<20) })
	setGroup(t, child, "memory.max", "32M")
	eventually(t, 3*time.Second, "reports the child's limit", func() bool { return limitIs(s.report(), 32<<20) })
	setGroup(t, child, "memory.max", "max")
	setGroup(t, parent, "memory.max", "max")
	eventually(t, 3*time.Second, "reports no limit", func() bool {
		r := s.report()
		return r.Memory.Container.LimitBytes == nil && r.Memory.GoLimitSource == "none" && r.Memory.GoLimitBytes == nil
	})
}

func TestCgroup2NoLimit(t *testing.T) {
	s := startIn(t, newGroup(t, root, nil))
	r := s.report()
	c := r.Memory.Container
	if c == nil || c.LimitBytes != nil || c.UsedPercent != nil || c.UsageBytes == nil || c.WorkingSetBytes == nil || c.Source != "cgroup2" {
		t.Errorf("container %+v, want usage and no limit", c)
	}
	if r.Status != health.Pass || r.Checks.Memory != nil || r.Memory.GoLimitSource != "none" || r.Connections.Limit != 512 {
		t.Errorf("report %+v", r)
	}
}

func TestCgroup2High(t *testing.T) {
	s := startIn(t, newGroup(t, root, map[string]string{"memory.max": "256M", "memory.high": "128M"}))
	r := s.report()
	c := r.Memory.Container
	if !limitIs(r, 256<<20) || c.HighBytes == nil || *c.HighBytes != 128<<20 {
		t.Fatalf("container %+v, want a limit of 256 MiB and a high of 128", c)
	}
	want := 100 * float64(*c.WorkingSetBytes) / (128 << 20)
	if got := *c.UsedPercent; got < want-0.1 || got > want+0.1 {
		t.Errorf("usedPercent %v, want %.1f, of high", got, want)
	}
}

// groupTarget is a server in a cgroup of its own.
type groupTarget struct {
	*service
	dir string
}

func (g groupTarget) address() (port, pid int) { return g.port, g.cmd.Process.Pid }
func (g groupTarget) peak() int64              { return fileNumber(g.t, filepath.Join(g.dir, "memory.peak"), "") }
func (g groupTarget) killed() bool {
	return fileNumber(g.t, filepath.Join(g.dir, "memory.events"), "oom_kill ") > 0
}

// inGroup starts a server in a cgroup.
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
		cmd := exec.Command(path)
		cmd.Dir = t.TempDir()
		return groupTarget{launchIn(t, dir, cmd), dir}
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

// TestCgroup2Survive floods as TestSurvive does, where the kernel charges socket buffers
// to the container too. The counts suit an emulated processor, the time on which says
// nothing; the plain server must still die where it dies there.
func TestCgroup2Survive(t *testing.T) {
	// The kernel's own bounds, which follow from the machine's memory, would hide what
	// orphans cost the container.
	setKernel(t, "tcp_max_orphans", "65536")
	setKernel(t, "tcp_mem", "400000 400000 400000")
	surviveAll(t, cgroup2Floods, inGroup(binary), inGroup(plain))
}

var cgroup2Floods = []scenario{
	{name: "3,500 held in 64 MiB", limits: limits{64, 1},
		count: 3500, use: "held", plainDies: true, peakMiB: 32, untimed: true},
	{name: "5,000 half headers in 64 MiB", limits: limits{64, 1},
		count: 5000, use: "halfHeader", plainDies: true, peakMiB: 32, untimed: true},
	{name: "1,000 slow 1 MB headers in 64 MiB", limits: limits{64, 1},
		count: 1000, use: "slowHeader", plainDies: true, peakMiB: 32, untimed: true},
	{name: "1,000 slow bodies in 64 MiB", limits: limits{64, 1},
		count: 1000, use: "slowBody", peakMiB: 32, untimed: true},
	{name: "1,500 pipelines in 64 MiB", limits: limits{64, 1},
		count: 1500, use: "pipeline", peakMiB: 32, untimed: true},
	{name: "2,000 held in 32 MiB", limits: limits{32, 1},
		count: 2000, use: "held", plainDies: true, peakMiB: 32, untimed: true},
	{name: "6,000 orphans of the page in 64 MiB", limits: limits{64, 1},
		count: 6000, use: "orphanPage", untimed: true},
	{name: "6,000 orphans of the history in 64 MiB", limits: limits{64, 1},
		count: 6000, use: "orphanHistory", full: true, untimed: true},
	{name: "6,000 orphans of monitoring in 64 MiB", limits: limits{64, 1},
		count: 6000, use: "orphanMonitoring", full: true, untimed: true},
	{name: "24,000 orphans of the page in 256 MiB", limits: limits{256, 1},
		count: 24000, use: "orphanPage", peakMiB: 40, full: true, untimed: true},
	{name: "64 redirects of 8 KB with trailers in 32 MiB", limits: limits{32, 0.25},
		count: 64, use: "redirect8", untimed: true},
}
