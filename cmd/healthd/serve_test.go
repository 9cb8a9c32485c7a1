package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halobuzz/healthd/internal/app"
	"github.com/halobuzz/healthd/internal/config"
	"github.com/halobuzz/healthd/internal/monitor"
	"github.com/halobuzz/healthd/internal/report"
	"github.com/halobuzz/healthd/internal/server"
)

// testConfig returns a configuration that leaves the memory limit of the test process alone.
func testConfig(drain, shutdown time.Duration) config.Config {
	return config.Config{
		MemoryLimit: math.MaxInt64,
		WarnPercent: 80, FailPercent: 90,
		DrainDelay: drain, ShutdownTimeout: shutdown,
	}
}

// running is a service that listens.
type running struct {
	*service
	addr    string
	signals chan os.Signal
	done    chan error
	logged  *logBuffer
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

// start starts a service. The test has to end it.
func start(t *testing.T, cfg config.Config) *running {
	t.Helper()
	ln, err := server.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	logged := &logBuffer{}
	r := &running{
		service: newService(cfg, slog.New(slog.NewTextHandler(logged, nil)), nil),
		addr:    ln.Addr().String(),
		signals: make(chan os.Signal, 2),
		done:    make(chan error, 1),
		logged:  logged,
	}
	go func() { r.done <- r.run(ln, r.signals) }()
	return r
}

// end returns how the service ends.
func (r *running) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.done:
		return err
	case <-time.After(10 * time.Second):
		t.Fatal("the service does not end")
		return nil
	}
}

// waitFor polls until a condition holds.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("still waiting for ", what)
		}
	}
}

// TestLifecycleLeaksNothing counts goroutines, so that it does not run beside other tests.
func TestLifecycleLeaksNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, signals := range [][]os.Signal{
		{syscall.SIGTERM},
		{os.Interrupt},
		{syscall.SIGTERM, os.Interrupt},
		{syscall.SIGTERM, syscall.SIGTERM},
	} {
		r := start(t, testConfig(50*time.Millisecond, time.Second))
		silent, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		client := &http.Client{Transport: &http.Transport{}}
		resp, err := client.Get("http://" + r.addr + report.MonitoringPath)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		for _, sig := range signals {
			r.signals <- sig
		}
		err = r.end(t)
		forced, ok := errors.AsType[forcedStop](err)
		last := signals[len(signals)-1]
		if ok != (last != signals[0]) || ok != (err != nil) || ok && forced.signal != last {
			t.Errorf("%v: run() = %v", signals, err)
		}
		silent.Close()
		client.CloseIdleConnections()
	}
	deadline := time.Now().Add(5 * time.Second)
	for ; runtime.NumGoroutine() > before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, %d before:\n%s",
				runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// TestServesDuringDrain holds that a service that drains is not ready but still serves, and that
// each of its responses is the last one on its connection.
func TestServesDuringDrain(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig(time.Minute, time.Second))
	get := func(path string) *http.Response {
		resp, err := http.Get("http://" + r.addr + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp
	}
	if resp := get(report.ReadyPath); resp.StatusCode != http.StatusOK {
		t.Errorf("before the drain %s = %d, want 200", report.ReadyPath, resp.StatusCode)
	}
	r.signals <- syscall.SIGTERM
	waitFor(t, "the drain", func() bool { return strings.Contains(r.logged.String(), "msg=draining") })
	for path, want := range map[string]int{
		report.LivePath: 200, report.ReadyPath: 503, report.MonitoringPath: 200,
	} {
		if resp := get(path); resp.StatusCode != want || !resp.Close {
			t.Errorf("%s = %d, closes %v, want %d, true", path, resp.StatusCode, resp.Close, want)
		}
	}
	waitFor(t, "a report of the drain", func() bool { return r.monitor.Documents().State.Draining })
	r.signals <- os.Interrupt
	if _, ok := errors.AsType[forcedStop](r.end(t)); !ok {
		t.Error("a second signal does not end the drain")
	}
}

// TestLogOfStop holds both formats to the same names.
func TestLogOfStop(t *testing.T) {
	t.Parallel()
	text := func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) }
	for _, tt := range []struct {
		name    string
		handler func(io.Writer) slog.Handler
		signal  os.Signal
		want    []string
	}{
		{"text", text, syscall.SIGTERM, []string{
			"msg=draining signal=SIGTERM delay=3s\n", "msg=stopping signal=SIGTERM timeout=5s\n"}},
		{"JSON", func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) },
			syscall.SIGTERM, []string{
				`"msg":"draining","signal":"SIGTERM","delay":"3s"}`,
				`"msg":"stopping","signal":"SIGTERM","timeout":"5s"}`}},
		{"text without a drain", text, os.Interrupt, []string{
			"msg=stopping signal=SIGINT timeout=5s\n"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				cfg := testConfig(3*time.Second, 5*time.Second)
				s := newService(cfg, slog.New(tt.handler(&log)), nil)
				if err := s.stop(tt.signal, tt.signal == syscall.SIGTERM, nil); err != nil {
					t.Errorf("stop(%v) = %v, want none", tt.signal, err)
				}
				if got := strings.Count(log.String(), "\n"); got != len(tt.want) {
					t.Errorf("stop(%v) logged %d lines, want %d", tt.signal, got, len(tt.want))
				}
				for _, want := range tt.want {
					if !strings.Contains(log.String(), want) {
						t.Errorf("stop(%v) logged %s, want %s in it", tt.signal, &log, want)
					}
				}
			})
		})
	}
}

// TestLogEnd holds the last line of the log and the exit code to the end of the service and to that
// of the command, if there is one.
func TestLogEnd(t *testing.T) {
	t.Parallel()
	ended := func(code int) *monitor.AppEnd { return &monitor.AppEnd{Exit: app.Exit{Code: code}} }
	const forced = `level=ERROR msg="forced stop: second signal received" signal=SIGINT`
	failure := errors.New("accept: no more")
	for _, tt := range []struct {
		err  error
		end  *monitor.AppEnd
		want string
		code int
	}{
		{nil, nil, "level=INFO msg=stopped\n", 0},
		{forcedStop{os.Interrupt}, nil, forced, 1},
		{failure, nil, `level=ERROR msg=failed error="accept: no more"`, 1},
		{nil, ended(0), "level=INFO msg=stopped\n", 0},
		{nil, ended(143), "level=INFO msg=stopped\n", 143},
		{forcedStop{os.Interrupt}, ended(137), forced, 137},
		{failure, ended(137), `level=ERROR msg=failed error="accept: no more"`, 1},
		{fmt.Errorf("%w. Memory", errNearLimit), ended(143), "level=INFO msg=stopped\n", 1},
	} {
		var log bytes.Buffer
		s := &service{log: slog.New(slog.NewTextHandler(&log, nil)), end: tt.end}
		code := s.logEnd(tt.err)
		if !strings.Contains(log.String(), tt.want) || code != tt.code {
			t.Errorf("logEnd(%v) with %+v = %d and logged %q, want %d and %q",
				tt.err, tt.end, code, log.String(), tt.code, tt.want)
		}
	}
}

func TestStopCountsWhatItCloses(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig(0, 100*time.Millisecond))
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// net/http waits for the body after the response: the request is in flight.
	io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
	conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	r.signals <- os.Interrupt
	if err := r.end(t); err != nil {
		t.Errorf("run() = %v, want none", err)
	}
	want := `level=WARN msg="closing connections in use" connections=1`
	if got := r.logged.String(); !strings.Contains(got, want) {
		t.Errorf("the log lacks %s:\n%s", want, got)
	}
}

func TestRunReturnsListenerError(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	s := newService(testConfig(0, time.Second), slog.New(slog.DiscardHandler), nil)
	if err := s.run(ln, nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("run() on a closed listener = %v, want %v", err, net.ErrClosed)
	}
}
