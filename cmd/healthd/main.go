// Healthd is a health service: it tells the truth about its memory over HTTP.
//
// Usage:
//
//	healthd [serve]       serve until SIGTERM or SIGINT
//	healthd probe [PATH]  ask the service on this machine (default /healthz)
//	healthd version       print the version
//
// Endpoints (GET and HEAD, application/health+json):
//
//	/healthz                   200 while the process serves, whatever its memory
//	/readyz                    200 when it should get traffic, else 503
//	/api/v1/monitoring/health  everything it knows; 503 when memory is at the limit
//
// Configuration is read from the environment, then from .env in the working
// directory, then from these defaults; an empty value counts as unset:
//
//	PORT=4000               TCP port
//	HOST=                   IP address or localhost; empty is every address
//	SERVICE_NAME=healthd    shown in the log and the report
//	ENVIRONMENT=production  likewise
//	GOMEMLIMIT=             Go memory limit, such as 200MiB or off; empty is 80 % of
//	                        the container's limit, which no value exceeds
//	MAX_CONNECTIONS=auto    connections kept; auto is one per 512 KiB of the
//	                        container's limit, 64 to 512
//	MEMORY_WARN_PERCENT=80  of the container's limit: status warn
//	MEMORY_FAIL_PERCENT=90  of the container's limit: status fail
//	MEMORY_LOG_INTERVAL=30s time between lines of vitals; 0 is off
//	DRAIN_DELAY=3s          not ready but still serving, after SIGTERM
//	SHUTDOWN_TIMEOUT=5s     for requests in flight, after the drain
//	LOG_FORMAT=text         text or json
//	LOG_LEVEL=info          debug, info, warn or error
//
// Signals: SIGTERM drains and stops, SIGINT stops without the drain, a second one
// ends it at once.
//
// Exit codes: 0 stopped cleanly, 1 failed, 2 bad usage or configuration; probe exits
// 0 on a 2xx answer and 1 otherwise.
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
	"sync"
	"syscall"

	"github.com/halobuzz/healthd/internal/config"
	"github.com/halobuzz/healthd/internal/health"
	"github.com/halobuzz/healthd/internal/memory"
	"github.com/halobuzz/healthd/internal/probe"
	"github.com/halobuzz/healthd/internal/server"
)

// version is set by the build: -ldflags "-X main.version=v1.2.3".
var version = "dev"

// dotenv is looked for in the working directory.
const dotenv = ".env"

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	os.Exit(run(os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

func run(args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	command := "serve"
	if len(args) > 0 {
		command, args = args[0], args[1:]
	}
	switch {
	case command == "serve" && len(args) == 0:
		return serve(getenv, stdout, stderr)
	case command == "probe" && len(args) == 0:
		return ask(getenv, server.LivePath, stdout, stderr)
	case command == "probe" && len(args) == 1:
		return ask(getenv, args[0], stdout, stderr)
	case command == "version" && len(args) == 0:
		fmt.Fprintf(stdout, "healthd %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return exitOK
	case command == "-h" || command == "--help" || command == "help":
		fmt.Fprint(stdout, usage)
		return exitOK
	case len(args) > 0:
		fmt.Fprintf(stderr, "healthd: %q is one argument too many; see healthd -h\n", args[len(args)-1])
		return exitUsage
	default:
		fmt.Fprintf(stderr, "healthd: %q is not a command (serve, probe, version); see healthd -h\n", command)
		return exitUsage
	}
}

// ask probes the service that this configuration would start.
func ask(getenv func(string) string, path string, stdout, stderr io.Writer) int {
	addr, err := config.LoadAddress(getenv, dotenv)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitFailed // not exitUsage, which Docker reserves in a HEALTHCHECK
	}
	status, err := probe.Get(addr.Local(), path)
	if err != nil {
		fmt.Fprintln(stderr, "probe:", err)
		return exitFailed
	}
	fmt.Fprintln(stdout, status)
	return exitOK
}

func serve(getenv func(string) string, stdout, stderr io.Writer) int {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	defer signal.Stop(signals)
	signal.Ignore(syscall.SIGPIPE) // a log reader that leaves must not end the service

	cfg, err := config.Load(getenv, dotenv)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitUsage
	}

	reader := memory.NewReader(os.DirFS("/"), cfg.MemoryLimit)
	limit, lowered := server.Limit(cfg.MaxConnections, reader.Read().Container.Cap(), server.OpenFiles())
	connections := server.NewConnections(limit)
	monitor := health.NewMonitor(reader, connections.Count, health.Options{
		Service:     cfg.ServiceName,
		Environment: cfg.Environment,
		Release:     version,
		WarnPercent: float64(cfg.WarnPercent),
		FailPercent: float64(cfg.FailPercent),
	})

	ln, err := net.Listen("tcp", cfg.Listen.String())
	if err != nil {
		fmt.Fprintln(stderr, listenError(cfg.Listen, err))
		return exitFailed
	}

	lines := newLineWriter(stdout)
	defer lines.close()
	log := slog.New(logHandler(lines, cfg))
	log.LogAttrs(context.Background(), slog.LevelInfo, "started", startAttrs(cfg, monitor.State())...)
	if lowered {
		log.Warn("MAX_CONNECTIONS lowered to fit the open-file limit", "limit", limit, "openFiles", server.OpenFiles())
	}

	var background sync.WaitGroup
	defer background.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	background.Go(func() { monitor.Run(ctx) })
	background.Go(func() { monitor.Log(ctx, log, cfg.MemoryInterval, cfg.MemoryLimit) })

	err = server.New(monitor, connections, server.Options{
		Log:             log,
		DrainDelay:      cfg.DrainDelay,
		ShutdownTimeout: cfg.ShutdownTimeout,
	}).Run(ln, signals)
	if err != nil {
		log.Error("failed", "error", err)
		return exitFailed
	}
	log.Info("stopped")
	return exitOK
}

// listenError names the key that has to change.
func listenError(a config.Address, err error) error {
	cause, _ := errors.AsType[*os.SyscallError](err)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("PORT: %q is not free: %w", fmt.Sprint(a.Port), cause.Err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("HOST: %q is not an address of this machine: %w", a.Host, cause.Err)
	}
	return fmt.Errorf("PORT: %q cannot be listened on: %w", fmt.Sprint(a.Port), err)
}
