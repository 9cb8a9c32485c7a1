package server

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

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
	why := strings.Repeat("a long reason ", 15)
	check := []health.Check{{
		ComponentType: "system", ObservedValue: &percent, ObservedUnit: "percent", Status: health.Fail,
	}}
	full, err := json.Marshal(health.Report{
		Status: health.Fail, Output: why,
		Memory: health.Memory{
			HeapLiveBytes: &n, GoLimitBytes: &n,
			Container: &health.Container{
				UsageBytes: &n, WorkingSetBytes: &n, UnreclaimableBytes: &n, PeakBytes: &n,
				LimitBytes: &n, HighBytes: &n, UsedPercent: &percent,
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
	for _, not := range []string{
		`\sstyle=`, `<[^>]*\son[a-z]+=`, `https?:`, `<link[^>]*href="[^d]`, `\bsrc=`,
	} {
		if found := regexp.MustCompile(not).FindString(pageHTML + pageJS); found != "" {
			t.Errorf("the page has %q", found)
		}
	}
	for name, file := range map[string]string{
		"page.html": pageHTML, "page.css": pageCSS, "page.js": pageJS,
	} {
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
		source := element + "-src " + hashSource(block) + ";"
		if !ok || !strings.Contains(p.policy[0], source) {
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
			contentType, body := h.Get("Content-Type"), w.Body.String()
			if w.Code != 200 || contentType != tt.contentType || !strings.HasPrefix(body, tt.body) {
				t.Errorf("%s / for %q = %d %s %.20s", method, tt.accept, w.Code, contentType, body)
			}
			for name, want := range map[string]string{
				"Vary": "Accept", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
			} {
				if got := h.Get(name); got != want {
					t.Errorf("%s / for %q: %s = %q, want %q", method, tt.accept, name, got, want)
				}
			}
			html := strings.HasPrefix(tt.contentType, "text/html")
			policy := h.Get("Content-Security-Policy")
			strict := strings.HasPrefix(policy, "default-src 'none'; script-src 'sha256-")
			if html != strict || strings.Contains(policy, "unsafe") {
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
	for _, path := range []string{
		LivePath, ReadyPath, MonitoringPath, HistoryPath, MetricsPath, PagePath,
	} {
		if !strings.Contains("\n"+endpoints, "\n"+path+" ") {
			t.Errorf("the list lacks %s", path)
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
	for _, s := range []string{
		"", ",", ";", "text/html", "text/html;q=0", "text/html;q=-1", "*/*;q=9e999", "q=0;text/html",
	} {
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

// TestPageIsRenderedOnce: however many ask, one State costs one table.
func TestPageIsRenderedOnce(t *testing.T) {
	p := newPage(newServer(t, container64("1"), Options{}))
	p.table(true)
	if n := testing.AllocsPerRun(100, func() { p.table(true) }); n > 0 {
		t.Errorf("the same State's table allocates %v times, want 0", n)
	}
}
