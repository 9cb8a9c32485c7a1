package server

import (
	"context"
	"crypto/subtle"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"

	"github.com/halobuzz/healthd/internal/health"
)

// The paths that are served.
const (
	LivePath       = "/healthz"
	ReadyPath      = "/readyz"
	MonitoringPath = "/api/v1/monitoring/health"
	HistoryPath    = "/api/v1/monitoring/history"
	MetricsPath    = "/metrics"
	PagePath       = "/"
)

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+LivePath, func(w http.ResponseWriter, r *http.Request) {
		s.write(w, r, &s.live)
	})
	mux.HandleFunc("GET "+ReadyPath, func(w http.ResponseWriter, r *http.Request) {
		if s.draining.Load() {
			s.writeDetails(w, r, health.Fail, &s.notReady)
			return
		}
		state := s.monitor.State()
		s.writeDetails(w, r, state.Status, &state.Ready)
	})
	mux.HandleFunc("GET "+MonitoringPath, func(w http.ResponseWriter, r *http.Request) {
		state := s.monitor.State()
		s.writeDetails(w, r, state.Status, &state.Report)
	})
	mux.HandleFunc("GET "+HistoryPath, func(w http.ResponseWriter, r *http.Request) {
		s.writeValues(w, r, s.monitor.History)
	})
	mux.HandleFunc("GET "+MetricsPath, func(w http.ResponseWriter, r *http.Request) {
		s.writeValues(w, r, s.monitor.Metrics)
	})
	page := sync.OnceValue(func() *page { return newPage(s) })
	mux.HandleFunc("GET "+PagePath+"{$}", func(w http.ResponseWriter, r *http.Request) {
		page().serve(w, r, s.maySee(r))
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

// writeDetails sends a document that says more than its status, or the status alone.
func (s *Server) writeDetails(w http.ResponseWriter, r *http.Request, status health.Status, d *health.Document) {
	if !s.maySee(r) {
		d = s.bare[status]
	}
	s.write(w, r, d)
}

// writeValues sends a document that has nothing to say but details. A scraper must notice
// that it lacks the token, so it gets no 200.
func (s *Server) writeValues(w http.ResponseWriter, r *http.Request, document func() *health.Document) {
	if !s.maySee(r) {
		w.Header()["Www-Authenticate"] = s.bearer
		s.write(w, r, &s.denied)
		return
	}
	s.write(w, r, document())
}

// maySee says whether a request may see details: it has the token, if one is set. How long
// a wrong one takes tells at most the length of the right one.
func (s *Server) maySee(r *http.Request) bool {
	if s.options.Token == "" {
		return true
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare([]byte(token), []byte(s.options.Token)) == 1
}

// setHeaders sets what every answer has. Assigning kept slices, where Header.Set would make
// new ones, is what makes it free of allocations.
func (s *Server) setHeaders(h http.Header, mediaType, length []string) {
	h["Content-Type"] = mediaType
	h["Cache-Control"] = s.cache
	h["X-Content-Type-Options"] = s.sniff
	h["Content-Length"] = length
}

// write sends a document.
func (s *Server) write(w http.ResponseWriter, r *http.Request, d *health.Document) {
	s.setHeaders(w.Header(), d.Type, d.Length)
	w.WriteHeader(d.Code)
	w.Write(d.Body)
	s.logRequest(r, d.Code)
}

func (s *Server) logRequest(r *http.Request, code int) {
	if ctx := r.Context(); s.options.Log.Enabled(ctx, slog.LevelDebug) {
		s.options.Log.LogAttrs(ctx, slog.LevelDebug, "request", slog.String("method", r.Method),
			slog.String("path", r.URL.Path), slog.Int("code", code), slog.String("from", r.RemoteAddr))
	}
}
