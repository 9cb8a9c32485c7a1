package main

import (
	"context"
	"errors"
	"os"
	"sync"
	"syscall"
	"time"
)

// errNearLimit is the error of a stop at HEALTHD_STOP_PERCENT.
var errNearLimit = errors.New("memory has reached HEALTHD_STOP_PERCENT")

// errNotStopped is the error of a stop that leaves processes behind.
var errNotStopped = errors.New("some of the app's processes could not be killed")

// commandShutdownTimeout is SHUTDOWN_TIMEOUT for healthd's own requests once the command has
// ended. Platforms usually allow 30 s, of which the drain and the command may have taken 28.
const commandShutdownTimeout = time.Second

// stop ends the service because of a signal, or for another reason if sig is nil. It keeps
// serving as not ready for DRAIN_DELAY if drain is set, then stops the command, and then waits
// until no request is in flight. SHUTDOWN_TIMEOUT bounds each of the last two, but with a command
// the last takes at most commandShutdownTimeout. A second signal makes stop return a forcedStop.
func (s *service) stop(sig os.Signal, drain bool, incoming <-chan os.Signal) error {
	signals := &stopSignals{incoming: incoming, first: sig, received: time.Now()}
	s.server.Drain()
	s.monitor.Drain()
	var reason []any
	if sig != nil {
		reason = []any{"signal", signalName(sig)}
	}
	var err error
	if drain {
		s.log.Info("draining", append(reason, "delay", s.cfg.DrainDelay.String())...)
		err = s.drain(signals)
	}
	s.commandEnded(false) // the reason of this stop, or by itself during the drain
	if err != nil {
		s.killCommand()
		return err
	}
	timeout := s.cfg.ShutdownTimeout
	s.log.Info("stopping", append(reason, "timeout", timeout.String())...)
	if s.command != nil {
		if err := s.stopCommand(signals); err != nil {
			return err
		}
		timeout = commandShutdownTimeout
	}
	return s.shutdown(signals, timeout)
}

// drain waits for DRAIN_DELAY, or until the command has ended.
func (s *service) drain(signals *stopSignals) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.DrainDelay)
	var watch sync.WaitGroup
	if s.command != nil {
		watch.Go(func() {
			select {
			case <-s.command.app.Ended():
				cancel()
			case <-ctx.Done():
			}
		})
	}
	_, err := await(signals, ctx.Done())
	cancel()
	watch.Wait()
	return err
}

// stopCommand asks the command to end, unless it has ended, and waits for its process group. With
// an error it has killed the group.
func (s *service) stopCommand(signals *stopSignals) error {
	sig := syscall.SIGTERM
	if signals.first == os.Interrupt {
		sig = syscall.SIGINT
	}
	begun := time.Now()
	stopped := make(chan bool, 1)
	go func() { stopped <- s.command.app.Stop(sig, s.cfg.ShutdownTimeout) }()
	empty, err := await(signals, stopped)
	switch {
	case err == nil && !empty:
		err = errNotStopped
	case err == nil && time.Since(begun) >= s.cfg.ShutdownTimeout:
		s.log.Warn("killed the app's processes that did not end in time",
			"timeout", s.cfg.ShutdownTimeout.String())
	}
	if err != nil {
		s.killCommand()
	}
	s.commandEnded(true)
	return err
}

// killCommand kills the command, if there is one, and its process group.
func (s *service) killCommand() {
	if s.command != nil {
		s.command.app.Kill()
		s.commandEnded(true)
	}
}

// commandEnded logs the end of the command, if there is one, once it has ended and only once.
func (s *service) commandEnded(expected bool) {
	if s.command == nil || s.end != nil {
		return
	}
	if _, ended := s.command.app.Exit(); !ended {
		return
	}
	s.end = s.command.end(s.monitor.StateBeforeEnd(), expected)
	s.end.Log(s.log)
}

// shutdown waits until no request is in flight.
func (s *service) shutdown(signals *stopSignals, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	down := make(chan error, 1)
	go func() { down <- s.server.Shutdown(ctx) }()
	shutdownErr, err := await(signals, down)
	if err != nil {
		cancel()
		<-down
		return err
	}
	if errors.Is(shutdownErr, context.DeadlineExceeded) {
		open, _, _ := s.server.Connections()
		s.log.Warn("closing connections in use", "connections", open)
	}
	return nil
}

// logEnd logs the end of the service, and returns the exit code.
func (s *service) logEnd(err error) int {
	forced, isForced := errors.AsType[forcedStop](err)
	switch {
	case isForced:
		s.log.Error("forced stop: second signal received", "signal", signalName(forced.signal))
	case err == nil, errors.Is(err, errNearLimit):
		s.log.Info("stopped")
	default:
		s.log.Error("failed", "error", err)
	}
	switch {
	case s.end != nil && (err == nil || isForced):
		return s.end.Exit.Code
	case err != nil:
		return exitFailed
	}
	return exitOK
}
