package e2e

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestLog(t *testing.T) {
	t.Parallel()
	s := start(t, "MEMORY_LOG_INTERVAL=1s", "SERVICE_NAME=api", "GOMEMLIMIT=100MiB")
	for range 20 {
		get(t, s.url("/healthz"))
		get(t, s.url("/readyz"))
	}
	eventually(t, 5*time.Second, "logs vitals", func() bool { return len(s.log.lines("vitals")) >= 2 })
	s.signal(syscall.SIGINT)
	s.ended(5 * time.Second)

	started := s.log.lines("started")
	if len(started) != 1 {
		t.Fatalf("%d start-up lines, want 1", len(started))
	}
	for _, want := range []string{
		"service=api", "url=http://0.0.0.0:" + strconv.Itoa(s.port), "environment=production", "heapMB=", "rssMB=",
		"goLimitBytes=104857600", "goLimitSource=GOMEMLIMIT", "details=open", "/healthz", "/api/v1/monitoring/health", "version=",
	} {
		if !strings.Contains(started[0], want) {
			t.Errorf("the start-up line lacks %s: %s", want, started[0])
		}
	}
	for _, want := range []string{"heapBytes=", "goBytes=", "rssBytes="} {
		if line := s.log.lines("vitals")[0]; !strings.Contains(line, want) {
			t.Errorf("the vitals lack %s: %s", want, line)
		}
	}
	if strings.Contains(s.log.String(), "msg=request") || strings.Contains(s.log.String(), "readyz") {
		t.Error("good probes are logged")
	}
}

func TestLogDebug(t *testing.T) {
	t.Parallel()
	s := start(t, "LOG_LEVEL=debug")
	get(t, s.url("/readyz"))
	eventually(t, 5*time.Second, "logs the request", func() bool { return strings.Contains(s.log.String(), "path=/readyz code=200") })
}

// TestToken: who may see what on the real binary, and no line at any level has the token.
func TestToken(t *testing.T) {
	t.Parallel()
	const token = "hunter2-hunter2"
	s := start(t, "MONITORING_TOKEN="+token, "LOG_LEVEL=debug", "MEMORY_LOG_INTERVAL=1s")
	for _, authorization := range []string{"", "Bearer " + token, "Basic " + token, "Bearer " + token + "x", "Bearer " + strings.Repeat(token, 800)} {
		req, err := http.NewRequest("GET", s.url("/api/v1/monitoring/health"), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", authorization)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		want := `{"status":"pass"}` + "\n"
		switch {
		case len(authorization) > 12<<10: // than net/http reads
			if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
				t.Errorf("a header of %d bytes gets %d", len(authorization), resp.StatusCode)
			}
		case authorization == "Bearer "+token:
			if !strings.HasPrefix(string(body), `{"status":"pass","version":`) {
				t.Errorf("with the token: %s", body)
			}
		case resp.StatusCode != 200 || string(body) != want:
			t.Errorf("Authorization %q: %d %s, want 200 %s", authorization, resp.StatusCode, body, want)
		}
	}
	eventually(t, 5*time.Second, "logs vitals", func() bool { return len(s.log.lines("vitals")) >= 1 })
	s.signal(syscall.SIGINT)
	s.ended(5 * time.Second)
	log := s.log.String()
	if strings.Contains(log, "hunter2") {
		t.Errorf("the log holds the token:\n%s", log)
	}
	if started := s.log.lines("started"); len(started) != 1 || !strings.Contains(started[0], "details=token") {
		t.Errorf("the start-up lines %q do not say that details need the token", started)
	}
}

func TestLogOff(t *testing.T) {
	t.Parallel()
	s := start(t, "MEMORY_LOG_INTERVAL=0", "LOG_LEVEL=error")
	eventually(t, 5*time.Second, "is up for two samples", func() bool { return s.report().UptimeSeconds >= 2 })
	if log := s.log.String(); log != "" {
		t.Errorf("it logged %s", log)
	}
}

func TestLogJSON(t *testing.T) {
	t.Parallel()
	s := start(t, "LOG_FORMAT=json", "MEMORY_LOG_INTERVAL=1s", "SERVICE_NAME=a \"b\"")
	eventually(t, 5*time.Second, "logs vitals", func() bool { return strings.Contains(s.log.String(), `"vitals"`) })
	s.signal(syscall.SIGINT)
	s.ended(5 * time.Second)
	lines := 0
	for line := range strings.Lines(s.log.String()) {
		var fields struct {
			Msg, Level, Service string
			Time                time.Time
		}
		if err := json.Unmarshal([]byte(line), &fields); err != nil || fields.Msg == "" || fields.Level == "" || fields.Time.IsZero() {
			t.Errorf("%v: %s", err, line)
		}
		if fields.Msg == "started" && fields.Service != `a "b"` {
			t.Errorf("service %q", fields.Service)
		}
		lines++
	}
	if lines < 3 {
		t.Errorf("%d lines, want at least 3", lines)
	}
}

// TestLogReaderLeaves is `healthd | head -1`.
func TestLogReaderLeaves(t *testing.T) {
	t.Parallel()
	r, w := pipe(t)
	port := freePort(t)
	cmd := command(t, []string{"PORT=" + strconv.Itoa(port), "MEMORY_LOG_INTERVAL=1s", "LOG_LEVEL=debug"})
	cmd.Stdout = w
	s := launch(t, port, cmd)
	w.Close()
	if line, err := bufio.NewReader(r).ReadString('\n'); err != nil || !strings.Contains(line, "msg=started") {
		t.Fatalf("%q, %v", line, err)
	}
	r.Close()
	stillWorks(t, s)
}

// TestLogReaderStalls is `healthd | sleep infinity`, with the pipe full.
func TestLogReaderStalls(t *testing.T) {
	t.Parallel()
	r, w := pipe(t)
	port := freePort(t)
	cmd := command(t, []string{"PORT=" + strconv.Itoa(port), "MEMORY_LOG_INTERVAL=1s", "LOG_LEVEL=debug"})
	cmd.Stdout = w
	s := launch(t, port, cmd)
	w.Close()
	// A pipe holds 64 KiB; what it does not take is queued and then dropped.
	const requests = 2000
	for range requests {
		get(t, s.url("/healthz"))
	}
	stillWorks(t, s)
	held, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(held), "\n"); len(held) < 60<<10 || lines >= requests {
		t.Errorf("the pipe held %d bytes in %d lines: it was never full", len(held), lines)
	}
}

// stillWorks checks that samples are taken, that requests are answered and that the
// service stops as ever.
func stillWorks(t *testing.T, s *service) {
	t.Helper()
	before := s.report().UptimeSeconds
	eventually(t, 10*time.Second, "takes samples", func() bool { return s.report().UptimeSeconds >= before+3 })
	resp, err := http.Get(s.url("/healthz"))
	if err != nil || resp.StatusCode != 200 {
		t.Fatal(resp, err)
	}
	resp.Body.Close()
	s.signal(syscall.SIGINT)
	if code := s.ended(3 * time.Second); code != 0 {
		t.Errorf("exit %d, want 0", code)
	}
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}
