package server

import (
	"context"
	"crypto/subtle"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"

	"github.com/halobuzz/healthd/internal/report"
)

// handler returns the handler of all requests. It does not use http.ServeMux, which redirects
// a path that is not clean with the path escaped twice in header and body: a request of 12 KB
// would make a response of 265 KB.
func (s *Server) handler() http.Handler {
	endpoints := make(map[string]report.Endpoint)
	for _, e := range report.Endpoints() {
		endpoints[e.Path] = e
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.protect(w, r)
		code := http.StatusOK
		switch e, ok := endpoints[r.URL.Path]; {
		case r.RequestURI == "*": // OPTIONS *
			code = http.StatusBadRequest
			w.Header()["Connection"] = connectionClose
			w.WriteHeader(code)
		case !ok:
			code = http.StatusNotFound
			http.Error(w, "404 page not found", code)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			code = http.StatusMethodNotAllowed
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, http.StatusText(code), code)
		default:
			d := e.Document(s.options.Documents(), report.Request{
				Authorized:  s.authorized(r),
				AcceptsHTML: acceptsHTML(r.Header["Accept"]),
				Draining:    s.draining.Load(),
			})
			code = d.Code
			d.ServeHTTP(w, r)
		}
		s.logRequest(r, code)
	})
}

// connectionClose is a header's value. A slice that is kept allocates nothing.
var connectionClose = []string{"close"}

// protect keeps one client, or the end of the service, from costing others their responses.
//
// It makes the response the last one on its connection in three cases. The server is draining:
// turning off keep-alives would close idle connections at once, perhaps with a request under
// way. The request has a body, which is not read before the response. The table of connections
// is full, and this client was answered before.
func (s *Server) protect(w http.ResponseWriter, r *http.Request) {
	hasBody := r.ContentLength != 0
	if hasBody {
		r.Body = http.NoBody
	}
	c := connection(r)
	if s.draining.Load() || hasBody || s.connections.shouldYield(c) {
		w.Header()["Connection"] = connectionClose
	}
	if pipelined := c != nil && !c.fresh.Load(); pipelined || s.connections.halfFull() {
		// A client that sends requests without waiting for the responses would hold the
		// processor for 10 ms at a time. 100 of them made probes wait for over a second.
		runtime.Gosched()
	}
}

// connectionKey is the context key of a request's connection.
type connectionKey struct{}

func withConnection(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, conn)
}

// connection returns the connection of r, or nil in a test without one.
func connection(r *http.Request) *conn {
	c, _ := r.Context().Value(connectionKey{}).(*conn)
	return c
}

// authorized reports whether r carries the token, if one is required. The time that it takes
// tells at most the token's length.
func (s *Server) authorized(r *http.Request) bool {
	if s.options.Token == "" {
		return true
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "Bearer") &&
		subtle.ConstantTimeCompare([]byte(token), []byte(s.options.Token)) == 1
}

// acceptsHTML reports whether the values of a request's Accept headers name text/html with
// a quality above zero, as RFC 9110, section 12.5.1, defines it. Ranges such as */* do not
// count, because curl and other tools send them.
func acceptsHTML(accept []string) bool {
	for _, list := range accept {
		for element := range strings.SplitSeq(list, ",") {
			mediaType, parameters, _ := strings.Cut(element, ";")
			if strings.EqualFold(strings.TrimSpace(mediaType), "text/html") {
				return quality(parameters) > 0
			}
		}
	}
	return false
}

// quality returns the value of the parameter q, or 1 if it is missing or malformed.
func quality(parameters string) float64 {
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
		if !strings.EqualFold(name, "q") {
			continue
		}
		if q, err := strconv.ParseFloat(value, 64); err == nil {
			return q
		}
	}
	return 1
}

func (s *Server) logRequest(r *http.Request, code int) {
	if ctx := r.Context(); s.options.Log.Enabled(ctx, slog.LevelDebug) {
		s.options.Log.LogAttrs(ctx, slog.LevelDebug, "request",
			slog.String("method", shorten(r.Method)),
			slog.String("path", shorten(r.URL.Path)),
			slog.Int("code", code),
			slog.String("from", r.RemoteAddr))
	}
}

// shorten returns the first 128 bytes of text that a client sent. The log keeps 256 lines for
// a slow reader, and quoting makes four bytes of one.
func shorten(text string) string { return text[:min(len(text), 128)] }
