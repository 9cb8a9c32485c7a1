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
		past := map[string]any{"stepSeconds": 10, "timeUnixSeconds": []int64{first, now - 10, now}}
		for _, name := range []string{"heap", "rss", "workingSet"} {
			for _, extent := range []string{"", "Min", "Max"} {
				past[name+extent+"Bytes"] = []int64{1 << 20, 2 << 20, 3 << 20}
			}
		}
		r.set(historyPath, replace(map[string]any{"hour": past}))
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
