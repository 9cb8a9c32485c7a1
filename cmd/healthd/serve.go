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
	"runtime/debug"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/halobuzz/healthd/internal/app"
	"github.com/halobuzz/healthd/internal/config"
	"github.com/halobuzz/healthd/internal/health"
	"github.com/halobuzz/healthd/internal/memory"
	"github.com/halobuzz/healthd/internal/monitor"
	"github.com/halobuzz/healthd/internal/probe"
	"github.com/halobuzz/healthd/internal/report"
	"github.com/halobuzz/healthd/internal/server"
)

// serve runs the service, and the command if there is one, until a signal stops it. It returns
// the exit code.
func serve(commandLine []string, getenv func(string) string, stdout, stderr io.Writer) int {
	hasCommand := len(commandLine) > 0
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM)
	if !hasCommand || !signal.Ignored(os.Interrupt) {
		// A shell ignores SIGINT for a background job, which the command must inherit.
		signal.Notify(signals, os.Interrupt)
	}
	defer signal.Stop(signals)
	// The service outlives the reader of its log. The command would inherit an ignored signal,
	// but not one that is caught.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)

	cfg, err := config.Load(getenv, dotenv, hasCommand)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitUsage
	}
	configureRuntime(getenv("GOMAXPROCS"), hasCommand)
	stdout = persistentWriter{stdout}
	lines := newLineWriter(stdout, slog.New(logHandler(stdout, cfg)))
	defer lines.close()

	ln, err := server.Listen(cfg.Listen.Network(), cfg.Listen.String())
	if err != nil {
		fmt.Fprintln(stderr, listenError(cfg.Listen, hasCommand, err))
		return exitFailed
	}
	var c *command
	if hasCommand {
		reserveThreads()
		if c, err = startCommand(commandLine, cfg); err != nil {
			ln.Close()
			return startFailed(err, stderr)
		}
	}
	memory.RefuseHugePages() // after the start of the command, which would inherit it
	s := newService(cfg, slog.New(logHandler(lines, cfg)), c)
	s.logStart()
	err = s.run(ln, signals)
	s.writeTermination(err)
	return s.logEnd(err)
}

// configureRuntime corrects what the runtime has taken from the environment. With a command, the
// environment is the command's.
func configureRuntime(environment string, hasCommand bool) {
	n, err := strconv.Atoi(environment)
	switch {
	case hasCommand:
		runtime.GOMAXPROCS(1)
		debug.SetGCPercent(100)
	case err == nil && n > 0:
		runtime.GOMAXPROCS(n) // package processors has set 1
	}
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
	var ended <-chan struct{}
	if s.command != nil {
		ended = s.command.app.Ended()
		background.Go(s.command.passSignals)
		if s.command.check != nil {
			background.Go(func() { s.command.check.Run(ctx) })
		}
	}
	defer func() {
		cancel()
		waitTimeout(&background, time.Second) // the sampler may be blocked in the kernel
	}()

	served := make(chan error, 1)
	go func() { served <- s.server.Serve(ln) }()
	var err error
	select {
	case err = <-served:
		if s.command != nil {
			// The app may be fine: it gets the time that it would have after a signal.
			s.stopCommand(&stopSignals{incoming: signals, received: time.Now()})
		}
		return err
	case sig := <-signals:
		err = s.stop(sig, sig == syscall.SIGTERM, signals)
	case <-ended:
		err = s.stop(nil, false, signals)
	case <-s.monitor.StopDue():
		output := s.monitor.State().MemorySummary()
		s.log.Warn("stopping the app before the kernel kills it",
			"stopPercent", s.cfg.StopPercent, "output", output)
		if err = s.stop(nil, true, signals); err == nil {
			err = fmt.Errorf("%w. %s", errNearLimit, output)
		}
	}
	s.server.Close()
	<-served
	return err
}

// service is the parts of a running service.
type service struct {
	cfg     config.Config
	log     *slog.Logger
	server  *server.Server
	monitor *monitor.Monitor

	dependencies *probe.Watcher
	command      *command        // nil if there is none
	end          *monitor.AppEnd // of the command; nil before

	// MAX_CONNECTIONS was lowered to fit the limit of open files.
	connectionsLowered bool
	maxFiles           uint64
}

// newService measures for the first time, and returns a service that does not serve yet. The
// command is nil if there is none.
func newService(cfg config.Config, log *slog.Logger, c *command) *service {
	s := &service{cfg: cfg, log: log, command: c, maxFiles: memory.MaxOpenFiles()}
	s.dependencies = probe.NewWatcher(cfg.Dependencies)
	s.dependencies.Panicked = s.logPanic
	if c != nil && c.check != nil {
		c.check.Panicked = s.logPanic
	}
	reader := memory.NewReader(os.DirFS("/"))
	goLimit := memory.NewLimitSetter(cfg.MemoryLimit)
	first := reader.Read() // opens the files that stay open
	goLimit.Apply(first.Container.LowestLimit)
	openFiles, _ := reader.OpenFiles()
	for _, d := range cfg.Dependencies {
		openFiles += d.Target.Files()
	}
	if cfg.AppCheck != nil {
		openFiles += cfg.AppCheck.Files()
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
		if s.command != nil {
			in.App = s.command.measure()
		}
		releaser.Observe(now, in.Memory.GoBytes, c.Open)
		return in
	}
	judge := health.NewJudge(health.Rules{
		WarnPercent: float64(cfg.WarnPercent),
		FailPercent: float64(cfg.FailPercent),
		StopPercent: float64(cfg.StopPercent),
	})
	writer := report.NewWriter(report.Service{
		Name:         cfg.ServiceName,
		Environment:  cfg.Environment,
		Release:      version,
		Started:      time.Now(),
		OpenFiles:    reader.OpenFiles,
		MaxOpenFiles: s.maxFiles,
	})
	s.monitor = monitor.New(measure, judge, writer, app.TerminationLogPath)
	return s
}

// logPanic logs a panic of a parser of replies.
func (s *service) logPanic(name string, value any, stack []byte) {
	s.log.Error("the reply of a dependency caused a panic",
		"name", name, "panic", value, "stack", string(stack))
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
func listenError(a config.Address, hasCommand bool, err error) error {
	prefix := ""
	if hasCommand {
		prefix = "HEALTHD_" // the keys without it are the command's
	}
	cause, ok := errors.AsType[syscall.Errno](err)
	switch {
	case !ok:
		return fmt.Errorf("%sPORT: cannot listen on port %d: %w", prefix, a.Port, err)
	case cause == syscall.EADDRINUSE:
		return fmt.Errorf("%sPORT: %d is already in use", prefix, a.Port)
	case cause == syscall.EADDRNOTAVAIL, cause == syscall.EINVAL, cause == syscall.EAFNOSUPPORT:
		return fmt.Errorf("%sHOST: %s is not an address of this machine: %w", prefix, a.Host, cause)
	}
	return fmt.Errorf("%sPORT: cannot listen on port %d: %w", prefix, a.Port, cause)
}
