package server

import (
	"encoding/json"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/halobuzz/healthd/internal/health"
)

// visible returns the names and values of the rows that a reader without a script sees.
func visible(body string) map[string]string {
	rows := map[string]string{}
	row := regexp.MustCompile(`<tr><th scope="row">([^<]+)</th><td[^>]*>([^<\n]*)`)
	for _, m := range row.FindAllStringSubmatch(body, -1) {
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
	if got, want := w.Result().ContentLength, int64(w.Body.Len()); got != want {
		t.Errorf("Content-Length = %d, want %d", got, want)
	}
}

// TestPageWithoutDetails checks that clients without the token get the status alone.
func TestPageWithoutDetails(t *testing.T) {
	t.Parallel()
	var body string
	settled(t, container64("57000000"), Options{}, func(s *Server) {
		p := newPage(s)
		getPage(p, true) // must not be what the client without the token gets
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
	cell := regexp.MustCompile(`<td[^>]*data-key="([a-zA-Z.]+)[^>]*>([^<\n]+)`)
	for _, m := range cell.FindAllStringSubmatch(body, -1) {
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
	if n := strings.Count(detailsHTML(full), `<tr><th scope="row">`); n != count {
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
	escaped := strings.Contains(body, `&lt;script>&lt;/script>&amp;"`)
	if !escaped || strings.Count(body, "script>") != 3 {
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
	for _, s := range []string{
		"", "production", `"time":"`, `","time":1,"`, "time",
		"\\", "\x00\b\f\u2028<&>", "\xff", "\U0001f600",
	} {
		f.Add(s, s, int64(0), 0.5)
	}
	f.Fuzz(func(t *testing.T, output, environment string, bytes int64, percent float64) {
		report := health.Report{
			Status: health.Warn, Output: output, Environment: environment, Time: "2026-11-23T17:30:00Z",
		}
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
			"status": "warn", "output": report.Output, "environment": report.Environment,
			"time": report.Time, "rssBytes": strconv.FormatInt(bytes, 10),
			"cpuPercent": string(cpu), "limiterActive": "false",
		} {
			got, ok := find(string(text), name)
			if got != want || ok != (want != "" || name != "output") {
				t.Errorf("find(%s, %q) = %q, %v, want %q", text, name, got, ok, want)
			}
		}
		if got, ok := find(string(text), "highBytes"); ok {
			t.Errorf("find(%s, highBytes) = %q, want none", text, got)
		}
	})
}
