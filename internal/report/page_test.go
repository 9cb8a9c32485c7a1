package report

import (
	"encoding/json"
	"html"
	"regexp"
	"strings"
	"testing"

	"github.com/halobuzz/healthd/internal/health"
)

// browser is the request of a browser with the token.
var browser = Request{Authorized: true, AcceptsHTML: true}

// element returns what is between two tags of the page, the first of which must be unique.
func element(t *testing.T, page, start, end string) string {
	t.Helper()
	if n := strings.Count(page, start); n != 1 {
		t.Fatalf("the page has %d of %s, want 1", n, start)
	}
	_, content, _ := strings.Cut(page, start)
	content, _, ok := strings.Cut(content, end)
	if !ok {
		t.Fatalf("the page has no %s after %s", end, start)
	}
	return content
}

func TestPageHeaders(t *testing.T) {
	t.Parallel()
	f := fixtures()[0]
	documents := f.write()
	for _, r := range []Request{browser, {AcceptsHTML: true}} {
		d := documents.root(r)
		if d.Code != 200 || !strings.HasPrefix(body(d), "<!doctype html>") {
			t.Errorf("%+v: %d %.20s, want a page", r, d.Code, body(d))
		}
		checkHeaders(t, "page", d, "text/html; charset=utf-8")
		style := element(t, body(d), "<style>", "</style>")
		script := element(t, body(d), "<script>", "</script>")
		want := "default-src 'none'; script-src " + hashSource(script) +
			"; style-src " + hashSource(style) + "; connect-src 'self'; img-src data:;" +
			" base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
		for name, want := range map[string]string{
			"Vary": "Accept", "Referrer-Policy": "no-referrer", "Content-Security-Policy": want,
		} {
			if got := d.Header.Get(name); got != want {
				t.Errorf("%+v: %s = %q, want %q", r, name, got, want)
			}
		}
	}
	d := documents.root(Request{Authorized: true})
	checkHeaders(t, "index", d, "text/plain; charset=utf-8")
	if d.Code != 200 || body(d) != Index() || d.Header.Get("Vary") != "Accept" {
		t.Errorf("without HTML: %d %s %v, want the index", d.Code, body(d), d.Header)
	}
	for _, name := range []string{"Content-Security-Policy", "Referrer-Policy"} {
		if got := d.Header.Get(name); got != "" {
			t.Errorf("without HTML: %s = %q, want none", name, got)
		}
	}
}

// TestHashSource uses the example of the specification (CSP Level 3, section 8.3).
func TestHashSource(t *testing.T) {
	t.Parallel()
	const want = "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='"
	if got := hashSource("alert('Hello, world.');"); got != want {
		t.Errorf("hashSource() = %s, want %s", got, want)
	}
}

// tableRow matches a row of the page's table.
var tableRow = regexp.MustCompile(
	`<tr( hidden)?><th scope="row">([^<]+)</th><td[^>]* data-key="([^"]+)">([^<]*)</td>`)

// visible returns the values that a reader without a script sees, by their names.
func visible(page string) map[string]string {
	rows := map[string]string{}
	for _, m := range tableRow.FindAllStringSubmatch(page, -1) {
		if m[1] == "" {
			rows[m[2]] = html.UnescapeString(m[4])
		}
	}
	return rows
}

func TestPageTable(t *testing.T) {
	t.Parallel()
	f := fixtures()[3]
	d := f.write()
	rows := visible(body(d.root(browser)))
	for name, want := range map[string]string{
		"Status": "warn", "Reason": d.State.Reason,
		"Working set": "54.36 MiB", "Limit": "64.00 MiB", "Used": "84.9%",
		"Throttled": "no", "Open connections": "1", "Connection limit": "512",
		"Uptime": "1 h 10 min", "Environment": `<b>"staging" & more`,
	} {
		if rows[name] != want {
			t.Errorf("%s = %q, want %q", name, rows[name], want)
		}
	}
	for _, name := range []string{"Soft limit", "Unreclaimable", "Peak usage"} {
		if value, ok := rows[name]; ok {
			t.Errorf("%s = %q, want a hidden row", name, value)
		}
	}
}

// TestPageHidesEmptyGroups holds that a group without a value is hidden with its title.
func TestPageHidesEmptyGroups(t *testing.T) {
	t.Parallel()
	group := regexp.MustCompile(`<tbody([^>]*)>\n<tr><th [^>]*>Container memory</th>`)
	for i, want := range []string{"", " hidden"} { // pass, unknown
		f := fixtures()[i]
		m := group.FindStringSubmatch(body(f.write().root(browser)))
		if m == nil || m[1] != want {
			t.Errorf("%s: the container's group is %q, want %q", f.name, m, want)
		}
	}
}

// TestLockedPage holds that a client without the token gets the status and names of values.
func TestLockedPage(t *testing.T) {
	t.Parallel()
	for _, f := range fixtures() {
		d := f.write()
		d.root(browser) // which the other client must not get
		page := body(d.root(Request{AcceptsHTML: true}))
		status := f.status.String()
		if rows := visible(page); len(rows) != 1 || rows["Status"] != status {
			t.Errorf("%s: the page shows %q, want the status %s", f.name, rows, status)
		}
		for _, m := range tableRow.FindAllStringSubmatch(page, -1) {
			if m[3] != "status" && m[4] != "" {
				t.Errorf("%s: %s holds %q", f.name, m[3], m[4])
			}
		}
		report := element(t, page, `<script id="report" type="application/json">`, "</script>")
		if want := `{"status":"` + status + `"}` + "\n"; report != want {
			t.Errorf("%s: the page has the report %s, want %s", f.name, report, want)
		}
	}
}

// TestPageKeys holds that each row has a path in the report, where the script finds its value.
func TestPageKeys(t *testing.T) {
	t.Parallel()
	f, w := fixtures()[0], testWriter(1)
	state := f.state()
	state.Status, state.Reason, state.Growth = health.Warn, "a reason", hourGrowth
	m := w.newMonitoring(state)
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var report any
	if err := json.Unmarshal(text, &report); err != nil {
		t.Fatal(err)
	}
	paths, groups := 0, append(detailGroups(m), statusGroup(m))
	for _, g := range groups {
		for _, row := range g.rows {
			paths++
			at := report
			for name := range strings.SplitSeq(row.path, ".") {
				object, _ := at.(map[string]any)
				at = object[name]
			}
			if at == nil {
				t.Errorf("the report has no %s", row.path)
			}
		}
	}
	// Every row has a name of its own, and is shown when everything is known.
	page := body(w.Write(state, nil).root(browser))
	if rows := visible(page); len(rows) != paths {
		t.Errorf("%d rows are visible, want %d: %q", len(rows), paths, rows)
	}
}

// FuzzPage holds that no text ends an element of the page, or is shown other than it is.
func FuzzPage(f *testing.F) {
	for _, s := range []string{
		"", "production", "</script><script>alert(1)</script>", "<!--<script>", `"]]>&amp;`,
		"\\", "\x00\b\f\u2028<&>", "\xff", "\U0001f600",
	} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, reason, environment string) {
		w := testWriter(1)
		w.service.Environment = environment
		fixture := fixtures()[0]
		state := fixture.state()
		state.Status, state.Reason = health.Fail, reason
		page := body(w.Write(state, nil).root(browser))

		rows := visible(page)
		if rows["Reason"] != reason || rows["Environment"] != environment {
			t.Errorf("the table shows %q, want %q and %q", rows, reason, environment)
		}
		text := element(t, page, `<script id="report" type="application/json">`, "</script>")
		if strings.ContainsAny(text, "<>&") {
			t.Errorf("the report is not escaped: %s", text)
		}
		var got Monitoring
		if err := decodeReport(text, &got); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		if got.Output != decoded(t, reason) || got.Environment != decoded(t, environment) {
			t.Errorf("the report has %q and %q, want %q and %q",
				got.Output, got.Environment, reason, environment)
		}
		if n := strings.Count(page, "</script>"); n != 2 {
			t.Errorf("%d scripts end, want 2", n)
		}
	})
}

// decodeReport decodes a report without its checks.
func decodeReport(text string, m *Monitoring) error {
	v := struct {
		*Monitoring
		Checks map[string][]Check `json:"checks"`
	}{Monitoring: m}
	return json.Unmarshal([]byte(text), &v)
}

// decoded returns what JSON keeps of a string: valid UTF-8.
func decoded(t *testing.T, s string) (kept string) {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &kept); err != nil {
		t.Fatal(err)
	}
	return kept
}

func TestFormats(t *testing.T) {
	t.Parallel()
	bytes, tie, percent := int64(1048576), int64(1<<20+5*4096+1024), 84.94
	for _, tt := range []struct{ call, got, want string }{
		{"mebibytes(nil)", mebibytes(nil), ""},
		{"mebibytes(1048576)", mebibytes(&bytes), "1.00 MiB"},
		{"mebibytes(1070080)", mebibytes(&tie), "1.02 MiB"},
		{"percentage(nil)", percentage(nil), ""},
		{"percentage(84.94)", percentage(&percent), "84.9%"},
		{"yesNo(true)", yesNo(true), "yes"},
		{"yesNo(false)", yesNo(false), "no"},
		{"duration(0)", duration(0), "0 s"},
		{"duration(59)", duration(59), "59 s"},
		{"duration(60)", duration(60), "1 min 0 s"},
		{"duration(61)", duration(61), "1 min 1 s"},
		{"duration(3599)", duration(3599), "59 min 59 s"},
		{"duration(3600)", duration(3600), "1 h 0 min"},
		{"duration(93599)", duration(93599), "1 d 1 h"},
		{"duration(86400000)", duration(86400000), "1000 d 0 h"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s = %q, want %q", tt.call, tt.got, tt.want)
		}
	}
}
