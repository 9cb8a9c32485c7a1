package server

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http/httptest"
	"regexp"
	"strconv"
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

// fullReport is a report in which no value is missing.
func fullReport(t *testing.T) string {
	t.Helper()
	n, percent := int64(1<<50), 99.9
	why := strings.Repeat("a long reason ", 20)
	check := []health.Check{{ComponentType: "system", ObservedValue: &percent, ObservedUnit: "percent", Status: health.Fail}}
	full, err := json.Marshal(health.Report{
		Status: health.Fail, Output: why,
		Memory: health.Memory{
			HeapLiveBytes: &n, GoLimitBytes: &n,
			Container: &health.Container{
				UsageBytes: &n, WorkingSetBytes: &n, PeakBytes: &n, LimitBytes: &n, HighBytes: &n, UsedPercent: &percent,
			},
		},
		Checks: health.Checks{Memory: check, GoMemLimit: check},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(full)
}

func TestPageFiles(t *testing.T) {
	t.Parallel()
	for _, marker := range []string{styleMarker, scriptMarker, detailsMarker} {
		if n := strings.Count(pageHTML, marker); n != 1 {
			t.Errorf("page.html has %d of %s, want 1", n, marker)
		}
	}
	// The policy blocks each of them, and the reader would not learn why.
	for _, not := range []string{`\sstyle=`, `<[^>]*\son[a-z]+=`, `https?:`, `<link[^>]*href="[^d]`, `\bsrc=`} {
		if found := regexp.MustCompile(not).FindString(pageHTML + pageJS); found != "" {
			t.Errorf("the page has %q", found)
		}
	}
	for name, file := range map[string]string{"page.html": pageHTML, "page.css": pageCSS, "page.js": pageJS} {
		for i, line := range strings.Split(file, "\n") {
			if n := len(strings.ReplaceAll(line, "\t", "    ")); n > 120 {
				t.Errorf("%s:%d has %d columns, want at most 120", name, i+1, n)
			}
		}
		if strings.Contains(strings.ToLower(file), "</s"+"cript") != (name == "page.html") {
			t.Errorf("%s must not end its own element", name)
		}
	}
}

// TestPageServed checks the page with every row: its size, that its elements are closed and
// its attributes quoted, and that the policy allows its two inline blocks.
func TestPageServed(t *testing.T) {
	t.Parallel()
	p := newPage(newServer(t, container64("1"), Options{}))
	p.parts[partDetails] = detailsHTML(fullReport(t))
	body := strings.Join(p.parts[:], "")
	if len(body) > 32<<10 {
		t.Errorf("the page has %d bytes, want at most 32 KB", len(body))
	}
	for _, element := range []string{"style", "script"} {
		_, block, _ := strings.Cut(body, "<"+element+">")
		block, _, ok := strings.Cut(block, "</"+element+">")
		if source := element + "-src " + hashSource(block) + ";"; !ok || !strings.Contains(p.policy[0], source) {
			t.Errorf("the policy %q lacks %q", p.policy[0], source)
		}
	}
	// The rest is XML once attributes without a value have one and void elements end.
	p.parts[partStyle], p.parts[partScript] = "", ""
	rest := strings.Join(p.parts[:], "")
	rest = regexp.MustCompile(` (hidden|checked|required)([ >])`).ReplaceAllString(rest, ` $1=""$2`)
	rest = regexp.MustCompile(`<(meta|link|input)([^>]*)>`).ReplaceAllString(rest, `<$1$2/>`)
	for d := xml.NewDecoder(strings.NewReader(rest)); ; {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
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
		{"text/html;q=0,*/*", "text/plain; charset=utf-8", "/healthz "},
		{"TEXT/HTML", "text/html; charset=utf-8", "<!doctype html>"},
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
	for _, m := range regexp.MustCompile(`<tr><th scope="row">([^<]+)</th><td[^>]*>([^<\n]*)`).FindAllStringSubmatch(body, -1) {
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
		"Status": "warn", "Working set": "54.36 MiB", "Limit": "64.00 MiB", "Used": "84.9%",
		"Throttled": "no", "Open connections": "0", "Connection limit": "100", "Uptime": "5 s",
	} {
		if rows[name] != want {
			t.Errorf("%s is %q, want %q", name, rows[name], want)
		}
	}
	if !strings.Contains(rows["Reason"], "of the container's limit") {
		t.Errorf("the reason is %q", rows["Reason"])
	}
	if _, ok := rows["Soft limit"]; ok {
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
	if n := strings.Count(body, "<tbody hidden>"); n != len(vitals)-1 {
		t.Errorf("%d groups are hidden, want all but the first", n)
	}
	if !strings.Contains(body, `"application/json">{"status":"warn"}`) {
		t.Error("the script begins with another report")
	}
	for _, m := range regexp.MustCompile(`<td[^>]*data-key="([a-zA-Z.]+)[^>]*>([^<\n]+)`).FindAllStringSubmatch(body, -1) {
		if m[1] != "status" {
			t.Errorf("%s holds %q", m[1], m[2])
		}
	}
}

// TestPageKeys: a row whose key is not a path in the report would never be seen, by the
// path with the script or by its last name without.
func TestPageKeys(t *testing.T) {
	t.Parallel()
	full := fullReport(t)
	var report any
	if err := json.Unmarshal([]byte(full), &report); err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, group := range vitals {
		count += len(group.rows)
		for _, row := range group.rows {
			at := report
			for name := range strings.SplitSeq(row.key, ".") {
				object, _ := at.(map[string]any)
				at = object[name]
			}
			if at == nil {
				t.Errorf("the report has no %s", row.key)
			}
		}
	}
	if n := len(regexp.MustCompile(`<tr><th scope="row">`).FindAllString(detailsHTML(full), -1)); n != count {
		t.Errorf("%d rows are visible, want %d", n, count)
	}
}

func TestPageEscapes(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(map[string]string{"environment": `<script></script>&"`})
	if err != nil {
		t.Fatal(err)
	}
	body := detailsHTML(string(text))
	if !strings.Contains(body, `&lt;script>&lt;/script>&amp;"`) || strings.Count(body, "script>") != 3 {
		t.Errorf("the environment is not escaped: %s", body)
	}
}

func TestFormat(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ value, unit, want string }{
		{"true", "truth", "yes"},
		{"false", "truth", "no"},
		{"true", "", "true"}, // an environment can be named so
		{"false", "", "false"},
		{"1e3", "", "1e3"},
		{"1048576", "bytes", "1.00 MiB"},
		{"84.94", "percent", "84.9%"},
		{"61", "seconds", "1 min 1 s"},
	} {
		if got := format(tt.value, tt.unit); got != tt.want {
			t.Errorf("format(%q, %q) = %q, want %q", tt.value, tt.unit, got, tt.want)
		}
	}
}

func TestAcceptsHTML(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		accept []string
		want   bool
	}{
		{nil, false},
		{[]string{""}, false},
		{[]string{"*/*"}, false},
		{[]string{"text/*"}, false},
		{[]string{"text/plain"}, false},
		{[]string{"text/htmlx"}, false},
		{[]string{"text/html"}, true},
		{[]string{"TEXT/HTML"}, true},
		{[]string{"Text/Html ;level=1"}, true},
		{[]string{"application/json, text/html;q=0.1"}, true},
		{[]string{"application/json", "text/html"}, true},
		{[]string{"text/html;q=0"}, false},
		{[]string{"text/html; Q=0.000, */*"}, false},
		{[]string{"text/html;level=1;q=0"}, false},
		{[]string{"text/html;q=x"}, true},
		{[]string{"text/html;q"}, true},
		{[]string{"text/html,application/xhtml+xml,*/*;q=0.8"}, true},
	} {
		if got := acceptsHTML(tt.accept); got != tt.want {
			t.Errorf("acceptsHTML(%q) = %v, want %v", tt.accept, got, tt.want)
		}
	}
}

// FuzzAcceptsHTML checks that neither case nor other media types change the answer.
func FuzzAcceptsHTML(f *testing.F) {
	for _, s := range []string{"", ",", ";", "text/html", "text/html;q=0", "text/html;q=-1", "*/*;q=9e999", "q=0;text/html"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		got := acceptsHTML([]string{accept})
		if got && !strings.Contains(strings.ToLower(accept), "text/html") {
			t.Errorf("acceptsHTML(%q) = true, want false without text/html", accept)
		}
		if more := acceptsHTML([]string{"*/*;q=0", accept}); more != got {
			t.Errorf("acceptsHTML after */* = %v, want %v for %q", more, got, accept)
		}
	})
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

// FuzzFind holds it against encoding/json, in a report whose strings are anything.
func FuzzFind(f *testing.F) {
	for _, s := range []string{"", "production", `"time":"`, `","time":1,"`, "\\", "\x00\b\f\u2028<&>", "\xff", "\U0001f600", "time"} {
		f.Add(s, s, int64(0), 0.5)
	}
	f.Fuzz(func(t *testing.T, output, environment string, bytes int64, percent float64) {
		report := health.Report{Status: health.Warn, Output: output, Environment: environment, Time: "2026-11-23T17:30:00Z"}
		report.Memory.RSSBytes, report.GC.CPUPercent = bytes, percent
		report.Checks.Memory = []health.Check{{Status: health.Fail, Time: environment}}
		text, err := json.Marshal(report)
		if err != nil {
			t.Skip(err) // a NaN
		}
		if err := json.Unmarshal(text, &report); err != nil {
			t.Fatal(err)
		}
		cpu, err := json.Marshal(percent)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]string{
			"status": "warn", "output": report.Output, "environment": report.Environment, "time": report.Time,
			"rssBytes": strconv.FormatInt(bytes, 10), "cpuPercent": string(cpu), "limiterActive": "false",
		} {
			if got, ok := find(string(text), name); got != want || ok != (want != "" || name != "output") {
				t.Errorf("find(%s, %q) = %q, %v, want %q", text, name, got, ok, want)
			}
		}
		if got, ok := find(string(text), "highBytes"); ok {
			t.Errorf("find(%s, highBytes) = %q, want none", text, got)
		}
	})
}

// TestPageIsRenderedOnce: however many ask, one State costs one table.
func TestPageIsRenderedOnce(t *testing.T) {
	p := newPage(newServer(t, container64("1"), Options{}))
	p.table(true)
	if n := testing.AllocsPerRun(100, func() { p.table(true) }); n > 0 {
		t.Errorf("the same State's table allocates %v times, want 0", n)
	}
}
