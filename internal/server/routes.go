package server

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"runtime"

	"github.com/halobuzz/healthd/internal/health"
)

// The paths that are served.
const (
	LivePath       = "/healthz"
	ReadyPath      = "/readyz"
	MonitoringPath = "/api/v1/monitoring/health"
	HistoryPath    = "/api/v1/monitoring/history"
	MetricsPath    = "/metrics"
)

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+LivePath, func(w http.ResponseWriter, r *http.Request) {
		s.write(w, r, &s.live)
	})
	mux.HandleFunc("GET "+ReadyPath, func(w http.ResponseWriter, r *http.Request) {
		if s.draining.Load() {
			s.write(w, r, &s.notReady)
			return
		}
		s.write(w, r, &s.monitor.State().Ready)
	})
	mux.HandleFunc("GET "+MonitoringPath, func(w http.ResponseWriter, r *http.Request) {
		s.write(w, r, &s.monitor.State().Report)
	})
	mux.HandleFunc("GET "+HistoryPath, func(w http.ResponseWriter, r *http.Request) {
		s.write(w, r, s.monitor.History())
	})
	mux.HandleFunc("GET "+MetricsPath, func(w http.ResponseWriter, r *http.Request) {
		s.write(w, r, s.monitor.Metrics())
	})
	page := newPage(s)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		page.serve(w, r, true)
	})
	return s.closing(mux)
}

// closing makes every answer of a draining server the last on its connection. Turning
// keep-alives off would cut idle connections at once, with a request perhaps on its way.
//
// While the table of connections is full it tells those to leave that were answered
// before: a client that sends requests without a pause has a turn like any other.
func (s *Server) closing(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		crowded := s.connections.filled(2)
		if s.draining.Load() || crowded && s.connections.outstays(connection(r)) {
			w.Header().Set("Connection", "close")
		}
		if crowded {
			// One client that sends requests without a pause would hold this processor
			// for 10 ms at a time; others get their turn first.
			runtime.Gosched()
		}
		next.ServeHTTP(w, r)
	})
}

// connectionKey is the context key of a request's connection.
type connectionKey struct{}

func withConnection(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, conn)
}

func connection(r *http.Request) net.Conn {
	conn, _ := r.Context().Value(connectionKey{}).(net.Conn)
	return conn
}

// write sends a document. Assigning kept slices, where Header.Set would make new ones,
// is what makes it free of allocations.
func (s *Server) write(w http.ResponseWriter, r *http.Request, d *health.Document) {
	h := w.Header()
	h["Content-Type"] = s.contentType
	if d.Type != nil {
		h["Content-Type"] = d.Type
	}
	h["Cache-Control"] = s.cache
	h["X-Content-Type-Options"] = s.sniff
	h["Content-Length"] = d.Length
	w.WriteHeader(d.Code)
	w.Write(d.Body)
	if ctx := r.Context(); s.options.Log.Enabled(ctx, slog.LevelDebug) {
		s.options.Log.LogAttrs(ctx, slog.LevelDebug, "request", slog.String("method", r.Method),
			slog.String("path", r.URL.Path), slog.Int("code", d.Code), slog.String("from", r.RemoteAddr))
	}
}
