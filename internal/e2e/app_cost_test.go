//go:build e2e && linux

package e2e

import (
	"strings"
	"testing"
	"time"
)

// TestAppCost measures healthd's share of the CPU beside an app at rest, and with many
// processes to read.
func TestAppCost(t *testing.T) {
	t.Parallel()
	const many = `i=0; while [ $i -lt 92 ]; do sleep 1000 & i=$((i+1)); done; exec node app.js`
	for _, tt := range []struct {
		name      string
		command   []string
		processes int
		most      time.Duration // of CPU time per second
	}{
		{"Express", []string{"node", "app.js"}, 1, 3 * time.Millisecond},
		// A sample of these may take 5 ms more.
		{"93 processes", []string{"sh", "-c", many}, 93, 8 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := runApp(t, memoryLimit(256), tt.command...)
			c.bothServe()
			_, pid := c.address()
			if n := processesIn(t, c); n != tt.processes {
				t.Fatalf("the container has %d processes beside healthd, want %d", n, tt.processes)
			}
			const seconds = 20
			time.Sleep(2 * time.Second)
			before := cpuTime(t, pid)
			time.Sleep(seconds * time.Second)
			perSecond := (cpuTime(t, pid) - before) / seconds
			t.Logf("CPU %v per second (%.2f%%), VmRSS %.1f MB",
				perSecond, 100*perSecond.Seconds(), mb(vmRSS(t, pid)))
			if perSecond > tt.most {
				t.Errorf("CPU time per second = %v, want at most %v", perSecond, tt.most)
			}
		})
	}
}

// processesIn returns the number of processes in a container other than PID 1.
func processesIn(t *testing.T, c *appContainer) int {
	t.Helper()
	// A heading and PID 1 are the first two lines.
	return strings.Count(mustDocker(t, "top", c.id, "-o", "pid"), "\n") - 1
}
