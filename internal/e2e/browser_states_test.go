//go:build e2e && linux

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	monitoringPath = "/api/v1/monitoring/health"
	historyPath    = "/api/v1/monitoring/history"
)

// rewriter forwards requests to a service and changes the JSON documents on their way
// back, so that the page can be shown states that take long to reach or cannot be forced.
type rewriter struct {
	*httptest.Server
	mu      sync.Mutex
	changes map[string]func(document map[string]any) // by path
}

func newRewriter(t *testing.T, s *service) *rewriter {
	t.Helper()
	target, err := url.Parse(s.url(""))
	if err != nil {
		t.Fatal(err)
	}
	r := &rewriter{changes: map[string]func(map[string]any){}}
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(p *httputil.ProxyRequest) { p.SetURL(target) },
		ModifyResponse: r.rewrite,
	}
	r.Server = httptest.NewServer(proxy)
	t.Cleanup(r.Close)
	return r
}

// set makes change part of every later response for path.
func (r *rewriter) set(path string, change func(document map[string]any)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changes[path] = change
}

func (r *rewriter) rewrite(response *http.Response) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	change := r.changes[response.Request.URL.Path]
	if change == nil {
		return nil
	}
	var document map[string]any
	if err := json.NewDecoder(response.Body).Decode(&document); err != nil {
		return err
	}
	response.Body.Close()
	change(document)
	text, err := json.Marshal(document)
	response.Body = io.NopCloser(strings.NewReader(string(text)))
	response.Header.Set("Content-Length", strconv.Itoa(len(text)))
	return err
}

// replace returns a change that sets the members of a document.
func replace(members map[string]any) func(map[string]any) {
	return func(document map[string]any) { maps.Copy(document, members) }
}

func TestBrowserDraining(t *testing.T) {
	b := newBrowser(t)
	r := newRewriter(t, start(t))
	b.open(r.URL + "/")
	b.says(5*time.Second, verdict, "Healthy")
	r.set(monitoringPath, replace(map[string]any{"draining": true}))
	b.says(10*time.Second, verdict, "Shutting down")
	b.says(0, `document.title`, "Shutting down – healthd")
	testContrast(t, b, "light")
	r.set(monitoringPath, nil)
	b.says(10*time.Second, verdict, "Healthy")
}

// TestBrowserClockJump shows a history that spans fifty years, as a clock leaves it that
// was set right after the start.
func TestBrowserClockJump(t *testing.T) {
	b := newBrowser(t)
	r := newRewriter(t, start(t))
	now := time.Now().Unix()
	for _, first := range []int64{now - 50*365*24*3600, -now, 0} {
		hour := past(3, 1<<20, nil)
		hour["timeUnixSeconds"] = []int64{first, now - 10, now}
		r.set(historyPath, replace(map[string]any{"hour": hour}))
		b.open(r.URL + "/")
		b.says(15*time.Second, `document.querySelectorAll('g.rss .line').length`, "1")
		var texts int
		b.eval(&texts, `document.querySelectorAll('#plot text').length`)
		if texts > 50 {
			t.Errorf("%d texts on an axis that begins at %d, want at most 50", texts, first)
		}
		if problems, _ := b.seen(); len(problems) > 0 {
			t.Fatal(fmt.Sprint(problems))
		}
		b.call("Page.navigate", params{"url": "about:blank"})
	}
}

// past returns the history of the last steps, of 10 s each, with every value at bytes.
func past(steps int, bytes int64, limit any) map[string]any {
	columns := map[string]any{"stepSeconds": 10}
	add := func(name string, value any) {
		column, _ := columns[name].([]any)
		columns[name] = append(column, value)
	}
	now := time.Now().Unix() / 10 * 10
	for i := range steps {
		add("timeUnixSeconds", now-int64(10*(steps-i)))
		add("limitBytes", limit)
		for _, name := range []string{"heap", "rss", "workingSet", "unreclaimable"} {
			for _, extent := range []string{"", "Min", "Max"} {
				add(name+extent+"Bytes", bytes)
			}
		}
	}
	return columns
}

// TestBrowserChart checks the axes: linear and with round ticks, over the time that there is.
func TestBrowserChart(t *testing.T) {
	b := newBrowser(t)
	_, in := limitedTo(t, 256<<20)
	r := newRewriter(t, limited(t, freePort(t), in))
	r.set(historyPath, replace(map[string]any{"hour": past(30, 6<<20, 256<<20)}))
	b.open(r.URL + "/")
	const line = `(document.querySelector('g.rss .line')?.getAttribute('d') || '')`
	const points = line + `.split(/[ML]/).length - 1`
	b.says(10*time.Second, points, "30")
	b.says(0, `document.querySelector('#view').scale.value`, "linear")
	const ticks = `[...document.querySelectorAll('.grid')].map(e => e.dataset.bytes / 2 ** 20)`
	b.says(0, ticks+`.join()`, "0,100,200")
	// The first point is where the grid begins, and the last where it ends.
	const ends = `(path => path.match(/^M\S+/)[0] + path.match(/[LH]([\d.]+)[^LH]*$/)[1])`
	b.says(0, ends+line+` == `+ends+`(document.querySelector('.grid').getAttribute('d'))`, "true")
	b.says(0, `document.querySelector('#summary').textContent.slice(0, 16)`, "Last 4 min 50 s:")
	b.says(0, `document.querySelectorAll('g.unreclaimable').length`, "1")

	const reason = "the reason that it gives"
	r.set(historyPath, replace(map[string]any{"hour": past(30, 6<<20, nil)}))
	r.set(monitoringPath, func(document map[string]any) {
		document["status"], document["output"] = "fail", reason
		container, _ := document["memory"].(map[string]any)["container"].(map[string]any)
		delete(container, "limitBytes")
	})
	b.open(r.URL + "/")
	b.says(10*time.Second, verdict, "Failing")
	b.says(10*time.Second, points, "30")
	b.says(0, `document.querySelectorAll('g.unreclaimable').length`, "0")
	b.says(0, `document.body.innerText.split('`+reason+`').length - 1`, "1")
	b.says(0, `document.querySelector('#container').checkVisibility()`, "false")
}

// shift sums the layout shifts since the page was opened, as browsers score them.
const shift = `new Promise(resolve => {
	const sum = entries => entries.reduce((sum, e) => sum + (e.hadRecentInput ? 0 : e.value), 0)
	const observer = new PerformanceObserver(list => resolve(sum(list.getEntries())))
	observer.observe({ type: 'layout-shift', buffered: true })
	setTimeout(() => resolve(0), 500)
})`

// TestBrowserLayout checks that what is on the screen stays where it is when the script
// takes over and when the first history arrives, also over a slow network.
func TestBrowserLayout(t *testing.T) {
	const most = 0.05
	b := newBrowser(t)
	b.call("Page.bringToFront", nil)
	_, in := limitedTo(t, 256<<20)
	r := newRewriter(t, limited(t, freePort(t), in, "GOMEMLIMIT=64MiB"))
	r.set(historyPath, replace(map[string]any{"hour": past(360, 6<<20, 256<<20)}))
	protected := limited(t, freePort(t), in, "MONITORING_TOKEN=x").url("/")
	for _, tt := range []struct {
		name    string
		url     string
		prepare string // a script that runs before the page is loaded again
		ready   string
	}{
		{"limits", r.URL + "/", "", details},
		{"failing", limited(t, freePort(t), in, "GOMEMLIMIT=6MiB").url("/"), "", details},
		{"no limit", start(t).url("/"), "", details},
		{"locked", protected, "", asksForToken},
		{"with a token", protected, `sessionStorage.setItem('healthd.token', 'x')`, details},
	} {
		for _, screen := range []struct{ width, bytesPerSecond int }{{1200, -1}, {360, 50_000}} {
			b.call("Emulation.setDeviceMetricsOverride", params{
				"width": screen.width, "height": 800, "deviceScaleFactor": 1, "mobile": false})
			b.call("Network.emulateNetworkConditions", params{
				"offline": false, "latency": 20,
				"downloadThroughput": screen.bytesPerSecond, "uploadThroughput": -1})
			b.open(tt.url)
			if tt.prepare != "" {
				b.eval(nil, tt.prepare)
				b.call("Page.reload", nil)
			}
			b.says(10*time.Second, tt.ready, "true")
			time.Sleep(time.Second) // for the history, which then stays for 10 s
			var got float64
			b.eval(&got, shift)
			name := fmt.Sprintf("%s, %d px, %d bytes/s", tt.name, screen.width, screen.bytesPerSecond)
			t.Logf("%s: layout shift %.4f", name, got)
			if got > most {
				t.Errorf("%s: layout shift %.3f, want at most %v", name, got, most)
			}
		}
	}
	// What moves later must be seen, or the figures above say nothing.
	b.eval(nil, `document.querySelector('main').prepend(document.querySelector('footer')), 0`)
	eventually(t, 10*time.Second, "measures a shift", func() bool {
		var got float64
		b.eval(&got, shift)
		return got > most
	})
}
