//go:build e2e && linux

package e2e

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

// floodSpec specifies a flood of a server on this machine.
type floodSpec struct {
	Use    string // a key of uses
	Port   int
	Count  int           // of connections
	Length time.Duration // for which they stay open once all of them are
}

// openWithin is how long a flood tries to open its connections. An emulated processor, or a
// tenth of one, is slow.
const openWithin = 3 * time.Minute

// floodResult is the result of a flood.
type floodResult struct {
	Opened          int64         // connections
	Took            time.Duration // to open them
	Answers, Errors int64         // of poll: all responses, and those that were 5xx
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

// playFlood runs a flood. It has a process of its own, so that it does not slow the prober
// down: a late probe would be taken for a late response. It prints a floodResult once the
// connections are open, and another one at the end.
func playFlood(spec []byte) error {
	f := flood{out: json.NewEncoder(os.Stdout)}
	if err := json.Unmarshal(spec, &f.floodSpec); err != nil {
		return err
	}
	return f.out.Encode(f.run())
}

// floodProcess is a running flood.
type floodProcess struct {
	t      *testing.T
	cmd    *exec.Cmd
	out    *json.Decoder
	last   floodResult
	stderr output
}

func startFlood(t *testing.T, spec floodSpec) *floodProcess {
	t.Helper()
	p := &floodProcess{t: t, cmd: exec.Command(self(t))}
	p.cmd.Env = []string{role(t, "FLOOD", spec)}
	p.cmd.Stderr = &p.stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = json.NewDecoder(stdout)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// waitOpen waits until the connections are open. It comes before wait, if at all, and there
// is no such moment in a flood that repeats its connections.
func (p *floodProcess) waitOpen() {
	p.t.Helper()
	if err := p.out.Decode(&p.last); err != nil {
		p.t.Fatalf("flood: %v\n%s", err, &p.stderr)
	}
}

// wait waits for the end of the flood.
func (p *floodProcess) wait() floodResult {
	p.t.Helper()
	var err error
	for err == nil {
		err = p.out.Decode(&p.last)
	}
	if werr := p.cmd.Wait(); werr != nil || err != io.EOF {
		p.t.Fatalf("flood: %v, %v\n%s", err, werr, &p.stderr)
	}
	return p.last
}

// flood opens connections and uses all of them alike. It connects to 127.0.0.1 only, and its
// process ends within a known time.
type flood struct {
	floodSpec
	out             *json.Encoder
	mu              sync.Mutex
	conns           []net.Conn // the garbage collector would close those without a reference
	answers, errors atomic.Int64
}

func (f *flood) run() floodResult {
	use := uses[f.Use]
	if use.again {
		return f.repeat(use)
	}
	return f.stand(use)
}

// stand opens the connections, at a rate or as fast as 64 workers can, and keeps them open
// for Length. It does not if some cannot be opened.
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
					due := time.Duration(i) * time.Second / time.Duration(use.rate)
					time.Sleep(time.Until(began.Add(due)))
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
	r := floodResult{Opened: int64(len(f.conns)), Took: time.Since(began)}
	if len(f.conns) == f.Count {
		f.out.Encode(r) // an error fails at the end too
		time.Sleep(f.Length)
	}
	r.Answers, r.Errors = f.answers.Load(), f.errors.Load()
	return r
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
	return floodResult{Opened: opened.Load(), Took: time.Duration(took.Load())}
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
				err = syscall.SetsockoptInt(
					int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, use.receiveBuffer)
			})
			return err
		}
	}
	for {
		conn, err := dialer.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", f.Port))
		if err == nil {
			return conn.(*net.TCPConn)
		}
		// The server may accept a connection, and reset it to make room, before Dial has
		// noticed that it is open.
		if !errors.Is(err, syscall.ECONNRESET) {
			time.Sleep(time.Millisecond) // a dead server refuses at once
			return nil
		}
	}
}
