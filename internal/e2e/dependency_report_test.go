package e2e

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestDependencies watches services of the test and looks for their URLs, with a secret in
// every part, in everything that the program shows.
func TestDependencies(t *testing.T) {
	t.Parallel()
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "hunter2", http.StatusInternalServerError)
	}))
	defer broken.Close()
	_, brokenPort, _ := net.SplitHostPort(broken.Listener.Addr().String())
	port := freePort(t)
	cmd := command(t, []string{
		"PORT=" + strconv.Itoa(port), "LOG_LEVEL=debug", "MEMORY_LOG_INTERVAL=1s",
		"CACHE_URL=redis://hunter2:hunter2@127.0.0.1:" + brokenPort + "/hunter2?hunter2=hunter2",
		"DEPENDENCIES=CACHE_URL ai=" + broken.URL + "/hunter2?hunter2",
		"REQUIRED_DEPENDENCIES=self=tcp://127.0.0.1:" + strconv.Itoa(port),
	})
	s := launch(t, port, cmd)
	eventually(t, 10*time.Second, "reports every dependency", func() bool {
		checks := s.report().Checks
		return len(checks["cache:responseTime"]) == 1 && checks["ai:responseTime"][0].Output != "" &&
			checks["cache:responseTime"][0].Output != "" &&
			checks["self:responseTime"][0].ObservedValue != nil
	})
	r := s.report()
	for name, want := range map[string]string{
		"cache:responseTime": "The dependency cache fails: answered in another protocol.",
		"ai:responseTime":    "The dependency ai fails: answered 500.",
		"self:responseTime":  "",
	} {
		if got := r.Checks[name][0].Output; got != want {
			t.Errorf("output of %s = %q, want %q", name, got, want)
		}
	}
	if resp, _ := get(t, s.url("/readyz")); r.Status != "warn" || resp.StatusCode != http.StatusOK {
		t.Errorf("status %s, /readyz %d, want warn and 200", r.Status, resp.StatusCode)
	}
	var shown strings.Builder
	for _, path := range []string{
		"/", "/healthz", "/readyz", "/metrics", "/api/v1/monitoring/health", "/api/v1/monitoring/history",
	} {
		_, body, err := fetch("GET", s.url(path), http.Header{"Accept": {"text/html"}})
		if err != nil {
			t.Fatal(err)
		}
		shown.WriteString(body)
	}
	for _, want := range []string{
		`healthd_dependency_up{name="cache"} 0`, `healthd_dependency_up{name="self"} 1`,
		`<td class="warn">warn</td><td>The dependency ai fails: answered 500.</td>`,
	} {
		if !strings.Contains(shown.String(), want) {
			t.Errorf("the documents lack %s", want)
		}
	}
	s.signal(syscall.SIGINT)
	s.ended(3 * time.Second)
	shown.WriteString(s.log.String())
	for _, secret := range []string{"hunter2", ":" + brokenPort, "127.0.0.1:" + brokenPort} {
		if strings.Contains(shown.String(), secret) {
			t.Errorf("the documents or the log show %q:\n%s", secret, shown.String())
		}
	}
}

// TestDependenciesThatHang has as many dependencies as there can be, of which none answers. The
// service starts, measures and stops as without them.
func TestDependenciesThatHang(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close() // accepts nothing
	var entries []string
	for i := range 16 {
		entries = append(entries, "d"+strconv.Itoa(i)+"=redis://"+ln.Addr().String())
	}
	began := time.Now()
	s := start(t, "DEPENDENCIES="+strings.Join(entries, " "))
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the service started after %v", took)
	}
	first := parseTime(t, s.report().Time)
	time.Sleep(7 * time.Second)
	r := s.report()
	if moved := parseTime(t, r.Time).Sub(first); moved < 5*time.Second {
		t.Errorf("the report moved by %v in 7 s", moved)
	}
	if r.Runtime.Goroutines > 60 {
		t.Errorf("%d goroutines", r.Runtime.Goroutines)
	}
	began = time.Now()
	s.signal(syscall.SIGINT)
	if code := s.ended(3 * time.Second); code != 0 || time.Since(began) > 2*time.Second {
		t.Errorf("the stop took %v and ended with %d", time.Since(began), code)
	}
}
