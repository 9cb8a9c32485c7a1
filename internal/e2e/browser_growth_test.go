//go:build e2e && linux

package e2e

import (
	"strings"
	"testing"
	"time"
)

// TestBrowserGrowth shows an app whose memory grows: a sentence, a line from its newest value to
// the limit, and its processes.
func TestBrowserGrowth(t *testing.T) {
	const sentence = "Memory has grown steadily for 10 minutes."
	b := newBrowser(t)
	_, in := limitedTo(t, 256<<20)
	r := newRewriter(t, limited(t, freePort(t), in))
	hour := past(30, 64<<20, 256<<20)
	hour["appBytes"] = hour["rssBytes"]
	r.set(historyPath, replace(map[string]any{"hour": hour}))
	process := map[string]any{
		"name": "<b>node</b>", "pid": 7, "rssBytes": 60 << 20, "anonBytes": 40 << 20}
	grows := map[string]any{
		"growth": map[string]any{
			"bytesPerMinute": 1 << 20, "watchedSeconds": 600, "limitInSeconds": 145, "output": sentence},
		"app": map[string]any{
			"name": "node", "pid": 7, "anonBytes": 40 << 20, "processes": []any{process}},
	}
	r.set(monitoringPath, replace(grows))
	b.open(r.URL + "/")
	const line = `document.querySelector('.forecast')?.getAttribute('d')`
	const growth = `(e => e.checkVisibility() && e.innerText)(document.querySelector('#growth'))`
	b.says(15*time.Second, `document.querySelectorAll('.forecast').length`, "1")
	b.says(0, growth, sentence)
	b.says(0, verdict, "Healthy")

	// From the newest point to the right edge, where the limit is. The points take 290 s, so that
	// the line takes a third of the width.
	b.says(0, `(d => d.match(/[ML]([^ML]+)h0$/)[1] == `+line+`.match(/^M([^L]+)/)[1])(`+
		`document.querySelector('g.unreclaimable .line').getAttribute('d'))`, "true")
	b.says(0, `(d => d.match(/[\d.]+ ([\d.]+)H([\d.]+)/).slice(1).reverse().join(' ') == `+line+
		`.match(/[^L]+$/)[0])(document.querySelector('.limit').getAttribute('d'))`, "true")
	b.says(0, `(([left, from, to]) => Math.round(3 * (to - from) / (to - left)))([`+
		`document.querySelector('.limit').getAttribute('d').match(/[\d.]+/)[0], `+
		line+`.match(/[\d.]+/)[0], `+line+`.match(/([\d.]+) [^L]+$/)[1]])`, "1")

	const names = `[...document.querySelectorAll('#values dt')].map(e => e.innerText.trim()).join()`
	b.says(0, names, "Time,Container,App,healthd")
	const rows = `[...document.querySelectorAll('#processes tr')]` +
		`.map(e => e.innerText.trim()).join('\n')`
	want := []string{
		"App",
		"All processes\t40.00 MiB\twithout the pages of files and shared memory",
		"<b>node</b> (pid 7)\t40.00 MiB\tRSS 60.00 MiB",
	}
	b.says(0, rows, strings.Join(want, "\n"))
	for _, scheme := range []string{"light", "dark"} {
		testContrast(t, b, scheme)
	}

	r.set(monitoringPath, nil)
	b.says(10*time.Second, growth, "false")
	b.says(0, `document.querySelectorAll('.forecast, g.app').length`, "0")
	b.says(0, `document.querySelector('#processes').checkVisibility()`, "false")
	if problems, _ := b.seen(); len(problems) > 0 {
		t.Errorf("on the console: %s", problems)
	}
}
