//go:build e2e && linux

package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

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

// liveness and readiness are what an orchestrator asks, and pages what an onlooker does.
var (
	liveness  = probing{250 * time.Millisecond, time.Second, []string{"/healthz"}, http.StatusOK}
	readiness = probing{250 * time.Millisecond, time.Second, []string{"/readyz"}, http.StatusOK}
	pages     = probing{500 * time.Millisecond, time.Second, []string{"/", "/metrics", "/api/v1/monitoring/history"}, http.StatusOK}
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
