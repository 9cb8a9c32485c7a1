//go:build e2e && linux

package e2e

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"
)

// browser is a page in a headless Chromium, driven over its DevTools protocol: JSON
// messages that end in NUL, on the browser's descriptors 3 (to it) and 4 (from it).
type browser struct {
	t       *testing.T
	to      *os.File
	session string

	mu       sync.Mutex
	last     int
	answers  map[int]chan message
	problems []string // what the console shows as wrong
	requests []string // URLs
}

type message struct {
	ID      int             `json:"id,omitempty"`
	Session string          `json:"sessionId,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  any             `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   json.RawMessage `json:"error,omitempty"`
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	dir := t.TempDir()
	cmd := exec.Command(path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
		"--no-first-run", "--disable-background-networking", "--disable-component-update",
		"--disable-sync", "--disable-breakpad", "--remote-debugging-pipe",
		"--user-data-dir="+dir, "about:blank")
	cmd.Env = append(os.Environ(), "HOME="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its helpers end with it
	in, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	from, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.ExtraFiles = []*os.File{in, out}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	out.Close()
	b := &browser{t: t, to: to, answers: map[int]chan message{}}
	var reader sync.WaitGroup
	reader.Go(func() { b.read(from) })
	t.Cleanup(func() {
		to.Close() // which ends the browser, and lets it write its files first
		killer := time.AfterFunc(10*time.Second, func() {
			syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		})
		cmd.Wait()
		killer.Stop()
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		reader.Wait()
		from.Close()
	})

	var target struct{ TargetID, SessionID string }
	json.Unmarshal(b.call("Target.createTarget", params{"url": "about:blank"}), &target)
	attach := params{"targetId": target.TargetID, "flatten": true}
	json.Unmarshal(b.call("Target.attachToTarget", attach), &target)
	b.session = target.SessionID
	for _, domain := range []string{"Page", "Runtime", "Network", "Log"} {
		b.call(domain+".enable", nil)
	}
	return b
}

type params map[string]any

// call runs a command of the protocol.
func (b *browser) call(method string, p any) json.RawMessage {
	b.t.Helper()
	answer := make(chan message, 1)
	b.mu.Lock()
	b.last++
	m := message{ID: b.last, Session: b.session, Method: method, Params: p}
	b.answers[m.ID] = answer
	text, err := json.Marshal(m)
	if err == nil {
		_, err = b.to.Write(append(text, 0))
	}
	b.mu.Unlock()
	if err != nil {
		b.t.Fatal(err)
	}
	select {
	case m = <-answer:
		if m.Error != nil {
			b.t.Fatalf("%s: %s", method, m.Error)
		}
	case <-time.After(time.Minute):
		b.t.Fatalf("%s: no answer", method)
	}
	return m.Result
}

// read takes what the browser sends, until it ends.
func (b *browser) read(from *os.File) {
	r := bufio.NewReader(from)
	for {
		text, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var m message
		var event struct {
			Params struct {
				Type    string // of a console call
				Request struct{ URL string }
				Entry   struct{ Level, Source, Text string }
			}
		}
		text = text[:len(text)-1]
		json.Unmarshal(text, &m)
		json.Unmarshal(text, &event)
		b.mu.Lock()
		switch p := event.Params; {
		case m.ID > 0:
			b.answers[m.ID] <- m
			delete(b.answers, m.ID)
		case m.Method == "Network.requestWillBeSent":
			b.requests = append(b.requests, p.Request.URL)
		case m.Method == "Runtime.exceptionThrown",
			m.Method == "Runtime.consoleAPICalled" && (p.Type == "error" || p.Type == "warning"),
			m.Method == "Log.entryAdded" && (p.Entry.Level == "error" || p.Entry.Level == "warning"):
			b.problems = append(b.problems, string(text))
		}
		b.mu.Unlock()
	}
}

// eval puts a script's value into v. It can be a promise.
func (b *browser) eval(v any, script string) {
	b.t.Helper()
	var r struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails json.RawMessage
	}
	evaluate := params{"expression": script, "returnByValue": true, "awaitPromise": true}
	json.Unmarshal(b.call("Runtime.evaluate", evaluate), &r)
	if r.ExceptionDetails != nil {
		b.t.Fatalf("%s: %s", script, r.ExceptionDetails)
	}
	if v == nil {
		return
	}
	if err := json.Unmarshal(r.Result.Value, v); err != nil {
		b.t.Fatalf("%s is %s: %v", script, r.Result.Value, err)
	}
}

// text is a string that a script makes, and empty for anything else.
func (b *browser) text(script string) (s string) {
	b.t.Helper()
	b.eval(&s, "String(("+script+") ?? '')")
	return s
}

func (b *browser) open(url string) {
	b.t.Helper()
	b.call("Page.navigate", params{"url": url})
	b.ready(url)
}

func (b *browser) ready(url string) {
	b.t.Helper()
	eventually(b.t, time.Minute, "loads", func() bool {
		return b.text(`document.readyState + ' ' + location.href`) == "complete "+url
	})
}

// key presses a key, by its name and its code on Windows, as the protocol has it.
func (b *browser) key(name string, code int) {
	b.t.Helper()
	for _, kind := range []string{"rawKeyDown", "keyUp"} {
		b.call("Input.dispatchKeyEvent", params{
			"type": kind, "key": name, "code": name, "windowsVirtualKeyCode": code})
	}
}

// seen are the problems and requests so far.
func (b *browser) seen() (problems, requests []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string{}, b.problems...), append([]string{}, b.requests...)
}
