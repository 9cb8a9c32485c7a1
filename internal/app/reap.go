package app

import (
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// groupPoll is how often the group is looked at once the command has ended. Its processes
// are not always healthd's children: the parent may be a process of another group, or, where
// there is no subreaper, the system's own init.
const groupPoll = 50 * time.Millisecond

// supervise reaps children until the command's group is empty. The channel must have been
// registered before the command was started, so that no SIGCHLD is missed.
func (a *App) supervise(children chan os.Signal) {
	defer close(a.done)
	defer signal.Stop(children)
	var poll <-chan time.Time
	left := remainder{reader: NewReader("/proc", os.Getpid()), told: make(map[int]bool)}
	for {
		a.reap()
		if _, ended := a.Exit(); ended && poll == nil {
			a.terminate(&left)
			ticker := time.NewTicker(groupPoll)
			defer ticker.Stop()
			poll = ticker.C
		}
		if a.groupEmpty() {
			break
		}
		select {
		case <-children:
		case <-poll: // not at every SIGCHLD, because it reads all of /proc
			a.terminate(&left)
		}
	}
	if a.terminal {
		takeTerminal()
	}
}

// remainder is what the command has left behind in its group.
type remainder struct {
	reader *Reader
	told   map[int]bool // the processes that were sent SIGTERM, and 0 for the group
}

// terminate sends SIGTERM to each process of the group whose parent is not of the group. npm,
// for example, ends within 20 ms of SIGTERM and leaves its node behind. If it leaves
// cross-env and node, cross-env gets the signal and passes it on: a signal to the whole group
// would reach node twice, which ends the shutdown that the first one began. If cross-env ended
// instead, node's parent would be healthd, and the next call would signal it.
func (a *App) terminate(left *remainder) {
	a.mu.Lock()
	defer a.mu.Unlock()
	roots := left.reader.groupRoots(a.pid)
	if len(roots) == 0 {
		roots = []int{0} // there is no /proc, or no process left
	}
	for _, pid := range roots {
		if left.told[pid] {
			continue
		}
		left.told[pid] = true
		if pid == 0 {
			pid = -a.pid
		}
		syscall.Kill(pid, syscall.SIGTERM)
		syscall.Kill(pid, syscall.SIGCONT) // a stopped process would not act on SIGTERM
	}
}

// reap collects the status of every child that has ended or stopped. One SIGCHLD can stand
// for many children.
func (a *App) reap() {
	for a.reapOne() {
	}
}

// reapOne reports whether there may be another child to reap.
func (a *App) reapOne() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	var status syscall.WaitStatus
	pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG|syscall.WUNTRACED, nil)
	if err != nil {
		return errors.Is(err, syscall.EINTR)
	}
	if pid == a.pid {
		a.changed(status)
	}
	return pid > 0
}

// changed records a change of the command's state. The caller holds a.mu.
func (a *App) changed(status syscall.WaitStatus) {
	switch {
	case status.Exited():
		a.exit = &Exit{Code: status.ExitStatus()}
	case status.Signaled():
		sig := status.Signal()
		a.exit = &Exit{
			Code:       128 + int(sig),
			Signal:     sig,
			KilledByUs: a.killed && sig == syscall.SIGKILL,
		}
	case status.StopSignal() == syscall.SIGTSTP:
		// No shell looks after this group, so nobody else would continue it after ^Z.
		// Other stop signals were meant: SIGSTOP, or SIGTTIN of a job in the background.
		syscall.Kill(-a.pid, syscall.SIGCONT)
		return
	default:
		return
	}
	close(a.ended)
}

// groupEmpty reports whether the command has ended and no process of its group is left.
func (a *App) groupEmpty() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	// EPERM means that there are processes, none of which healthd may signal.
	a.empty = a.exit != nil && errors.Is(syscall.Kill(-a.pid, 0), syscall.ESRCH)
	return a.empty
}
