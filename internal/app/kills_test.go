package app

import (
	"syscall"
	"testing"
	"time"
)

func TestKills(t *testing.T) {
	t.Parallel()
	app := Process{Name: "node", PID: 7, AnonBytes: 100 << 20}
	helper := Process{Name: "chrome", PID: 21, AnonBytes: 50 << 20}
	both := Processes{Largest: []Process{app, helper}, PIDs: []int{7, 21}}
	alone := Processes{Largest: []Process{app}, PIDs: []int{7}}
	none := Processes{}
	killed := Exit{Code: 137, Signal: syscall.SIGKILL}

	type reading struct {
		second int
		count  int64
		seen   Processes
		want   Verdict
	}
	for _, tt := range []struct {
		name     string
		readings []reading
		second   int
		count    int64
		exit     Exit
		want     Verdict
	}{
		{"a count from before the start", []reading{{0, 9, both, Verdict{}}, {1, 9, both, Verdict{}}},
			2, 9, Exit{Code: 1}, Verdict{}},
		{"the kill ends the command", []reading{{0, 9, alone, Verdict{}}},
			1, 10, killed, Verdict{OOMKilled, app}},
		{"seen first, then the command ends", []reading{{0, 0, both, Verdict{}},
			{1, 1, alone, Verdict{OOMKilled, helper}}, {2, 1, alone, Verdict{}}},
			3, 1, Exit{Code: 1}, Verdict{OOMKilled, helper}},
		{"seen before the victim is gone", []reading{{0, 0, both, Verdict{}},
			{1, 1, both, Verdict{Cause: OOMKilled}}},
			2, 1, killed, Verdict{OOMKilled, app}},
		{"5 s after", []reading{{0, 0, both, Verdict{}}, {1, 1, alone, Verdict{OOMKilled, helper}}},
			6, 1, Exit{Code: 1}, Verdict{OOMKilled, helper}},
		{"6 s after", []reading{{0, 0, both, Verdict{}}, {1, 1, alone, Verdict{OOMKilled, helper}}},
			7, 1, Exit{Code: 1}, Verdict{}},
		{"6 s after, and kill -9", []reading{{0, 0, both, Verdict{}},
			{1, 1, alone, Verdict{OOMKilled, helper}}},
			7, 1, killed, Verdict{Cause: Killed}},
		{"no reading before", nil, 1, 1, killed, Verdict{Cause: Killed}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var k Kills
			start := time.Unix(1e9, 0)
			at := func(second int) time.Time { return start.Add(time.Duration(second) * time.Second) }
			for _, r := range tt.readings {
				if got := k.Observe(at(r.second), r.count, r.seen); got != r.want {
					t.Errorf("Observe() after %d s = %v, want %v", r.second, got, r.want)
				}
			}
			if got := k.End(at(tt.second), tt.count, none, tt.exit, false); got != tt.want {
				t.Errorf("End() after %d s = %v, want %v", tt.second, got, tt.want)
			}
		})
	}
}
