package server

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// maxLines is how many lines a client may send without an answer in between. A header
// line costs net/http about 100 bytes of map and a chunk of one byte costs a parse, so
// that thousands of either fit the limits in bytes and fill the memory or the processor.
// A header has about 10 lines; 300 are also 100 requests that a client pipelines.
const maxLines = 300

const (
	// lingerTimeout is how long a closed connection is kept for a client that has not
	// acknowledged its response yet. It spans a few lost packets.
	lingerTimeout = 5 * time.Second

	// lingerPoll is the time between two checks of what is not acknowledged. Nothing else
	// reports an acknowledgment, but most clients close the connection with it. At 10 ms, 500
	// connections took a fifth of a CPU.
	lingerPoll = 250 * time.Millisecond

	// refusalTimeout is how long a client that is still sending gets to read a 431.
	refusalTimeout = 500 * time.Millisecond
)

// conn is an accepted connection. It bounds what its client can make net/http and the
// kernel hold beyond the connection's place in the table.
type conn struct {
	*net.TCPConn
	table *connections
	lines atomic.Int32 // sent since the last answer

	// fresh is whether the request was received since the last answer. If not, the client has
	// sent it without waiting for that answer.
	fresh atomic.Bool

	wasReset atomic.Bool
}

// Read resets the connection once it has read more than maxLines since the last answer.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	if len(p) > 1 { // net/http reads one byte to notice that a client leaves
		c.fresh.Store(true)
	}
	if c.lines.Add(int32(bytes.Count(p[:n], []byte("\n")))) > maxLines {
		c.reset()
		return 0, io.EOF // net/http ends the connection without an answer
	}
	return n, err
}

// Write resets the connection if it fails: after a timeout the kernel still has data that
// the client does not take.
func (c *conn) Write(p []byte) (int, error) {
	n, err := c.TCPConn.Write(p)
	c.lines.Store(0)
	c.fresh.Store(false)
	if err != nil {
		c.reset()
	}
	return n, err
}

// CloseWrite is called by net/http after it has refused a header with 431. net/http would then
// sleep for 500 ms, so that a client that is still sending does not lose the response, and
// keep the connection's buffers meanwhile even if the connection was evicted. CloseWrite waits
// itself, until the connection is evicted and not at all while the table is half full. It then
// panics with http.ErrAbortHandler, which ends the connection's goroutine and is not logged.
func (c *conn) CloseWrite() error {
	c.TCPConn.CloseWrite()
	if !c.table.halfFull() {
		c.await(refusalTimeout, func(uintptr) bool { return false })
	}
	panic(http.ErrAbortHandler)
}

// Close closes the connection once the client has acknowledged everything, including the end.
// The kernel keeps what is not acknowledged of a closed connection for minutes, charges it to
// the container on cgroup v2, and has no limit on the number of such connections. Until Close
// returns, the connection has its place in the table and can be evicted.
func (c *conn) Close() error {
	if c.wasReset.Load() {
		return nil // net/http closes an evicted connection as well
	}
	c.TCPConn.CloseWrite()
	acknowledged := func(fd uintptr) bool { return unacknowledged(fd) == 0 }
	deadline := time.Now().Add(lingerTimeout)
	// A server that stops does not wait, because it closes one connection after the other.
	for !c.table.stopping.Load() && !c.await(lingerPoll, acknowledged) {
		if time.Now().After(deadline) {
			return c.reset()
		}
	}
	return c.TCPConn.Close()
}

// await calls done with the file descriptor, and again whenever the client sends something or
// closes the connection, until done returns true, the connection is closed, or the time is
// over. It reports whether there is nothing left to wait for.
func (c *conn) await(timeout time.Duration, done func(fd uintptr) bool) bool {
	raw, err := c.SyscallConn()
	if err == nil {
		c.SetReadDeadline(time.Now().Add(timeout))
		err = raw.Read(done)
	}
	return !errors.Is(err, os.ErrDeadlineExceeded)
}

// reset closes the connection at once and discards what the client has not acknowledged.
func (c *conn) reset() error {
	c.wasReset.Store(true)
	c.SetLinger(0)
	return c.TCPConn.Close()
}
