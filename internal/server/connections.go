package server

import (
	"math"
	"net"
	"net/http"
	"sync"
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

	reservedFiles = 32 // descriptors for everything that is not a connection
	lowestLimit   = 4
)

// Limit is how many connections to keep: what was asked for, or for 0 what suits a
// container of the given size, but no more than the open-file limit allows.
func Limit(asked int, container memory.Value, openFiles uint64) (limit int, lowered bool) {
	limit = asked
	if asked == 0 {
		limit = mostConnections
		if container.OK {
			limit = int(min(max(container.N/bytesPerConnection, fewestConnections), mostConnections))
		}
	}
	if openFiles < uint64(limit)+reservedFiles {
		return max(int(openFiles)-reservedFiles, lowestLimit), true
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

// Connections knows the open connections from http.Server.ConnState.
type Connections struct {
	limit int

	mu    sync.Mutex
	open  int
	fresh map[net.Conn]time.Time // accepted then, with no request header read yet
}

// NewConnections returns Connections that report limit.
func NewConnections(limit int) *Connections {
	return &Connections{limit: limit, fresh: make(map[net.Conn]time.Time)}
}

// Count is what the monitoring document says.
func (c *Connections) Count() health.Connections {
	c.mu.Lock()
	defer c.mu.Unlock()
	return health.Connections{Open: c.open, Limit: c.limit}
}

// track is the http.Server.ConnState hook.
func (c *Connections) track(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		c.open++
		c.fresh[conn] = time.Now()
	case http.StateClosed:
		c.open--
		delete(c.fresh, conn)
	default:
		delete(c.fresh, conn)
	}
}

// closeSilent closes the connections that are at least as old as age and have sent no
// whole header. Close waits for the connection's reader, so the lock is not held.
func (c *Connections) closeSilent(age time.Duration) {
	var silent []net.Conn
	c.mu.Lock()
	for conn, since := range c.fresh {
		if time.Since(since) >= age {
			silent = append(silent, conn)
		}
	}
	c.mu.Unlock()
	for _, conn := range silent {
		conn.Close()
	}
}
