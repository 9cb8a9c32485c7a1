package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/halobuzz/healthd/internal/app"
	"github.com/halobuzz/healthd/internal/config"
	"github.com/halobuzz/healthd/internal/health"
	"github.com/halobuzz/healthd/internal/memory"
	"github.com/halobuzz/healthd/internal/monitor"
	"github.com/halobuzz/healthd/internal/probe"
)

// command is the app that healthd runs, with what is measured of it.
type command struct {
	app            *app.App
	processes      *app.Reader
	check          *probe.Watcher // of HEALTHD_APP_CHECK; nil if there is nothing to ask
	judgesLiveness bool
	passed         chan os.Signal // the signals that are passed on
}

// startCommand starts a command that inherits everything that healthd was started with.
func startCommand(args []string, cfg config.Config) (*command, error) {
	c := &command{
		processes:      app.NewReader("/proc", os.Getpid()),
		judgesLiveness: cfg.AppCheckSet,
		passed:         make(chan os.Signal, 8),
	}
	if cfg.AppCheck != nil {
		c.check = probe.NewWatcher([]probe.Dependency{
			{Name: "app", Target: *cfg.AppCheck, Eager: true},
		})
	}
	if signals := app.Signals(); len(signals) > 0 { // no signals would stand for all of them
		signal.Notify(c.passed, signals...)
	}
	var err error
	c.app, err = app.Start(args, os.Environ())
	return c, err
}

// spareThreads is more than are ever blocked in system calls at once.
const spareThreads = 8

// reserveThreads makes the runtime start threads, which it keeps. It starts one whenever
// another takes long in a system call, and ends the process if it cannot, as when the command
// has used up the container's limit of processes.
func reserveThreads() {
	var started, ended sync.WaitGroup
	started.Add(spareThreads)
	for range spareThreads {
		ended.Go(func() {
			runtime.LockOSThread() // so that no two of them share a thread
			defer runtime.UnlockOSThread()
			started.Done()
			started.Wait()
		})
	}
	ended.Wait()
}

// passSignals passes signals on to the command until it has ended.
func (c *command) passSignals() {
	for {
		select {
		case <-c.app.Ended():
			return
		case sig := <-c.passed:
			c.app.Signal(sig.(syscall.Signal))
		}
	}
}

// measure returns what is known of the command now.
func (c *command) measure() *health.App {
	_, ended := c.app.Exit()
	a := &health.App{
		Name: c.app.Name(), PID: c.app.PID(), Started: c.app.Started(),
		Processes:      c.processes.Read(),
		Ended:          ended,
		JudgesLiveness: c.judgesLiveness,
	}
	if c.check != nil {
		a.Check = &c.check.Records()[0]
	}
	return a
}

// end returns how the command ended, and why, given the last state before. The reader is new,
// because the sampler may be using its own.
func (c *command) end(last *health.State, stopping bool) *monitor.AppEnd {
	exit, _ := c.app.Exit()
	count := memory.OOMKills(os.DirFS("/"))
	if !count.Known {
		count = last.Memory.Container.OOMKills
	}
	processes := app.NewReader("/proc", os.Getpid()).Read()
	kills := *last.Kills
	return &monitor.AppEnd{
		Name: c.app.Name(), Exit: exit, Expected: stopping, Last: last,
		Verdict: kills.End(time.Now(), count.N, processes, exit, stopping),
	}
}

// startFailed reports that the command could not be started, and returns the exit code.
func startFailed(err error, stderr io.Writer) int {
	fmt.Fprintln(stderr, "healthd:", err)
	app.TerminationLogPath.Write(err.Error())
	if start, ok := errors.AsType[*app.StartError](err); ok {
		return start.Code()
	}
	return exitFailed
}

// writeTermination leaves the termination message of a service that has ended with err: none
// after a regular stop, and how the command ended otherwise.
func (s *service) writeTermination(err error) {
	switch {
	case err == nil && (s.end == nil || s.end.Regular()):
		app.TerminationLogPath.Clear()
	case err == nil:
		app.TerminationLogPath.Write(s.end.Message())
	case s.end != nil:
		app.TerminationLogPath.Write(err.Error() + ". " + s.end.Message())
	}
}
