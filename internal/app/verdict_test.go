package app

import (
	"syscall"
	"testing"
)

func TestCause(t *testing.T) {
	t.Parallel()
	signaled := func(sig syscall.Signal) Exit { return Exit{Code: 128 + int(sig), Signal: sig} }
	killed := signaled(syscall.SIGKILL)
	byUs := Exit{Code: 137, Signal: syscall.SIGKILL, KilledByUs: true}
	for _, tt := range []struct {
		name              string
		exit              Exit
		stopping, oomKill bool
		want              Cause
	}{
		{"the command itself", killed, false, true, OOMKilled},
		{"its child, and npm exits 1", Exit{Code: 1}, false, true, OOMKilled},
		{"its child, and a shell says 137", Exit{Code: 137}, false, true, OOMKilled},
		{"its child, and the command exits 0", Exit{}, false, true, OOMKilled},
		{"a child while healthd stops", Exit{}, true, true, Ended},
		{"the command while healthd stops", killed, true, true, OOMKilled},
		{"a child, then killed by healthd", byUs, true, true, Ended},
		{"kill -9", killed, false, false, Killed},
		{"kill -9 while healthd stops", killed, true, false, Killed},
		{"kill -9 behind a shell", Exit{Code: 137}, false, false, Killed},
		{"killed by healthd", byUs, true, false, Ended},
		{"abort", signaled(syscall.SIGABRT), false, false, Aborted},
		{"abort behind a shell", Exit{Code: 134}, false, false, Aborted},
		{"crash", signaled(syscall.SIGSEGV), false, false, Ended},
		{"exit 1", Exit{Code: 1}, false, false, Ended},
		{"exit 0", Exit{}, false, false, Ended},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := cause(tt.exit, tt.stopping, tt.oomKill); got != tt.want {
				t.Errorf("cause(%+v, %v, %v) = %v, want %v",
					tt.exit, tt.stopping, tt.oomKill, got, tt.want)
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
