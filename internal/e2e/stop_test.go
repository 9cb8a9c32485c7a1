package e2e

import (
	"io"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// An opener uses a connection of the service in a way that a stop has to deal with.
type opener func(*testing.T, *service)

// silent opens a connection and sends nothing.
func silent(_ *testing.T, s *service) { s.dial() }

// halfSent sends the first half of a header.
func halfSent(_ *testing.T, s *service) {
	io.WriteString(s.dial(), "GET /healthz HTTP/1.1\r\nHos")
}

// endless sends a body that does not end before the test does.
func endless(t *testing.T, s *service) {
	conn := s.dial()
	io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
	var writer sync.WaitGroup
	writer.Go(func() {
		for _, err := io.WriteString(conn, "x"); err == nil; _, err = io.WriteString(conn, "x") {
			time.Sleep(100 * time.Millisecond)
		}
	})
	t.Cleanup(func() {
		conn.Close()
		writer.Wait()
	})
}

// stopCase is a way to stop the service.
type stopCase struct {
	name        string
	env         []string
	open        opener // before the signals
	signals     []syscall.Signal
	apart       time.Duration // between the signals, once the first one has arrived
	from, until time.Duration // the end of the service, after the first signal
	code        int
	log         string
}

func TestStop(t *testing.T) {
	t.Parallel()
	const later = 1100 * time.Millisecond // within a second, a signal repeats the first one
	const second = time.Second
	const forced = `msg="forced stop: second signal received" signal=`
	drain := []string{"DRAIN_DELAY=1s"}
	term, interrupt := []syscall.Signal{syscall.SIGTERM}, []syscall.Signal{syscall.SIGINT}
	termTwice := []syscall.Signal{syscall.SIGTERM, syscall.SIGTERM}
	interruptTwice := []syscall.Signal{syscall.SIGINT, syscall.SIGINT}
	termInterrupt := []syscall.Signal{syscall.SIGTERM, syscall.SIGINT}
	for _, tt := range []stopCase{
		{"SIGTERM drains", drain, nil, term, 0,
			second, 2 * second, 0, "msg=stopped"},
		{"the default drain", nil, nil, term, 0,
			3 * second, 4 * second, 0, "msg=stopped"},
		{"SIGINT does not drain", nil, nil, interrupt, 0,
			0, second, 0, "msg=stopped"},
		{"no drain", []string{"DRAIN_DELAY=0"}, nil, term, 0,
			0, second, 0, "msg=stopped"},
		{"a second signal", nil, nil, termTwice, later,
			later, 2 * second, 1, forced + "SIGTERM"},
		{"the same signal twice", drain, nil, termTwice, 0,
			second, 2 * second, 0, "msg=stopped"},
		{"Ctrl-C in the drain", nil, nil, termInterrupt, 0,
			0, second, 1, forced + "SIGINT"},
		{"a second signal while requests end", nil, endless, interruptTwice, later,
			later, 2 * second, 1, forced + "SIGINT"},
		{"silent connection", drain, silent, term, 0,
			second, 2 * second, 0, "msg=stopped"},
		{"silent connection, no drain", nil, silent, interrupt, 0,
			0, 2 * second, 0, "msg=stopped"},
		{"half a header", drain, halfSent, term, 0,
			second, 2 * second, 0, "msg=stopped"},
		{"endless body", []string{"SHUTDOWN_TIMEOUT=1s"}, endless, interrupt, 0,
			second, 2 * second, 0, "connections=1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			testStop(t, tt)
		})
	}
}

func testStop(t *testing.T, tt stopCase) {
	s := start(t, tt.env...)
	if tt.open != nil {
		tt.open(t, s)
		// With the one that httpClient keeps.
		eventually(t, 5*time.Second, "counts the connection", func() bool {
			return s.report().Connections.Open == 2
		})
	}
	began := time.Now()
	for i, sig := range tt.signals {
		if i > 0 {
			eventually(t, time.Second, "logs the first signal", func() bool {
				return strings.Contains(s.log.String(), "signal=")
			})
			time.Sleep(tt.apart)
		}
		s.signal(sig)
	}
	code := s.ended(10 * time.Second)
	took := time.Since(began)
	if code != tt.code || took < tt.from || took > tt.until {
		t.Errorf("%v: exit code %d after %v, want %d after %v to %v",
			tt.signals, code, took, tt.code, tt.from, tt.until)
	}
	if !strings.Contains(s.log.String(), tt.log) {
		t.Errorf("the log lacks %q", tt.log)
	}
}
