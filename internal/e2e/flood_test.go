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
	Count  int // of connections
	Length time.Duration
}

// floodResult is what came of it.
type floodResult struct {
	Opened          int64
	Answers, Errors int64 // of poll: all, and those that were 5xx
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

// flood opens connections and does one thing on each. It never opens one again, it ends
// at its deadline, and it knows no other address than 127.0.0.0/8.
type flood struct {
	floodSpec
	until time.Time
	conns struct {
		sync.Mutex
		open []net.Conn
	}
	opened          atomic.Int64
	answers, errors atomic.Int64
	wg              sync.WaitGroup
}

// run opens the connections, as fast as 64 workers can, and keeps them to the end.
func (f *flood) run() floodResult {
	f.until = time.Now().Add(f.Length)
	use := uses[f.Use]
	var next atomic.Int64
	for range 64 {
		f.wg.Go(func() {
			for next.Add(1) <= int64(f.Count) && time.Now().Before(f.until) {
				f.open(use)
			}
		})
	}
	time.Sleep(f.Length)
	f.wg.Wait()
	return floodResult{f.opened.Load(), f.answers.Load(), f.errors.Load()}
}

func (f *flood) open(use func(*flood, net.Conn)) {
	// Many source addresses, because one has only 28,000 ports.
	from := &net.TCPAddr{IP: net.IPv4(127, 0, byte(1+rand.IntN(8)), byte(1+rand.IntN(250)))}
	conn, err := (&net.Dialer{LocalAddr: from, Deadline: f.until}).Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", f.Port))
	if err != nil {
		time.Sleep(time.Millisecond) // a dead server refuses at once
		return
	}
	f.opened.Add(1)
	f.conns.Lock()
	f.conns.open = append(f.conns.open, conn)
	f.conns.Unlock()
	conn.SetDeadline(f.until)
	use(f, conn)
}

// later runs what a connection does beside the others.
func (f *flood) later(run func()) { f.wg.Go(run) }

func pause(f *flood, d time.Duration) bool {
	time.Sleep(d)
	return time.Now().Before(f.until)
}

// held sends one request, reads the answer and stays.
func held(_ *flood, conn net.Conn) {
	if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return
	}
	if resp, err := http.ReadResponse(bufio.NewReaderSize(conn, 512), nil); err == nil {
		io.Copy(io.Discard, resp.Body)
	}
}

// halfHeader stops in the middle of a header.
func halfHeader(_ *flood, conn net.Conn) {
	io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Half: ")
}

// slowHeader feeds a header of 1 MB, 4 KB at a time.
func slowHeader(f *flood, conn net.Conn) {
	f.later(func() {
		line := "X-Slow: " + strings.Repeat("x", 4086) + "\r\n"
		if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\n"); err != nil {
			return
		}
		for range 256 {
			if _, err := io.WriteString(conn, line); err != nil || !pause(f, 50*time.Millisecond) {
				return
			}
		}
	})
}

// slowBody sends a body of the largest size that net/http still waits for, a byte a second.
func slowBody(f *flood, conn net.Conn) {
	f.later(func() {
		if _, err := io.WriteString(conn, "POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n"); err != nil {
			return
		}
		for pause(f, time.Second) {
			if _, err := io.WriteString(conn, "x"); err != nil {
				return
			}
		}
	})
}

// pipeline asks for the monitoring document again and again and never reads.
func pipeline(f *flood, conn net.Conn) {
	f.later(func() {
		batch := strings.Repeat("GET /api/v1/monitoring/health HTTP/1.1\r\nHost: x\r\n\r\n", 64)
		for {
			if _, err := io.WriteString(conn, batch); err != nil {
				return
			}
		}
	})
}

// poll asks for the monitoring document as fast as it can, on a connection that it keeps.
func poll(f *flood, conn net.Conn) {
	f.later(func() {
		r := bufio.NewReader(conn)
		for time.Now().Before(f.until) {
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
	})
}

// prober asks for /healthz every 250 ms, each time on a new connection.
type prober struct {
	stopped chan struct{}
	done    chan struct{}
	probes  []probeResult
}

type probeResult struct {
	at   time.Time
	took time.Duration
	err  error
}

func startProber(t *testing.T, port int, timeout time.Duration) *prober {
	t.Helper()
	p := &prober{stopped: make(chan struct{}), done: make(chan struct{})}
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
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()
		for {
			wg.Go(func() {
				began := time.Now()
				err := probeOnce(port, timeout)
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

func probeOnce(port int, timeout time.Duration) error {
	deadline := time.Now().Add(timeout)
	conn, err := (&net.Dialer{Deadline: deadline}).Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(deadline)
	if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
		return err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("code %d", resp.StatusCode)
	}
	return nil
}

// stop ends the probing and says how it went.
func (p *prober) stop() (answered, total int, slowest time.Duration, firstError error) {
	close(p.stopped)
	<-p.done
	for _, r := range p.probes {
		total++
		if r.err == nil {
			answered++
			slowest = max(slowest, r.took)
		} else if firstError == nil {
			firstError = r.err
		}
	}
	return answered, total, slowest, firstError
}
