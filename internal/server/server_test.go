package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/halobuzz/healthd/internal/health"
	"github.com/halobuzz/healthd/internal/memory"
)

// container64 is a container of 64 MiB whose working set is what the test says.
func container64(usage string) fstest.MapFS {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	return fstest.MapFS{
		"proc/self/cgroup":             file("0::/\n"),
		"proc/self/mountinfo":          file("30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup rw\n"),
		"sys/fs/cgroup/memory.max":     file("67108864\n"),
		"sys/fs/cgroup/memory.current": file(usage + "\n"),
		"sys/fs/cgroup/memory.stat":    file("inactive_file 0\n"),
	}
}

func newServer(t testing.TB, root fstest.MapFS, options Options) *Server {
	t.Helper()
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	connections := NewConnections(100)
	monitor := health.NewMonitor(memory.NewReader(root, math.MaxInt64), connections.Count,
		health.Options{WarnPercent: 80, FailPercent: 90})
	return New(monitor, connections, options)
}

// settled runs f with a server whose verdict on root has held.
func settled(t *testing.T, root fstest.MapFS, options Options, f func(*Server)) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, root, options)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go s.monitor.Run(ctx)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		f(s)
	})
}

// serve answers one request after the verdict on root has held.
func serve(t *testing.T, root fstest.MapFS, token string, draining bool, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	settled(t, root, Options{Token: token}, func(s *Server) {
		s.draining.Store(draining)
		s.http.Handler.ServeHTTP(w, r)
	})
	return w
}

// TestToken: without it the same code and the status alone, and the same answer to
// whoever has nothing, something else or nearly the right thing.
func TestToken(t *testing.T) {
	t.Parallel()
	const token = "correct-horse-battery-staple-0123456789"
	bare := func(status string) string { return `{"status":"` + status + `"}` + "\n" }
	for _, doc := range []struct {
		name, path, usage string
		draining          bool
		code              int
		status, full      string // full: how the body starts for who may see it
	}{
		{"live", LivePath, "1", false, 200, "pass", bare("pass")},
		{"ready", ReadyPath, "1", false, 200, "pass", bare("pass")},
		{"nearly full", ReadyPath, "57000000", false, 200, "warn", `{"status":"warn","output":`},
		{"full", ReadyPath, "67108864", false, 503, "fail", `{"status":"fail","output":`},
		{"draining", ReadyPath, "1", true, 503, "fail", `{"status":"fail","output":`},
		{"monitoring", MonitoringPath, "1", false, 200, "pass", `{"status":"pass","version":`},
		{"monitoring nearly full", MonitoringPath, "57000000", false, 200, "warn", `{"status":"warn","output":`},
		{"monitoring full", MonitoringPath, "67108864", false, 503, "fail", `{"status":"fail","output":`},
	} {
		for _, caller := range []struct {
			name, authorization string
			sees                bool
		}{
			{"no header", "", false},
			{"token", "Bearer " + token, true},
			{"scheme in lower case", "bearer " + token, true},
			{"wrong scheme", "Basic " + token, false},
			{"no scheme", token, false},
			{"scheme alone", "Bearer", false},
			{"wrong token", "Bearer " + strings.Repeat("x", len(token)), false},
			{"a prefix", "Bearer " + token[:len(token)-1], false},
			{"longer", "Bearer " + token + "0", false},
			{"empty token", "Bearer ", false},
			{"two spaces", "Bearer  " + token, false},
			{"very long", "Bearer " + strings.Repeat(token, 200), false},
		} {
			for _, method := range []string{"GET", "HEAD"} {
				t.Run(doc.name+"/"+caller.name+"/"+method, func(t *testing.T) {
					t.Parallel()
					r := httptest.NewRequest(method, doc.path, nil)
					if caller.authorization != "" {
						r.Header.Set("Authorization", caller.authorization)
					}
					w := serve(t, container64(doc.usage), token, doc.draining, r)
					body := w.Body.String()
					right := body == bare(doc.status)
					if caller.sees {
						right = strings.HasPrefix(body, doc.full)
					}
					if w.Code != doc.code || !right {
						t.Errorf("%d %s, want %d", w.Code, body, doc.code)
					}
					if got := w.Header().Get("Content-Length"); got != strconv.Itoa(len(body)) {
						t.Errorf("Content-Length %s of %d bytes", got, len(body))
					}
				})
			}
		}
	}
}

// TestValuesToken: who lacks the token gets 401, a challenge and no value.
func TestValuesToken(t *testing.T) {
	t.Parallel()
	for _, request := range []string{"GET " + MetricsPath, "GET " + HistoryPath, "HEAD " + MetricsPath, "HEAD " + HistoryPath} {
		method, path, _ := strings.Cut(request, " ")
		for _, tt := range []struct {
			authorization string
			code          int
			challenge     string
		}{{"", 401, "Bearer"}, {"Bearer wrong", 401, "Bearer"}, {"Bearer right", 200, ""}} {
			r := httptest.NewRequest(method, path, nil)
			r.Header.Set("Authorization", tt.authorization)
			w := serve(t, container64("1"), "right", false, r)
			if got := w.Header().Get("WWW-Authenticate"); w.Code != tt.code || got != tt.challenge {
				t.Errorf("%s with %q: %d, challenge %q, want %d, %q", path, tt.authorization, w.Code, got, tt.code, tt.challenge)
			}
			if values := strings.Contains(w.Body.String(), "eapBytes") || strings.Contains(w.Body.String(), "_bytes"); values != (tt.code == 200) {
				t.Errorf("%s with %q: values %v in %s", path, tt.authorization, values, w.Body)
			}
		}
	}
}

// TestPageToken: the page is for anyone, and its figures are not.
func TestPageToken(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		authorization string
		sees          bool
	}{{"", false}, {"Bearer wrong", false}, {"Bearer right", true}} {
		r := httptest.NewRequest("GET", PagePath, nil)
		r.Header.Set("Accept", "text/html")
		r.Header.Set("Authorization", tt.authorization)
		w := serve(t, container64("1"), "right", false, r)
		rows := visible(w.Body.String())
		if got := len(rows) > 1; w.Code != 200 || rows["Status"] != "pass" || got != tt.sees {
			t.Errorf("with %q: %d, %v", tt.authorization, w.Code, rows)
		}
	}
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	const full = `{"status":"fail","output":`
	for _, tt := range []struct {
		name, path, usage string
		draining          bool
		code              int
		body              string // how it starts
	}{
		{"live", LivePath, "1", false, 200, `{"status":"pass"}` + "\n"},
		{"live and full", LivePath, "67108864", false, 200, `{"status":"pass"}` + "\n"},
		{"live and draining", LivePath, "1", true, 200, `{"status":"pass"}` + "\n"},
		{"ready", ReadyPath, "1", false, 200, `{"status":"pass"}` + "\n"},
		{"ready and nearly full", ReadyPath, "57000000", false, 200, `{"status":"warn","output":`},
		{"not ready when full", ReadyPath, "67108864", false, 503, full},
		{"not ready when draining", ReadyPath, "1", true, 503, full},
		{"monitoring", MonitoringPath, "1", false, 200, `{"status":"pass","version":"1"`},
		{"monitoring nearly full", MonitoringPath, "57000000", false, 200, `{"status":"warn","output":`},
		{"monitoring full", MonitoringPath, "67108864", false, 503, full},
		{"monitoring draining", MonitoringPath, "1", true, 200, `{"status":"pass","version":"1"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := serve(t, container64(tt.usage), "", tt.draining, httptest.NewRequest("GET", tt.path, nil))
			if w.Code != tt.code || !strings.HasPrefix(w.Body.String(), tt.body) {
				t.Errorf("GET %s = %d %s, want %d %s…", tt.path, w.Code, w.Body, tt.code, tt.body)
			}
			if got := w.Header().Get("Connection") == "close"; got != tt.draining {
				t.Errorf("says Connection: close: %v, want %v", got, tt.draining)
			}
		})
	}
}

// bareWriter is a ResponseWriter that costs nothing itself.
type bareWriter struct {
	header http.Header
	bytes  int
}

func (w *bareWriter) Header() http.Header         { return w.header }
func (w *bareWriter) WriteHeader(int)             {}
func (w *bareWriter) Write(b []byte) (int, error) { w.bytes += len(b); return len(b), nil }

func TestHandlersDoNotAllocate(t *testing.T) {
	token := strings.Repeat("x", 100)
	for _, options := range []Options{{}, {Token: token}} {
		handlersDoNotAllocate(t, newServer(t, container64("1"), options), "Bearer "+token)
	}
}

func handlersDoNotAllocate(t *testing.T, s *Server, authorization string) {
	t.Helper()
	for _, path := range []string{LivePath, ReadyPath, MonitoringPath, HistoryPath, MetricsPath} {
		w := &bareWriter{header: http.Header{}}
		r := httptest.NewRequest("GET", path, nil)
		r.Header.Set("Authorization", authorization)
		if n := testing.AllocsPerRun(100, func() { s.http.Handler.ServeHTTP(w, r) }); n > 0 {
			t.Errorf("GET %s allocates %v times, want 0", path, n)
		}
		if w.bytes == 0 {
			t.Errorf("GET %s wrote nothing", path)
		}
	}
}

// TestHTTPLimits: each of them bounds what a client can take.
func TestHTTPLimits(t *testing.T) {
	t.Parallel()
	s := &newServer(t, container64("1"), Options{}).http
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
			t.Errorf("%s %v, want %v", tt.name, tt.got, tt.want)
		}
	}
	if s.MaxHeaderBytes != 4<<10 || !s.Protocols.HTTP1() || s.Protocols.HTTP2() || s.Protocols.UnencryptedHTTP2() {
		t.Errorf("MaxHeaderBytes %d, protocols %v, want 4096 and HTTP/1 alone", s.MaxHeaderBytes, s.Protocols)
	}
}

// ask sends a request, byte for byte, to a server of its own.
func ask(t *testing.T, request string) (*http.Response, error) {
	t.Helper()
	r := run(t, Options{})
	defer func() { r.signals <- os.Interrupt; r.ended(t) }()
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, request)
	return http.ReadResponse(bufio.NewReader(conn), nil)
}

func TestLongHeader(t *testing.T) {
	t.Parallel()
	// net/http allows 4 KiB over MaxHeaderBytes.
	resp, err := ask(t, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: "+strings.Repeat("x", 12<<10)+"\r\n\r\n")
	if err != nil || resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("%v, %v, want 431", resp, err)
	}
}

func TestOptionsAsterisk(t *testing.T) {
	t.Parallel()
	resp, err := ask(t, "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
	if err != nil || resp.StatusCode != http.StatusBadRequest || !resp.Close {
		t.Errorf("%v, %v, want 400 and the end of the connection", resp, err)
	}
}

func TestErrorLog(t *testing.T) {
	t.Parallel()
	log := &logBuffer{}
	s := newServer(t, container64("1"), Options{Log: slog.New(slog.NewTextHandler(log, nil))})
	s.http.ErrorLog.Print("http: something odd")
	if want := `level=WARN msg="http: something odd"`; !strings.Contains(log.String(), want) {
		t.Errorf("the log lacks %s: %s", want, log)
	}
}

func TestLimit(t *testing.T) {
	t.Parallel()
	size := func(mib int64) memory.Value { return memory.Value{N: mib << 20, OK: true} }
	for _, tt := range []struct {
		name      string
		asked     int
		container memory.Value
		openFiles uint64
		inUse     int64
		want      int
		lowered   bool
	}{
		{"no container", 0, memory.Value{}, 1 << 20, 10, 512, false},
		{"256 MiB", 0, size(256), 1 << 20, 10, 512, false},
		{"64 MiB", 0, size(64), 1 << 20, 10, 128, false},
		{"at least 64", 0, size(8), 1 << 20, 10, 64, false},
		{"at most 512", 0, size(1 << 20), 1 << 20, 10, 512, false},
		{"asked", 10000, size(64), 1 << 20, 10, 10000, false},
		{"unlimited files", 10000, size(64), math.MaxUint64, 10, 10000, false},
		{"few files", 0, size(256), 64, 10, 32, true},
		{"just enough files", 100, size(256), 132, 10, 100, false},
		{"asked over the files", 10000, memory.Value{}, 1024, 10, 992, true},
		{"24 in use and 8 are the fewest", 0, size(256), 64, 24, 32, true},
		{"25 in use", 0, size(256), 64, 25, 31, true},
		{"16 nested cgroups", 0, memory.Value{}, 128, 45, 75, true},
		{"just enough beside those in use", 75, memory.Value{}, 128, 45, 75, false},
		{"more in use than there may be", 0, memory.Value{}, 64, 100, 4, true},
		{"unlimited files beside many", 10000, size(64), math.MaxUint64, 500, 10000, false},
		{"hardly any files", 0, memory.Value{}, 20, 10, 4, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, lowered := Limit(tt.asked, tt.container, tt.openFiles, memory.Value{N: tt.inUse, OK: true})
			if got != tt.want || lowered != tt.lowered {
				t.Errorf("Limit(%d, %v, %d, %d) = %d, %v, want %d, %v", tt.asked, tt.container, tt.openFiles, tt.inUse, got, lowered, tt.want, tt.lowered)
			}
		})
	}
}

// running is a Server between Run's start and its end.
type running struct {
	*Server
	addr    string
	signals chan os.Signal
	done    chan error
	log     *logBuffer
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

func run(t *testing.T, options Options) *running {
	t.Helper()
	ln, err := Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := &logBuffer{}
	options.Log = slog.New(slog.NewTextHandler(log, nil))
	r := &running{newServer(t, container64("1"), options), ln.Addr().String(), make(chan os.Signal, 2), make(chan error, 1), log}
	go func() { r.done <- r.Run(ln, r.signals) }()
	return r
}

func (r *running) ended(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.done:
		return err
	case <-time.After(10 * time.Second):
		t.Fatal("it does not end")
		return nil
	}
}

// TestLifecycleLeaksNothing counts goroutines, so it does not run beside other tests.
func TestLifecycleLeaksNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, signals := range [][]os.Signal{
		{syscall.SIGTERM},
		{os.Interrupt},
		{syscall.SIGTERM, os.Interrupt},
		{syscall.SIGTERM, syscall.SIGTERM},
	} {
		r := run(t, Options{DrainDelay: 50 * time.Millisecond, ShutdownTimeout: time.Second})
		silent, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		client := &http.Client{Transport: &http.Transport{}}
		resp, err := client.Get("http://" + r.addr + MonitoringPath)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		for _, sig := range signals {
			r.signals <- sig
		}
		if err := r.ended(t); errors.Is(err, errForced) != (signals[len(signals)-1] != signals[0]) {
			t.Errorf("%v ended with %v", signals, err)
		}
		silent.Close()
		client.CloseIdleConnections()
	}
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// TestAwait stops with a signal after one second, and more after other intervals.
func TestAwait(t *testing.T) {
	t.Parallel()
	type after struct {
		interval time.Duration
		sig      os.Signal
	}
	for _, tt := range []struct {
		name   string
		first  os.Signal
		more   []after
		forced bool
	}{
		{"no other", syscall.SIGTERM, nil, false},
		{"the same at once", syscall.SIGTERM, []after{{0, syscall.SIGTERM}}, false},
		{"the same within a second", os.Interrupt, []after{{999 * time.Millisecond, os.Interrupt}}, false},
		{"the same twice", syscall.SIGTERM, []after{{0, syscall.SIGTERM}, {time.Millisecond, syscall.SIGTERM}}, false},
		{"the same a second later", syscall.SIGTERM, []after{{time.Second, syscall.SIGTERM}}, true},
		{"a repeat does not extend the second", syscall.SIGTERM,
			[]after{{600 * time.Millisecond, syscall.SIGTERM}, {600 * time.Millisecond, syscall.SIGTERM}}, true},
		{"another at once", syscall.SIGTERM, []after{{0, os.Interrupt}}, true},
		{"another after a repeat", os.Interrupt, []after{{0, os.Interrupt}, {0, syscall.SIGTERM}}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				signals := make(chan os.Signal)
				received := time.Now()
				go func() {
					for _, a := range tt.more {
						time.Sleep(a.interval)
						signals <- a.sig
					}
				}()
				_, err := await(time.After(3*time.Second), signals, tt.first, received)
				took := time.Since(received)
				if forced := errors.Is(err, errForced); forced != tt.forced || forced != (took < 3*time.Second) {
					t.Errorf("await() = %v after %v, want forced %v", err, took, tt.forced)
				}
			})
		})
	}
}

// TestLogOfStop holds both formats to the same names.
func TestLogOfStop(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		handler func(io.Writer) slog.Handler
		sig     os.Signal
		want    []string
	}{
		{"text", func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) }, syscall.SIGTERM,
			[]string{"msg=draining signal=SIGTERM delay=3s\n", "msg=stopping signal=SIGTERM timeout=5s\n"}},
		{"JSON", func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) }, syscall.SIGTERM,
			[]string{`"msg":"draining","signal":"SIGTERM","delay":"3s"}`, `"msg":"stopping","signal":"SIGTERM","timeout":"5s"}`}},
		{"text without a drain", func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) }, os.Interrupt,
			[]string{"msg=stopping signal=SIGINT timeout=5s\n"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				options := Options{Log: slog.New(tt.handler(&log)), DrainDelay: 3 * time.Second, ShutdownTimeout: 5 * time.Second}
				if err := newServer(t, container64("1"), options).stop(tt.sig, nil); err != nil {
					t.Errorf("stop(%v) = %v, want none", tt.sig, err)
				}
				for _, want := range tt.want {
					if !strings.Contains(log.String(), want) {
						t.Errorf("stop(%v) logged %s, want %s in it", tt.sig, &log, want)
					}
				}
			})
		})
	}
}

// TestLogRequests: at debug each answer is one line, whoever writes it.
func TestLogRequests(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ method, path, want string }{
		{"GET", LivePath, "method=GET path=/healthz code=200"},
		{"GET", PagePath, "method=GET path=/ code=200"},
		{"GET", "/nope", "method=GET path=/nope code=404"},
		{"POST", LivePath, "method=POST path=/healthz code=405"},
	} {
		for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo} {
			var log bytes.Buffer
			handler := slog.NewTextHandler(&log, &slog.HandlerOptions{Level: level})
			s := newServer(t, container64("1"), Options{Log: slog.New(handler)})
			s.http.Handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(tt.method, tt.path, nil))
			lines := 0
			if level == slog.LevelDebug {
				lines = 1
			}
			if got := strings.Count(log.String(), tt.want); got != lines || strings.Count(log.String(), "\n") != lines {
				t.Errorf("%s %s logged %q at %v, want %d lines with %s", tt.method, tt.path, &log, level, lines, tt.want)
			}
		}
	}
}

func TestRunCountsWhatItCuts(t *testing.T) {
	t.Parallel()
	r := run(t, Options{ShutdownTimeout: 100 * time.Millisecond})
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// net/http waits for the body before it answers: the request is in flight.
	io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
	for deadline := time.Now().Add(5 * time.Second); r.connections.Count().Open != 1; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the connection is not counted")
		}
	}
	time.Sleep(50 * time.Millisecond) // until its header is read
	r.signals <- os.Interrupt
	if err := r.ended(t); err != nil {
		t.Error(err)
	}
	if want := `level=WARN msg="closing connections in use" connections=1`; !strings.Contains(r.log.String(), want) {
		t.Errorf("the log lacks %s:\n%s", want, r.log)
	}
}

func TestRunTellsAListenersError(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	if err := newServer(t, container64("1"), Options{}).Run(ln, nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Run on a closed listener = %v, want %v", err, net.ErrClosed)
	}
}

// BenchmarkRequest is the cost of one request on a kept-alive connection, net/http's
// and the kernel's included.
func BenchmarkRequest(b *testing.B) {
	for _, path := range []string{LivePath, MonitoringPath} {
		b.Run(path, func(b *testing.B) {
			s := newServer(b, container64("1"), Options{})
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
