package server

import (
	"context"
	"crypto/subtle"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"slices"
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

// paths are those that the mux gets to see.
var paths = []string{LivePath, ReadyPath, MonitoringPath, HistoryPath, MetricsPath, PagePath, "*"}

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
	return s.logUnrouted(s.bounded(mux))
}

// bounded wraps the routes in what keeps a single client, or the end of the service, from
// costing the others their answers.
//
// It ends the connection after the answer where there is no other way. A draining server
// says so in each answer: turning keep-alives off would cut idle connections at once, with
// a request perhaps on its way. A request's body is not read before the answer, and after
// it only to the end that net/http looks for. While the table of connections is full, a
// client that was answered before makes room.
func (s *Server) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := r.ContentLength != 0
		if body {
			r.Body = http.NoBody
		}
		if s.draining.Load() || body || s.connections.outstays(connection(r)) {
			w.Header().Set("Connection", "close")
		}
		// A client that sends requests without a pause would hold the processor for 10 ms at
		// a time. 100 of them made probes wait for over a second.
		runtime.Gosched()
		if !slices.Contains(paths, r.URL.Path) {
			// The mux would redirect a path that is not clean to one that is, escaped
			// twice in header and body: 12 KB of request make 265 KB of answer.
			http.NotFound(w, r)
			return
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
		s.options.Log.LogAttrs(ctx, slog.LevelDebug, "request", slog.String("method", shorten(r.Method)),
			slog.String("path", shorten(r.URL.Path)), slog.Int("code", code), slog.String("from", r.RemoteAddr))
	}
}

// shorten cuts text of a request to 128 bytes. The log keeps 256 lines for a reader that is
// slow, and quoting makes four bytes of one.
func shorten(text string) string { return text[:min(len(text), 128)] }

// logUnrouted logs the requests that match no route, to which the mux answers 404 or 405.
// The routes log their own.
func (s *Server) logUnrouted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.options.Log.Enabled(r.Context(), slog.LevelDebug) {
			next.ServeHTTP(w, r)
			return
		}
		recorder := &codeRecorder{ResponseWriter: w}
		next.ServeHTTP(recorder, r)
		if r.Pattern == "" {
			s.logRequest(r, recorder.code)
		}
	})
}

// codeRecorder keeps the status code that is written.
type codeRecorder struct {
	http.ResponseWriter
	code int
}

func (w *codeRecorder) WriteHeader(code int) {
	w.code = code
	w.ResponseWriter.WriteHeader(code)
}
