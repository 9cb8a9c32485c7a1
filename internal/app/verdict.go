package app

import (
	"fmt"
	"syscall"
)

// Cause is the kind of end that a command had.
type Cause int

const (
	Ended     Cause = iota // it exited, or died of a signal that says enough
	OOMKilled              // the kernel killed one of the container's processes
	Killed                 // SIGKILL, but not by healthd and not for memory
	Aborted                // SIGABRT
)

// String returns the cause in words for the log, or "" for Ended.
func (c Cause) String() string {
	switch c {
	case OOMKilled:
		return "the kernel killed a process of the container for lack of memory"
	case Killed:
		return "killed by SIGKILL, sender unknown"
	case Aborted:
		return "the process aborted itself (Node: its heap limit)"
	}
	return ""
}

// signalNames has the signals that end programs.
var signalNames = map[syscall.Signal]string{
	syscall.SIGHUP: "SIGHUP", syscall.SIGINT: "SIGINT", syscall.SIGQUIT: "SIGQUIT",
	syscall.SIGILL: "SIGILL", syscall.SIGTRAP: "SIGTRAP", syscall.SIGABRT: "SIGABRT",
	syscall.SIGBUS: "SIGBUS", syscall.SIGFPE: "SIGFPE", syscall.SIGKILL: "SIGKILL",
	syscall.SIGUSR1: "SIGUSR1", syscall.SIGSEGV: "SIGSEGV", syscall.SIGUSR2: "SIGUSR2",
	syscall.SIGPIPE: "SIGPIPE", syscall.SIGALRM: "SIGALRM", syscall.SIGTERM: "SIGTERM",
}

// SignalName returns the name of a signal, such as SIGTERM, or "signal 64".
func SignalName(sig syscall.Signal) string {
	if name, ok := signalNames[sig]; ok {
		return name
	}
	return fmt.Sprintf("signal %d", int(sig))
}

// Verdict is why the command ended.
type Verdict struct {
	Cause Cause
	// Victim is the process that was killed, with the figures of the last reading before.
	// Its PID is 0 if the cause is not OOMKilled or no process is missing.
	Victim Process
}

// cause returns why the command ended. A recent OOM kill says more than the exit: behind
// `npm start` the kernel kills node, and npm exits with a code of its own. The kernel counts a
// kill before the parent can reap the victim. While healthd stops the command, the kill need
// not be the reason, unless the command died of a SIGKILL that healthd did not send.
func cause(exit Exit, stopping, oomKill bool) Cause {
	foreign := exit.Signal == syscall.SIGKILL && !exit.KilledByUs
	switch {
	case oomKill && (foreign || !stopping):
		return OOMKilled
	case foreign || exit.Code == 128+int(syscall.SIGKILL) && !exit.KilledByUs:
		return Killed // a shell turns its child's signal into 128 + the signal
	case exit.Code == 128+int(syscall.SIGABRT):
		return Aborted
	}
	return Ended
}

// missing returns the largest process of the last reading that is not in the present one.
// The kernel's victim is nearly always the largest process of the container.
func missing(last, now Processes) Process {
	for _, p := range last.Largest {
		if !now.Has(p.PID) {
			return p
		}
	}
	return Process{}
}

// String returns the process as "node (pid 7) has 214.3 MiB".
func (p Process) String() string {
	return fmt.Sprintf("%s (pid %d) has %.1f MiB", p.Name, p.PID, float64(p.AnonBytes)/(1<<20))
}
