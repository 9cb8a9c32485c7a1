package server

import (
	"math"
	"net"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/halobuzz/healthd/internal/health"
	"github.com/halobuzz/healthd/internal/memory"
)

// The bounds of the automatic limit on connections.
const (
	bytesPerConnection = 512 << 10 // of the container's limit
	fewestConnections  = 64
	mostConnections    = 512

	// Descriptors for everything that is not a connection: those that are open when the
	// limit is decided and a few for later, such as the listener, but no fewer in all.
	spareFiles    = 8
	reservedFiles = 32

	lowestLimit = 4
)

// Limit is how many connections to keep: what was asked for, or for 0 what suits a
// container of the given size, but no more than the open-file limit allows. What is open
// already stays open: each cgroup that the process is nested in takes up to five files.
func Limit(
	asked int, container memory.Value, openFiles uint64, inUse memory.Value,
) (limit int, lowered bool) {
	limit = asked
	if asked == 0 {
		limit = mostConnections
		if container.OK {
			limit = int(min(max(container.N/bytesPerConnection, fewestConnections), mostConnections))
		}
	}
	reserved := max(inUse.N+spareFiles, reservedFiles)
	if openFiles < uint64(limit)+uint64(reserved) {
		return max(int(openFiles)-int(reserved), lowestLimit), true
	}
	return limit, false
}

// OpenFiles is how many descriptors this process may have open. Go raises the soft
// limit to the hard one at start.
func OpenFiles() uint64 {
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
		return math.MaxUint64
	}
	return uint64(r.Cur)
}

// Connections is a table of the open connections, of a fixed size because connections
// are memory: net/http holds about 20 KB for each that is kept alive. When the table is
// full a new connection gets in, and the one that has gone longest without doing
// anything useful is closed. A listener that stopped accepting instead would keep the
// next health probe waiting behind connections that say nothing.
//
// The invariant: rows holds at most limit connections, and index says where each of them
// is. A connection that is not in index was evicted or closed, whatever it still reports.
type Connections struct {
	limit    int
	stopping atomic.Bool // the server no longer waits for clients to take their answers

	mu      sync.Mutex
	rows    []row
	index   map[net.Conn]int
	turn    uint64 // counts state changes, the order of which is the order of use
	evicted int64
}

// row is one connection.
type row struct {
	conn     net.Conn
	state    http.ConnState
	turn     uint64    // of its last change of state
	requests int       // that it has sent
	accepted time.Time // for connections that never send a header
}

// NewConnections returns an empty table for limit connections, at least 1.
func NewConnections(limit int) *Connections {
	return &Connections{limit: limit, rows: make([]row, 0, min(limit, mostConnections)), index: make(map[net.Conn]int)}
}

// Count is what the monitoring document says.
func (c *Connections) Count() health.Connections {
	c.mu.Lock()
	defer c.mu.Unlock()
	return health.Connections{Open: len(c.rows), Limit: c.limit, Evicted: c.evicted}
}

// track is the http.Server.ConnState hook. StateNew comes from the accept loop, the other
// states from the connection's own goroutine, so that two calls for one connection never
// run at the same time.
func (c *Connections) track(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		if c.filled(1) {
			// Connections accepted a moment ago get to read their header first. Without
			// this a small table evicts a probe 15-100 us after accepting it.
			runtime.Gosched()
		}
		if victim := c.admit(conn); victim != nil {
			// Outside the lock, because closing waits for the connection's reader. Reset,
			// because a connection that was closed with unsent data is no longer in the
			// table, but still in the kernel.
			victim.(interface{ reset() error }).reset()
		}
	case http.StateClosed:
		c.remove(conn)
	default:
		c.change(conn, state)
	}
}

// filled says whether the table is full to the given part: 1 is the whole, 2 is half.
func (c *Connections) filled(part int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.rows)*part >= c.limit
}

// admit adds a connection, and takes the least useful one out when the table is full.
func (c *Connections) admit(conn net.Conn) (victim net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.rows) == c.limit {
		i := c.leastUseful()
		victim = c.rows[i].conn
		c.drop(i)
		c.evicted++
	}
	c.turn++
	c.index[conn] = len(c.rows)
	c.rows = append(c.rows, row{conn: conn, state: http.StateNew, turn: c.turn, accepted: time.Now()})
	return victim
}

// leastUseful finds the connection that has waited for a request longest, idle or with no
// header yet, or, if none waits, the one whose request is oldest. Whoever came within the
// last limit changes counts as one with a request: among slow bodies a probe that was not
// read yet would be the only one that waits. A scan of 512 rows takes a few microseconds,
// and only a full table asks for it.
func (c *Connections) leastUseful() int {
	worst, worstBusy := 0, true
	for i := range c.rows {
		r := &c.rows[i]
		busy := r.state == http.StateActive || r.state == http.StateNew && c.turn-r.turn < uint64(c.limit)
		if !busy && worstBusy || busy == worstBusy && r.turn < c.rows[worst].turn {
			worst, worstBusy = i, busy
		}
	}
	return worst
}

func (c *Connections) change(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i, ok := c.index[conn]; ok {
		c.turn++
		r := &c.rows[i]
		r.state, r.turn = state, c.turn
		if state == http.StateActive {
			r.requests++
		}
	}
}

// outstays says whether the table is full and the connection has been answered before.
func (c *Connections) outstays(conn net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	i, ok := c.index[conn]
	return ok && len(c.rows) >= c.limit && c.rows[i].requests > 1
}

func (c *Connections) remove(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i, ok := c.index[conn]; ok {
		c.drop(i)
	}
}

// drop takes row i out; the last row takes its place.
func (c *Connections) drop(i int) {
	delete(c.index, c.rows[i].conn)
	last := len(c.rows) - 1
	if i != last {
		c.rows[i] = c.rows[last]
		c.index[c.rows[i].conn] = i
	}
	c.rows[last] = row{}
	c.rows = c.rows[:last]
}

// closeSilent closes the connections that are at least as old as age and have sent no
// whole header.
func (c *Connections) closeSilent(age time.Duration) {
	var silent []net.Conn
	c.mu.Lock()
	for _, r := range c.rows {
		if r.state == http.StateNew && time.Since(r.accepted) >= age {
			silent = append(silent, r.conn)
		}
	}
	c.mu.Unlock()
	for _, conn := range silent {
		conn.Close()
	}
}
