//go:build e2e && linux

package e2e

import (
	"encoding/json"
	"fmt"
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
	details = `document.querySelector('[data-key="memory.rssBytes"]')` +
		`?.checkVisibility({visibilityProperty: true})`
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
	const bar = `document.querySelector('#container svg').checkVisibility()`
	b.open(s.url("/"))
	b.says(15*time.Second, verdict, "Failing")
	b.says(0, bar, "true")
	none := "max"
	if strings.HasSuffix(file, "memory.limit_in_bytes") {
		none = "-1"
	}
	if err := os.WriteFile(file, []byte(none), 0); err != nil {
		t.Fatal(err)
	}
	b.says(10*time.Second, bar, "false")
	b.says(0, verdict, "Failing")
	const uptime = `document.querySelector('[data-key=uptimeSeconds]').textContent`
	was := b.text(uptime)
	eventually(t, 10*time.Second, "shows another uptime", func() bool {
		return b.text(uptime) != was
	})
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
	const amount = `document.querySelector('#container span').textContent`
	b.says(0, amount+`.replace(/[\d.]+(%| of)/g, 'N$1')`, "N% · N of 256 MiB")
	b.says(0, `document.querySelectorAll('[style]').length`, "0")

	step("numbers move", func(t *testing.T) {
		const uptime = `document.querySelector('[data-key=uptimeSeconds]').textContent`
		was := b.text(uptime)
		eventually(t, 10*time.Second, "shows another uptime", func() bool {
			return b.text(uptime) != was
		})
		rows := 0
		b.eval(&rows, `[...document.querySelectorAll('td')].filter(e => e.checkVisibility()).length`)
		if rows < 20 {
			t.Errorf("the table shows %d rows, want at least 20", rows)
		}
	})

	step("as many points as the history", func(t *testing.T) {
		var drawn map[string]int
		var past map[string][]*float64
		const points = `Object.fromEntries(['rss', 'unreclaimable', 'heap'].map(name => {
			const line = document.querySelector('g.' + name + ' .line')
			return [name, (line?.getAttribute('d').match(/[ML]/g) || []).length]
		}))`
		eventually(t, 90*time.Second, "draws all points of the history, and four or more", func() bool {
			b.eval(&drawn, points)
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
		b.eval(&at, `(e => ({x: e.left + 35, y: e.top + 99}))(
			document.querySelector('#plot').getBoundingClientRect())`)
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
			b.call("Emulation.setDeviceMetricsOverride", params{
				"width": width, "height": 700, "deviceScaleFactor": 1, "mobile": false})
			const inside = `document.querySelector('#plot svg').clientWidth < innerWidth && innerWidth`
			b.says(5*time.Second, inside, fmt.Sprint(width))
			const fits = `(e => e.scrollWidth <= e.clientWidth)(document.documentElement)`
			b.says(time.Second, fits, "true")
		}
		b.call("Emulation.clearDeviceMetricsOverride", nil)
	})

	step("rests while hidden", func(t *testing.T) {
		hide := `Object.defineProperty(document, 'hidden', {value: %v, configurable: true}),
			document.dispatchEvent(new Event('visibilitychange')), 0`
		b.eval(nil, fmt.Sprintf(hide, true))
		_, before := b.seen()
		time.Sleep(5 * time.Second) // more than twice the time between two requests
		_, rested := b.seen()
		if len(rested) > len(before)+1 {
			t.Errorf("%d requests while hidden", len(rested)-len(before))
		}
		b.eval(nil, fmt.Sprintf(hide, false))
		eventually(t, 10*time.Second, "asks again", func() bool {
			_, after := b.seen()
			return len(after) > len(rested)
		})
	})

	problems, requests := b.seen()
	if len(problems) > 0 {
		t.Errorf("on the console: %s", problems)
	}
	for _, url := range requests {
		own := strings.HasPrefix(url, s.url("/"))
		if !own && !strings.HasPrefix(url, "data:") && url != "about:blank" {
			t.Errorf("it asked for %s", url)
		}
	}
	t.Logf("%d requests", len(requests))
	step("violations are seen", func(t *testing.T) {
		b.eval(nil, `document.body.insertAdjacentHTML('beforeend', '<p style="color: red">'),
			document.body.append(Object.assign(new Image, {src: 'http://127.0.0.2:1/'})),
			fetch('http://127.0.0.2:1/').catch(() => 0)`)
		eventually(t, 5*time.Second, "reports three violations", func() bool {
			problems, _ := b.seen()
			return strings.Count(strings.Join(problems, ""), "Content Security Policy") >= 3
		})
	})

	step("server gone and back", func(t *testing.T) {
		s.cmd.Process.Kill()
		<-s.done
		b.says(10*time.Second, verdict, "Not responding")
		const reason = `document.querySelector('#reason').textContent`
		b.says(0, reason+`.replace(/\d/g, 'N')`,
			"No response since NN:NN:NN. Trying again every N seconds.")
		testContrast(t, b, "light")
		limited(t, port, in)
		b.says(10*time.Second, verdict, "Healthy")
	})
}
