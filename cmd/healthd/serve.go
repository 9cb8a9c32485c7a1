package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/halobuzz/healthd/internal/config"
	"github.com/halobuzz/healthd/internal/health"
	"github.com/halobuzz/healthd/internal/memory"
	"github.com/halobuzz/healthd/internal/monitor"
	"github.com/halobuzz/healthd/internal/probe"
	"github.com/halobuzz/healthd/internal/report"
	"github.com/halobuzz/healthd/internal/server"
)

// serve runs the service until a signal stops it, and returns the exit code.
func serve(command []string, getenv func(string) string, stdout, stderr io.Writer) int {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	defer signal.Stop(signals)
	signal.Ignore(syscall.SIGPIPE) // the service outlives the reader of its log

	cfg, err := config.Load(getenv, dotenv, len(command) > 0)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitUsage
	}
	if n, err := strconv.Atoi(getenv("GOMAXPROCS")); err == nil && n > 0 {
		runtime.GOMAXPROCS(n) // package processors has set 1
	}
	memory.RefuseHugePages()
	lines := newLineWriter(stdout, slog.New(logHandler(stdout, cfg)))
	defer lines.close()
	s := newService(cfg, slog.New(logHandler(lines, cfg)))

	ln, err := server.Listen(cfg.Listen.Network(), cfg.Listen.String())
	if err != nil {
		fmt.Fprintln(stderr, listenError(cfg.Listen, err))
		return exitFailed
	}
	s.logStart()
	if err := s.run(ln, signals); err != nil {
		s.logFailure(err)
		return exitFailed
	}
	s.log.Info("stopped")
	return exitOK
}

// run serves the connections that ln accepts until a signal stops the service.
func (s *service) run(ln net.Listener, signals <-chan os.Signal) error {
	var background sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	background.Go(func() { s.monitor.Run(ctx) })
	background.Go(func() { s.monitor.Log(ctx, s.log, s.cfg.MemoryInterval) })
	if len(s.cfg.Dependencies) > 0 {
		background.Go(func() { s.dependencies.Run(ctx) })
	}
	defer func() {
		cancel()
		waitTimeout(&background, time.Second) // the sampler may be blocked in the kernel
	}()

	served := make(chan error, 1)
	go func() { served <- s.server.Serve(ln) }()
	select {
	case err := <-served:
		return err
	case sig := <-signals:
		err := s.stop(sig, signals)
		s.server.Close()
		<-served
		return err
	}
}

// service is the parts of a running service.
type service struct {
	cfg     config.Config
	log     *slog.Logger
	server  *server.Server
	monitor *monitor.Monitor

	dependencies *probe.Watcher

	// MAX_CONNECTIONS was lowered to fit the limit of open files.
	connectionsLowered bool
	maxFiles           uint64
}

// newService measures for the first time, and returns a service that is not listening.
func newService(cfg config.Config, log *slog.Logger) *service {
	s := &service{cfg: cfg, log: log, maxFiles: memory.MaxOpenFiles()}
	s.dependencies = probe.NewWatcher(cfg.Dependencies)
	s.dependencies.Panicked = func(name string, value any, stack []byte) {
		log.Error("the reply of a dependency caused a panic",
			"name", name, "panic", value, "stack", string(stack))
	}
	reader := memory.NewReader(os.DirFS("/"))
	goLimit := memory.NewLimitSetter(cfg.MemoryLimit)
	first := reader.Read() // opens the files that stay open
	goLimit.Apply(first.Container.LowestLimit)
	openFiles, _ := reader.OpenFiles()
	for _, d := range cfg.Dependencies {
		openFiles += d.Target.Files()
	}

	var connectionLimit int
	connectionLimit, s.connectionsLowered = server.ConnectionLimit(
		cfg.MaxConnections, first.Container.LowestLimit.Bytes, s.maxFiles, openFiles)
	s.server = server.New(server.Options{
		Log:             log,
		Documents:       func() *report.Documents { return s.monitor.Documents() },
		ConnectionLimit: connectionLimit,
		Token:           cfg.MonitoringToken,
	})

	var releaser memory.Releaser
	measure := func(now time.Time) health.Input {
		in := health.Input{Time: now}
		in.Released = releaser.ReleaseIfDue(now)
		in.Memory = reader.Read()
		in.GoLimit = goLimit.Apply(in.Memory.Container.LowestLimit)
		c := &in.Connections
		c.Open, c.Limit, c.Evicted = s.server.Connections()
		in.Dependencies = s.dependencies.Records()
		releaser.Observe(now, in.Memory.GoBytes, c.Open)
		return in
	}
	judge := health.NewJudge(health.Rules{
		WarnPercent: float64(cfg.WarnPercent), FailPercent: float64(cfg.FailPercent),
	})
	writer := report.NewWriter(report.Service{
		Name:         cfg.ServiceName,
		Environment:  cfg.Environment,
		Release:      version,
		Started:      time.Now(),
		OpenFiles:    reader.OpenFiles,
		MaxOpenFiles: s.maxFiles,
	})
	s.monitor = monitor.New(measure, judge, writer)
	return s
}

// stop ends the service: SIGTERM drains it first, and another signal does not. It waits until
// no request is in flight, or SHUTDOWN_TIMEOUT has passed since the end of the drain. A second
// signal ends both with a forcedStop.
func (s *service) stop(sig os.Signal, signals <-chan os.Signal) error {
	received := time.Now()
	s.server.Drain()
	s.monitor.Drain()
	if sig == syscall.SIGTERM {
		s.log.Info("draining", "signal", signalName(sig), "delay", s.cfg.DrainDelay.String())
		if _, err := await(time.After(s.cfg.DrainDelay), signals, sig, received); err != nil {
			return err
		}
	}
	s.log.Info("stopping", "signal", signalName(sig), "timeout", s.cfg.ShutdownTimeout.String())
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.ShutdownTimeout)
	defer cancel()
	down := make(chan error, 1)
	go func() { down <- s.server.Shutdown(ctx) }()
	shutdownErr, err := await(down, signals, sig, received)
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

// logFailure logs the end of the service by err.
func (s *service) logFailure(err error) {
	if forced, ok := errors.AsType[forcedStop](err); ok {
		s.log.Error("forced stop: second signal received", "signal", signalName(forced.signal))
		return
	}
	s.log.Error("failed", "error", err)
}

// waitTimeout waits for group, but not longer than timeout.
func waitTimeout(group *sync.WaitGroup, timeout time.Duration) {
	done := make(chan struct{})
	go func() { defer close(done); group.Wait() }()
	select {
	case <-done:
	case <-time.After(timeout):
	}
}

// listenError names the setting that has to change.
func listenError(a config.Address, err error) error {
	cause, ok := errors.AsType[syscall.Errno](err)
	switch {
	case !ok:
		return fmt.Errorf("PORT: cannot listen on port %d: %w", a.Port, err)
	case cause == syscall.EADDRINUSE:
		return fmt.Errorf("PORT: %d is already in use", a.Port)
	case cause == syscall.EADDRNOTAVAIL, cause == syscall.EINVAL, cause == syscall.EAFNOSUPPORT:
		return fmt.Errorf("HOST: %s is not an address of this machine: %w", a.Host, cause)
	}
	return fmt.Errorf("PORT: cannot listen on port %d: %w", a.Port, cause)
}
