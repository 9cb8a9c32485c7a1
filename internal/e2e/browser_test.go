//go:build e2e && linux

package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// verdict is the word in which the page says it.
const verdict = `document.querySelector('h1').innerText.trim()`

// details reports whether the page shows them, and asksForToken whether it shows a form.
const (
	details      = `document.querySelector('[data-key="memory.rssBytes"]')?.checkVisibility({visibilityProperty: true})`
	asksForToken = `document.querySelector('#login').checkVisibility({visibilityProperty: true})`
)

func (b *browser) says(within time.Duration, script, want string) {
	b.t.Helper()
	var got string
	for deadline := time.Now().Add(within); ; time.Sleep(50 * time.Millisecond) {
		if got = b.text(script); got == want {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("%s = %q, want %q", script, got, want)
		}
	}
}

// pastOf fetches the history's columns of the hour.
func (s *service) pastOf() map[string][]*float64 {
	s.t.Helper()
	_, body := get(s.t, s.url("/api/v1/monitoring/history"))
	var h struct{ Hour map[string]json.RawMessage }
	if err := json.Unmarshal([]byte(body), &h); err != nil {
		s.t.Fatalf("%v in %s", err, body)
	}
	columns := map[string][]*float64{}
	for name, raw := range h.Hour {
		var column []*float64
		if json.Unmarshal(raw, &column) == nil {
			columns[name] = column
		}
	}
	return columns
}

// limitedTo makes a memory cgroup, of whichever version there is, and a command line
// that starts in it what follows. It needs root. The limit can be written to file later.
func limitedTo(t *testing.T, bytes int64) (file string, in []string) {
	t.Helper()
	parent, file := "/sys/fs/cgroup", "memory.max"
	if _, err := os.Stat(parent + "/memory"); err == nil {
		parent, file = parent+"/memory", "memory.limit_in_bytes"
	}
	dir := newGroup(t, parent, map[string]string{file: strconv.FormatInt(bytes, 10)})
	return filepath.Join(dir, file), entering(dir)
}

// limited starts the service with room for 256 MiB, on a port.
func limited(t *testing.T, port int, in []string, env ...string) *service {
	t.Helper()
	cmd := command(t, append(env, "PORT="+strconv.Itoa(port)))
	cmd.Args = append(in, cmd.Path)
	cmd.Path = in[0]
	return launch(t, port, cmd)
}

// TestBrowserLimitLifted has a verdict outlive its value, which must not stop the page.
func TestBrowserLimitLifted(t *testing.T) {
	b := newBrowser(t)
	file, in := limitedTo(t, 12<<20)
	s := limited(t, freePort(t), in, "MEMORY_WARN_PERCENT=6", "MEMORY_FAIL_PERCENT=7")
	const bars = `[...document.querySelectorAll('#container svg')].filter(e => e.checkVisibility()).length`
	b.open(s.url("/"))
	b.says(15*time.Second, verdict, "Failing")
	b.says(0, bars, "1")
	none := "max"
	if strings.HasSuffix(file, "memory.limit_in_bytes") {
		none = "-1"
	}
	if err := os.WriteFile(file, []byte(none), 0); err != nil {
		t.Fatal(err)
	}
	b.says(10*time.Second, bars, "0")
	b.says(0, verdict, "Failing")
	const uptime = `document.querySelector('[data-key=uptimeSeconds]').textContent`
	was := b.text(uptime)
	eventually(t, 10*time.Second, "shows another uptime", func() bool { return b.text(uptime) != was })
}

// TestBrowser looks at the page in a real browser, over a service with real history.
func TestBrowser(t *testing.T) {
	b := newBrowser(t)
	step := func(name string, f func(*testing.T)) {
		t.Run(name, func(step *testing.T) {
			b.t = step
			defer func() { b.t = t }()
			f(step)
		})
	}
	_, in := limitedTo(t, 256<<20)
	port := freePort(t)
	s := limited(t, port, in, "GOMEMLIMIT=64MiB", "SERVICE_NAME=<b>api</b>")
	b.open(s.url("/"))
	b.says(5*time.Second, verdict, "Healthy")
	b.says(0, `document.title`, "Healthy – <b>api</b>")
	b.says(0, `document.querySelector('#container span').textContent.replace(/[\d.]+(%| of)/g, 'N$1')`, "N% · N of 256 MiB")
	b.says(0, `document.querySelectorAll('[style]').length`, "0")

	step("numbers move", func(t *testing.T) {
		uptime := b.text(`document.querySelector('[data-key=uptimeSeconds]').textContent`)
		eventually(t, 10*time.Second, "shows another uptime", func() bool {
			return b.text(`document.querySelector('[data-key=uptimeSeconds]').textContent`) != uptime
		})
		rows := 0
		b.eval(&rows, `[...document.querySelectorAll('tr')].filter(e => e.checkVisibility()).length`)
		if rows < 20 {
			t.Errorf("the table shows %d rows, want at least 20", rows)
		}
	})

	step("as many points as the history", func(t *testing.T) {
		var drawn map[string]int
		var past map[string][]*float64
		eventually(t, 90*time.Second, "draws four points or more, as many as the history has", func() bool {
			b.eval(&drawn, `Object.fromEntries(['rss', 'workingSet', 'heap'].map(n => [n, (document.querySelector('g.'+n+' .line')?.getAttribute('d').match(/[ML]/g) || []).length]))`)
			past = s.pastOf()
			for name, n := range drawn {
				if n < 4 || n != len(past[name+"Bytes"]) {
					return false
				}
			}
			return true
		})
		t.Logf("drawn %v, in the history %d", drawn, len(past["timeUnixSeconds"]))
	})

	for _, scale := range []string{"log", "linear"} {
		step("places on the scale: "+scale, func(t *testing.T) {
			b.says(0, `document.querySelector('[value=`+scale+`]').click()`, "")
			testScale(t, b, s, scale)
		})
	}

	step("keyboard", func(t *testing.T) { testKeyboard(t, b, s) })

	step("pointer", func(t *testing.T) {
		var at struct{ X, Y float64 }
		b.eval(&at, `(e => ({x: e.left + 35, y: e.top + 99}))(document.querySelector('#plot').getBoundingClientRect())`)
		b.call("Input.dispatchMouseEvent", params{"type": "mouseMoved", "x": at.X, "y": at.Y})
		b.says(time.Second, `document.querySelectorAll('.cursor, .dot').length`, "4")
		b.says(0, `document.querySelector('#plot').ariaValueNow`, "0")
		b.call("Input.dispatchMouseEvent", params{"type": "mouseMoved", "x": 1, "y": 1})
		b.says(time.Second, `document.querySelectorAll('.cursor, .dot').length`, "0")
	})

	for _, scheme := range []string{"light", "dark"} {
		step("contrast: "+scheme, func(t *testing.T) { testContrast(t, b, scheme) })
	}

	step("narrow", func(t *testing.T) {
		for _, width := range []int{360, 320} {
			b.call("Emulation.setDeviceMetricsOverride", params{"width": width, "height": 700, "deviceScaleFactor": 1, "mobile": false})
			b.says(5*time.Second, `document.querySelector('#plot svg').clientWidth < innerWidth && innerWidth`, fmt.Sprint(width))
			b.says(time.Second, `document.documentElement.scrollWidth <= document.documentElement.clientWidth`, "true")
		}
		b.call("Emulation.clearDeviceMetricsOverride", nil)
	})

	step("rests while hidden", func(t *testing.T) {
		hide := `Object.defineProperty(document, 'hidden', {value: %v, configurable: true}), document.dispatchEvent(new Event('visibilitychange')), 0`
		b.eval(nil, fmt.Sprintf(hide, true))
		_, before := b.seen()
		time.Sleep(5 * time.Second) // more than twice the time between two requests
		_, rested := b.seen()
		if len(rested) > len(before)+1 {
			t.Errorf("%d requests while hidden", len(rested)-len(before))
		}
		b.eval(nil, fmt.Sprintf(hide, false))
		eventually(t, 2*time.Second, "asks again", func() bool { _, after := b.seen(); return len(after) > len(rested) })
	})

	problems, requests := b.seen()
	if len(problems) > 0 {
		t.Errorf("on the console: %s", problems)
	}
	for _, url := range requests {
		if !strings.HasPrefix(url, s.url("/")) && !strings.HasPrefix(url, "data:") && url != "about:blank" {
			t.Errorf("it asked for %s", url)
		}
	}
	t.Logf("%d requests", len(requests))
	step("violations are seen", func(t *testing.T) {
		b.eval(nil, `document.body.insertAdjacentHTML('beforeend', '<p style="color: red">'), document.body.append(Object.assign(new Image, {src: 'http://127.0.0.2:1/'})), fetch('http://127.0.0.2:1/').catch(() => 0)`)
		eventually(t, 5*time.Second, "reports three violations", func() bool {
			problems, _ := b.seen()
			return strings.Count(strings.Join(problems, ""), "Content Security Policy") >= 3
		})
	})

	step("server gone and back", func(t *testing.T) {
		s.cmd.Process.Kill()
		<-s.done
		b.says(10*time.Second, verdict, "Not responding")
		b.says(0, `/^No response since \d\d:\d\d:\d\d. Trying again/.test(document.querySelector('#reason').textContent)`, "true")
		testContrast(t, b, "light")
		limited(t, port, in)
		b.says(10*time.Second, verdict, "Healthy")
	})
}

// testScale computes where things belong from the labelled lines of the grid.
func testScale(t *testing.T, b *browser, s *service, scale string) {
	type mark struct{ Bytes, Y float64 }
	var plot struct {
		Scale        string
		Label        int
		Grid, Limits []mark
		RSS          [][2]float64
	}
	b.eval(&plot, `(() => {
		const marks = s => [...document.querySelectorAll(s)].map(e => ({ bytes: +e.dataset.bytes, y: +e.getAttribute('d').match(/^M\S+ (\S+)H/)[1] }))
		return {
			scale: document.querySelector('#view').scale.value,
			grid: marks('.grid'), limits: [...marks('.goLimit'), ...marks('.limit')],
			rss: document.querySelector('g.rss .line').getAttribute('d').match(/[ML]\S+ [\d.]+/g).map(p => p.slice(1).split(' ').map(Number)),
			label: [...document.querySelectorAll('#plot text')].filter(e => /^(Container limit 256|GOMEMLIMIT 64) MiB$/.test(e.textContent)).length,
		}
	})()`)
	if plot.Scale != scale || len(plot.Grid) < 3 || len(plot.Limits) != 2 || plot.Label != 2 {
		t.Fatalf("%+v, want %s, a grid, two limits and their labels", plot, scale)
	}
	f := func(v float64) float64 { return v }
	if scale == "log" {
		f = math.Log2
	}
	// By two labels far apart, so that their rounding does not count.
	low, high := plot.Grid[0], plot.Grid[len(plot.Grid)-1]
	y := func(bytes float64) float64 {
		return low.Y + (f(bytes)-f(low.Bytes))/(f(high.Bytes)-f(low.Bytes))*(high.Y-low.Y)
	}
	for i, want := range []float64{64 << 20, 256 << 20} {
		if got := plot.Limits[i]; got.Bytes != want || math.Abs(got.Y-y(want)) > 0.3 {
			t.Errorf("the line of %v bytes is at %v, want %v at %.1f", got.Bytes, got.Y, want, y(want))
		}
	}
	for _, g := range plot.Grid {
		if math.Abs(g.Y-y(g.Bytes)) > 0.3 {
			t.Errorf("%v bytes of the grid are at %v, want %.1f", g.Bytes, g.Y, y(g.Bytes))
		}
	}
	rss := s.pastOf()["rssBytes"] // the page may lack the newest
	for i, p := range plot.RSS {
		if i < len(rss) && math.Abs(p[1]-y(*rss[i])) > 0.3 {
			t.Errorf("point %d of RSS, %v bytes, is at %v, want %.1f", i, *rss[i], p[1], y(*rss[i]))
		}
	}
	t.Logf("%d lines of the grid, limits at %v", len(plot.Grid), plot.Limits)
}

// testKeyboard does with keys alone what a pointer can do.
func testKeyboard(t *testing.T, b *browser, s *service) {
	const focus = `document.activeElement.name || document.activeElement.id`
	plot := func(name string) string { return b.text(`document.querySelector('#plot').` + name) }
	b.eval(nil, `document.activeElement.blur()`)
	for _, want := range []string{"range", "scale", "plot"} {
		b.key("Tab", 9)
		b.says(time.Second, focus, want)
		b.says(0, `getComputedStyle(document.activeElement.closest('label, #plot')).outlineStyle`, "solid")
		if want == "range" {
			b.key("ArrowRight", 39)
			b.says(time.Second, `document.querySelector('#view').range.value`, "day")
			b.key("ArrowLeft", 37)
			b.says(time.Second, `document.querySelector('#view').range.value`, "hour")
		}
	}
	b.key("Home", 36)
	b.says(time.Second, `document.querySelector('#plot').ariaValueNow`, "0")
	past := s.pastOf()
	for i := range 2 {
		at := time.Unix(int64(*past["timeUnixSeconds"][i]), 0)
		// Pages of 4 KiB give ties, which scripts round up and Go to even.
		mib := func(name string) string {
			return fmt.Sprintf("%.2f MiB", math.Round(*past[name+"Bytes"][i]*100/(1<<20))/100)
		}
		clock := b.text(fmt.Sprintf("new Date(%d).toTimeString().slice(0, 8)", at.UnixMilli())) // in the browser's zone
		want := fmt.Sprintf("%s, RSS %s, Working set %s, Heap %s", clock, mib("rss"), mib("workingSet"), mib("heap"))
		if got := plot("ariaValueText"); got != want {
			t.Errorf("point %d says %q, want %q", i, got, want)
		}
		b.says(0, `document.querySelector('#values dd').textContent`, clock)
		b.says(0, `document.querySelectorAll('.cursor, .dot').length`, "4")
		b.key("ArrowRight", 39)
	}
	if now := plot("ariaValueNow"); now != "2" {
		t.Errorf("after two steps it is at %s", now)
	}
	b.key("End", 35)
	if now, last := plot("ariaValueNow"), plot("ariaValueMax"); now != last {
		t.Errorf("the end is %s, want %s", now, last)
	}
	b.key("Escape", 27)
	b.says(time.Second, `document.querySelectorAll('.cursor, .dot').length`, "0")
	if got := b.text(`document.querySelector('#summary').textContent`); !strings.HasPrefix(got, "Last ") || !strings.Contains(got, "RSS ") {
		t.Errorf("the plot in words: %q", got)
	}
}

// testContrast takes the colours as the browser computed them: WCAG 2's ratio of every
// visible text to what is behind it must be 4.5, and of lines and bars 3.
func testContrast(t *testing.T, b *browser, scheme string) {
	b.call("Emulation.setEmulatedMedia", params{"features": []params{{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"}}})
	var found []struct {
		What        string
		Ratio, Want float64
	}
	b.eval(&found, `(() => {
		const rgba = c => { const n = c.match(/[\d.]+/g).map(Number); return n.length < 4 ? [...n, 1] : n }
		const light = c => rgba(c).slice(0, 3).map(v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4).reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0)
		const ratio = (a, b) => { a = light(a), b = light(b); return (Math.max(a, b) + .05) / (Math.min(a, b) + .05) }
		const behind = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (rgba(c)[3]) return c } throw 'no background' }
		const found = [], add = (e, what, colour, want) => found.push({ what, ratio: ratio(getComputedStyle(e)[colour], behind(e)), want })
		const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
		while (texts.nextNode()) {
			const e = texts.currentNode.parentElement, text = texts.currentNode.data.trim()
			if (text && e.checkVisibility({ opacityProperty: true }) && e.tagName != 'SCRIPT') add(e, text, e.closest('svg') ? 'fill' : 'color', 4.5)
		}
		for (const e of document.querySelectorAll('.line, .limit, .goLimit')) if (e.checkVisibility()) add(e, e.outerHTML.slice(0, 40), 'stroke', 3)
		for (const e of document.querySelectorAll('h1, .bar')) if (e.checkVisibility()) found.push({ what: e.outerHTML.slice(0, 40), ratio: ratio(getComputedStyle(e)[e.matches('.bar') ? 'fill' : 'color'], getComputedStyle(document.body).backgroundColor), want: 3 })
		return found
	})()`)
	least := math.Inf(1)
	for _, f := range found {
		if f.Want == 4.5 {
			least = min(least, f.Ratio)
		}
		if f.Ratio < f.Want {
			t.Errorf("%s: %q has a contrast of %.2f, want %v", scheme, f.What, f.Ratio, f.Want)
		}
	}
	if len(found) < 8 {
		t.Errorf("only %d colours found", len(found))
	}
	t.Logf("%d colours, the least contrast of text is %.2f", len(found), least)
}

// TestBrowserWithoutScript: the table is all there is, and has the figures.
func TestBrowserWithoutScript(t *testing.T) {
	b := newBrowser(t)
	s := start(t, "GOMEMLIMIT=64MiB")
	b.call("Emulation.setScriptExecutionDisabled", params{"value": true})
	b.open(s.url("/"))
	text := b.text(`document.body.innerText`)
	for _, want := range []string{"Details", "pass", "RSS", "64.00 MiB", "Uptime", "Reload the page for current figures."} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q:\n%s", want, text)
		}
	}
	b.says(0, `document.querySelector('#live').checkVisibility()`, "false")
	if problems, requests := b.seen(); len(problems) > 0 || len(requests) > 2 {
		t.Errorf("%s, requests %s", problems, requests)
	}
}

// TestBrowserToken: the page asks once, and keeps the token in the tab.
func TestBrowserToken(t *testing.T) {
	const token = "s3cret-of-the-test"
	b := newBrowser(t)
	s := start(t, "MONITORING_TOKEN="+token)
	enter := func(text string) {
		t.Helper()
		b.eval(nil, `document.querySelector('#token').select()`)
		b.call("Input.insertText", params{"text": text})
		b.key("Enter", 13)
		b.call("Input.dispatchKeyEvent", params{"type": "char", "text": "\r"})
	}
	b.open(s.url("/"))
	b.says(5*time.Second, verdict, "Healthy")
	b.says(0, asksForToken, "true")
	b.says(0, details, "false")
	b.says(0, `document.querySelector('#reason').textContent`, "") // it has seen the status alone
	// Another application on this origin may use the name, and keeps what it stored.
	const othersToken = "token=x"
	const stored = `Object.keys(sessionStorage).sort().reverse().map(k => k + '=' + sessionStorage[k]).join(' ')`
	b.eval(nil, `sessionStorage.setItem('token', 'x')`)
	b.says(0, `document.querySelector('#token').type + ' ' + document.querySelector('#token').labels[0].textContent`, "password Access token")
	testContrast(t, b, "dark")

	for _, wrong := range []string{"wrong", token[:4], "nöt ascii"} {
		enter(wrong)
		b.says(5*time.Second, `document.querySelector('#refusal').textContent`, "Wrong token.")
		b.says(0, asksForToken, "true")
		b.says(0, details, "false")
		b.says(0, stored, othersToken)
	}

	for _, moment := range []string{"entered", "reloaded"} {
		if moment == "entered" {
			enter(token)
		} else {
			b.eval(nil, `window.before = 1`)
			b.call("Page.reload", nil)
			b.says(10*time.Second, `window.before`, "")
		}
		eventually(t, 10*time.Second, "shows the details once "+moment, func() bool { return b.text(details) == "true" })
		b.says(time.Second, asksForToken, "false")
		b.says(0, `document.querySelector('#live').checkVisibility()`, "true")
	}
	b.says(0, stored, othersToken+" healthd.token="+token)
	b.says(0, `localStorage.length + document.cookie`, "0")
	problems, requests := b.seen()
	if len(problems) > 0 {
		t.Errorf("on the console: %s", problems)
	}
	if strings.Contains(fmt.Sprint(requests), token) {
		t.Errorf("the token is in a URL: %s", requests)
	}
}
