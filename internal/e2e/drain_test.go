package e2e

import (
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/halobuzz/healthd/internal/report"
)

// answerTime is how long a response may take on a busy machine.
const answerTime = 5 * time.Second

// client returns a client on a new connection.
func (s *service) client() *client { return newClient(s.dial()) }

// TestDrainLosesNothing stops the service under constant requests. Each client closes its
// connection after the last response on it, as a load balancer does.
func TestDrainLosesNothing(t *testing.T) {
	t.Parallel()
	s := start(t, "DRAIN_DELAY=1s")
	const clients = 32
	var answered atomic.Int64
	ends := make(chan error, clients)
	for i := range clients {
		c := s.client()
		path := []string{"/healthz", report.MonitoringPath}[i%2]
		go func() {
			for {
				code, last, err := c.get(path, answerTime)
				if err != nil || code != 200 {
					ends <- fmt.Errorf("GET %s after %d responses = %d, %w, want 200",
						path, answered.Load(), code, err)
					return
				}
				answered.Add(1)
				if last {
					ends <- nil
					return
				}
			}
		}()
	}
	eventually(t, 5*time.Second, "is busy", func() bool { return answered.Load() > 20*clients })
	s.signal(syscall.SIGTERM)
	told := 0
	for range clients {
		if err := <-ends; err != nil {
			t.Error(err)
		} else {
			told++
		}
	}
	if code := s.ended(5 * time.Second); code != 0 {
		t.Errorf("the exit code is %d, want 0", code)
	}
	t.Logf("%d responses to %d clients, %d of which got a last one", answered.Load(), clients, told)
}

// TestDrainShowsOnOpenConnections uses connections that were open before the drain: readiness
// must fail on them too, but liveness must not.
func TestDrainShowsOnOpenConnections(t *testing.T) {
	t.Parallel()
	s := start(t, "DRAIN_DELAY=1s")
	ready, live, monitoring := s.client(), s.client(), s.client()
	for _, c := range []*client{ready, live, monitoring} {
		if code, last, err := c.get("/readyz", answerTime); code != 200 || last || err != nil {
			t.Fatalf("GET /readyz before the drain = %d, last %v, %v, want 200, last false",
				code, last, err)
		}
	}
	if r := s.report(); r.Draining {
		t.Errorf("the report before the drain is %+v, want no draining", r)
	}
	s.signal(syscall.SIGTERM)
	const soon = 100 * time.Millisecond
	eventually(t, soon, "is not ready on a connection that was open", func() bool {
		code, last, err := ready.get("/readyz", answerTime)
		if err != nil || last != (code == 503) {
			t.Fatalf("GET /readyz = %d, last %v, %v, want last with 503 only", code, last, err)
		}
		return code == 503
	})
	for path, c := range map[string]*client{"/healthz": live, report.MonitoringPath: monitoring} {
		if code, last, err := c.get(path, answerTime); code != 200 || !last || err != nil {
			t.Errorf("GET %s = %d, last %v, %v, want 200, last true", path, code, last, err)
		}
	}
	// The report is written apart from the drain.
	var r document
	eventually(t, soon, "reports that it drains", func() bool {
		r = s.report()
		return r.Draining
	})
	if r.Status != "pass" {
		t.Errorf("the status during the drain is %s, want pass", r.Status)
	}
	want := `{"status":"fail","output":"The service is shutting down."}` + "\n"
	if _, body := get(t, s.url("/readyz")); body != want {
		t.Errorf("GET /readyz = %q, want %q", body, want)
	}
	if code := s.ended(5 * time.Second); code != 0 {
		t.Errorf("the exit code is %d, want 0", code)
	}
}
