package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/halobuzz/healthd/internal/health"
)

// client is one keep-alive connection. Unlike http.Transport it never sends a request
// twice, so a request that is lost shows.
type client struct {
	conn net.Conn
	r    *bufio.Reader
}

func (s *service) client() *client {
	conn := s.dial()
	return &client{conn, bufio.NewReader(conn)}
}

// get returns the answer's code, and whether it says that the connection ends here.
func (c *client) get(path string) (code int, last bool, err error) {
	c.conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := fmt.Fprintf(c.conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path); err != nil {
		return 0, false, err
	}
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return 0, false, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, resp.Close, err
}

// TestDrainLosesNothing stops the service while clients hammer it, each of which leaves
// when it is told to, as a load balancer does.
func TestDrainLosesNothing(t *testing.T) {
	t.Parallel()
	s := start(t, "DRAIN_DELAY=1s")
	const clients = 32
	var answered atomic.Int64
	ends := make(chan error, clients)
	for i := range clients {
		c := s.client()
		path := []string{"/healthz", "/api/v1/monitoring/health"}[i%2]
		go func() {
			for {
				code, last, err := c.get(path)
				if err != nil || code != 200 {
					ends <- fmt.Errorf("%s after %d answers: code %d, %w", path, answered.Load(), code, err)
					return
				}
				answered.Add(1)
				if last {
					ends <- nil
					return
				}
			}
		}()
	}
	eventually(t, 5*time.Second, "is busy", func() bool { return answered.Load() > 20*clients })
	s.signal(syscall.SIGTERM)
	told := 0
	for range clients {
		if err := <-ends; err != nil {
			t.Error(err)
		} else {
			told++
		}
	}
	if code := s.ended(5 * time.Second); code != 0 {
		t.Errorf("exit %d, want 0", code)
	}
	t.Logf("%d answers to %d clients, %d told to leave", answered.Load(), clients, told)
}

// TestDrainShowsOnOpenConnections is about connections that were open before: readiness
// must fail on them too, while liveness does not.
func TestDrainShowsOnOpenConnections(t *testing.T) {
	t.Parallel()
	s := start(t, "DRAIN_DELAY=1s")
	ready, live, monitoring := s.client(), s.client(), s.client()
	for _, c := range []*client{ready, live, monitoring} {
		if code, last, err := c.get("/readyz"); code != 200 || last || err != nil {
			t.Fatalf("before: code %d, last %v, %v", code, last, err)
		}
	}
	if r := s.report(); r.Draining {
		t.Errorf("before: report %+v, want no draining", r)
	}
	s.signal(syscall.SIGTERM)
	time.Sleep(100 * time.Millisecond) // the promise under test
	if code, last, err := ready.get("/readyz"); code != 503 || !last || err != nil {
		t.Errorf("/readyz: code %d, last %v, %v, want 503 and the last", code, last, err)
	}
	if code, last, err := live.get("/healthz"); code != 200 || !last || err != nil {
		t.Errorf("/healthz: code %d, last %v, %v, want 200 and the last", code, last, err)
	}
	if code, last, err := monitoring.get("/api/v1/monitoring/health"); code != 200 || !last || err != nil {
		t.Errorf("/api/v1/monitoring/health: code %d, last %v, %v, want 200 and the last", code, last, err)
	}
	if r := s.report(); !r.Draining || r.Status != health.Pass {
		t.Errorf("report %+v, want draining and pass", r)
	}
	if _, body := get(t, s.url("/readyz")); body != `{"status":"fail","output":"The service is shutting down"}`+"\n" {
		t.Errorf("/readyz says %q", body)
	}
	if code := s.ended(5 * time.Second); code != 0 {
		t.Errorf("exit %d, want 0", code)
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	// silent opens a connection and says nothing; half stops in the middle of a header;
	// slow sends a body that never ends. All three are there before the signal.
	silent := func(t *testing.T, s *service) { s.dial() }
	half := func(t *testing.T, s *service) { io.WriteString(s.dial(), "GET /healthz HTTP/1.1\r\nHos") }
	slow := func(t *testing.T, s *service) {
		conn := s.dial()
		io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
		go func() {
			for _, err := io.WriteString(conn, "x"); err == nil; _, err = io.WriteString(conn, "x") {
				time.Sleep(100 * time.Millisecond)
			}
		}()
	}
	const later = 1100 * time.Millisecond // the same signal within a second is no second one
	for _, tt := range []struct {
		name        string
		env         []string
		with        func(*testing.T, *service)
		signal      []syscall.Signal
		apart       time.Duration // between the signals, once the first has arrived
		from, until time.Duration // after the first signal
		code        int
		log         string
	}{
		{"SIGTERM drains", []string{"DRAIN_DELAY=1s"}, nil, []syscall.Signal{syscall.SIGTERM}, 0, time.Second, 2 * time.Second, 0, "msg=stopped"},
		{"the default drain", nil, nil, []syscall.Signal{syscall.SIGTERM}, 0, 3 * time.Second, 4 * time.Second, 0, "msg=stopped"},
		{"SIGINT does not", nil, nil, []syscall.Signal{syscall.SIGINT}, 0, 0, time.Second, 0, "msg=stopped"},
		{"no drain", []string{"DRAIN_DELAY=0"}, nil, []syscall.Signal{syscall.SIGTERM}, 0, 0, time.Second, 0, "msg=stopped"},
		{"a second signal", nil, nil, []syscall.Signal{syscall.SIGTERM, syscall.SIGTERM}, later, later, 2 * time.Second, 1, "second signal"},
		{"the same signal twice", []string{"DRAIN_DELAY=1s"}, nil, []syscall.Signal{syscall.SIGTERM, syscall.SIGTERM}, 0, time.Second, 2 * time.Second, 0, "msg=stopped"},
		{"Ctrl-C in the drain", nil, nil, []syscall.Signal{syscall.SIGTERM, syscall.SIGINT}, 0, 0, time.Second, 1, "second signal"},
		{"a second signal while requests end", nil, slow, []syscall.Signal{syscall.SIGINT, syscall.SIGINT}, later, later, 2 * time.Second, 1, "second signal"},
		{"silent connection", []string{"DRAIN_DELAY=1s"}, silent, []syscall.Signal{syscall.SIGTERM}, 0, time.Second, 2 * time.Second, 0, "msg=stopped"},
		{"silent connection, no drain", nil, silent, []syscall.Signal{syscall.SIGINT}, 0, 0, 2 * time.Second, 0, "msg=stopped"},
		{"half a header", []string{"DRAIN_DELAY=1s"}, half, []syscall.Signal{syscall.SIGTERM}, 0, time.Second, 2 * time.Second, 0, "msg=stopped"},
		{"slow body", []string{"SHUTDOWN_TIMEOUT=1s"}, slow, []syscall.Signal{syscall.SIGINT}, 0, time.Second, 2 * time.Second, 0, "connections=1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, tt.env...)
			if tt.with != nil {
				tt.with(t, s)
				time.Sleep(200 * time.Millisecond) // for the server to read what was sent
			}
			began := time.Now()
			for i, sig := range tt.signal {
				if i > 0 {
					eventually(t, time.Second, "took the first signal", func() bool {
						return strings.Contains(s.log.String(), "signal=")
					})
					time.Sleep(tt.apart)
				}
				s.signal(sig)
			}
			code := s.ended(10 * time.Second)
			took := time.Since(began)
			if code != tt.code || took < tt.from || took > tt.until {
				t.Errorf("exit %d after %v, want %d after %v to %v", code, took, tt.code, tt.from, tt.until)
			}
			if !strings.Contains(s.log.String(), tt.log) {
				t.Errorf("the log lacks %q", tt.log)
			}
		})
	}
}
