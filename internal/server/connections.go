package server

import (
	"net"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// connections is a table of the open connections. Its size is fixed because connections are
// memory: net/http holds about 20 KB for each that is kept alive. When the table is full, a
// new connection is accepted and the one that has been least useful for longest is evicted. A
// listener that stopped accepting instead would keep the next health probe waiting behind
// connections that send nothing.
//
// rows holds at most limit connections, and index has the position of each of them. A
// connection that is not in index was evicted or closed, whatever it still reports.
type connections struct {
	limit    int
	stopping atomic.Bool // the server no longer waits for clients to take their answers

	mu       sync.Mutex
	rows     []row
	index    map[net.Conn]int
	sequence uint64 // of the last change of state of any connection
	evicted  int64
}

// row is one connection.
type row struct {
	conn     net.Conn
	state    http.ConnState
	sequence uint64 // of its last change of state
	requests int    // received
	accepted time.Time
}

// newConnections returns an empty table for limit connections, at least 1.
func newConnections(limit int) *connections {
	return &connections{
		limit: limit,
		rows:  make([]row, 0, min(limit, maxAutoConnections)),
		index: make(map[net.Conn]int),
	}
}

// count returns the number of connections in the table and of those evicted since the start.
func (c *connections) count() (open int, evicted int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.rows), c.evicted
}

// track is the http.Server.ConnState hook. http.StateNew comes from the accept loop and the
// other states from the connection's own goroutine, one at a time.
func (c *connections) track(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		if c.full() {
			// Let connections that were just accepted read their header. Without this a
			// small table evicts a probe 15-100 us after accepting it.
			runtime.Gosched()
		}
		if victim := c.add(conn); victim != nil {
			// The lock is not held because closing waits for the connection's reader.
			victim.(interface{ reset() error }).reset()
		}
	case http.StateClosed:
		c.remove(conn)
	default:
		c.change(conn, state)
	}
}

func (c *connections) full() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.rows) >= c.limit
}

// halfFull reports whether the table is at least half full.
func (c *connections) halfFull() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.rows)*2 >= c.limit
}

// add adds a connection. If the table is full, it removes the least useful one and returns it.
func (c *connections) add(conn net.Conn) (victim net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.rows) == c.limit {
		i := c.leastUseful()
		victim = c.rows[i].conn
		c.removeRow(i)
		c.evicted++
	}
	c.sequence++
	c.index[conn] = len(c.rows)
	c.rows = append(c.rows, row{
		conn: conn, state: http.StateNew, sequence: c.sequence, accepted: time.Now(),
	})
	return victim
}

// leastUseful returns the position of the connection that has waited for a request longest,
// either idle or without a header yet. If none waits, it returns the one with the oldest
// request. A new connection counts as active until there were limit further changes of state,
// so that a probe that was not read yet is not evicted in favor of slow request bodies. A scan
// of 512 rows takes a few microseconds, and only a full table needs it.
func (c *connections) leastUseful() int {
	worst, worstActive := 0, true
	for i := range c.rows {
		r := &c.rows[i]
		active := r.state == http.StateActive ||
			r.state == http.StateNew && c.sequence-r.sequence < uint64(c.limit)
		older := r.sequence < c.rows[worst].sequence
		if !active && worstActive || active == worstActive && older {
			worst, worstActive = i, active
		}
	}
	return worst
}

func (c *connections) change(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i, ok := c.index[conn]; ok {
		c.sequence++
		r := &c.rows[i]
		r.state, r.sequence = state, c.sequence
		if state == http.StateActive {
			r.requests++
		}
	}
}

// shouldYield reports whether the connection is to make room for another one: the table is
// full, and the connection was answered before.
func (c *connections) shouldYield(conn net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	i, ok := c.index[conn]
	return ok && len(c.rows) >= c.limit && c.rows[i].requests > 1
}

func (c *connections) remove(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i, ok := c.index[conn]; ok {
		c.removeRow(i)
	}
}

// removeRow removes row i. The last row takes its place.
func (c *connections) removeRow(i int) {
	delete(c.index, c.rows[i].conn)
	last := len(c.rows) - 1
	if i != last {
		c.rows[i] = c.rows[last]
		c.index[c.rows[i].conn] = i
	}
	c.rows[last] = row{}
	c.rows = c.rows[:last]
}

// closeHeaderless closes the connections that were accepted at least age ago and have not sent
// a whole header.
func (c *connections) closeHeaderless(age time.Duration) {
	var headerless []net.Conn
	c.mu.Lock()
	for _, r := range c.rows {
		if r.state == http.StateNew && time.Since(r.accepted) >= age {
			headerless = append(headerless, r.conn)
		}
	}
	c.mu.Unlock()
	for _, conn := range headerless {
		conn.Close()
	}
}
