package main

import (
	"bytes"
	"io"
	"log/slog"
	"math"
	"sync/atomic"
	"time"

	"github.com/halobuzz/healthd/internal/config"
	"github.com/halobuzz/healthd/internal/health"
	"github.com/halobuzz/healthd/internal/server"
)

// lineWriter hands lines to a goroutine that writes them, so that a reader that
// stopped reading (a full pipe) blocks no one who logs: not the lifecycle, not the
// accept loop. Lines over what it keeps are dropped and counted.
type lineWriter struct {
	lines   chan []byte
	dropped atomic.Int64
	stop    chan struct{}
	done    chan struct{}
}

// newLineWriter returns a lineWriter in front of to. How many lines were dropped is told
// through direct, a logger that writes to the same place.
func newLineWriter(to io.Writer, direct *slog.Logger) *lineWriter {
	w := &lineWriter{lines: make(chan []byte, 256), stop: make(chan struct{}), done: make(chan struct{})}
	write := func(line []byte) {
		to.Write(line) // an error leaves nobody to tell
		if n := w.dropped.Swap(0); n > 0 {
			direct.Warn("log lines were dropped", "lines", n)
		}
	}
	go func() {
		defer close(w.done)
		for {
			select {
			case line := <-w.lines:
				write(line)
			case <-w.stop:
				for {
					select {
					case line := <-w.lines:
						write(line)
					default:
						return
					}
				}
			}
		}
	}()
	return w
}

// Write takes one whole line, as slog's handlers write it. It never blocks.
func (w *lineWriter) Write(line []byte) (int, error) {
	select {
	case w.lines <- bytes.Clone(line):
	default:
		w.dropped.Add(1)
	}
	return len(line), nil
}

// close writes what is queued, for half a second at most. Lines that come later are
// lost: a handler may still run when the server has stopped.
func (w *lineWriter) close() {
	close(w.stop)
	select {
	case <-w.done:
	case <-time.After(time.Second / 2):
	}
}

func logHandler(to io.Writer, cfg config.Config) slog.Handler {
	options := &slog.HandlerOptions{Level: cfg.LogLevel}
	if cfg.LogJSON {
		return slog.NewJSONHandler(to, options)
	}
	return slog.NewTextHandler(to, options)
}

// startAttrs are what a person looks for in a log's first line.
func startAttrs(cfg config.Config, s *health.State) []slog.Attr {
	url := cfg.Listen.URL()
	attrs := []slog.Attr{
		slog.String("service", cfg.ServiceName),
		slog.String("url", url),
		slog.String("environment", cfg.Environment),
		slog.Float64("heapMB", megabytes(s.Sample.Heap)),
		slog.Float64("rssMB", megabytes(s.Sample.RSS)),
	}
	if limit := s.Sample.GoLimit; limit.OK {
		attrs = append(attrs, slog.Int64("goLimitBytes", limit.N))
	}
	attrs = append(attrs, slog.String("goLimitSource", s.Sample.GoLimitSource))
	if limit := s.Sample.Container.Limit; limit.OK {
		attrs = append(attrs, slog.Int64("limitBytes", limit.N))
	}
	details := "open"
	if cfg.MonitoringToken != "" {
		details = "token"
	}
	return append(attrs,
		slog.String("details", details),
		slog.String("health", url+server.LivePath),
		slog.String("monitoring", url+server.MonitoringPath),
		slog.String("version", version))
}

// megabytes has one decimal; 1 MB is 1,000,000 bytes.
func megabytes(bytes int64) float64 { return math.Round(float64(bytes)/1e5) / 10 }
