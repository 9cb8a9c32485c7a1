package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestAnswers(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, tt := range []struct {
		method, path string
		code         int
		header       map[string]string
		body         string // as it is, or empty for any
	}{
		{"GET", "/healthz", 200, healthHeader, `{"status":"pass"}` + "\n"},
		{"GET", "/readyz", 200, healthHeader, `{"status":"pass"}` + "\n"},
		{"GET", "/api/v1/monitoring/health", 200, healthHeader, ""},
		{"HEAD", "/healthz", 200, healthHeader, ""},
		{"HEAD", "/api/v1/monitoring/health", 200, healthHeader, ""},
		{"POST", "/healthz", 405, map[string]string{"Allow": "GET, HEAD"}, ""},
		{"DELETE", "/api/v1/monitoring/health", 405, map[string]string{"Allow": "GET, HEAD"}, ""},
		{"GET", "/nope", 404, nil, ""},
		{"GET", "/healthz/", 404, nil, ""},
		{"GET", "/", 200, map[string]string{"Content-Type": "text/plain; charset=utf-8"}, ""},
		{"HEAD", "/", 200, map[string]string{"Content-Type": "text/plain; charset=utf-8"}, ""},
		{"POST", "/", 405, map[string]string{"Allow": "GET, HEAD"}, ""},
	} {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			req, err := http.NewRequest(tt.method, s.url(tt.path), nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body := make([]byte, 4096)
			n, _ := resp.Body.Read(body)
			resp.Body.Close()
			if resp.StatusCode != tt.code {
				t.Errorf("code %d, want %d", resp.StatusCode, tt.code)
			}
			for name, want := range tt.header {
				if got := resp.Header.Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			if tt.body != "" && string(body[:n]) != tt.body {
				t.Errorf("body %q, want %q", body[:n], tt.body)
			}
			if tt.method == "HEAD" && (n != 0 || resp.ContentLength <= 0) {
				t.Errorf("HEAD: %d bytes of body and length %d, want none and GET's", n, resp.ContentLength)
			}
		})
	}
}

var healthHeader = map[string]string{
	"Content-Type":           "application/health+json",
	"Cache-Control":          "no-store",
	"X-Content-Type-Options": "nosniff",
}

// needIPv6 skips a test where there is no ::1, as in some containers. CI has one.
func needIPv6(t *testing.T) {
	t.Helper()
	ln, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	ln.Close()
}

// needProc skips a test where there is no /proc to compare with, as on macOS. CI has one.
func needProc(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/proc/self/status"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

func TestBothFamilies(t *testing.T) {
	t.Parallel()
	needIPv6(t)
	s := start(t)
	for _, host := range []string{"127.0.0.1", "[::1]", "localhost"} {
		resp, _ := get(t, fmt.Sprintf("http://%s:%d/healthz", host, s.port))
		if resp.StatusCode != 200 {
			t.Errorf("%s: code %d, want 200", host, resp.StatusCode)
		}
	}
}

func TestHost(t *testing.T) {
	t.Parallel()
	needIPv6(t)
	for _, host := range []string{"127.0.0.1", "0.0.0.0", "localhost"} {
		s := start(t, "HOST="+host)
		if _, err := http.Get(fmt.Sprintf("http://[::1]:%d/healthz", s.port)); err == nil {
			t.Errorf("HOST=%s answers on ::1 too", host)
		}
	}
}

// TestReport holds the document's fields against what can be known from outside.
func TestReport(t *testing.T) {
	t.Parallel()
	s := start(t, "SERVICE_NAME=api", "ENVIRONMENT=staging", "GOMEMLIMIT=100MiB")
	_, body := get(t, s.url("/api/v1/monitoring/health"))
	if !strings.HasPrefix(body, `{"status":"pass"`) || strings.Count(body, "\n") != 1 || !strings.HasSuffix(body, "}\n") {
		t.Errorf("not one line that starts with the status: %q", body)
	}
	var fields map[string]any
	if err := json.Unmarshal([]byte(body), &fields); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		"status", "version", "releaseId", "serviceId", "environment", "time", "uptimeSeconds",
		"memory.heapBytes", "memory.heapSysBytes", "memory.goBytes", "memory.goLimitBytes", "memory.goLimitSource",
		"memory.rssBytes", "memory.rssSource", "gc.cycles", "gc.cpuPercent", "gc.limiterActive",
		"runtime.goVersion", "runtime.goroutines", "runtime.gomaxprocs",
		"connections.open", "connections.limit", "connections.evicted", "checks",
	} {
		at := any(fields)
		for name := range strings.SplitSeq(path, ".") {
			m, _ := at.(map[string]any)
			at = m[name]
		}
		if at == nil {
			t.Errorf("no %s in %s", path, body)
		}
	}

	r := s.report()
	if r.ServiceID != "api" || r.Environment != "staging" || r.Version != "1" {
		t.Errorf("serviceId %q, environment %q, version %q", r.ServiceID, r.Environment, r.Version)
	}
	if age := time.Since(parseTime(t, r.Time)); age < 0 || age > 5*time.Second {
		t.Errorf("time %s is %v ago", r.Time, age)
	}
	if m := r.Memory; m.HeapBytes <= 0 || m.HeapBytes >= m.GoBytes {
		t.Errorf("heapBytes %d is not between 0 and goBytes %d", m.HeapBytes, m.GoBytes)
	}
	if r.GC.Cycles == 0 && r.Memory.HeapLiveBytes != nil {
		t.Errorf("heapLiveBytes %d before the first collection", *r.Memory.HeapLiveBytes)
	}

	// The connection that http.DefaultClient keeps is in the next samples.
	eventually(t, 5*time.Second, "counts the connection that asks", func() bool { return s.report().Connections.Open == 1 })
}

func TestReportRSS(t *testing.T) {
	t.Parallel()
	needProc(t)
	s := start(t)
	eventually(t, 5*time.Second, "reports the kernel's RSS within 10 %", func() bool {
		r := s.report()
		return r.Memory.RSSSource == "kernel" && near(r.Memory.RSSBytes, vmRSS(t, s.cmd.Process.Pid), 0)
	})
	t.Logf("rssBytes %d, VmRSS %d", s.report().Memory.RSSBytes, vmRSS(t, s.cmd.Process.Pid))
}

// TestProcessors: one, unless the environment says otherwise.
func TestProcessors(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]int{"": 1, "0": 1, "many": 1, "3": 3} {
		if got := start(t, "GOMAXPROCS="+value).report().Runtime.GOMAXPROCS; got != want {
			t.Errorf("GOMAXPROCS=%s: gomaxprocs %d, want %d", value, got, want)
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

// vmRSS reads a process's resident set size in bytes, as ps and top show it.
func vmRSS(t *testing.T, pid int) int64 {
	t.Helper()
	return statusBytes(t, pid, "VmRSS:")
}

// statusBytes reads a size from proc_pid_status(5), which counts in KiB.
func statusBytes(t *testing.T, pid int, key string) int64 {
	t.Helper()
	needProc(t)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), key)
	kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

func TestMemoryLimit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		env    []string
		dotenv string
		bytes  int64 // 0 for absent
		source string
	}{
		{"process environment", []string{"GOMEMLIMIT=100MiB"}, "", 100 << 20, "GOMEMLIMIT"},
		{".env only", nil, "GOMEMLIMIT=90MiB\n", 90 << 20, "GOMEMLIMIT"},
		{"process environment over .env", []string{"GOMEMLIMIT=100MiB"}, "GOMEMLIMIT=90MiB\n", 100 << 20, "GOMEMLIMIT"},
		{"empty falls through to .env", []string{"GOMEMLIMIT="}, "GOMEMLIMIT=90MiB\n", 90 << 20, "GOMEMLIMIT"},
		{"off", []string{"GOMEMLIMIT=off"}, "", 0, "off"},
		{"off in .env", nil, "GOMEMLIMIT=off\n", 0, "off"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			port := freePort(t)
			cmd := command(t, append([]string{"PORT=" + strconv.Itoa(port)}, tt.env...))
			writeFile(t, filepath.Join(cmd.Dir, ".env"), tt.dotenv)
			m := launch(t, port, cmd).report().Memory
			var bytes int64
			if m.GoLimitBytes != nil {
				bytes = *m.GoLimitBytes
			}
			if bytes != tt.bytes || m.GoLimitSource != tt.source {
				t.Errorf("goLimitBytes %d from %s, want %d from %s", bytes, m.GoLimitSource, tt.bytes, tt.source)
			}
		})
	}
}

func writeFile(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestOpenFiles: the table of connections must fit what the process may open.
func TestOpenFiles(t *testing.T) {
	t.Parallel()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	cmd := exec.Command("sh", "-c", "ulimit -n 100; exec "+path)
	cmd.Env = []string{"PORT=" + strconv.Itoa(port)}
	cmd.Dir = t.TempDir()
	s := launch(t, port, cmd)
	if got := s.report().Connections.Limit; got != 68 {
		t.Errorf("limit %d of 100 descriptors, want 68", got)
	}
	if want := `level=WARN msg="MAX_CONNECTIONS lowered to fit the open-file limit" limit=68 openFiles=100`; !strings.Contains(s.log.String(), want) {
		t.Errorf("the log lacks %s", want)
	}
}
