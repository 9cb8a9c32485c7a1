//go:build e2e && linux

package e2e

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

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
		const all = selector => [...document.querySelectorAll(selector)]
		const height = path => +path.getAttribute('d').match(/^M\S+ (\S+)H/)[1]
		const marks = selector => all(selector).map(e => ({ bytes: +e.dataset.bytes, y: height(e) }))
		const points = document.querySelector('g.rss .line').getAttribute('d').match(/[ML]\S+ [\d.]+/g)
		const label = /^(Container limit 256|GOMEMLIMIT 64) MiB$/
		return {
			scale: document.querySelector('#view').scale.value,
			grid: marks('.grid'), limits: [...marks('.goLimit'), ...marks('.limit')],
			rss: points.map(p => p.slice(1).split(' ').map(Number)),
			label: all('#plot text').filter(e => label.test(e.textContent)).length,
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
		const focused = `document.activeElement.closest('label, #plot')`
		b.says(0, `getComputedStyle(`+focused+`).outlineStyle`, "solid")
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
		// The browser has a time zone of its own.
		clock := b.text(fmt.Sprintf("new Date(%d).toTimeString().slice(0, 8)", at.UnixMilli()))
		want := fmt.Sprintf("%s, Container %s, RSS %s, Heap %s",
			clock, mib("unreclaimable"), mib("rss"), mib("heap"))
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
	got := b.text(`document.querySelector('#summary').textContent`)
	if !strings.HasPrefix(got, "Last ") || !strings.Contains(got, "RSS ") {
		t.Errorf("the plot in words: %q", got)
	}
}

// testContrast takes the colours as the browser computed them: WCAG 2's ratio of every
// visible text to what is behind it must be 4.5, and of lines and bars 3.
func testContrast(t *testing.T, b *browser, scheme string) {
	b.call("Emulation.setEmulatedMedia", params{"features": []params{
		{"name": "prefers-color-scheme", "value": scheme},
	}})
	var found []struct {
		What        string
		Ratio, Want float64
	}
	b.eval(&found, `(() => {
		const rgba = c => {
			const n = c.match(/[\d.]+/g).map(Number)
			return n.length < 4 ? [...n, 1] : n
		}
		const linear = v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4
		const light = c => rgba(c).slice(0, 3).map(v => linear(v / 255))
			.reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0)
		const ratio = (a, b) => {
			const [dark, bright] = [light(a), light(b)].sort((a, b) => a - b)
			return (bright + .05) / (dark + .05)
		}
		const behind = e => {
			for (; e; e = e.parentElement) {
				const c = getComputedStyle(e).backgroundColor
				if (rgba(c)[3]) return c
			}
			throw 'no background'
		}
		const found = []
		const add = (e, what, property, want) => {
			found.push({ what, ratio: ratio(getComputedStyle(e)[property], behind(e)), want })
		}
		const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
		while (texts.nextNode()) {
			const e = texts.currentNode.parentElement, text = texts.currentNode.data.trim()
			const shown = e.checkVisibility({ opacityProperty: true }) && e.tagName != 'SCRIPT'
			if (text && shown) add(e, text, e.closest('svg') ? 'fill' : 'color', 4.5)
		}
		const shapes = { '.line, .forecast, .limit, .goLimit': 'stroke', '.bar': 'fill', h1: 'color' }
		for (const [selector, property] of Object.entries(shapes)) {
			for (const e of document.querySelectorAll(selector)) {
				if (e.checkVisibility()) add(e, e.outerHTML.slice(0, 40), property, 3)
			}
		}
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
