package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/halobuzz/healthd/internal/health"
	"github.com/halobuzz/healthd/internal/report"
)

// documents returns the documents of a status, with a reason if it is not Pass. They have the
// length of real ones, because every value is known.
func documents(status health.Status) *report.Documents {
	state := &health.State{Status: status, Ready: status, Checks: make([]health.Check, 2)}
	if status != health.Pass {
		state.Reason, state.ReadyReason = "a reason", "a reason"
	}
	container := &state.Memory.Container
	container.Source = "cgroup2"
	container.Usage.Known, container.WorkingSet.Known = true, true
	container.Unreclaimable.Known = true
	container.Limit.Bytes, container.Limit.Known = 64<<20, true
	state.Memory.NextGC.Known, state.GoLimit.Known = true, true
	writer := report.NewWriter(report.Service{
		OpenFiles:    func() (int, bool) { return 10, true },
		MaxOpenFiles: 1024,
	})
	return writer.Write(state, report.NewLazy(func() *report.Document {
		return report.WriteHistory(health.NewHistory(), time.Time{})
	}))
}

// newServer returns a Server of 100 connections. Without other documents or another log it
// has those of Pass, and none.
func newServer(options Options) *Server {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.Documents == nil {
		pass := documents(health.Pass)
		options.Documents = func() *report.Documents { return pass }
	}
	options.ConnectionLimit = 100
	return New(options)
}

// respond returns the response of s to r.
func (s *Server) respond(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.http.Handler.ServeHTTP(w, r)
	return w
}

// running is a Server that listens.
type running struct {
	*Server
	addr  string
	log   *logBuffer
	ended chan struct{}
	err   error // of Serve, once it has ended
}

type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// serving starts a server that ends with the test.
func serving(t *testing.T) *running {
	t.Helper()
	ln, err := Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := &logBuffer{}
	r := &running{
		Server: newServer(Options{Log: slog.New(slog.NewTextHandler(log, nil))}),
		addr:   ln.Addr().String(),
		log:    log,
		ended:  make(chan struct{}),
	}
	go func() {
		defer close(r.ended)
		r.err = r.Serve(ln)
	}()
	t.Cleanup(func() { r.Close(); r.waitEnded(t) })
	return r
}

// waitEnded waits until Serve has returned.
func (r *running) waitEnded(t *testing.T) {
	t.Helper()
	select {
	case <-r.ended:
		if !errors.Is(r.err, http.ErrServerClosed) {
			t.Errorf("Serve() = %v, want %v", r.err, http.ErrServerClosed)
		}
	case <-time.After(10 * time.Second):
		t.Error("Serve does not return")
	}
}

// dial opens a connection whose reads and writes end within 5 s.
func (r *running) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	return conn
}

// open returns the number of connections in the table.
func (r *running) open() int {
	open, _, _ := r.Connections()
	return open
}

// waitOpen waits until the table holds want connections.
func (r *running) waitOpen(t *testing.T, want int) {
	t.Helper()
	waitFor(t, func() (string, bool) {
		return fmt.Sprintf("%d connections are open, want %d", r.open(), want), r.open() == want
	})
}

// waitEvicted waits until want connections were evicted.
func (r *running) waitEvicted(t *testing.T, want int64) {
	t.Helper()
	waitFor(t, func() (string, bool) {
		_, _, evicted := r.Connections()
		return fmt.Sprintf("%d connections were evicted, want %d", evicted, want), evicted == want
	})
}

// waitFor polls until a condition holds. Until then there is a complaint.
func waitFor(t *testing.T, condition func() (complaint string, holds bool)) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		complaint, holds := condition()
		if holds {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(complaint)
		}
	}
}

// TestHTTPLimits compares the bounds of what a client can take.
func TestHTTPLimits(t *testing.T) {
	t.Parallel()
	s := &newServer(Options{}).http
	for _, tt := range []struct {
		name      string
		got, want time.Duration
	}{
		{"ReadHeaderTimeout", s.ReadHeaderTimeout, 5 * time.Second},
		{"ReadTimeout", s.ReadTimeout, 10 * time.Second},
		{"WriteTimeout", s.WriteTimeout, 10 * time.Second},
		{"IdleTimeout", s.IdleTimeout, 60 * time.Second},
	} {
		if tt.got != tt.want {
			t.Errorf("%s = %v, want %v", tt.name, tt.got, tt.want)
		}
	}
	if s.MaxHeaderBytes != 4<<10 {
		t.Errorf("MaxHeaderBytes = %d, want 4096", s.MaxHeaderBytes)
	}
	if p := s.Protocols; !p.HTTP1() || p.HTTP2() || p.UnencryptedHTTP2() {
		t.Errorf("Protocols = %v, want HTTP/1 alone", p)
	}
}

func TestErrorLog(t *testing.T) {
	t.Parallel()
	log := &logBuffer{}
	s := newServer(Options{Log: slog.New(slog.NewTextHandler(log, nil))})
	s.http.ErrorLog.Print("http: something odd")
	if want := `level=WARN msg="http: something odd"`; !strings.Contains(log.String(), want) {
		t.Errorf("the log lacks %s: %s", want, log)
	}
}

func TestServeReturnsListenerError(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	if err := newServer(Options{}).Serve(ln); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve() on a closed listener = %v, want %v", err, net.ErrClosed)
	}
}

// TestShutdownDoesNotWaitForHeaders has a client that sends nothing. http.Server alone would
// wait five seconds for it.
func TestShutdownDoesNotWaitForHeaders(t *testing.T) {
	t.Parallel()
	r := serving(t)
	silent := r.dial(t)
	r.waitOpen(t, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	if err := r.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown() = %v, want none", err)
	}
	if n, err := silent.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the client reads %d bytes and %v, want none and EOF", n, err)
	}
}

// BenchmarkRequest measures a request on a kept-alive connection, including the costs of
// net/http and the kernel.
func BenchmarkRequest(b *testing.B) {
	for _, path := range []string{report.LivePath, report.MonitoringPath} {
		b.Run(path, func(b *testing.B) {
			s := newServer(Options{})
			ts := httptest.NewUnstartedServer(s.http.Handler)
			ts.Config.ConnState, ts.Config.ConnContext = s.http.ConnState, s.http.ConnContext
			ts.Start()
			defer ts.Close()
			b.ReportAllocs()
			for b.Loop() {
				resp, err := http.Get(ts.URL + path)
				if err != nil {
					b.Fatal(err)
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
		})
	}
}
