// Package app runs a command in the way an init process does: it starts the command with
// everything that it would have had without healthd, passes signals on, reaps every orphan,
// and ends when the command's process group is empty.
//
// The package reaps with wait4(-1), so nothing else in the process may wait for children:
// os/exec and os.StartProcess would lose theirs to it.
package app

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// App is a command that was started. Its methods may be called by any goroutine.
type App struct {
	name     string
	pid      int // of the command, and the ID of its process group
	started  time.Time
	terminal bool // the command was given the terminal

	ended chan struct{} // closed when the command has ended
	done  chan struct{} // closed when its process group is empty

	// mu is held while children are reaped and while they are signaled, so that no signal
	// goes to a process ID that the kernel has already given to another process.
	mu     sync.Mutex
	exit   *Exit
	killed bool // Kill was called
	empty  bool // the group was, so that the kernel may give its ID to another
}

// Exit is how the command ended.
type Exit struct {
	Code       int            // the command's own exit code, or 128 + Signal
	Signal     syscall.Signal // the signal that killed the command, or 0
	KilledByUs bool           // Signal is the SIGKILL that Kill sent
}

// Start runs the command args[0], looked up in the PATH of env, with the arguments args[1:]
// and the environment env. The command inherits standard input, output and error, the
// working directory and the open-file limit that healthd itself was started with. It gets a
// process group of its own, and the terminal if healthd's group has it.
//
// Start must be called at most once in a process, before anything that exec hands down is
// changed: ignored signals, and the refusal of huge pages. An error is a *StartError.
func Start(args, env []string) (*App, error) {
	path, err := lookPath(args[0], env)
	if err != nil {
		return nil, &StartError{args[0], err}
	}
	becomeSubreaper()
	children := make(chan os.Signal, 1)
	signal.Notify(children, syscall.SIGCHLD)

	a := &App{
		name:     displayName([]byte(args[0])),
		started:  time.Now(),
		terminal: ownsTerminal(),
		ended:    make(chan struct{}),
		done:     make(chan struct{}),
	}
	a.pid, err = syscall.ForkExec(path, args, &syscall.ProcAttr{
		Env:   env,
		Files: []uintptr{0, 1, 2},
		Sys:   &syscall.SysProcAttr{Setpgid: true, Foreground: a.terminal, Ctty: 0},
	})
	if a.terminal {
		keepRunningInBackground()
	}
	if err != nil {
		signal.Stop(children)
		if a.terminal {
			takeTerminal() // a child that could not execute the command has taken it
		}
		return nil, &StartError{args[0], execError(err)}
	}
	go a.supervise(children)
	return a, nil
}

// Signals returns the signals, other than those that stop it, that healthd passes on to the
// command. A signal that healthd was started with as ignored, such as SIGHUP under nohup,
// is left out: the command inherits that, so healthd must not call signal.Notify for it.
func Signals() []os.Signal {
	var list []os.Signal
	for _, sig := range []os.Signal{
		syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH,
	} {
		if !signal.Ignored(sig) {
			list = append(list, sig)
		}
	}
	return list
}

// Name returns the base name of the command.
func (a *App) Name() string { return a.name }

// PID returns the process ID of the command.
func (a *App) PID() int { return a.pid }

// Started returns the time at which the command was started.
func (a *App) Started() time.Time { return a.started }

// Ended returns a channel that is closed when the command itself has ended. Other processes
// of its group may be left, which get SIGTERM at once. Call Stop to wait for them.
func (a *App) Ended() <-chan struct{} { return a.ended }

// Exit returns how the command ended, and false while it runs.
func (a *App) Exit() (Exit, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.exit == nil {
		return Exit{}, false
	}
	return *a.exit, true
}

// Signal sends sig to the command alone. A wrapper such as npm or a shell passes it on as it
// does without healthd; processes that got it twice would be cut off in their own shutdown.
// Signal does nothing once the command has ended.
func (a *App) Signal(sig syscall.Signal) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.exit == nil {
		syscall.Kill(a.pid, sig)
	}
}

// killGrace is how long Kill waits for the kernel to end killed processes. A process that
// waits for a broken disk, or that runs as a user whom healthd may not signal, stays.
const killGrace = time.Second

// Kill sends SIGKILL to the whole process group, and to the command, which may have moved to
// another one. It waits for a second and reports whether the group is empty.
func (a *App) Kill() bool {
	a.kill()
	return waitFor(a.done, killGrace)
}

func (a *App) kill() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.killed = true
	if !a.empty {
		syscall.Kill(-a.pid, syscall.SIGKILL)
	}
	if a.exit == nil {
		syscall.Kill(a.pid, syscall.SIGKILL)
	}
}

// Stop sends sig to the command and waits until its process group is empty. After timeout,
// and whenever Kill is called, the group gets SIGKILL. If the command has ended already,
// Stop only waits. It reports whether the group is empty.
func (a *App) Stop(sig syscall.Signal, timeout time.Duration) bool {
	a.Signal(sig)
	return waitFor(a.done, timeout) || a.Kill()
}

// waitFor reports whether done is closed within the given time.
func waitFor(done <-chan struct{}, within time.Duration) bool {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}
