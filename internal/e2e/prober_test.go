//go:build e2e && linux

package e2e

import (
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// prober sends requests at regular intervals, each on a new connection.
type prober struct {
	probing
	port    int
	stopped chan struct{}
	done    chan struct{}
	probes  []probeResult
}

// probing specifies what a prober does.
type probing struct {
	every, timeout time.Duration
	paths          []string // in turn
	code           int      // required status code, or 0 for any
}

// An orchestrator requests liveness and readiness, other clients the pages.
var (
	liveness  = probing{250 * time.Millisecond, time.Second, []string{"/healthz"}, http.StatusOK}
	readiness = probing{250 * time.Millisecond, time.Second, []string{"/readyz"}, http.StatusOK}
	pages     = probing{500 * time.Millisecond, time.Second, pagePaths, http.StatusOK}
	pagePaths = []string{"/", "/metrics", "/api/v1/monitoring/history"}
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
	dialer := net.Dialer{Deadline: deadline}
	conn, err := dialer.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", p.port))
	if err != nil {
		return err
	}
	defer conn.Close()
	code, _, err := newClient(conn).get(path, time.Until(deadline),
		"Accept: text/html", "Connection: close")
	if err == nil && p.code > 0 && code != p.code {
		return fmt.Errorf("GET %s = %d, want %d", path, code, p.code)
	}
	return err
}

// probed sums up the requests of a prober.
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
