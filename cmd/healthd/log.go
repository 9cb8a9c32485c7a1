package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/halobuzz/healthd/internal/config"
	"github.com/halobuzz/healthd/internal/report"
)

// persistentWriter writes to an io.Writer until everything is written. A command that shares the
// standard output may have made it non-blocking, as Node does for a pipe. A write to a full pipe
// then fails.
type persistentWriter struct{ to io.Writer }

// retryInterval is how long a persistentWriter waits for the reader of a full pipe.
const retryInterval = 10 * time.Millisecond

func (w persistentWriter) Write(line []byte) (int, error) {
	written := 0
	for {
		n, err := w.to.Write(line[written:])
		written += n
		if !errors.Is(err, syscall.EAGAIN) {
			return written, err
		}
		time.Sleep(retryInterval)
	}
}

// lineWriter passes lines to a goroutine that writes them, so that a reader that has stopped
// reading (a full pipe) never blocks the code that logs. It keeps 256 lines, and drops and
// counts those that come when it is full.
type lineWriter struct {
	lines   chan []byte
	dropped atomic.Int64
	stop    chan struct{}
	done    chan struct{}
}

// newLineWriter returns a lineWriter in front of to. It reports the number of dropped lines
// through unqueued, a logger that writes to the same place.
func newLineWriter(to io.Writer, unqueued *slog.Logger) *lineWriter {
	w := &lineWriter{
		lines: make(chan []byte, 256),
		stop:  make(chan struct{}),
		done:  make(chan struct{}),
	}
	write := func(line []byte) {
		to.Write(line) // there is no other place to report an error to
		if n := w.dropped.Swap(0); n > 0 {
			unqueued.Warn("log lines were dropped", "lines", n)
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

// Write queues one whole line, as slog's handlers write it. It never blocks.
func (w *lineWriter) Write(line []byte) (int, error) {
	select {
	case w.lines <- bytes.Clone(line):
	default:
		w.dropped.Add(1)
	}
	return len(line), nil
}

// close writes the queued lines, for half a second at most. Lines that come later are lost: a
// handler may still run after the server has stopped.
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

// logStart logs the first line, with what a person looks for there.
func (s *service) logStart() {
	state := s.monitor.State()
	url := s.cfg.Listen.URL()
	attrs := []slog.Attr{
		slog.String("service", s.cfg.ServiceName),
		slog.String("url", url),
		slog.String("environment", s.cfg.Environment),
		slog.Float64("heapMB", megabytes(state.Memory.HeapBytes)),
		slog.Float64("rssMB", megabytes(state.Memory.RSSBytes)),
	}
	if limit := state.GoLimit; limit.Known {
		attrs = append(attrs, slog.Int64("goLimitBytes", limit.Bytes))
	}
	attrs = append(attrs, slog.String("goLimitSource", string(state.GoLimit.Source)))
	if limit := state.Memory.Container.Limit; limit.Known {
		attrs = append(attrs, slog.Int64("limitBytes", limit.Bytes))
	}
	details := "open"
	if s.cfg.MonitoringToken != "" {
		details = "token"
	}
	s.log.LogAttrs(context.Background(), slog.LevelInfo, "started", append(attrs,
		slog.String("details", details),
		slog.String("health", url+report.LivePath),
		slog.String("monitoring", url+report.MonitoringPath),
		slog.String("version", version))...)
	for _, warning := range s.cfg.Warnings {
		s.log.Warn(warning)
	}
	if s.command != nil {
		s.log.Info("app started", "name", s.command.app.Name(), "pid", s.command.app.PID())
	}
	if s.cfg.StopPercent > 0 && !state.Memory.Container.EffectiveLimit().Known {
		s.log.Warn("HEALTHD_STOP_PERCENT has no effect: the container's limit is unknown")
	}
	if s.connectionsLowered {
		_, limit, _ := s.server.Connections()
		s.log.Warn("MAX_CONNECTIONS lowered to fit the open-file limit",
			"limit", limit, "openFiles", s.maxFiles)
	}
}

// megabytes returns megabytes of 1,000,000 bytes, with one decimal.
func megabytes(bytes int64) float64 { return math.Round(float64(bytes)/1e5) / 10 }
