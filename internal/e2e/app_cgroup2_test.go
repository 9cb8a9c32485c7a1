//go:build e2e && linux

package e2e

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// launchApp runs healthd with a command, which is the test binary in a role, in a cgroup.
func launchApp(t *testing.T, dir, role string) *service {
	t.Helper()
	healthd, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	cmd := commandIn(dir, "env", "-u", "PORT", healthd, "--", self(t))
	cmd.Env = []string{role, fmt.Sprint("HEALTHD_PORT=", port), "HEALTHD_DRAIN_DELAY=0"}
	return launch(t, port, cmd)
}

// TestCgroup2AppOOMKill leaks until the kernel kills the app, or the whole cgroup. Then only
// the termination message is left to say why.
func TestCgroup2AppOOMKill(t *testing.T) {
	const message = "/dev/termination-log"
	for _, tt := range []struct {
		leak  int // MiB/s
		group string
		full  bool
	}{{50, "0", false}, {12, "1", false}, {12, "0", true}, {2, "0", true}, {2, "1", true},
		{50, "1", true}} {
		t.Run(fmt.Sprintf("%d MiB/s, group %s", tt.leak, tt.group), func(t *testing.T) {
			if tt.full && testing.Short() {
				t.Skip("long")
			}
			writeFile(t, message, "")
			defer os.Remove(message)
			dir := newGroup(t, root, map[string]string{
				"memory.max": fmt.Sprint(256 * mib), "memory.oom.group": tt.group,
			})
			s := launchApp(t, dir, role(t, "HOG", hogSpec{GrowMiB: tt.leak}))
			code := s.ended(4 * time.Minute)
			told := readFile(t, message)
			t.Logf("exit code %d, message %q", code, told)
			if !strings.Contains(told, "e2e.test") || !strings.Contains(told, "MiB") {
				t.Errorf("the message is %q, want the process and its size", told)
			}
			if tt.group == "1" {
				if code != -1 {
					t.Errorf("the exit code is %d, want healthd killed with the others", code)
				}
				return
			}
			line := end(t, s.log)
			if code != 137 || !strings.Contains(line, "oomKilled=true") ||
				!strings.Contains(line, "e2e.test") || !sizeInLog.MatchString(line) {
				t.Errorf("exit code %d, log %q, want 137, oomKilled=true and the process", code, line)
			}
		})
	}
}

// TestCgroup2AppReport compares the report with the kernel's count.
func TestCgroup2AppReport(t *testing.T) {
	dir := newGroup(t, root, map[string]string{"memory.max": fmt.Sprint(128 * mib)})
	s := launchApp(t, dir, role(t, "HOG",
		hogSpec{Percent: []float64{50}, Hold: time.Minute, Times: 1}))
	eventually(t, 20*time.Second, "reports the app's memory", func() bool {
		r := s.appReport()
		return r.App != nil && r.App.AnonBytes != nil && *r.App.AnonBytes > 50*mib &&
			len(r.App.Processes) == 1 && r.App.Processes[0].Name == "e2e.test"
	})
	if kills := s.appReport().Memory.Container.OOMKills; kills == nil || *kills != 0 {
		t.Errorf("oomKills = %v, want 0", kills)
	}
	hog := commandIn(dir, self(t))
	hog.Env = []string{role(t, "HOG", hogSpec{GrowMiB: 100})}
	if err := hog.Run(); err == nil {
		t.Fatal("the second process ended by itself")
	}
	eventually(t, 5*time.Second, "reports the kill", func() bool {
		kills := s.appReport().Memory.Container.OOMKills
		return kills != nil && *kills == 1
	})
	s.signal(syscall.SIGTERM)
	if code := s.ended(10 * time.Second); code != 143 || len(s.log.lines("app ended")) != 1 {
		t.Errorf("the exit code is %d, want 143", code)
	}
}
