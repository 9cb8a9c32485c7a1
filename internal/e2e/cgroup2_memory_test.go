//go:build e2e && linux

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestCgroup2ActiveCache fills nine tenths of the limit with page cache that was read more
// than once. The kernel frees it before it kills, so the service must stay ready.
func TestCgroup2ActiveCache(t *testing.T) {
	// The device's page cache is dropped when nothing has it open any more.
	disk, err := os.Open("/dev/ram0")
	if err != nil {
		t.Fatalf("%v: this needs the kernel module brd", err)
	}
	defer disk.Close()
	const limit = 128
	dir := newGroup(t, root, map[string]string{"memory.max": fmt.Sprint(limit * mib)})
	s := startIn(t, dir)
	read := fmt.Sprintf("dd if=/dev/ram0 of=/dev/null bs=1M count=%d", limit*9/10)
	reading := commandIn(dir, "/bin/sh", "-c", read+" && "+read+" && "+read)
	if out, err := reading.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	active := fileNumber(t, filepath.Join(dir, "memory.stat"), "active_file ")
	t.Logf("active_file %.1f MiB of %d", float64(active)/mib, limit)
	if active < limit*mib*8/10 {
		t.Fatalf("active_file = %d, want most of the limit", active)
	}
	eventually(t, 3*time.Second, "sees the page cache", func() bool {
		return *s.report().Memory.Container.UsedPercent >= 90
	})
	// A status of fail would come after 3 s.
	end := time.Now().Add(6 * time.Second)
	for ; time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		r := s.report()
		if r.Status != "pass" {
			t.Fatalf("status = %s (%s), want pass", r.Status, r.Output)
		}
		if resp, body := get(t, s.url("/readyz")); resp.StatusCode != http.StatusOK {
			t.Fatalf("GET /readyz = %d %s, want 200", resp.StatusCode, body)
		}
	}
	c := s.report().Memory.Container
	if c.UnreclaimableBytes == nil || *c.UnreclaimableBytes > limit*mib/10 {
		t.Fatalf("container = %+v, want unreclaimableBytes of a tenth of the limit at most", c)
	}
	t.Logf("usedPercent %.1f, unreclaimableBytes %.1f MiB",
		*c.UsedPercent, float64(*c.UnreclaimableBytes)/mib)
}

// TestCgroup2Sibling has a process in a cgroup beside the service's fill the parent, which is
// where the kernel's next kill comes from.
func TestCgroup2Sibling(t *testing.T) {
	parent := newGroup(t, root, map[string]string{
		"memory.max": "200M", "cgroup.subtree_control": "+memory",
	})
	own := newGroup(t, parent, map[string]string{"memory.max": "64M"})
	beside := newGroup(t, parent, nil)
	s := startIn(t, own)
	r := s.report()
	if !limitIs(r, 64<<20) || r.Status != "pass" || r.Connections.Limit != 128 {
		t.Errorf("report = %+v with container %+v, want its own 64 MiB and 128 connections",
			r, r.Memory.Container)
	}

	hog := commandIn(beside, self(t))
	hog.Env = []string{role(t, "HOG", hogSpec{Percent: []float64{92}, Hold: time.Minute, Times: 1})}
	if err := hog.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		hog.Process.Kill()
		hog.Wait()
	}()
	eventually(t, 20*time.Second, "fails by the parent", func() bool {
		r = s.report()
		return r.Status == "fail" && limitIs(r, 200<<20)
	})
	t.Logf("%s; container %.1f%% of %d",
		r.Output, *r.Memory.Container.UsedPercent, *r.Memory.Container.LimitBytes)
	usage := fileNumber(t, filepath.Join(parent, "memory.current"), "")
	if c := r.Memory.Container; !near(*c.UsageBytes, usage, mib) || *c.PeakBytes < *c.UsageBytes {
		t.Errorf("container = %+v, want the parent's usage %d and its peak", c, usage)
	}
	if limit := *r.Memory.GoLimitBytes; limit != 64<<20/5*4 {
		t.Errorf("goLimitBytes = %d, want 80%% of the lowest limit, 64 MiB", limit)
	}

	hog.Process.Kill()
	eventually(t, 5*time.Second, "reports its own again", func() bool {
		return limitIs(s.report(), 64<<20)
	})
}

// TestCgroup2Moved moves the running service to another cgroup, as systemd does.
func TestCgroup2Moved(t *testing.T) {
	groups := make([]string, 3)
	for i, limit := range []string{"64M", "128M", "256M"} {
		groups[i] = newGroup(t, root, map[string]string{"memory.max": limit})
	}
	s := startIn(t, groups[0])
	pid := strconv.Itoa(s.pid())
	before := kernelFiles(t, pid)
	if r := s.report(); !limitIs(r, 64<<20) {
		t.Fatalf("container = %+v, want a limit of 64 MiB", r.Memory.Container)
	}

	setGroup(t, groups[1], "cgroup.procs", pid)
	if err := os.Remove(groups[0]); err != nil {
		t.Fatal(err)
	}
	eventually(t, 3*time.Second, "notices that its cgroup was removed", func() bool {
		return limitIs(s.report(), 128<<20)
	})

	setGroup(t, groups[2], "cgroup.procs", pid)
	moved := time.Now()
	// Every 60th sample looks; on a busy machine they come more slowly than one a second.
	eventually(t, 90*time.Second, "notices that it was moved", func() bool {
		return limitIs(s.report(), 256<<20)
	})
	t.Logf("noticed %.0f s after the move", time.Since(moved).Seconds())
	eventually(t, 3*time.Second, "follows the limit", func() bool {
		return *s.report().Memory.GoLimitBytes == 256<<20/5*4
	})
	if after := kernelFiles(t, pid); after != before {
		t.Errorf("%d kernel files are open after the moves, want %d as before", after, before)
	}
}

// kernelFiles counts the files of /proc and /sys that a process has open.
func kernelFiles(t *testing.T, pid string) int {
	t.Helper()
	dir := "/proc/" + pid + "/fd"
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, entry := range entries {
		// One that is closed meanwhile has no name any more.
		name, _ := os.Readlink(filepath.Join(dir, entry.Name()))
		if strings.HasPrefix(name, "/proc/") || strings.HasPrefix(name, "/sys/") {
			n++
		}
	}
	return n
}

// TestCgroup2OpenFiles nests 16 cgroups, whose files stay open: the connections must fit
// beside them.
func TestCgroup2OpenFiles(t *testing.T) {
	dir := root
	for i := range 16 {
		dir = newGroup(t, dir, map[string]string{"memory.max": fmt.Sprint((512 - i) * mib)})
		if i < 15 {
			setGroup(t, dir, "cgroup.subtree_control", "+memory")
		}
	}
	const files = 200
	s := launchIn(t, dir, limitFiles(command(t, nil), files))
	limit := s.report().Connections.Limit
	t.Logf("%d descriptors, %d for files of the kernel, a table of %d",
		files, kernelFiles(t, strconv.Itoa(s.pid())), limit)
	for range 2 * limit {
		s.dial()
	}
	eventually(t, 30*time.Second, "has a full table", func() bool {
		return s.report().Connections.Open == limit
	})
	if log := s.log.String(); strings.Contains(log, "too many open files") {
		t.Errorf("the log is %s, want enough open files", log)
	}
}
