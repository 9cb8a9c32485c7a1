package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/halobuzz/healthd/internal/config"
	"github.com/halobuzz/healthd/internal/health"
	"github.com/halobuzz/healthd/internal/memory"
	"github.com/halobuzz/healthd/internal/probe"
	_ "github.com/halobuzz/healthd/internal/processors"
	"github.com/halobuzz/healthd/internal/server"
)

// version is set by the build: -ldflags "-X main.version=v1.2.3".
var version = "dev"

// doc holds the package comment, which is the operator's contract and what -h prints.
//
//go:embed doc.go
var doc string

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
	command, operands, err := parseArgs(args)
	if err != nil {
		fmt.Fprintf(stderr, "healthd: %v; see healthd -h\n", err)
		return exitUsage
	}
	switch command {
	case "help":
		fmt.Fprint(stdout, usage(doc))
		return exitOK
	case "version":
		fmt.Fprintf(stdout, "healthd %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return exitOK
	case "probe":
		path := server.LivePath
		if len(operands) > 0 {
			path = operands[0]
		}
		return ask(getenv, path, stdout, stderr)
	default:
		return serve(getenv, stdout, stderr)
	}
}

// parseArgs splits the command line into a command, which is serve where none is named, and
// its operands. The only options are those for help and the version.
func parseArgs(args []string) (command string, operands []string, err error) {
	if len(args) == 0 {
		return "serve", nil, nil
	}
	command, operands = args[0], args[1:]
	maxOperands := 0
	switch command {
	case "-h", "--help", "help":
		return "help", nil, nil
	case "-v", "--version":
		command = "version"
	case "serve", "version":
	case "probe":
		maxOperands = 1
	default:
		if strings.HasPrefix(command, "-") {
			return "", nil, unknownOption(command)
		}
		return "", nil, fmt.Errorf("unknown command %q", command)
	}
	for i, arg := range operands {
		switch {
		case arg == "-h" || arg == "--help":
			return "help", nil, nil
		case strings.HasPrefix(arg, "-"):
			return "", nil, unknownOption(arg)
		case i >= maxOperands:
			return "", nil, fmt.Errorf("unexpected argument %q", arg)
		}
	}
	return command, operands, nil
}

// unknownOption tells users of other servers' options where the port is set.
func unknownOption(option string) error {
	switch name, _, _ := strings.Cut(option, "="); name {
	case "-p", "--port", "-port":
		return fmt.Errorf("unknown option %q: set PORT", option)
	}
	return fmt.Errorf("unknown option %q", option)
}

// usage is the text of a file's leading comment.
func usage(file string) string {
	var text strings.Builder
	for line := range strings.Lines(file) {
		comment, ok := strings.CutPrefix(line, "//")
		if !ok {
			break
		}
		text.WriteString(strings.TrimPrefix(comment, " "))
	}
	return text.String()
}

// ask probes the service that this configuration would start.
func ask(getenv func(string) string, path string, stdout, stderr io.Writer) int {
	addr, err := config.LoadAddress(getenv, dotenv)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitFailed // not exitUsage, which Docker reserves in a HEALTHCHECK
	}
	status, err := probe.Get(path, addr.Local()...)
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

	if n, err := strconv.ParseInt(getenv("GOMAXPROCS"), 10, 32); err == nil {
		runtime.GOMAXPROCS(int(n)) // which leaves it alone unless n > 0
	}
	memory.RefuseHugePages()
	reader := memory.NewReader(os.DirFS("/"), cfg.MemoryLimit)
	openFiles := server.OpenFiles()
	first := reader.Read() // opens the files that the sampler keeps
	limit, lowered := server.Limit(
		cfg.MaxConnections, first.Container.LowestLimit, openFiles, reader.OpenFiles())
	connections := server.NewConnections(limit)
	monitor := health.NewMonitor(reader, connections.Count, health.Options{
		Service:     cfg.ServiceName,
		Environment: cfg.Environment,
		Release:     version,
		WarnPercent: float64(cfg.WarnPercent),
		FailPercent: float64(cfg.FailPercent),
		MaxFiles:    openFiles,
	})

	ln, err := server.Listen(cfg.Listen.Network(), cfg.Listen.String())
	if err != nil {
		fmt.Fprintln(stderr, listenError(cfg.Listen, err))
		return exitFailed
	}

	lines := newLineWriter(stdout, slog.New(logHandler(stdout, cfg)))
	defer lines.close()
	log := slog.New(logHandler(lines, cfg))
	log.LogAttrs(context.Background(), slog.LevelInfo, "started", startAttrs(cfg, monitor.State())...)
	if lowered {
		log.Warn("MAX_CONNECTIONS lowered to fit the open-file limit", "limit", limit, "openFiles", openFiles)
	}

	var background sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	defer func() {
		cancel()
		wait(&background, time.Second) // a sampler stuck in the kernel must not hold the stop
	}()
	background.Go(func() { monitor.Run(ctx) })
	background.Go(func() { monitor.Log(ctx, log, cfg.MemoryInterval) })

	err = server.New(monitor, connections, server.Options{
		Log:             log,
		DrainDelay:      cfg.DrainDelay,
		ShutdownTimeout: cfg.ShutdownTimeout,
		Token:           cfg.MonitoringToken,
	}).Run(ln, signals)
	if err != nil {
		log.Error("failed", "error", err)
		return exitFailed
	}
	log.Info("stopped")
	return exitOK
}

// wait is for all of group, for at most the given time.
func wait(group *sync.WaitGroup, most time.Duration) {
	done := make(chan struct{})
	go func() { defer close(done); group.Wait() }()
	select {
	case <-done:
	case <-time.After(most):
	}
}

// listenError names the key that has to change.
func listenError(a config.Address, err error) error {
	port := fmt.Sprint(a.Port)
	if cause, ok := errors.AsType[syscall.Errno](err); ok {
		err = cause // without the address, which the line has already
	}
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("PORT: %q is not free: %w", port, err)
	case errors.Is(err, syscall.EADDRNOTAVAIL), errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.EAFNOSUPPORT):
		return fmt.Errorf("HOST: %q is not an address of this machine: %w", a.Host, err)
	}
	return fmt.Errorf("PORT: %q is not to be had: %w", port, err)
}
