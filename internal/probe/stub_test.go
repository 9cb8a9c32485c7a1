package probe

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

// loopback is any free port on 127.0.0.1.
const loopback = "127.0.0.1:0"

// stub is a server whose connections a test handles.
type stub struct {
	net.Listener
	accepted atomic.Int64
}

// serve answers each connection on address with handle, whose connection is closed for
// it, and waits for all of them when the test ends.
func serve(t testing.TB, address string, handle func(net.Conn)) *stub {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, listener, handle)
}

// serveOn is serve with a listener, such as one for TLS.
func serveOn(t testing.TB, listener net.Listener, handle func(net.Conn)) *stub {
	t.Helper()
	s := &stub{Listener: listener}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.accepted.Add(1)
			group.Go(func() {
				defer conn.Close()
				// A probe that never returns must fail its test, not hold it here.
				defer context.AfterFunc(t.Context(), func() { conn.Close() })()
				handle(conn)
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		group.Wait()
	})
	return s
}

func (s *stub) addr() *net.TCPAddr { return s.Addr().(*net.TCPAddr) }

// url returns scheme://127.0.0.1:PORT and suffix.
func (s *stub) url(scheme, suffix string) string {
	return scheme + "://" + s.Addr().String() + suffix
}

// port returns the port as a string.
func (s *stub) port() string { return strconv.Itoa(s.addr().Port) }

// silent accepts and says nothing until the client closes.
func silent(conn net.Conn) { io.Copy(io.Discard, conn) }

// httpReply reads the whole request first: closing with bytes unread resets the connection.
func httpReply(text string) func(net.Conn) {
	return func(conn net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
			return
		}
		io.WriteString(conn, text)
	}
}

// reply reads a request of the given length and answers it.
func reply(request int, text string) func(net.Conn) {
	return func(conn net.Conn) {
		if _, err := io.ReadFull(conn, make([]byte, request)); err == nil {
			io.WriteString(conn, text)
		}
	}
}

// refused returns an address where nobody listens while the test runs: it is a client's
// own, so that no parallel test can get it.
func refused(t testing.TB) string {
	t.Helper()
	conn, err := net.Dial("tcp", serve(t, loopback, silent).Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.LocalAddr().String()
}

func mustParse(t testing.TB, url string) Target {
	t.Helper()
	target, err := Parse(url)
	if err != nil {
		t.Fatalf("Parse(%q) = %v, want no error", url, err)
	}
	return target
}

// checkResult holds a result to a reason, which is empty for a pass.
func checkResult(t testing.TB, url string, got Result, want Reason) {
	t.Helper()
	if got.Passed != (want == "") || got.Reason != want {
		t.Errorf("Ask(%q) = %+v, want the reason %q", url, got, want)
	}
	if got.Time.IsZero() || got.Duration < 0 || got.Duration > 2*Timeout {
		t.Errorf("Ask(%q) = %+v, want a time and a duration of at most %v", url, got, Timeout)
	}
}

// isReason returns the Reason that err is.
func isReason(err error) Reason {
	reason, _ := errors.AsType[Reason](err)
	return reason
}
