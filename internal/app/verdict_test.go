package app

import (
	"syscall"
	"testing"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	npm := Process{Name: "npm start", PID: 7, RSSBytes: 60 << 20, AnonBytes: 40 << 20}
	node := Process{Name: "node", PID: 21, RSSBytes: 230 << 20, AnonBytes: 200 << 20}
	last := Processes{Largest: []Process{node, npm}, PIDs: []int{7, 21}}
	exit := func(code int) *Exit { return &Exit{Code: code} }
	signaled := func(sig syscall.Signal) *Exit { return &Exit{Code: 128 + int(sig), Signal: sig} }
	byUs := &Exit{Code: 137, Signal: syscall.SIGKILL, KilledByUs: true}
	none, onlyNPM, onlyNode := Processes{}, Processes{PIDs: []int{7}}, Processes{PIDs: []int{21}}

	for _, tt := range []struct {
		name     string
		kills    [2]int64
		exit     *Exit
		stopping bool
		now      Processes
		want     Verdict
	}{
		{"the command itself", [2]int64{0, 1}, signaled(syscall.SIGKILL), false, none,
			Verdict{OOMKilled, node}},
		{"its child, and npm exits 1", [2]int64{0, 1}, exit(1), false, none, Verdict{OOMKilled, node}},
		{"its child, and a shell says 137", [2]int64{2, 3}, exit(137), false, none,
			Verdict{OOMKilled, node}},
		{"its child, and the command exits 0", [2]int64{0, 1}, exit(0), false, none,
			Verdict{OOMKilled, node}},
		{"all of the group at once", [2]int64{0, 2}, signaled(syscall.SIGKILL), false, none,
			Verdict{OOMKilled, node}},
		{"a child while the command lives", [2]int64{0, 1}, nil, false, onlyNPM,
			Verdict{OOMKilled, node}},
		{"the smaller of two", [2]int64{0, 1}, nil, false, onlyNode, Verdict{OOMKilled, npm}},
		{"one that was not among the largest", [2]int64{0, 1}, nil, false, last,
			Verdict{Cause: OOMKilled}},
		{"the command lives on", [2]int64{4, 4}, nil, false, onlyNPM, Verdict{}},
		{"a child while healthd stops", [2]int64{0, 1}, exit(0), true, none, Verdict{}},
		{"the command while healthd stops", [2]int64{0, 1}, signaled(syscall.SIGKILL), true, none,
			Verdict{OOMKilled, node}},
		{"a child, then killed by healthd", [2]int64{0, 1}, byUs, true, none, Verdict{}},
		{"kill -9", [2]int64{1, 1}, signaled(syscall.SIGKILL), false, none, Verdict{Cause: Killed}},
		{"kill -9 while healthd stops", [2]int64{1, 1}, signaled(syscall.SIGKILL), true, none,
			Verdict{Cause: Killed}},
		{"kill -9 behind a shell", [2]int64{1, 1}, exit(137), false, none, Verdict{Cause: Killed}},
		{"killed by healthd", [2]int64{1, 1}, byUs, true, none, Verdict{}},
		{"abort", [2]int64{1, 1}, signaled(syscall.SIGABRT), false, none, Verdict{Cause: Aborted}},
		{"abort behind a shell", [2]int64{1, 1}, exit(134), false, none, Verdict{Cause: Aborted}},
		{"the count starts again", [2]int64{3, 0}, signaled(syscall.SIGTERM), false, none, Verdict{}},
		{"crash", [2]int64{0, 0}, signaled(syscall.SIGSEGV), false, none, Verdict{}},
		{"exit 1", [2]int64{0, 0}, exit(1), false, none, Verdict{}},
		{"exit 0", [2]int64{0, 0}, exit(0), false, none, Verdict{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			evidence := Evidence{
				OOMKillsBefore: tt.kills[0], OOMKillsNow: tt.kills[1],
				Exit: tt.exit, Stopping: tt.stopping, Last: last, Now: tt.now,
			}
			if got := Judge(evidence); got != tt.want {
				t.Errorf("Judge(%+v) = %v, want %v", evidence, got, tt.want)
			}
		})
	}
}

func TestCauseString(t *testing.T) {
	t.Parallel()
	for cause, want := range map[Cause]bool{
		Ended: false, OOMKilled: true, Killed: true, Aborted: true,
	} {
		if got := cause.String(); (got != "") != want {
			t.Errorf("Cause(%d).String() = %q, want text: %t", cause, got, want)
		}
	}
}

func TestProcessString(t *testing.T) {
	t.Parallel()
	p := Process{Name: "node", PID: 7, RSSBytes: 1 << 30, AnonBytes: 224709837}
	if got, want := p.String(), "node (pid 7) has 214.3 MiB"; got != want {
		t.Errorf("%#v.String() = %q, want %q", p, got, want)
	}
}
