package server

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// dialNarrow opens a connection that takes about 1 KB before it is read from.
func (r *running) dialNarrow(t *testing.T) net.Conn {
	t.Helper()
	dialer := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) {
			syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 1)
		})
	}}
	conn, err := dialer.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// acceptOne returns an accepted connection, whose client stays open until the test ends.
func acceptOne(t *testing.T) *conn {
	t.Helper()
	ln, err := Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	accepted, err := listener{ln, newConnections(100)}.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { accepted.Close() })
	return accepted.(*conn)
}

// TestSmallSocketBuffers allows for the kernel, which doubles what it is asked for to count its
// own part.
func TestSmallSocketBuffers(t *testing.T) {
	t.Parallel()
	raw, err := acceptOne(t).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) {
		for name, option := range map[string]int{
			"SO_SNDBUF": syscall.SO_SNDBUF, "SO_RCVBUF": syscall.SO_RCVBUF,
		} {
			got, err := syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, option)
			if err != nil || got > 2*socketBuffer {
				t.Errorf("%s = %d, %v, want at most %d", name, got, err, 2*socketBuffer)
			}
		}
	})
}

const lastMetrics = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

// TestCloseWaits has a client that takes its answer late. The connection stays in the
// table until then, although net/http has closed it.
func TestCloseWaits(t *testing.T) {
	t.Parallel()
	r := serving(t)
	conn := r.dialNarrow(t)
	io.WriteString(conn, lastMetrics)
	r.waitOpen(t, 1)
	time.Sleep(200 * time.Millisecond)
	if got := r.open(); got != 1 {
		t.Fatalf("%d connections in the table while one has not taken its answer, want 1", got)
	}
	if n, err := readToEnd(conn); n < 3000 || err != nil {
		t.Errorf("read %d bytes and %v, want the metrics and no error", n, err)
	}
	r.waitOpen(t, 0)
}

// TestCloseGivesUp has clients that never take their answers: to one the server sends
// more than the kernel buffers, to the other less.
func TestCloseGivesUp(t *testing.T) {
	t.Parallel()
	for name, request := range map[string]string{
		"closed": lastMetrics,
		"unread": strings.Repeat("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 50),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := serving(t)
			conn := r.dialNarrow(t)
			io.WriteString(conn, request)
			r.waitOpen(t, 1)
			time.Sleep(lingerTimeout)
			for deadline := time.Now().Add(15 * time.Second); r.open() > 0; {
				if time.Now().After(deadline) {
					t.Fatal("the connection is kept")
				}
				time.Sleep(10 * time.Millisecond)
			}
			if _, err := readToEnd(conn); err != syscall.ECONNRESET {
				t.Errorf("the client reads %v, want a reset", err)
			}
		})
	}
}

// TestCloseWithoutAck has a client that takes its response and never acknowledges that it was
// the last one, because its kernel drops the FIN.
func TestCloseWithoutAck(t *testing.T) {
	t.Parallel()
	r := serving(t)
	conn := r.dialNarrow(t)
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	filter := []syscall.SockFilter{
		{Code: syscall.BPF_LD | syscall.BPF_B | syscall.BPF_ABS, K: 13},         // the TCP flags
		{Code: syscall.BPF_JMP | syscall.BPF_JSET | syscall.BPF_K, Jf: 1, K: 1}, // FIN
		{Code: syscall.BPF_RET | syscall.BPF_K, K: 0},
		{Code: syscall.BPF_RET | syscall.BPF_K, K: 1 << 16},
	}
	program := syscall.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	var errno syscall.Errno
	raw.Control(func(fd uintptr) {
		_, _, errno = syscall.Syscall6(syscall.SYS_SETSOCKOPT, fd, syscall.SOL_SOCKET,
			syscall.SO_ATTACH_FILTER, uintptr(unsafe.Pointer(&program)), unsafe.Sizeof(program), 0)
	})
	if errno != 0 {
		t.Fatal(errno)
	}
	io.WriteString(conn, "GET /healthz HTTP/1.0\r\n\r\n")
	r.waitOpen(t, 1)
	time.Sleep(lingerTimeout / 2)
	if got := r.open(); got != 1 {
		t.Errorf("%d connections in the table while the end is not acknowledged, want 1", got)
	}
	if n, err := readToEnd(conn); n == 0 || err != syscall.ECONNRESET {
		t.Errorf("the client reads %d bytes and %v, want a response and a reset", n, err)
	}
}

// TestRefusedHeaderIsEvicted evicts a connection while it waits for a client whose header was
// refused. Its buffers are to be free at once.
func TestRefusedHeaderIsEvicted(t *testing.T) {
	t.Parallel()
	accepted := acceptOne(t)
	ended := make(chan any)
	began := time.Now()
	go func() {
		defer func() { ended <- recover() }()
		accepted.CloseWrite()
	}()
	time.Sleep(50 * time.Millisecond)
	accepted.reset()
	if got := <-ended; got != http.ErrAbortHandler || time.Since(began) > refusalTimeout*3/4 {
		t.Errorf("CloseWrite ended with %v after %v, want %v at once",
			got, time.Since(began), http.ErrAbortHandler)
	}
}

// TestCloseAfterReset has a client that resets the connection before it has acknowledged the
// answer. There is nothing to wait for.
func TestCloseAfterReset(t *testing.T) {
	t.Parallel()
	r := serving(t)
	conn := r.dialNarrow(t)
	io.WriteString(conn, lastMetrics)
	r.waitOpen(t, 1)
	time.Sleep(50 * time.Millisecond)
	conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
	began := time.Now()
	r.waitOpen(t, 0)
	if took := time.Since(began); took > lingerTimeout/2 {
		t.Errorf("the connection was kept for %v after the reset", took)
	}
}

// TestEvictionOfUnread has a full table of clients that were answered and take nothing.
// The one that is evicted is reset, at once.
func TestEvictionOfUnread(t *testing.T) {
	t.Parallel()
	r := serving(t)
	conns := make([]net.Conn, r.connections.limit)
	for i := range conns {
		conns[i] = r.dialNarrow(t)
		io.WriteString(conns[i], lastMetrics)
		// Each request is received before the next one, so that conns[0] has the oldest.
		waitFor(t, func() (string, bool) {
			r.connections.mu.Lock()
			defer r.connections.mu.Unlock()
			const changes = 2 // of each connection's state: new, active
			return "a request is not received", r.connections.sequence == uint64(changes*(i+1))
		})
	}
	r.waitOpen(t, len(conns))
	began := time.Now()
	r.dial(t)
	r.waitEvicted(t, 1) // a client that reads before would take its answer
	_, err := readToEnd(conns[0])
	if took := time.Since(began); err != syscall.ECONNRESET || took > time.Second {
		t.Errorf("the oldest connection reads %v after %v, want a reset at once", err, took)
	}
}

// TestStopDoesNotWait stops a server with connections whose clients take nothing.
func TestStopDoesNotWait(t *testing.T) {
	t.Parallel()
	r := serving(t)
	for range 10 {
		io.WriteString(r.dialNarrow(t), "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
	}
	r.waitOpen(t, 10)
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	r.Shutdown(ctx)
	r.Close()
	r.waitEnded(t)
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("the stop took %v", took)
	}
}
