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
	}
	before := reading{0, 0, both}
	helperKilled := []reading{before, {1, 1, alone}}
	for _, tt := range []struct {
		name     string
		readings []reading
		second   int // of the end, when no process is left
		count    int64
		exit     Exit
		want     Verdict
	}{
		{"a count from before the start", []reading{{0, 9, both}, {1, 9, both}},
			2, 9, Exit{Code: 1}, Verdict{}},
		{"the count starts again", []reading{{0, 9, both}}, 1, 0, Exit{Code: 1}, Verdict{}},
		{"the kill ends the command", []reading{{0, 9, alone}},
			1, 10, killed, Verdict{OOMKilled, app}},
		{"all of the group at once", []reading{{0, 9, both}}, 1, 11, killed, Verdict{OOMKilled, app}},
		{"seen first, then the command ends", append(helperKilled, reading{2, 1, alone}),
			3, 1, Exit{Code: 1}, Verdict{OOMKilled, helper}},
		{"seen before the victim is gone", []reading{before, {1, 1, both}},
			2, 1, killed, Verdict{OOMKilled, app}},
		{"seen before, then gone in the next reading", []reading{before, {1, 1, both}, {2, 1, alone}},
			3, 1, Exit{Code: 1}, Verdict{OOMKilled, helper}},
		{"not one of the largest", []reading{{0, 0, none}}, 1, 1, killed, Verdict{Cause: OOMKilled}},
		{"5 s after", helperKilled, 6, 1, Exit{Code: 1}, Verdict{OOMKilled, helper}},
		{"6 s after", helperKilled, 7, 1, Exit{Code: 1}, Verdict{}},
		{"6 s after, and kill -9", helperKilled, 7, 1, killed, Verdict{Cause: Killed}},
		{"no reading before", nil, 1, 1, killed, Verdict{Cause: Killed}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var k Kills
			start := time.Unix(1e9, 0)
			at := func(second int) time.Time { return start.Add(time.Duration(second) * time.Second) }
			for _, r := range tt.readings {
				k.Observe(at(r.second), r.count, r.seen)
			}
			if got := k.End(at(tt.second), tt.count, none, tt.exit, false); got != tt.want {
				t.Errorf("End() after %d s = %v, want %v", tt.second, got, tt.want)
			}
		})
	}
}

// TestKillsLast has a kill while the command lives.
func TestKillsLast(t *testing.T) {
	t.Parallel()
	app := Process{Name: "node", PID: 7, AnonBytes: 100 << 20}
	helper := Process{Name: "chrome", PID: 21, AnonBytes: 50 << 20}
	both := Processes{Largest: []Process{app, helper}, PIDs: []int{7, 21}}
	var k Kills
	for second, count := range []int64{0, 0, 1, 1} {
		seen := both
		if second == 1 { // a process that ends by itself is no victim
			seen = Processes{Largest: []Process{app}, PIDs: []int{7}}
		}
		if second >= 2 {
			seen = Processes{Largest: []Process{helper}, PIDs: []int{21}}
		}
		k.Observe(time.Unix(int64(second), 0), count, seen)
		at, victim := k.Last()
		want := Process{}
		if second >= 2 {
			want = app
		}
		if victim != want || at.IsZero() != (second < 2) {
			t.Errorf("Last() after %d s = %v, %v, want %v", second, at, victim, want)
		}
	}
}
