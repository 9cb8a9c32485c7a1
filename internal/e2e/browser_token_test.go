//go:build e2e && linux

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestBrowserWithoutScript: the table is all there is, and has the figures.
func TestBrowserWithoutScript(t *testing.T) {
	b := newBrowser(t)
	s := start(t, "GOMEMLIMIT=64MiB")
	b.call("Emulation.setScriptExecutionDisabled", params{"value": true})
	b.open(s.url("/"))
	text := b.text(`document.body.innerText`)
	for _, want := range []string{
		"Details", "pass", "RSS", "64.00 MiB", "Uptime", "Reload the page for current figures.",
	} {
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
	const stored = `Object.keys(sessionStorage).sort().reverse()` +
		`.map(k => k + '=' + sessionStorage[k]).join(' ')`
	b.eval(nil, `sessionStorage.setItem('token', 'x')`)
	const input = `(e => e.type + ': ' + e.labels[0].textContent)(document.querySelector('#token'))`
	b.says(0, input, "password: Access token")
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
		b.says(10*time.Second, details, "true")
		b.says(time.Second, asksForToken, "false")
		b.says(0, `document.querySelector('#live').checkVisibility()`, "true")
		b.says(0, `document.querySelector('#protected').checkVisibility()`, "true")
		if moment == "entered" {
			b.says(time.Second, `document.activeElement.id`, "status")
			b.says(0, `getComputedStyle(document.activeElement).outlineStyle`, "none")
		}
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
