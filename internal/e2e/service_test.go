package e2e

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/halobuzz/healthd/internal/report"
)

func TestAnswers(t *testing.T) {
	t.Parallel()
	s := start(t)
	health := map[string]string{
		"Content-Type":           "application/health+json",
		"Cache-Control":          "no-store",
		"X-Content-Type-Options": "nosniff",
	}
	text := map[string]string{"Content-Type": "text/plain; charset=utf-8"}
	allow := map[string]string{"Allow": "GET, HEAD"}
	for _, tt := range []struct {
		method, path string
		code         int
		header       map[string]string
		body         string // if empty, any
	}{
		{"GET", "/healthz", 200, health, `{"status":"pass"}` + "\n"},
		{"GET", "/readyz", 200, health, `{"status":"pass"}` + "\n"},
		{"GET", report.MonitoringPath, 200, health, ""},
		{"HEAD", "/healthz", 200, health, ""},
		{"HEAD", report.MonitoringPath, 200, health, ""},
		{"POST", "/healthz", 405, allow, ""},
		{"DELETE", report.MonitoringPath, 405, allow, ""},
		{"GET", "/nope", 404, nil, ""},
		{"GET", "/healthz/", 404, nil, ""},
		{"GET", "/", 200, text, report.Index()},
		{"HEAD", "/", 200, text, ""},
		{"POST", "/", 405, allow, ""},
	} {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			resp, body, err := fetch(tt.method, s.url(tt.path), nil)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != tt.code {
				t.Errorf("%s %s = %d, want %d", tt.method, tt.path, resp.StatusCode, tt.code)
			}
			for name, want := range tt.header {
				if got := resp.Header.Get(name); got != want {
					t.Errorf("%s %s: %s = %q, want %q", tt.method, tt.path, name, got, want)
				}
			}
			if tt.body != "" && body != tt.body {
				t.Errorf("%s %s = %q, want %q", tt.method, tt.path, body, tt.body)
			}
			if tt.method == "HEAD" && (body != "" || resp.ContentLength <= 0) {
				t.Errorf("HEAD %s = %q with length %d, want no body and the length of GET",
					tt.path, body, resp.ContentLength)
			}
		})
	}
}

func TestBothFamilies(t *testing.T) {
	t.Parallel()
	needIPv6(t)
	s := start(t)
	for _, host := range []string{"127.0.0.1", "[::1]", "localhost"} {
		resp, _ := get(t, fmt.Sprintf("http://%s:%d/healthz", host, s.port))
		if resp.StatusCode != 200 {
			t.Errorf("GET /healthz on %s = %d, want 200", host, resp.StatusCode)
		}
	}
}

func TestHost(t *testing.T) {
	t.Parallel()
	needIPv6(t)
	for _, host := range []string{"127.0.0.1", "0.0.0.0", "localhost"} {
		s := start(t, "HOST="+host)
		url := fmt.Sprintf("http://[::1]:%d/healthz", s.port)
		if resp, _, err := fetch("GET", url, nil); err == nil {
			t.Errorf("HOST=%s: GET %s = %d, want an error", host, url, resp.StatusCode)
		}
	}
}

// TestReport compares the document with what can be known from outside.
func TestReport(t *testing.T) {
	t.Parallel()
	s := start(t, "SERVICE_NAME=api", "ENVIRONMENT=staging", "GOMEMLIMIT=100MiB")
	_, body := get(t, s.url(report.MonitoringPath))
	if !strings.HasPrefix(body, `{"status":"pass"`) || !strings.HasSuffix(body, "}\n") ||
		strings.Count(body, "\n") != 1 {
		t.Errorf("the report is %q, want one line that starts with the status", body)
	}
	var fields map[string]any
	if err := json.Unmarshal([]byte(body), &fields); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		"status", "version", "releaseId", "serviceId", "environment", "time", "uptimeSeconds",
		"memory.heapBytes", "memory.heapSysBytes", "memory.goBytes",
		"memory.goLimitBytes", "memory.goLimitSource", "memory.rssBytes", "memory.rssSource",
		"gc.cycles", "gc.cpuPercent", "gc.limiterActive",
		"runtime.goVersion", "runtime.goroutines", "runtime.gomaxprocs",
		"connections.open", "connections.limit", "connections.evicted", "checks",
	} {
		at := any(fields)
		for name := range strings.SplitSeq(path, ".") {
			m, _ := at.(map[string]any)
			at = m[name]
		}
		if at == nil {
			t.Errorf("the report lacks %s: %s", path, body)
		}
	}

	r := s.report()
	if r.ServiceID != "api" || r.Environment != "staging" || r.Version != "1" {
		t.Errorf("serviceId, environment, version = %q, %q, %q, want api, staging, 1",
			r.ServiceID, r.Environment, r.Version)
	}
	if age := time.Since(parseTime(t, r.Time)); age < 0 || age > 5*time.Second {
		t.Errorf("time = %s, %v ago, want at most 5 s", r.Time, age)
	}
	if m := r.Memory; m.HeapBytes <= 0 || m.HeapBytes >= m.GoBytes {
		t.Errorf("heapBytes = %d, want over 0 and under goBytes, %d", m.HeapBytes, m.GoBytes)
	}
	if r.GC.Cycles == 0 && r.Memory.HeapLiveBytes != nil {
		t.Errorf("heapLiveBytes = %d, want none before the first garbage collection",
			*r.Memory.HeapLiveBytes)
	}

	// The later samples count the connection that httpClient keeps.
	eventually(t, 5*time.Second, "counts the connection of its client", func() bool {
		return s.report().Connections.Open == 1
	})
}

func TestReportRSS(t *testing.T) {
	t.Parallel()
	needProc(t)
	s := start(t)
	eventually(t, 5*time.Second, "reports the kernel's RSS within 10%", func() bool {
		r := s.report()
		return r.Memory.RSSSource == "kernel" && near(r.Memory.RSSBytes, vmRSS(t, s.pid()), 0)
	})
	t.Logf("rssBytes %d, VmRSS %d", s.report().Memory.RSSBytes, vmRSS(t, s.pid()))
}

// TestProcessors: one, unless the environment has another number.
func TestProcessors(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]int{"": 1, "0": 1, "many": 1, "3": 3} {
		if got := start(t, "GOMAXPROCS="+value).report().Runtime.GOMAXPROCS; got != want {
			t.Errorf("GOMAXPROCS=%s: gomaxprocs = %d, want %d", value, got, want)
		}
	}
}

func parseTime(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02T15:04:05Z", s)
	if err != nil {
		t.Error(err)
	}
	return at
}

func TestMemoryLimit(t *testing.T) {
	t.Parallel()
	const hundred = "GOMEMLIMIT=100MiB"
	for _, tt := range []struct {
		name   string
		env    []string
		dotenv string
		bytes  int64 // 0 for absent
		source string
	}{
		{"process environment", []string{hundred}, "", 100 << 20, "GOMEMLIMIT"},
		{".env only", nil, "GOMEMLIMIT=90MiB\n", 90 << 20, "GOMEMLIMIT"},
		{"process environment over .env", []string{hundred}, "GOMEMLIMIT=90MiB\n",
			100 << 20, "GOMEMLIMIT"},
		{"empty falls through to .env", []string{"GOMEMLIMIT="}, "GOMEMLIMIT=90MiB\n",
			90 << 20, "GOMEMLIMIT"},
		{"off", []string{"GOMEMLIMIT=off"}, "", 0, "off"},
		{"off in .env", nil, "GOMEMLIMIT=off\n", 0, "off"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cmd := command(t, tt.env)
			writeFile(t, filepath.Join(cmd.Dir, ".env"), tt.dotenv)
			m := launch(t, freePort(t), cmd).report().Memory
			var bytes int64
			if m.GoLimitBytes != nil {
				bytes = *m.GoLimitBytes
			}
			if bytes != tt.bytes || m.GoLimitSource != tt.source {
				t.Errorf("goLimitBytes, goLimitSource = %d, %s, want %d, %s",
					bytes, m.GoLimitSource, tt.bytes, tt.source)
			}
		})
	}
}

// limitFiles makes a command run with a limit of open files.
func limitFiles(cmd *exec.Cmd, limit int) *exec.Cmd {
	script := fmt.Sprintf(`ulimit -n %d; exec "$0"`, limit)
	limited := exec.Command("/bin/sh", "-c", script, cmd.Path)
	limited.Env, limited.Dir = cmd.Env, cmd.Dir
	return limited
}

// TestOpenFiles: the connection table must fit the limit of open files.
func TestOpenFiles(t *testing.T) {
	t.Parallel()
	s := launch(t, freePort(t), limitFiles(command(t, nil), 100))
	if got := s.report().Connections.Limit; got != 68 {
		t.Errorf("connections.limit = %d with 100 descriptors, want 68", got)
	}
	want := `level=WARN msg="MAX_CONNECTIONS lowered to fit the open-file limit" ` +
		`limit=68 openFiles=100`
	eventually(t, time.Second, "logs "+want, func() bool {
		return strings.Contains(s.log.String(), want)
	})
}
