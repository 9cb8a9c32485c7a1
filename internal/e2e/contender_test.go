//go:build e2e && linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// contender is a server to compare.
type contender struct {
	name    string
	binary  string // its file, if it has a single one
	command []string
	env     []string
}

func (c contender) start(t *testing.T) *service {
	t.Helper()
	cmd := exec.Command(c.command[0], c.command[1:]...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, c.env...)
	return launch(t, freePort(t), cmd)
}

// single returns a contender that is a single file.
func single(name, path string, env ...string) contender {
	return contender{name: name, binary: path, command: []string{path}, env: env}
}

// installExpress installs the Express server where there is npm.
func installExpress(t *testing.T) (contender, bool) {
	t.Helper()
	if _, err := exec.LookPath("npm"); err != nil {
		t.Log("npm is not installed: without Express")
		return contender{}, false
	}
	dir := t.TempDir()
	for _, name := range []string{"package.json", "server.js"} {
		copyFile(t, filepath.Join("testdata/express", name), filepath.Join(dir, name))
	}
	if err := npmInstall(dir); err != nil {
		t.Fatal(err)
	}
	return contender{name: "Express", command: []string{"node", filepath.Join(dir, "server.js")}}, true
}

// npmInstall installs packages in dir, or without any those that its package.json names.
func npmInstall(dir string, packages ...string) error {
	args := append([]string{"install", "--silent", "--no-audit", "--no-fund"}, packages...)
	install := exec.Command("npm", args...)
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		return fmt.Errorf("npm install: %w\n%s", err, out)
	}
	return nil
}

// figures are the costs of a contender, a value per run where there are several.
type figures struct {
	binary     int64
	first200   []time.Duration
	idle       []int64
	charge     []int64
	cpu        [len(comparePaths)][]float64 // microseconds per request
	busy       [len(comparePaths)][]float64 // CPUs in use under constant requests
	perConn    int64
	floodPeak  int64
	floodAfter int64
}

const compareRuns = 11

var comparePaths = [...]string{"/healthz", "/api/v1/monitoring/health"}

// measureRun measures the costs of all contenders once, side by side: start, idle memory, and
// CPU per request. The speed of the machine changes within seconds, so that the contenders take
// turns, and another one comes first in each turn.
func measureRun(t *testing.T, contenders []contender, all []figures) {
	t.Helper()
	services := make([]*service, len(contenders))
	for i, c := range contenders {
		began := time.Now()
		services[i] = c.start(t)
		all[i].first200 = append(all[i].first200, time.Since(began))
		time.Sleep(idleAfter)
		all[i].idle = append(all[i].idle, vmRSS(t, services[i].pid()))
	}
	const turns = 5
	for p, path := range comparePaths {
		used, took := make([]time.Duration, len(services)), make([]time.Duration, len(services))
		for n := range turns * len(services) {
			i := (n + n/len(services)) % len(services)
			u, d := keepPolling(t, services[i], path)
			used[i] += u
			took[i] += d
		}
		for i := range services {
			perRequest := used[i].Seconds() * 1e6 / (turns * pollRequests)
			all[i].cpu[p] = append(all[i].cpu[p], perRequest)
			all[i].busy[p] = append(all[i].busy[p], used[i].Seconds()/took[i].Seconds())
		}
	}
	for _, s := range services {
		s.kill()
	}
}

// checkBusy checks that no contender had to wait for its clients.
func checkBusy(t *testing.T, contenders []contender, all []figures) {
	t.Helper()
	for i, c := range contenders {
		for p, path := range comparePaths {
			busy := median(all[i].busy[p])
			t.Logf("%s used %.2f CPUs under requests for %s", c.name, busy, path)
			if busy < 0.8 {
				t.Errorf("%s used %.2f CPUs, want at least 0.8: it waited for clients", c.name, busy)
			}
		}
	}
}

// medianOf returns the median over the runs of what compare makes of the values of two
// contenders.
func medianOf(
	t *testing.T, what string, a, b []float64, compare func(a, b float64) float64,
) float64 {
	t.Helper()
	var all []float64
	for run := range a {
		all = append(all, compare(a[run], b[run]))
	}
	got := median(all)
	t.Logf("%s: %.3f, run by run %.3f", what, got, all)
	return got
}

func ratio(a, b float64) float64      { return a / b }
func difference(a, b float64) float64 { return a - b }

func median[T int64 | float64 | time.Duration](values []T) T {
	return slices.Sorted(slices.Values(values))[len(values)/2]
}

func floats(values []int64) []float64 {
	var out []float64
	for _, v := range values {
		out = append(out, float64(v))
	}
	return out
}
