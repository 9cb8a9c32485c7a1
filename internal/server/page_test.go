package server

import (
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/halobuzz/healthd/internal/health"
)

// getPage asks as a browser does.
func getPage(p *page, details bool) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	w := httptest.NewRecorder()
	p.serve(w, r, details)
	return w
}

func TestPageFile(t *testing.T) {
	t.Parallel()
	if n := len(pageFile); n > 16<<10 {
		t.Errorf("page.html has %d bytes, want at most 16 KB", n)
	}
	if n := strings.Count(pageFile, pageMarker); n != 1 {
		t.Errorf("page.html has %d markers, want 1", n)
	}
	for _, block := range []string{"<script", "<style"} {
		if n := strings.Count(pageFile, block); n != 1 {
			t.Errorf("page.html has %d of %s, want the one that the policy allows", n, block)
		}
	}
	// The policy would stop each of them without a word to the reader.
	for _, not := range []string{`\sstyle=`, `<[^>]*\son[a-z]+=`, `https?:`, `<link[^>]*href="?[^"d]`, `\bsrc=`} {
		if found := regexp.MustCompile(not).FindString(pageFile); found != "" {
			t.Errorf("page.html has %q", found)
		}
	}
}

func TestPageHeaders(t *testing.T) {
	t.Parallel()
	s := newServer(t, container64("1"), Options{})
	for _, tt := range []struct {
		accept, contentType, body string
	}{
		{"text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8", "<!doctype html>"},
		{"*/*", "text/plain; charset=utf-8", "/healthz "},
		{"", "text/plain; charset=utf-8", "/healthz "},
		{"application/json", "text/plain; charset=utf-8", "/healthz "},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			r := httptest.NewRequest(method, "/", nil)
			r.Header.Set("Accept", tt.accept)
			w := httptest.NewRecorder()
			s.http.Handler.ServeHTTP(w, r)
			h := w.Header()
			if w.Code != 200 || h.Get("Content-Type") != tt.contentType || !strings.HasPrefix(w.Body.String(), tt.body) {
				t.Errorf("%s / for %q = %d %s %.20s", method, tt.accept, w.Code, h.Get("Content-Type"), w.Body)
			}
			if h.Get("Vary") != "Accept" || h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("headers %v", h)
			}
			html := strings.HasPrefix(tt.contentType, "text/html")
			if policy := h.Get("Content-Security-Policy"); html != strings.HasPrefix(policy, "default-src 'none'; script-src 'sha256-") || strings.Contains(policy, "unsafe") {
				t.Errorf("policy %q", policy)
			}
			if html != (h.Get("Referrer-Policy") == "no-referrer") {
				t.Errorf("Referrer-Policy %q", h.Get("Referrer-Policy"))
			}
		}
	}
	for path, want := range map[string]int{"/x": 404, "/index.html": 404} {
		w := httptest.NewRecorder()
		s.http.Handler.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != want {
			t.Errorf("GET %s = %d, want %d", path, w.Code, want)
		}
	}
}

// TestPageEndpoints: the list for curl leaves out nothing that is served.
func TestPageEndpoints(t *testing.T) {
	t.Parallel()
	for _, path := range []string{LivePath, ReadyPath, MonitoringPath, HistoryPath, MetricsPath, PagePath} {
		if !strings.Contains("\n"+endpoints, "\n"+path+" ") {
			t.Errorf("the list lacks %s", path)
		}
	}
}

// visible are the names and values of the rows that a reader without a script sees.
func visible(body string) map[string]string {
	rows := map[string]string{}
	for _, m := range regexp.MustCompile(`<tr><th scope=row>([^<]+)<td[^>]*>([^<\n]*)`).FindAllStringSubmatch(body, -1) {
		rows[m[1]] = m[2]
	}
	return rows
}

func TestPageTable(t *testing.T) {
	t.Parallel()
	var w *httptest.ResponseRecorder
	settled(t, container64("57000000"), Options{}, func(s *Server) { w = getPage(newPage(s), true) })
	rows := visible(w.Body.String())
	for name, want := range map[string]string{
		"Status": "warn", "Working set": "54.36 MiB", "Container limit": "64.00 MiB", "Used": "84.9 %",
		"Collector limited": "no", "Connections": "0", "Connections at most": "100", "Uptime": "5 s",
	} {
		if rows[name] != want {
			t.Errorf("%s is %q, want %q", name, rows[name], want)
		}
	}
	if !strings.Contains(rows["Reason"], "of the container&#39;s limit") {
		t.Errorf("the reason is %q, want it escaped", rows["Reason"])
	}
	if _, ok := rows["Container high"]; ok {
		t.Error("it shows what was not measured")
	}
	if got, want := w.Header().Get("Content-Length"), w.Body.Len(); got == "" || w.Result().ContentLength != int64(want) {
		t.Errorf("Content-Length %s of %d bytes", got, want)
	}
}

// TestPageWithoutDetails: whoever may not see the report gets its status, and names.
func TestPageWithoutDetails(t *testing.T) {
	t.Parallel()
	var body string
	settled(t, container64("57000000"), Options{}, func(s *Server) {
		p := newPage(s)
		getPage(p, true) // which must not be what the other reader gets
		body = getPage(p, false).Body.String()
	})
	if rows := visible(body); len(rows) != 1 || rows["Status"] != "warn" {
		t.Errorf("it shows %v, want the status alone", rows)
	}
	for _, m := range regexp.MustCompile(`<td[^>]*data-key=([a-zA-Z.]+)[^>]*>([^<\n]+)`).FindAllStringSubmatch(body, -1) {
		if m[1] != "status" {
			t.Errorf("%s holds %q", m[1], m[2])
		}
	}
}

// TestPageKeys: a row whose key is nowhere in the report would never be seen.
func TestPageKeys(t *testing.T) {
	t.Parallel()
	full := `{"status":"","output":"","releaseId":"","environment":"","time":"","uptimeSeconds":0,
		"memory":{"heapBytes":0,"heapSysBytes":0,"heapLiveBytes":0,"goBytes":0,"goLimitBytes":0,"goLimitSource":"","rssBytes":0,"rssSource":"",
		"container":{"usageBytes":0,"workingSetBytes":0,"peakBytes":0,"limitBytes":0,"highBytes":0,"usedPercent":0}},
		"gc":{"cycles":0,"cpuPercent":0,"limiterActive":false},"runtime":{"goVersion":"","goroutines":0,"gomaxprocs":0},
		"connections":{"open":0,"limit":0,"evicted":0}}`
	rows := visible(vitalsTable(&health.State{Report: health.Document{Body: []byte(full)}}, true))
	if len(rows) != len(vitals) {
		t.Errorf("%d rows, want %d: %v", len(rows), len(vitals), rows)
	}
}

func TestPageEscapes(t *testing.T) {
	t.Parallel()
	body := vitalsTable(&health.State{Report: health.Document{Body: []byte(`{"environment":"<script>&\""}`)}}, true)
	if !strings.Contains(body, "&lt;script&gt;&amp;&#34;") || strings.Contains(body, "<script") {
		t.Errorf("the environment is not escaped: %s", body)
	}
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		d    time.Duration
		want string
	}{
		{0, "0 s"},
		{59 * time.Second, "59 s"},
		{time.Minute, "1 min 0 s"},
		{time.Hour - time.Second, "59 min 59 s"},
		{time.Hour, "1 h 0 min"},
		{25*time.Hour + 59*time.Minute, "1 d 1 h"},
		{1000 * 24 * time.Hour, "1000 d 0 h"},
	} {
		if got := span(tt.d); got != tt.want {
			t.Errorf("span(%v) = %q, want %q", tt.d, got, tt.want)
		}
	}
}

// TestPageIsRenderedOnce: however many ask, one State costs one table.
func TestPageIsRenderedOnce(t *testing.T) {
	p := newPage(newServer(t, container64("1"), Options{}))
	p.table(true)
	if n := testing.AllocsPerRun(100, func() { p.table(true) }); n > 0 {
		t.Errorf("the same State's table allocates %v times, want 0", n)
	}
}
