package server

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halobuzz/healthd/internal/report"
)

// fakeConn is a connection that knows whether it was closed.
type fakeConn struct {
	net.Conn
	closed atomic.Bool
}

func (c *fakeConn) Close() error { c.closed.Store(true); return nil }
func (c *fakeConn) reset() error { return c.Close() }

// check holds the table to its invariant.
func (c *connections) check(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.rows) > c.limit || len(c.rows) != len(c.index) {
		t.Fatalf("%d rows and %d in the index, limit %d", len(c.rows), len(c.index), c.limit)
	}
	for i, r := range c.rows {
		if at, ok := c.index[r.conn]; !ok || at != i {
			t.Fatalf("row %d is at %d (%v) in the index", i, at, ok)
		}
		if conn, ok := r.conn.(*fakeConn); ok && conn.closed.Load() {
			t.Fatalf("row %d is closed", i)
		}
	}
}

// model is the table as simply as it can be said: a list in the order of use.
type model struct {
	limit   int
	list    []*modelConn
	changes int
	evicted int64
}

type modelConn struct {
	conn   *fakeConn
	state  http.ConnState
	change int // the last one
}

func (m *model) find(conn *fakeConn) int {
	return slices.IndexFunc(m.list, func(c *modelConn) bool { return c.conn == conn })
}

func (m *model) track(conn *fakeConn, state http.ConnState) (victim *fakeConn) {
	i := m.find(conn)
	switch {
	case state == http.StateNew:
		if len(m.list) == m.limit {
			for _, gives := range []func(*modelConn) bool{
				func(c *modelConn) bool {
					fresh := c.state == http.StateNew && m.changes-c.change < m.limit
					return c.state != http.StateActive && !fresh
				},
				func(*modelConn) bool { return true },
			} {
				if worst := slices.IndexFunc(m.list, gives); worst >= 0 {
					victim = m.list[worst].conn
					m.list = slices.Delete(m.list, worst, worst+1)
					m.evicted++
					break
				}
			}
		}
		m.changes++
		m.list = append(m.list, &modelConn{conn, state, m.changes})
	case i < 0: // evicted before: whatever it reports
	case state == http.StateClosed:
		m.list = slices.Delete(m.list, i, i+1)
	default:
		c := m.list[i]
		m.list = append(slices.Delete(m.list, i, i+1), c)
		m.changes++
		c.state, c.change = state, m.changes
	}
	return victim
}

// TestConnectionsModel drives random changes of state against the model.
func TestConnectionsModel(t *testing.T) {
	t.Parallel()
	states := []http.ConnState{http.StateActive, http.StateIdle, http.StateClosed}
	for seed := range uint64(50) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			limit := 1 + r.IntN(8)
			c, m := newConnections(limit), &model{limit: limit}
			var all []*fakeConn // the evicted ones too: they go on reporting
			for range 500 {
				conn, state := &fakeConn{}, http.StateNew
				if len(all) > 0 && r.IntN(3) > 0 {
					conn = all[r.IntN(len(all))]
					state = states[r.IntN(len(states))]
				} else {
					all = append(all, conn)
				}
				victim := m.track(conn, state)
				c.track(conn, state)
				if victim != nil && !victim.closed.Load() {
					t.Fatalf("the victim was not closed")
				}
				c.check(t)
				if open, evicted := c.count(); open != len(m.list) || evicted != m.evicted {
					t.Fatalf("count() = %d, %d, want %d, %d", open, evicted, len(m.list), m.evicted)
				}
				for _, x := range m.list {
					if _, ok := c.index[x.conn]; !ok {
						t.Fatalf("a connection is missing")
					}
				}
				if state == http.StateClosed {
					all = slices.DeleteFunc(all, func(x *fakeConn) bool { return x == conn })
				}
			}
		})
	}
}

// TestConnectionsRace has every connection report from its own goroutine.
func TestConnectionsRace(t *testing.T) {
	t.Parallel()
	c := newConnections(16)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				conn := &fakeConn{}
				c.track(conn, http.StateNew)
				for range 3 {
					c.track(conn, http.StateActive)
					c.shouldYield(conn)
					c.track(conn, http.StateIdle)
				}
				c.track(conn, http.StateClosed)
				c.count()
				c.closeHeaderless(0)
			}
		})
	}
	all.Wait()
	c.check(t)
	if open, _ := c.count(); open != 0 {
		t.Errorf("%d open, want 0", open)
	}
}

func TestConnectionsDoNotAllocate(t *testing.T) {
	const limit = 512
	c := newConnections(limit)
	conns := make([]*fakeConn, 4*limit)
	for i := range conns {
		conns[i] = &fakeConn{}
		c.track(conns[i], http.StateNew)
	}
	next := 0
	if n := testing.AllocsPerRun(10_000, func() {
		conn := conns[next%len(conns)] // evicted long ago, so as good as new
		next++
		c.track(conn, http.StateNew)
		c.track(conn, http.StateActive)
		c.track(conn, http.StateIdle)
	}); n > 0 {
		t.Errorf("a connection's changes allocate %v times in a full table, want 0", n)
	}
	if open, evicted := c.count(); open != limit || evicted < 10_000 {
		t.Errorf("%d open and %d evicted: the table was not full", open, evicted)
	}
}

// TestConnectionsShouldYield holds that in a full table a client's first answer is not the last
// one on its connection, and each later one is.
func TestConnectionsShouldYield(t *testing.T) {
	t.Parallel()
	c := newConnections(2)
	a, b := &fakeConn{}, &fakeConn{}
	c.track(a, http.StateNew)
	for range 2 {
		c.track(a, http.StateActive)
		if c.shouldYield(a) {
			t.Error("told to leave a table with room")
		}
	}
	c.track(b, http.StateNew)
	c.track(b, http.StateActive)
	if !c.shouldYield(a) || c.shouldYield(b) || c.shouldYield(&fakeConn{}) {
		t.Errorf("shouldYield() = %v, %v, want true for the one that was answered before",
			c.shouldYield(a), c.shouldYield(b))
	}
}

func TestConnectionsCloseHeaderless(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newConnections(7)
		old, young, idle := &fakeConn{}, &fakeConn{}, &fakeConn{}
		c.track(old, http.StateNew)
		c.track(idle, http.StateNew)
		c.track(idle, http.StateActive)
		c.track(idle, http.StateIdle)
		time.Sleep(2 * time.Second)
		c.track(young, http.StateNew)
		c.closeHeaderless(time.Second)
		if !old.closed.Load() || young.closed.Load() || idle.closed.Load() {
			t.Errorf("closed: old %v, young %v, idle %v, want old alone",
				old.closed.Load(), young.closed.Load(), idle.closed.Load())
		}
		c.closeHeaderless(0)
		if !young.closed.Load() || idle.closed.Load() {
			t.Errorf("closed: young %v, idle %v, want young",
				young.closed.Load(), idle.closed.Load())
		}
	})
}

// TestEviction has a server with a full table, which lets the next client in.
func TestEviction(t *testing.T) {
	t.Parallel()
	r := serving(t)
	conns := make([]net.Conn, r.connections.limit)
	for i := range conns {
		conns[i] = r.dial(t)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + r.addr + report.LivePath)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v, want an answer from a full table", resp, err)
	}
	resp.Body.Close()
	if _, err := conns[0].Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		// A regular close would leave what the client did not take in the kernel.
		t.Errorf("the oldest connection reads %v, want a reset", err)
	}
	_, limit, evicted := r.Connections()
	if limit != len(conns) || evicted != 1 {
		t.Errorf("limit %d and %d evicted, want %d and 1", limit, evicted, len(conns))
	}
}

func BenchmarkEviction(b *testing.B) {
	c := newConnections(maxAutoConnections)
	conns := make([]*fakeConn, 2*maxAutoConnections)
	for i := range conns {
		conns[i] = &fakeConn{}
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		c.track(conns[i%len(conns)], http.StateNew)
		i++
	}
}
