package server

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/halobuzz/healthd/internal/health"
	"github.com/halobuzz/healthd/internal/report"
)

const token = "correct-horse-battery-staple-0123456789"

// clients are those that a server with a token may meet.
var clients = []struct {
	name, authorization string
	authorized          bool
}{
	{"no header", "", false},
	{"token", "Bearer " + token, true},
	{"scheme in lower case", "bearer " + token, true},
	{"wrong scheme", "Basic " + token, false},
	{"no scheme", token, false},
	{"scheme alone", "Bearer", false},
	{"wrong token", "Bearer " + strings.Repeat("x", len(token)), false},
	{"a prefix", "Bearer " + token[:len(token)-1], false},
	{"longer", "Bearer " + token + "0", false},
	{"empty token", "Bearer ", false},
	{"two spaces", "Bearer  " + token, false},
	{"very long", "Bearer " + strings.Repeat(token, 200), false},
}

// TestToken holds that a client without the token gets the same code with the status alone,
// whatever else it sends.
func TestToken(t *testing.T) {
	t.Parallel()
	for _, doc := range []struct {
		name, path string
		status     health.Status // of the state
		draining   bool
		code       int
		shown      string // the status in the document
		details    string // how the document goes on for authorized clients
	}{
		{"live", report.LivePath, health.Pass, false, 200, "pass", "}\n"},
		{"ready", report.ReadyPath, health.Pass, false, 200, "pass", "}\n"},
		{"warning", report.ReadyPath, health.Warn, false, 200, "warn", `,"output":`},
		{"failing", report.ReadyPath, health.Fail, false, 503, "fail", `,"output":`},
		{"draining", report.ReadyPath, health.Pass, true, 503, "fail", `,"output":`},
		{"monitoring", report.MonitoringPath, health.Pass, false, 200, "pass", `,"version":`},
		{"monitoring a warning", report.MonitoringPath, health.Warn, false, 200, "warn", `,"output":`},
		{"monitoring a failure", report.MonitoringPath, health.Fail, false, 503, "fail", `,"output":`},
	} {
		s := newStatusServer(doc.status, doc.draining, Options{Token: token})
		for _, client := range clients {
			for _, method := range []string{"GET", "HEAD"} {
				t.Run(doc.name+"/"+client.name+"/"+method, func(t *testing.T) {
					t.Parallel()
					r := httptest.NewRequest(method, doc.path, nil)
					if client.authorization != "" {
						r.Header.Set("Authorization", client.authorization)
					}
					w := s.respond(r)
					body, status := w.Body.String(), `{"status":"`+doc.shown+`"`
					ok := body == status+"}\n"
					if client.authorized {
						ok = strings.HasPrefix(body, status+doc.details)
					}
					if w.Code != doc.code || !ok {
						t.Errorf("%s %s = %d %s, want %d %s",
							method, doc.path, w.Code, body, doc.code, status)
					}
					checkLength(t, w)
				})
			}
		}
	}
}

// TestTokenOfValues holds that a client without the token gets 401, a challenge and no value
// where there is nothing else to see.
func TestTokenOfValues(t *testing.T) {
	t.Parallel()
	s := newServer(Options{Token: token})
	for _, path := range []string{metricsPath, historyPath} {
		for _, method := range []string{"GET", "HEAD"} {
			for _, client := range clients {
				code, challenge := 401, "Bearer"
				if client.authorized {
					code, challenge = 200, ""
				}
				r := httptest.NewRequest(method, path, nil)
				r.Header.Set("Authorization", client.authorization)
				w := s.respond(r)
				if got := w.Header().Get("WWW-Authenticate"); w.Code != code || got != challenge {
					t.Errorf("%s %s with %q = %d, challenge %q, want %d, %q",
						method, path, client.authorization, w.Code, got, code, challenge)
				}
				body := w.Body.String()
				values := strings.Contains(body, "eapBytes") || strings.Contains(body, "_bytes")
				if values != client.authorized {
					t.Errorf("%s %s with %q: values %v in %s",
						method, path, client.authorization, values, body)
				}
				checkLength(t, w)
			}
		}
	}
}

// TestTokenOfPage holds that anyone gets the page, but not its values.
func TestTokenOfPage(t *testing.T) {
	t.Parallel()
	s := newServer(Options{Token: token})
	for _, client := range clients {
		r := httptest.NewRequest("GET", pagePath, nil)
		r.Header.Set("Accept", "text/html")
		r.Header.Set("Authorization", client.authorization)
		w := s.respond(r)
		values := strings.Contains(w.Body.String(), " MiB</td>")
		if w.Code != 200 || values != client.authorized {
			t.Errorf("with %q: %d, values %v, want 200, %v",
				client.authorization, w.Code, values, client.authorized)
		}
		if !strings.Contains(w.Body.String(), `data-key="status">pass</td>`) {
			t.Errorf("with %q: the page lacks the status", client.authorization)
		}
		checkLength(t, w)
	}
}

// TestAcceptHeader holds that a browser gets the page and every other client the index.
func TestAcceptHeader(t *testing.T) {
	t.Parallel()
	s := newServer(Options{})
	for _, tt := range []struct {
		accept string
		html   bool
	}{
		{"text/html,application/xhtml+xml,*/*;q=0.8", true},
		{"TEXT/HTML", true},
		{"*/*", false},
		{"text/html;q=0,*/*", false},
		{"", false},
		{"application/json", false},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			r := httptest.NewRequest(method, pagePath, nil)
			r.Header.Set("Accept", tt.accept)
			w := s.respond(r)
			mediaType, start := "text/plain; charset=utf-8", "/healthz "
			if tt.html {
				mediaType, start = "text/html; charset=utf-8", "<!doctype html>"
			}
			got := w.Header().Get("Content-Type")
			if w.Code != 200 || got != mediaType || !strings.HasPrefix(w.Body.String(), start) {
				t.Errorf("%s / for %q = %d %s %.20s, want 200 %s %s",
					method, tt.accept, w.Code, got, w.Body, mediaType, start)
			}
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
