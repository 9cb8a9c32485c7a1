package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/halobuzz/healthd/internal/health"
)

// Options say how the server logs and stops.
type Options struct {
	Log             *slog.Logger
	DrainDelay      time.Duration // not ready but still serving, after SIGTERM
	ShutdownTimeout time.Duration // for requests in flight, after that
	Token           string        // that details need; empty shows them to anyone
}

// Server serves one Monitor.
type Server struct {
	monitor     *health.Monitor
	connections *Connections
	options     Options
	http        http.Server
	draining    atomic.Bool

	live     health.Document
	bare     map[health.Status]*health.Document // for who may not see details
	notReady health.Document                    // readiness while draining
	denied   health.Document                    // for who may not see values
	bearer   []string
	cache    []string
	sniff    []string
}

// New returns a Server that is not listening yet.
func New(monitor *health.Monitor, connections *Connections, options Options) *Server {
	s := &Server{
		monitor:     monitor,
		connections: connections,
		options:     options,
		live:        health.NewDocument(health.Pass, ""),
		bare:        make(map[health.Status]*health.Document),
		notReady:    health.NewDocument(health.Fail, "The service is shutting down"),
		denied:      health.NewText(http.StatusUnauthorized, "text/plain; charset=utf-8", []byte("this needs the header Authorization: Bearer MONITORING_TOKEN\n")),
		bearer:      []string{"Bearer"},
		cache:       []string{"no-store"},
		sniff:       []string{"nosniff"},
	}
	for _, status := range health.Statuses {
		d := health.NewDocument(status, "")
		s.bare[status] = &d
	}
	s.http = http.Server{
		Handler:     s.routes(),
		ConnContext: withConnection,
		ConnState:   connections.track,
		ErrorLog:    slog.NewLogLogger(options.Log.Handler(), slog.LevelWarn),
		Protocols:   new(http.Protocols),

		// net/http's own answer to "OPTIONS *" would go past the handler.
		DisableGeneralOptionsHandler: true,

		// A prober's header fits one packet; 5 s outlasts a lost one sent again twice.
		ReadHeaderTimeout: 5 * time.Second,
		// No document wants a body, but net/http reads a small one before it answers.
		ReadTimeout: 10 * time.Second,
		// An answer fits the socket's buffer: a write that blocks has a reader that left.
		// The page (20 KB) and the history (65 KB) do not, and take a few round trips.
		WriteTimeout: 10 * time.Second,
		// Longer than the 10-30 s at which probes and load balancers come back.
		IdleTimeout: 60 * time.Second,
		// net/http adds 4 KiB of its own, so that a header has 8 KiB. At the default of
		// 1 MB, 200 slow clients fill a 256 MB container.
		MaxHeaderBytes: 4 << 10,
	}
	s.http.Protocols.SetHTTP1(true)
	return s
}

// silence is how long a connection may take to send a header once the server stops.
// http.Server.Shutdown alone would wait five seconds for each.
const silence = time.Second

// errForced is a stop that did not wait for the requests in flight.
var errForced = errors.New("stopped at once by a second signal")

// Run serves ln until a signal arrives, and then stops: SIGTERM drains first, another
// signal does not, and a second one ends it at once with an error.
func (s *Server) Run(ln net.Listener, signals <-chan os.Signal) error {
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(listener{ln, s.connections}) }()
	select {
	case err := <-served:
		return err
	case sig := <-signals:
		err := s.stop(sig, signals)
		s.connections.stopping.Store(true)
		s.http.Close()
		<-served
		return err
	}
}

// stop waits until no request is in flight, for as long as the options allow. The two
// waits do not share their time, and no client can stretch either: the sum is known.
func (s *Server) stop(sig os.Signal, signals <-chan os.Signal) error {
	received := time.Now()
	s.draining.Store(true)
	s.monitor.Drain()
	if sig == syscall.SIGTERM {
		s.options.Log.Info("draining", "signal", signalName(sig), "delay", s.options.DrainDelay.String())
		if _, err := await(time.After(s.options.DrainDelay), signals, sig, received); err != nil {
			return err
		}
	}
	s.options.Log.Info("stopping", "signal", signalName(sig), "timeout", s.options.ShutdownTimeout.String())
	s.connections.stopping.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), s.options.ShutdownTimeout)
	defer cancel()
	down := make(chan error, 1)
	go func() { down <- s.http.Shutdown(ctx) }()
	s.connections.closeSilent(silence)
	rest := time.AfterFunc(silence, func() { s.connections.closeSilent(0) })
	defer rest.Stop()
	cut, err := await(down, signals, sig, received)
	if err != nil {
		cancel()
		<-down
		return err
	}
	if cut != nil {
		s.options.Log.Warn("closing connections in use", "connections", s.connections.Count().Open)
	}
	return nil
}

// repeatInterval is how long a signal may be followed by another of its kind and still be
// the same request to stop.
const repeatInterval = time.Second

// await returns what done delivers, or errForced if a second signal arrives first. It ignores
// a repeat of the first signal within repeatInterval of its arrival: timeout(1) and many
// supervisors signal the process, and then its process group.
func await[T any](done <-chan T, signals <-chan os.Signal, first os.Signal, received time.Time) (T, error) {
	for {
		select {
		case v := <-done:
			return v, nil
		case sig := <-signals:
			if sig != first || time.Since(received) >= repeatInterval {
				var zero T
				return zero, errForced
			}
		}
	}
}

// signalName returns the name of a signal that stops the service. slog would write a number
// in JSON and a description such as "terminated" in text.
func signalName(sig os.Signal) string {
	switch sig {
	case syscall.SIGTERM:
		return "SIGTERM"
	case os.Interrupt:
		return "SIGINT"
	}
	return sig.String()
}
