package report

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/halobuzz/healthd/internal/health"
)

func TestWriteStatus(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status health.Status
		reason string
		code   int
		body   string
	}{
		{health.Pass, "", 200, `{"status":"pass"}`},
		{health.Warn, "a", 200, `{"status":"warn","output":"a"}`},
		{health.Fail, `b "c"`, 503, `{"status":"fail","output":"b \"c\""}`},
	} {
		d := testWriter(1).writeStatus(tt.status, tt.reason)
		if d.Code != tt.code || body(d) != tt.body+"\n" {
			t.Errorf("writeStatus(%v, %q) = %d %s, want %d %s",
				tt.status, tt.reason, d.Code, body(d), tt.code, tt.body)
		}
	}
}

// TestReadyWhileDraining holds that a draining service is not ready, whatever its status.
func TestReadyWhileDraining(t *testing.T) {
	t.Parallel()
	for _, f := range fixtures() {
		d := f.write().readiness(Request{Authorized: true, Draining: true})
		if d.Code != http.StatusServiceUnavailable {
			t.Errorf("%s: code = %d, want 503", f.name, d.Code)
		}
		compareGolden(t, "draining.ready", d)
	}
}

// TestStale holds that values which are too old are not reported as if they were new.
func TestStale(t *testing.T) {
	t.Parallel()
	d := testWriter(1).WriteStale(nil)
	for name, document := range map[string]func(*Documents, Request) *Document{
		"readiness": (*Documents).readiness, "monitoring": (*Documents).monitoring,
		"metrics": (*Documents).metrics,
	} {
		got := document(d, Request{Authorized: true})
		if got.Code != http.StatusServiceUnavailable {
			t.Errorf("%s: code = %d, want 503", name, got.Code)
		}
		compareGolden(t, "stale.ready", got)
	}
	if got := d.live(Request{}); got.Code != http.StatusOK || body(got) != `{"status":"pass"}`+"\n" {
		t.Errorf("liveness = %d %s, want pass", got.Code, body(got))
	}
	rows := visible(body(d.root(Request{Authorized: true, AcceptsHTML: true})))
	if len(rows) != 2 || rows["Status"] != "fail" || rows["Reason"] != health.StaleReason {
		t.Errorf("the page shows %q, want the status and the reason", rows)
	}
	rows = visible(body(d.root(Request{AcceptsHTML: true})))
	if len(rows) != 1 || rows["Status"] != "fail" {
		t.Errorf("without the token the page shows %q, want the status", rows)
	}
}

func TestLazy(t *testing.T) {
	t.Parallel()
	written := 0
	lazy := NewLazy(func() *Document {
		written++
		return newDocument(http.StatusOK, textType, "a")
	})
	first := lazy.Document()
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			for range 100 {
				if lazy.Document() != first {
					t.Error("Document() returns another document, want the first")
				}
			}
		})
	}
	readers.Wait()
	lazy.Renew()
	if lazy.Document() == first || written != 2 {
		t.Errorf("written %d times, want 2 and another document after Renew", written)
	}
}

// TestWrittenOnce holds that a document which is made on demand is made once for each state.
func TestWrittenOnce(t *testing.T) {
	t.Parallel()
	f := fixtures()[0]
	d := f.write()
	for name, document := range map[string]func(*Documents, Request) *Document{
		"metrics": (*Documents).metrics, "page": (*Documents).root,
	} {
		for _, r := range []Request{
			{Authorized: true, AcceptsHTML: true}, {Authorized: false, AcceptsHTML: true},
		} {
			first := document(d, r)
			if again := document(d, r); again != first {
				t.Errorf("%s: %+v: written again", name, r)
			}
		}
	}
	other := f.write()
	if d.metrics(Request{Authorized: true}) == other.metrics(Request{Authorized: true}) {
		t.Error("two states share their metrics")
	}
}

func TestServeHTTP(t *testing.T) {
	t.Parallel()
	d := newDocument(http.StatusTeapot, textType, "a", "", "bc")
	d.Header["X"] = []string{"1", "2"}
	w := httptest.NewRecorder()
	w.Header().Set("Connection", "close")
	d.ServeHTTP(w, nil)
	if w.Code != http.StatusTeapot || w.Body.String() != "abc" {
		t.Errorf("ServeHTTP() wrote %d %q, want 418 and abc", w.Code, w.Body)
	}
	h := w.Header()
	if h.Get("Content-Length") != "3" || h.Get("Connection") != "close" ||
		!slices.Equal(h["X"], []string{"1", "2"}) {
		t.Errorf("headers %v, want those of the document beside those of the server", h)
	}
}

func TestIndex(t *testing.T) {
	t.Parallel()
	lines := slices.Collect(strings.Lines(Index()))
	for i, e := range Endpoints() {
		path, summary, _ := strings.Cut(lines[i], " ")
		if got := strings.TrimSpace(summary); path != e.Path || got != e.Summary {
			t.Errorf("line %d = %q, want %s and %s", i, lines[i], e.Path, e.Summary)
		}
		if column := strings.Index(lines[i], e.Summary); column != 28 {
			t.Errorf("line %d: the summary is at column %d, want 28", i, column)
		}
	}
}
