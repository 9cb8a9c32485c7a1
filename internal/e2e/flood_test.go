//go:build e2e && linux

package e2e

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"log"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// floodSpec says what to do to a server on this machine.
type floodSpec struct {
	Use    string // a key of uses
	Port   int
	Count  int           // of connections
	Length time.Duration // for which they stand once they are all open
}

// openWithin is how long a flood tries to open its connections: a processor that is
// emulated, or a tenth of one, takes its time.
const openWithin = 3 * time.Minute

// floodResult is what came of it.
type floodResult struct {
	Opened          int64
	Took            time.Duration // until they were open
	Answers, Errors int64         // of poll: all, and those that were 5xx
}

// use is what a flood does with a connection.
type use struct {
	do            func(*flood, net.Conn)
	again         bool // reset the connection after do and open another one, for Length
	rate          int  // of new connections a second; 0 is as many as 64 workers can open
	receiveBuffer int  // SO_RCVBUF; 1 leaves answers in the server's kernel; 0 is the default
}

var uses = map[string]use{
	"held":       {do: held},
	"halfHeader": {do: halfHeader},
	"slowHeader": {do: slowHeader},
	"slowBody":   {do: slowBody},
	"pipeline":   {do: pipeline},
	"poll":       {do: poll},

	"orphanPage":       {do: sends(getAsBrowser("/")), receiveBuffer: 1},
	"orphanHistory":    {do: sends(askOften("history")), receiveBuffer: 1},
	"orphanMonitoring": {do: sends(askOften("health")), receiveBuffer: 1},
	"unreadBody":       {do: untilAnswered(unreadBody()), again: true},
	"longHeader":       {do: untilAnswered(longHeader()), again: true},
	"redirect8":        {do: sends(redirect(6700)), receiveBuffer: 1},
	"redirect12":       {do: sends(redirect(10_900)), receiveBuffer: 1},
	"headerNoEnd":      {do: sends(headerLines())},
	"headerFast":       {do: sends(headerLines()), rate: 700},
	"headerNoBody":     {do: sends(headerLines() + "Content-Length: 200000\r\n\r\n")},
	"chunks":           {do: endlessly(chunkedPost, "1\r\nx\r\n"), again: true},
	"pipelineShort":    {do: pipelineOnce(shortGet + "\r\n"), again: true},
	"pipelineLong":     {do: pipelineOnce(shortGet + distinctLines(250) + "\r\n"), again: true},
	"pipelinePadded":   {do: endlessly(paddedGet(), paddedGet())},
	"halfClose":        {do: halfClose, again: true},
}

// roles are what the test's binary is in a process of its own, by the variable that holds
// the role's JSON.
var roles = map[string]func(spec []byte) error{"FLOOD": playFlood, "HOG": playHog, "LEAK": playLeak}

func TestMain(m *testing.M) {
	for name, play := range roles {
		if spec := os.Getenv(name); spec != "" {
			if err := play([]byte(spec)); err != nil {
				log.Fatal(err)
			}
			return
		}
	}
	os.Exit(m.Run())
}

// role is the variable that makes this binary play a role.
func role(t *testing.T, name string, spec any) string {
	t.Helper()
	b, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	return name + "=" + string(b)
}

// self is this binary.
func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// playFlood has a process of its own so as not to slow the prober down, whose lateness
// would be taken for the server's.
func playFlood(spec []byte) error {
	var f flood
	if err := json.Unmarshal(spec, &f.floodSpec); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(f.run())
}

// startFlood starts a flood; the function it returns waits for its end.
func startFlood(t *testing.T, spec floodSpec) (wait func() floodResult) {
	t.Helper()
	cmd := exec.Command(self(t))
	cmd.Env = []string{role(t, "FLOOD", spec)}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return func() floodResult {
		t.Helper()
		var r floodResult
		if err := cmd.Wait(); err != nil {
			t.Fatalf("flood: %v\n%s", err, &stderr)
		}
		if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
}

// flood opens connections and does one thing on each. It connects to 127.0.0.1 only, and
// its process ends in a known time.
type flood struct {
	floodSpec
	mu              sync.Mutex
	conns           []net.Conn // kept, because a lost one would be closed
	answers, errors atomic.Int64
}

func (f *flood) run() floodResult {
	use := uses[f.Use]
	if use.again {
		return f.repeat(use)
	}
	return f.stand(use)
}

// stand opens the connections, at a rate or as fast as 64 workers can, and keeps them for
// a while. If some cannot be opened there is nothing to wait for.
func (f *flood) stand(use use) floodResult {
	began := time.Now()
	var next atomic.Int64
	var workers sync.WaitGroup
	for range cmp.Or(use.rate, 64) {
		workers.Go(func() {
			for {
				i := next.Add(1)
				if i > int64(f.Count) || time.Since(began) > openWithin {
					return
				}
				if use.rate > 0 {
					time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / time.Duration(use.rate))))
				}
				if conn := f.open(use, began.Add(openWithin)); conn != nil {
					f.mu.Lock()
					f.conns = append(f.conns, conn)
					f.mu.Unlock()
					use.do(f, conn)
				}
			}
		})
	}
	workers.Wait()
	took := time.Since(began)
	if len(f.conns) == f.Count {
		time.Sleep(f.Length)
	}
	return floodResult{int64(len(f.conns)), took, f.answers.Load(), f.errors.Load()}
}

// repeat keeps Count connections open, each of which is used and then reset for another.
func (f *flood) repeat(use use) floodResult {
	began := time.Now()
	end := began.Add(f.Length)
	var opened, took atomic.Int64
	var workers sync.WaitGroup
	for range f.Count {
		workers.Go(func() {
			for time.Now().Before(end) {
				conn := f.open(use, end)
				if conn == nil {
					continue
				}
				if opened.Add(1) == int64(f.Count) {
					took.Store(int64(time.Since(began)))
				}
				conn.SetDeadline(end)
				use.do(f, conn)
				conn.SetLinger(0)
				conn.Close()
			}
		})
	}
	workers.Wait()
	return floodResult{opened.Load(), time.Duration(took.Load()), 0, 0}
}

// open returns a new connection, or nil after a short wait if the server refuses it.
func (f *flood) open(use use, deadline time.Time) *net.TCPConn {
	dialer := net.Dialer{Deadline: deadline, KeepAlive: -1}
	if !use.again {
		// Many source addresses, because one has only 28,000 ports.
		from := net.IPv4(127, 0, byte(1+rand.IntN(8)), byte(1+rand.IntN(250)))
		dialer.LocalAddr = &net.TCPAddr{IP: from}
	}
	if use.receiveBuffer > 0 {
		dialer.Control = func(_, _ string, c syscall.RawConn) (err error) {
			c.Control(func(fd uintptr) {
				err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, use.receiveBuffer)
			})
			return err
		}
	}
	conn, err := dialer.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", f.Port))
	if err != nil {
		time.Sleep(time.Millisecond) // a dead server refuses at once
		return nil
	}
	return conn.(*net.TCPConn)
}
