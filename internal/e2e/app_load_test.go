//go:build e2e && linux

package e2e

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// load is clients that keep their connection alive and send one request after another. A
// client ends after the last response on its connection, as a load balancer does, or at stop.
type load struct {
	answered atomic.Int64
	told     atomic.Int64 // clients that got a last response
	stopped  chan struct{}
	clients  sync.WaitGroup

	mu   sync.Mutex
	lost []error
}

// loadTime is how long a response may take: no request is lost only because the machine is
// busy.
const loadTime = 15 * time.Second

// loadPause leaves processors to what else runs at the same time.
const loadPause = 250 * time.Millisecond

// startLoad starts clients of a server. They ask for the paths in turn.
func startLoad(to endpoint, clients int, paths ...string) *load {
	l := &load{stopped: make(chan struct{})}
	for i := range clients {
		l.clients.Go(func() { l.run(to.port, paths[i%len(paths)]) })
	}
	return l
}

func (l *load) run(port int, path string) {
	for {
		err := l.session(port, path)
		if err == nil {
			return
		}
		l.mu.Lock()
		l.lost = append(l.lost, err)
		l.mu.Unlock()
		if l.over() {
			return
		}
	}
}

// session sends requests on one connection until the load is over, or a request fails.
func (l *load) session(port int, path string) error {
	conn, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", port))
	if err != nil {
		return err
	}
	defer conn.Close()
	c := newClient(conn)
	for {
		code, last, err := c.get(path, loadTime)
		if err != nil || code != 200 {
			return fmt.Errorf("GET %s = %d, %w, want 200", path, code, err)
		}
		l.answered.Add(1)
		if last {
			l.told.Add(1)
		}
		if last || l.over() {
			return nil
		}
	}
}

// over waits for the next request, and reports whether there is none.
func (l *load) over() bool {
	select {
	case <-l.stopped:
		return true
	case <-time.After(loadPause):
		return false
	}
}

// wait ends the clients that got no last response, and returns the requests without an answer.
func (l *load) wait() []error {
	close(l.stopped)
	l.clients.Wait()
	return l.lost
}
