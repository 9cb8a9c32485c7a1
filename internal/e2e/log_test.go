package e2e

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/halobuzz/healthd/internal/report"
)

func TestLog(t *testing.T) {
	t.Parallel()
	s := start(t, "MEMORY_LOG_INTERVAL=1s", "SERVICE_NAME=api", "GOMEMLIMIT=100MiB")
	for range 20 {
		get(t, s.url("/healthz"))
		get(t, s.url("/readyz"))
	}
	eventually(t, 5*time.Second, "logs vitals", func() bool {
		return len(s.log.lines("vitals")) >= 2
	})
	s.signal(syscall.SIGINT)
	s.ended(5 * time.Second)

	started := s.log.lines("started")
	if len(started) != 1 {
		t.Fatalf("the log has %d start-up lines, want 1", len(started))
	}
	for _, want := range []string{
		"service=api", "url=http://0.0.0.0:" + strconv.Itoa(s.port), "environment=production",
		"heapMB=", "rssMB=", "goLimitBytes=104857600", "goLimitSource=GOMEMLIMIT",
		"details=open", "/healthz", report.MonitoringPath, "version=",
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
	if log := s.log.String(); strings.Contains(log, "msg=request") || strings.Contains(log, "readyz") {
		t.Error("the log has good probes")
	}
}

func TestLogDebug(t *testing.T) {
	t.Parallel()
	s := start(t, "LOG_LEVEL=debug")
	get(t, s.url("/readyz"))
	eventually(t, 5*time.Second, "logs the request", func() bool {
		return strings.Contains(s.log.String(), "path=/readyz code=200")
	})
}

// TestToken shows what clients see with and without the token, and that no line of the log at
// any level has it.
func TestToken(t *testing.T) {
	t.Parallel()
	const token = "hunter2-hunter2"
	s := start(t, "MONITORING_TOKEN="+token, "LOG_LEVEL=debug", "MEMORY_LOG_INTERVAL=1s")
	const locked, open = `{"status":"pass"}` + "\n", `{"status":"pass","version":`
	for _, tt := range []struct {
		name, authorization string
		code                int
		body                string // its start
	}{
		{"none", "", http.StatusOK, locked},
		{"the token", "Bearer " + token, http.StatusOK, open},
		{"another scheme", "Basic " + token, http.StatusOK, locked},
		{"a longer token", "Bearer " + token + "x", http.StatusOK, locked},
		{"12 KB, more than net/http reads", "Bearer " + strings.Repeat(token, 1+12<<10/len(token)),
			http.StatusRequestHeaderFieldsTooLarge, ""},
	} {
		resp, body, err := fetch("GET", s.url(report.MonitoringPath),
			http.Header{"Authorization": {tt.authorization}})
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != tt.code || !strings.HasPrefix(body, tt.body) {
			t.Errorf("%s: GET %s = %d %s, want %d %s",
				tt.name, report.MonitoringPath, resp.StatusCode, body, tt.code, tt.body)
		}
	}
	eventually(t, 5*time.Second, "logs vitals", func() bool {
		return len(s.log.lines("vitals")) >= 1
	})
	s.signal(syscall.SIGINT)
	s.ended(5 * time.Second)
	log := s.log.String()
	if strings.Contains(log, "hunter2") {
		t.Errorf("the log contains the token:\n%s", log)
	}
	started := s.log.lines("started")
	if len(started) != 1 || !strings.Contains(started[0], "details=token") {
		t.Errorf("the start-up lines are %q, want one with details=token", started)
	}
}

func TestLogOff(t *testing.T) {
	t.Parallel()
	s := start(t, "MEMORY_LOG_INTERVAL=0", "LOG_LEVEL=error")
	eventually(t, 5*time.Second, "has taken two samples", func() bool {
		return s.report().UptimeSeconds >= 2
	})
	if log := s.log.String(); log != "" {
		t.Errorf("the log is %q, want none", log)
	}
}

func TestLogJSON(t *testing.T) {
	t.Parallel()
	s := start(t, "LOG_FORMAT=json", "MEMORY_LOG_INTERVAL=1s", "SERVICE_NAME=a \"b\"")
	eventually(t, 5*time.Second, "logs vitals", func() bool {
		return strings.Contains(s.log.String(), `"vitals"`)
	})
	s.signal(syscall.SIGINT)
	s.ended(5 * time.Second)
	lines := 0
	for line := range strings.Lines(s.log.String()) {
		var fields struct {
			Msg, Level, Service string
			Time                time.Time
		}
		err := json.Unmarshal([]byte(line), &fields)
		if err != nil || fields.Msg == "" || fields.Level == "" || fields.Time.IsZero() {
			t.Errorf("a line of the log is %s (%v), want time, level and msg", line, err)
		}
		if want := `a "b"`; fields.Msg == "started" && fields.Service != want {
			t.Errorf("service = %q, want %q", fields.Service, want)
		}
		lines++
	}
	if lines < 3 {
		t.Errorf("the log has %d lines, want at least 3", lines)
	}
}
