package report

import (
	"regexp"
	"strings"
	"testing"

	"github.com/halobuzz/healthd/internal/app"
	"github.com/halobuzz/healthd/internal/health"
)

// TestPageProcesses has a row for each process of the app, and none without one. A client
// without the token sees none.
func TestPageProcesses(t *testing.T) {
	t.Parallel()
	processes := app.Processes{
		Largest: []app.Process{
			{Name: `<b>"x"</b>`, PID: 18, RSSBytes: 64 << 20, AnonBytes: 40 << 20},
			{Name: "npm", PID: 7, RSSBytes: 58 << 20, AnonBytes: 3 << 19},
		},
		PIDs: []int{7, 18}, AnonBytes: 83 << 19,
	}
	const shown = ` id="processes">
<tr><th colspan="3" scope="rowgroup">App</th></tr>
<tr><th scope="row">All processes</th><td>41.50 MiB</td>` +
		`<td>without the pages of files and shared memory</td></tr>
<tr><th scope="row">&lt;b&gt;&#34;x&#34;&lt;/b&gt; (pid 18)</th><td>40.00 MiB</td>` +
		`<td>RSS 64.00 MiB</td></tr>
<tr><th scope="row">npm (pid 7)</th><td>1.50 MiB</td><td>RSS 58.00 MiB</td></tr>
`
	const hidden = ` id="processes" hidden>
<tr><th colspan="3" scope="rowgroup">App</th></tr>
`
	body := func(d *Document) string {
		page := strings.Join(d.Body, "")
		return regexp.MustCompile(`(?s)<tbody( id="processes".*?)</tbody>`).FindStringSubmatch(page)[1]
	}
	for _, tt := range []struct {
		name    string
		app     *health.App
		request Request
		want    string
	}{
		{"no command", nil, browser, hidden},
		{"no process", &health.App{Name: "node", PID: 7}, browser, hidden},
		{"two processes", &health.App{Name: "npm", PID: 7, Processes: processes}, browser, shown},
		{"no token", &health.App{Name: "npm", PID: 7, Processes: processes},
			Request{AcceptsHTML: true}, hidden},
	} {
		f := fixtures()[0]
		state := f.state()
		state.App = tt.app
		if got := body(testWriter(1).Write(state, nil).root(tt.request)); got != tt.want {
			t.Errorf("%s: the page has %s, want %s", tt.name, got, tt.want)
		}
	}
}
