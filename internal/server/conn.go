package server

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// maxLines is how many lines a client may send without an answer in between. A header
// line costs net/http about 100 bytes of map and a chunk of one byte costs a parse, so
// that thousands of either fit the limits in bytes and fill the memory or the processor.
// A header has about 10 lines; 300 are also 100 requests that a client pipelines.
const maxLines = 300

// lingerTimeout is how long a closed connection is kept for a client that has not
// acknowledged its answer yet. It spans a few lost packets.
const lingerTimeout = 5 * time.Second

// lingerPoll is the time between two looks at what is not acknowledged, and the longest
// that a goroutine outlives the eviction of its connection.
const lingerPoll = 10 * time.Millisecond

// conn is an accepted connection. It bounds what its client can make net/http and the
// kernel hold beyond the connection's place in the table.
type conn struct {
	*net.TCPConn
	table *Connections
	lines atomic.Int32 // sent since the last answer
}

// Read resets the connection once it has read more than maxLines since the last answer.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
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
	if err != nil {
		c.reset()
	}
	return n, err
}

// CloseWrite is called by net/http after it has refused a header with 431. It then sleeps
// for 500 ms, so that a client that is still sending does not lose the answer, and keeps
// the connection's buffers meanwhile even if the connection is closed. Clients that come
// back at once hold as many buffers as they send requests in that time. While the table is
// half full CloseWrite therefore panics with http.ErrAbortHandler, which ends the
// connection's goroutine and is not logged.
func (c *conn) CloseWrite() error {
	if c.table.filled(2) {
		panic(http.ErrAbortHandler)
	}
	return c.TCPConn.CloseWrite()
}

// Close closes the connection once the client has acknowledged all that was sent. The
// kernel keeps what is not acknowledged of a closed connection for minutes, charges it to
// the container on cgroup v2, and puts no bound on how many such connections there are.
// Until Close returns, the connection has its place in the table and can be evicted.
func (c *conn) Close() error {
	for deadline := time.Now().Add(lingerTimeout); unacknowledged(c.TCPConn) > 0; time.Sleep(lingerPoll) {
		if c.table.stopping.Load() {
			break // http.Server closes one connection after the other
		}
		if time.Now().After(deadline) {
			return c.reset()
		}
	}
	return c.TCPConn.Close()
}

// reset closes the connection at once and discards what the client has not acknowledged.
func (c *conn) reset() error {
	c.SetLinger(0)
	return c.TCPConn.Close()
}
