package server

import (
	"bufio"
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/halobuzz/healthd/internal/health"
	"github.com/halobuzz/healthd/internal/report"
)

// The paths that have no name elsewhere.
const (
	historyPath = "/api/v1/monitoring/history"
	metricsPath = "/metrics"
	pagePath    = "/"
)

// newStatusServer returns a Server that has the documents of a status.
func newStatusServer(status health.Status, draining bool, options Options) *Server {
	d := documents(status)
	options.Documents = func() *report.Documents { return d }
	s := newServer(options)
	if draining {
		s.Drain()
	}
	return s
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	const (
		pass    = `{"status":"pass"}` + "\n"
		warning = `{"status":"warn","output":`
		failure = `{"status":"fail","output":`
		full    = `{"status":"pass","version":"1"`
	)
	for _, tt := range []struct {
		name, path string
		status     health.Status
		draining   bool
		code       int
		body       string // its start
	}{
		{"live", report.LivePath, health.Pass, false, 200, pass},
		{"live and failing", report.LivePath, health.Fail, false, 200, pass},
		{"live and draining", report.LivePath, health.Pass, true, 200, pass},
		{"ready", report.ReadyPath, health.Pass, false, 200, pass},
		{"ready and warning", report.ReadyPath, health.Warn, false, 200, warning},
		{"not ready when failing", report.ReadyPath, health.Fail, false, 503, failure},
		{"not ready when draining", report.ReadyPath, health.Pass, true, 503, failure},
		{"monitoring", report.MonitoringPath, health.Pass, false, 200, full},
		{"monitoring a warning", report.MonitoringPath, health.Warn, false, 200, warning},
		{"monitoring a failure", report.MonitoringPath, health.Fail, false, 503, failure},
		{"monitoring a drain", report.MonitoringPath, health.Pass, true, 200, full},
		{"metrics", metricsPath, health.Pass, false, 200, "# HELP "},
		{"metrics of a failure", metricsPath, health.Fail, false, 200, "# HELP "},
		{"history", historyPath, health.Pass, false, 200, `{"version":"1","time":"`},
		{"history of a failure", historyPath, health.Fail, false, 200, `{"version":"1","time":"`},
		{"unknown", "/x", health.Pass, false, 404, "404 page not found\n"},
		{"unknown file", "/index.html", health.Pass, false, 404, "404 page not found\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newStatusServer(tt.status, tt.draining, Options{})
			w := s.respond(httptest.NewRequest("GET", tt.path, nil))
			if w.Code != tt.code || !strings.HasPrefix(w.Body.String(), tt.body) {
				t.Errorf("GET %s = %d %s, want %d %s…", tt.path, w.Code, w.Body, tt.code, tt.body)
			}
			if got := w.Header().Get("Connection") == "close"; got != tt.draining {
				t.Errorf("GET %s: Connection is close: %v, want %v", tt.path, got, tt.draining)
			}
		})
	}
}

// TestMethods holds every endpoint to GET and HEAD.
func TestMethods(t *testing.T) {
	t.Parallel()
	s := newServer(Options{})
	for _, e := range report.Endpoints() {
		for method, want := range map[string]int{
			"GET": 200, "HEAD": 200, "POST": 405, "PUT": 405, "DELETE": 405, "OPTIONS": 405,
		} {
			w := s.respond(httptest.NewRequest(method, e.Path, nil))
			allow := ""
			if want == http.StatusMethodNotAllowed {
				allow = "GET, HEAD"
			}
			if got := w.Header().Get("Allow"); w.Code != want || got != allow {
				t.Errorf("%s %s = %d, Allow %q, want %d, %q", method, e.Path, w.Code, got, want, allow)
			}
		}
	}
}

// bareWriter is a ResponseWriter that allocates nothing itself.
type bareWriter struct {
	header http.Header
	bytes  int
}

func (w *bareWriter) Header() http.Header               { return w.header }
func (w *bareWriter) WriteHeader(int)                   {}
func (w *bareWriter) Write(b []byte) (int, error)       { w.bytes += len(b); return len(b), nil }
func (w *bareWriter) WriteString(s string) (int, error) { w.bytes += len(s); return len(s), nil }

func TestHandlersDoNotAllocate(t *testing.T) {
	token := strings.Repeat("x", 100)
	for _, serverToken := range []string{"", token, token[1:]} { // open, authorized, refused
		for _, draining := range []bool{false, true} {
			s := newStatusServer(health.Pass, draining, Options{Token: serverToken})
			for _, e := range report.Endpoints() {
				for _, accept := range []string{"*/*", "text/html,application/xhtml+xml,*/*;q=0.8"} {
					w := &bareWriter{header: http.Header{}}
					r := httptest.NewRequest("GET", e.Path, nil)
					r.Header.Set("Authorization", "Bearer "+token)
					r.Header.Set("Accept", accept)
					n := testing.AllocsPerRun(100, func() { s.http.Handler.ServeHTTP(w, r) })
					if n > 0 {
						t.Errorf("GET %s for %q allocates %v times, want 0", e.Path, accept, n)
					}
					if w.bytes == 0 {
						t.Errorf("GET %s for %q wrote nothing", e.Path, accept)
					}
				}
			}
		}
	}
}

// send sends a request, byte for byte, to a server of its own.
func send(t *testing.T, request string) (*http.Response, error) {
	t.Helper()
	conn := serving(t).dial(t)
	io.WriteString(conn, request)
	return http.ReadResponse(bufio.NewReader(conn), nil)
}

func TestLongHeader(t *testing.T) {
	t.Parallel()
	// net/http allows 4 KiB above MaxHeaderBytes.
	resp, err := send(t, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: "+
		strings.Repeat("x", 12<<10)+"\r\n\r\n")
	if err != nil || resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("%v, %v, want 431", resp, err)
	}
}

func TestOptionsAsterisk(t *testing.T) {
	t.Parallel()
	resp, err := send(t, "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
	if err != nil || resp.StatusCode != http.StatusBadRequest || !resp.Close {
		t.Errorf("%v, %v, want 400 and the end of the connection", resp, err)
	}
}

// TestUncleanPaths has paths that a ServeMux redirects.
func TestUncleanPaths(t *testing.T) {
	t.Parallel()
	r := serving(t)
	for _, path := range []string{
		"//healthz", "/healthz/", "/./healthz", "/api/../healthz", "//" + strings.Repeat("<", 4000),
	} {
		conn := r.dial(t)
		io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != http.StatusNotFound || resp.ContentLength > 100 {
			t.Errorf("GET %.20s = %d with %d bytes, want a short 404",
				path, resp.StatusCode, resp.ContentLength)
		}
	}
}

// TestLogRequests holds that each response is one line at debug, and none at info.
func TestLogRequests(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ method, path, want string }{
		{"GET", report.LivePath, "method=GET path=/healthz code=200"},
		{"GET", pagePath, "method=GET path=/ code=200"},
		{"GET", "/nope", "method=GET path=/nope code=404"},
		{"POST", report.LivePath, "method=POST path=/healthz code=405"},
		{"OPTIONS", "*", "method=OPTIONS path=* code=400"},
	} {
		for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo} {
			var log bytes.Buffer
			handler := slog.NewTextHandler(&log, &slog.HandlerOptions{Level: level})
			s := newServer(Options{Log: slog.New(handler)})
			s.respond(httptest.NewRequest(tt.method, tt.path, nil))
			want := 0
			if level == slog.LevelDebug {
				want = 1
			}
			lines := strings.Count(log.String(), "\n")
			if got := strings.Count(log.String(), tt.want); got != want || lines != want {
				t.Errorf("%s %s logged %q at %v, want %d lines with %s",
					tt.method, tt.path, &log, level, want, tt.want)
			}
		}
	}
}

// TestRequestLogIsShort has clients that send long texts.
func TestRequestLogIsShort(t *testing.T) {
	t.Parallel()
	log := &logBuffer{}
	s := newServer(Options{
		Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	long := strings.Repeat("X", 8000)
	s.respond(httptest.NewRequest(long, report.LivePath, nil))
	s.respond(httptest.NewRequest("GET", "/"+long, nil))
	if got := log.String(); len(got) > 1000 || strings.Count(got, "msg=request") != 2 {
		t.Errorf("two requests wrote %d bytes to the log: %.1000s", len(got), got)
	}
}

// checkLength compares the Content-Length with the body.
func checkLength(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	if got := w.Header().Get("Content-Length"); got != strconv.Itoa(w.Body.Len()) {
		t.Errorf("Content-Length = %s, want %d", got, w.Body.Len())
	}
}
