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

// Evidence is what is known when the command has ended or the kernel's count of OOM kills
// has risen.
type Evidence struct {
	// OOMKillsBefore and OOMKillsNow are the container's counts of OOM kills, 5 s ago and
	// now. Where the count cannot be read, both are 0.
	OOMKillsBefore, OOMKillsNow int64

	Exit     *Exit // how the command ended; nil while it lives
	Stopping bool  // healthd has begun to stop the command

	Last Processes // the last reading before the event
	Now  Processes // a reading after it
}

// Verdict is what the evidence amounts to.
type Verdict struct {
	Cause Cause
	// Victim is the process that was killed, with the figures of the last reading before.
	// Its PID is 0 if the cause is not OOMKilled or no process is missing.
	Victim Process
}

// Judge returns why the command ended, or, while it lives, whether another process of the
// container was killed.
//
// A rise of the count says more than the exit: behind `npm start` the kernel kills node,
// and npm exits with 1. The kernel counts a kill before the parent can reap the victim. While
// healthd stops the command, a rise need not be the reason why the command ended, unless the
// command died of a SIGKILL that healthd did not send.
func Judge(e Evidence) Verdict {
	rose := e.OOMKillsNow > e.OOMKillsBefore
	if e.Exit == nil {
		if rose {
			return Verdict{OOMKilled, missing(e.Last, e.Now)}
		}
		return Verdict{}
	}
	foreign := e.Exit.Signal == syscall.SIGKILL && !e.Exit.KilledByUs
	switch {
	case rose && (foreign || !e.Stopping):
		return Verdict{OOMKilled, missing(e.Last, e.Now)}
	case foreign || e.Exit.Code == 128+int(syscall.SIGKILL) && !e.Exit.KilledByUs:
		return Verdict{Cause: Killed} // a shell turns its child's signal into 128 + the signal
	case e.Exit.Code == 128+int(syscall.SIGABRT):
		return Verdict{Cause: Aborted}
	}
	return Verdict{}
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
