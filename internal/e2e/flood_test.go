//go:build e2e && linux

package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
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
const openWithin = 90 * time.Second

// floodResult is what came of it.
type floodResult struct {
	Opened          int64
	Took            time.Duration // until they were open
	Answers, Errors int64         // of poll: all, and those that were 5xx
}

// uses are what a flood does on each of its connections.
var uses = map[string]func(*flood, net.Conn){
	"held": held, "halfHeader": halfHeader, "slowHeader": slowHeader,
	"slowBody": slowBody, "pipeline": pipeline, "poll": poll,
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

// flood opens connections and does one thing on each. It never opens one again, it knows
// no other address than 127.0.0.0/8, and its process ends in a known time.
type flood struct {
	floodSpec
	mu              sync.Mutex
	conns           []net.Conn // kept, because a lost one would be closed
	answers, errors atomic.Int64
}

// run opens the connections, as fast as 64 workers can, and keeps them for a while. If
// some cannot be opened there is nothing to wait for.
func (f *flood) run() floodResult {
	use := uses[f.Use]
	began := time.Now()
	var next atomic.Int64
	var workers sync.WaitGroup
	for range 64 {
		workers.Go(func() {
			for next.Add(1) <= int64(f.Count) && time.Since(began) < openWithin {
				f.open(use, began.Add(openWithin))
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

func (f *flood) open(use func(*flood, net.Conn), deadline time.Time) {
	// Many source addresses, because one has only 28,000 ports.
	from := &net.TCPAddr{IP: net.IPv4(127, 0, byte(1+rand.IntN(8)), byte(1+rand.IntN(250)))}
	conn, err := (&net.Dialer{LocalAddr: from, Deadline: deadline}).Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", f.Port))
	if err != nil {
		time.Sleep(time.Millisecond) // a dead server refuses at once
		return
	}
	f.mu.Lock()
	f.conns = append(f.conns, conn)
	f.mu.Unlock()
	use(f, conn)
}

// held sends one request, reads the answer and stays.
func held(_ *flood, conn net.Conn) {
	if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return
	}
	conn.SetReadDeadline(time.Now().Add(time.Second)) // the next one must not wait for a server that hangs
	if resp, err := http.ReadResponse(bufio.NewReaderSize(conn, 512), nil); err == nil {
		io.Copy(io.Discard, resp.Body)
	}
}

// halfHeader stops in the middle of a header.
func halfHeader(_ *flood, conn net.Conn) {
	io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Half: ")
}

// slowHeader feeds a header of 1 MB, 4 KB at a time.
func slowHeader(_ *flood, conn net.Conn) {
	go func() {
		line := "X-Slow: " + strings.Repeat("x", 4086) + "\r\n"
		if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\n"); err != nil {
			return
		}
		for range 256 {
			if _, err := io.WriteString(conn, line); err != nil {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
	}()
}

// slowBody sends a body of the largest size that net/http still waits for, a byte a second.
func slowBody(_ *flood, conn net.Conn) {
	go func() {
		if _, err := io.WriteString(conn, "POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n"); err != nil {
			return
		}
		for {
			time.Sleep(time.Second)
			if _, err := io.WriteString(conn, "x"); err != nil {
				return
			}
		}
	}()
}

// pipeline asks for the monitoring document again and again and never reads.
func pipeline(_ *flood, conn net.Conn) {
	go func() {
		batch := strings.Repeat("GET /api/v1/monitoring/health HTTP/1.1\r\nHost: x\r\n\r\n", 64)
		for {
			if _, err := io.WriteString(conn, batch); err != nil {
				return
			}
		}
	}()
}

// poll asks for the monitoring document as fast as it can, on a connection that it keeps.
func poll(f *flood, conn net.Conn) {
	go func() {
		r := bufio.NewReader(conn)
		for {
			if _, err := io.WriteString(conn, "GET /api/v1/monitoring/health HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				return
			}
			resp, err := http.ReadResponse(r, nil)
			if err != nil {
				return
			}
			io.Copy(io.Discard, resp.Body)
			f.answers.Add(1)
			if resp.StatusCode >= 500 {
				f.errors.Add(1)
			}
		}
	}()
}

// prober asks for something at regular intervals, each time on a new connection.
type prober struct {
	probing
	port    int
	stopped chan struct{}
	done    chan struct{}
	probes  []probeResult
}

// probing is what a prober does.
type probing struct {
	every, timeout time.Duration
	paths          []string // in turn
	code           int      // that the answers must have, or 0
}

// liveness is what an orchestrator asks, and pages what an onlooker does.
var (
	liveness = probing{250 * time.Millisecond, time.Second, []string{"/healthz"}, http.StatusOK}
	pages    = probing{500 * time.Millisecond, time.Second, []string{"/", "/metrics", "/api/v1/monitoring/history"}, http.StatusOK}
)

type probeResult struct {
	at   time.Time
	took time.Duration
	err  error
}

func startProber(port int, what probing) *prober {
	p := &prober{probing: what, port: port, stopped: make(chan struct{}), done: make(chan struct{})}
	results := make(chan probeResult)
	go func() {
		defer close(p.done)
		for r := range results {
			p.probes = append(p.probes, r)
		}
	}()
	go func() {
		var wg sync.WaitGroup
		defer func() { wg.Wait(); close(results) }()
		tick := time.NewTicker(p.every)
		defer tick.Stop()
		for i := 0; ; i++ {
			wg.Go(func() {
				began := time.Now()
				err := p.ask(p.paths[i%len(p.paths)])
				results <- probeResult{began, time.Since(began), err}
			})
			select {
			case <-p.stopped:
				return
			case <-tick.C:
			}
		}
	}()
	return p
}

func (p *prober) ask(path string) error {
	deadline := time.Now().Add(p.timeout)
	conn, err := (&net.Dialer{Deadline: deadline}).Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", p.port))
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(deadline)
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\nConnection: close\r\n\r\n", path); err != nil {
		return err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err
	}
	if p.code > 0 && resp.StatusCode != p.code {
		return fmt.Errorf("%s: code %d", path, resp.StatusCode)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// probed is how a prober's questions went.
type probed struct {
	answered, total int
	slowest         time.Duration
	firstError      error
}

func (p probed) String() string {
	return fmt.Sprintf("%d/%d, slowest %v", p.answered, p.total, p.slowest.Round(time.Millisecond))
}

// stop ends the probing.
func (p *prober) stop() probed {
	close(p.stopped)
	<-p.done
	var sum probed
	for _, r := range p.probes {
		sum.total++
		if r.err == nil {
			sum.answered++
			sum.slowest = max(sum.slowest, r.took)
		} else if sum.firstError == nil {
			sum.firstError = r.err
		}
	}
	return sum
}
