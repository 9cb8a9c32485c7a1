package server

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/halobuzz/healthd/internal/report"
)

// Options configure a Server.
type Options struct {
	Log             *slog.Logger
	Documents       func() *report.Documents // the newest ones
	ConnectionLimit int
	Token           string // required for details; if empty, anyone may see them
}

// Server serves documents.
type Server struct {
	options     Options
	connections *connections
	http        http.Server
	draining    atomic.Bool
}

// New returns a Server that is not listening yet.
func New(options Options) *Server {
	s := &Server{options: options, connections: newConnections(options.ConnectionLimit)}
	s.http = http.Server{
		Handler:     s.handler(),
		ConnContext: withConnection,
		ConnState:   s.connections.track,
		ErrorLog:    slog.NewLogLogger(options.Log.Handler(), slog.LevelWarn),
		Protocols:   new(http.Protocols),

		// The response of net/http to "OPTIONS *" would bypass the handler.
		DisableGeneralOptionsHandler: true,

		// A prober's header fits one packet. 5 s are enough to send a lost one twice more.
		ReadHeaderTimeout: 5 * time.Second,
		// No endpoint reads a body, but net/http does so after the response.
		ReadTimeout: 10 * time.Second,
		// The small documents fit the socket's buffer, so that a write that blocks has a
		// client that has gone. The page (30 KB) and the history (65 KB) take some round trips.
		WriteTimeout: 10 * time.Second,
		// Probes and load balancers come back after 10-30 s.
		IdleTimeout: 60 * time.Second,
		// net/http adds 4 KiB, so that a header has 8 KiB. At the default of 1 MB, 200 slow
		// clients fill a container of 256 MB.
		MaxHeaderBytes: 4 << 10,
	}
	s.http.Protocols.SetHTTP1(true)
	return s
}

// Connections returns the use of the connection table.
func (s *Server) Connections() (open, limit int, evicted int64) {
	open, evicted = s.connections.count()
	return open, s.connections.limit, evicted
}

// Serve serves the connections that ln accepts until Shutdown or Close. It then returns
// http.ErrServerClosed.
func (s *Server) Serve(ln net.Listener) error {
	return s.http.Serve(listener{ln, s.connections})
}

// Drain makes the service not ready. Every response is now the last one on its connection, but
// all requests are still served.
func (s *Server) Drain() { s.draining.Store(true) }

// headerGrace is how long a connection may take to send its header while the server shuts
// down. http.Server.Shutdown alone would wait five seconds for each.
const headerGrace = time.Second

// Shutdown waits until no request is in flight, or ctx is done. No client can make it wait
// longer.
func (s *Server) Shutdown(ctx context.Context) error {
	s.Drain()
	s.connections.stopping.Store(true)
	s.connections.closeHeaderless(headerGrace)
	rest := time.AfterFunc(headerGrace, func() { s.connections.closeHeaderless(0) })
	defer rest.Stop()
	return s.http.Shutdown(ctx)
}

// Close closes all connections at once.
func (s *Server) Close() error {
	s.connections.stopping.Store(true)
	return s.http.Close()
}
