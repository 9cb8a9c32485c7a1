//go:build e2e && linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// supervised are the costs of a way to run the Express app, a value per run.
type supervised struct {
	charge []int64 // of the whole container
	rss    []int64 // of what runs the app
	cpu    []time.Duration
}

// TestCompareApp prints the costs of the Express app alone, and under tini, pm2-runtime and
// healthd.
func TestCompareApp(t *testing.T) {
	healthd, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	express, ok := installExpress(t)
	if !ok {
		t.Fatal("this needs Node and npm")
	}
	under := func(name string, env []string, args ...string) contender {
		return contender{name: name, command: append(args, express.command...), env: env}
	}
	const alone, ours = 0, 3
	contenders := []contender{
		alone: under("the app alone", nil),
		under("tini", nil, "tini", "--"),
		installPM2(t, express),
		ours: under("healthd", []string{fmt.Sprint("HEALTHD_PORT=", freePort(t))}, healthd, "--"),
	}
	all := make([]supervised, len(contenders))
	for run := range compareRuns {
		for n := range contenders {
			i := (n + run) % len(contenders)
			measureSupervised(t, contenders[i], &all[i])
		}
	}
	t.Logf("medians of %d interleaved runs\n%s", compareRuns, supervisedTable(contenders, all))
	got := medianOf(t, "container memory, healthd more than the app alone",
		floats(all[ours].charge), floats(all[alone].charge), difference)
	if got > 2e6 {
		t.Errorf("healthd adds %.1f MB to the container, want at most 2", got/1e6)
	}
	if cpu := median(all[ours].cpu); cpu > 3*time.Millisecond {
		t.Errorf("healthd takes %v of CPU time per second, want at most 3 ms", cpu)
	}
}

// installPM2 installs pm2, and returns the app under pm2-runtime.
func installPM2(t *testing.T, express contender) contender {
	t.Helper()
	dir := t.TempDir()
	if err := npmInstall(dir, "pm2@6"); err != nil {
		t.Fatal(err)
	}
	return contender{
		name:    "pm2-runtime",
		command: []string{filepath.Join(dir, "node_modules/.bin/pm2-runtime"), express.command[1]},
		env:     []string{"PM2_HOME=" + filepath.Join(dir, ".pm2"), "HOME=" + dir},
	}
}

// measureSupervised runs the app in a memory cgroup of its own, and measures at rest.
func measureSupervised(t *testing.T, c contender, to *supervised) {
	t.Helper()
	dir, charge := newMemoryGroup(t)
	defer os.Remove(dir)
	c.command = append(entering(dir), c.command...)
	s := c.start(t)
	defer killGroup(t, s, dir)
	time.Sleep(idleAfter)
	before, began := cpuTime(t, s.pid()), time.Now()
	time.Sleep(2 * time.Second)
	perSecond := float64(cpuTime(t, s.pid())-before) / time.Since(began).Seconds()
	to.cpu = append(to.cpu, time.Duration(perSecond))
	to.charge = append(to.charge, charge())
	to.rss = append(to.rss, vmRSS(t, s.pid()))
}

// killGroup kills the processes of a cgroup, since those that ran under s do not end with it.
func killGroup(t *testing.T, s *service, dir string) {
	t.Helper()
	eventually(t, 10*time.Second, "has ended", func() bool {
		b, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		if err != nil {
			t.Fatal(err)
		}
		for _, field := range strings.Fields(string(b)) {
			if pid, err := strconv.Atoi(field); err == nil {
				syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		return len(b) == 0
	})
	<-s.done
}

// supervisedTable returns the figures as a Markdown table. The first contender is the app
// alone.
func supervisedTable(contenders []contender, all []supervised) string {
	var table strings.Builder
	fmt.Fprintf(&table, "| | %s |", contenders[0].name)
	for _, c := range contenders[1:] {
		fmt.Fprintf(&table, " %s |", c.name)
	}
	table.WriteString("\n|" + strings.Repeat(" --- |", len(contenders)+1))
	row := func(name, first string, value func(s *supervised) string) {
		fmt.Fprintf(&table, "\n| %s | %s |", name, first)
		for i := range all[1:] {
			fmt.Fprintf(&table, " %s |", value(&all[1+i]))
		}
	}
	charge := func(s *supervised) string { return fmt.Sprintf("%.1f MB", mb(median(s.charge))) }
	row("container memory", charge(&all[0]), charge)
	row("more than the app alone", "", func(s *supervised) string {
		var more []float64
		for run := range s.charge {
			more = append(more, mb(s.charge[run]-all[0].charge[run]))
		}
		return fmt.Sprintf("%.1f MB", median(more))
	})
	row("VmRSS of the supervisor", "", func(s *supervised) string {
		return fmt.Sprintf("%.1f MB", mb(median(s.rss)))
	})
	row("CPU of the supervisor", "", func(s *supervised) string {
		return fmt.Sprintf("%.2f%%", 100*median(s.cpu).Seconds())
	})
	return table.String()
}
