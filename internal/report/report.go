// Package report writes the documents that clients get: JSON, the Prometheus text format, and
// the page for people.
package report

import (
	"bytes"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/halobuzz/healthd/internal/health"
)

// Service describes the running service.
type Service struct {
	Name        string
	Environment string
	Release     string // of the build
	Started     time.Time

	OpenFiles    func() (n int, ok bool) // file descriptors in use
	MaxOpenFiles uint64                  // math.MaxUint64 if unknown
}

// Writer writes the documents of states. It is not safe for concurrent use.
type Writer struct {
	service Service
	buffer  bytes.Buffer

	// These documents are the same for every state.
	alive        *Document
	statusOnly   [len(health.Statuses)]*Document // for clients without the token
	draining     *Document
	unauthorized *Document
	index        *Document
	lockedPages  [len(health.Statuses)]*Lazy // for clients without the token

	pageParts func() pageParts // made when a page is first asked for
}

// NewWriter returns a Writer of the documents of service.
func NewWriter(service Service) *Writer {
	w := &Writer{
		service:      service,
		pageParts:    sync.OnceValue(newPageParts),
		unauthorized: newDocument(http.StatusUnauthorized, textType, unauthorizedText),
		index:        newDocument(http.StatusOK, textType, Index()),
	}
	w.alive = w.writeStatus(health.Pass, "")
	w.draining = w.writeStatus(health.Fail, "The service is shutting down.")
	w.unauthorized.Header["Www-Authenticate"] = []string{"Bearer"}
	w.index.Header["Vary"] = []string{"Accept"}
	for _, status := range health.Statuses {
		w.statusOnly[status] = w.writeStatus(status, "")
		w.lockedPages[status] = NewLazy(func() *Document {
			return w.writeLockedPage(w.statusOnly[status], status, "")
		})
	}
	return w
}

const unauthorizedText = "This needs the header Authorization: Bearer MONITORING_TOKEN.\n"

// Documents are the documents of one state. They are immutable.
type Documents struct {
	State *health.State

	writer *Writer // for the documents that are the same for every state

	alive           *Document
	ready           *Document
	report          *Document
	metricsDocument Lazy
	page            Lazy
	historyDocument *Lazy
}

// Write writes the documents of s. The history is a document that the caller renews.
func (w *Writer) Write(s *health.State, history *Lazy) *Documents {
	monitoring := w.newMonitoring(s)
	report := w.writeJSON(s.Status, monitoring)
	d := &Documents{
		State:           s,
		writer:          w,
		alive:           w.alive,
		ready:           w.alive,
		report:          report,
		metricsDocument: Lazy{write: func() *Document { return w.writeMetrics(s) }},
		page:            Lazy{write: func() *Document { return w.writePage(report, monitoring, false) }},
		historyDocument: history,
	}
	if s.Live != health.Pass {
		d.alive = w.writeStatus(s.Live, s.LiveReason)
	}
	if s.Ready != health.Pass {
		d.ready = w.writeStatus(s.Ready, s.ReadyReason)
	}
	return d
}

// WriteStale writes the documents that stand in for those of a state that is too old. A stuck
// sampler cannot do so when it is needed.
func (w *Writer) WriteStale(history *Lazy) *Documents {
	failure := w.writeStatus(health.Fail, health.StaleReason)
	return &Documents{
		State: &health.State{
			Status: health.Fail, Reason: health.StaleReason,
			Ready: health.Fail, ReadyReason: health.StaleReason,
		},
		writer:          w,
		alive:           w.alive,
		ready:           failure,
		report:          failure,
		metricsDocument: Lazy{write: func() *Document { return failure }}, // a scraper keeps what it knew
		page: Lazy{write: func() *Document {
			return w.writeLockedPage(failure, health.Fail, health.StaleReason)
		}},
		historyDocument: history,
	}
}

// writeStatus writes a status and the reason for it.
func (w *Writer) writeStatus(status health.Status, reason string) *Document {
	return w.writeJSON(status, struct {
		Status string `json:"status"`
		Output string `json:"output,omitempty"`
	}{status.String(), reason})
}

// writeJSON writes v, whose status decides the HTTP status code.
func (w *Writer) writeJSON(status health.Status, v any) *Document {
	w.buffer.Reset()
	if err := json.NewEncoder(&w.buffer).Encode(v); err != nil {
		panic(err) // NaN at worst, which no percentage is
	}
	code := http.StatusOK
	if status == health.Fail {
		code = http.StatusServiceUnavailable
	}
	return newDocument(code, healthType, w.buffer.String())
}

func (d *Documents) live(r Request) *Document {
	switch {
	case r.Draining: // a stop has begun, which an orchestrator must not cut short
		return d.writer.alive
	case r.Authorized:
		return d.alive
	}
	return d.writer.statusOnly[d.State.Live]
}

func (d *Documents) readiness(r Request) *Document {
	switch {
	case r.Draining && r.Authorized:
		return d.writer.draining
	case r.Draining:
		return d.writer.statusOnly[health.Fail]
	case r.Authorized:
		return d.ready
	}
	return d.writer.statusOnly[d.State.Ready]
}

func (d *Documents) monitoring(r Request) *Document {
	if !r.Authorized {
		return d.writer.statusOnly[d.State.Status]
	}
	return d.report
}

// history and metrics have nothing to show without details. A scraper must notice that it
// lacks the token, so it gets no 200.
func (d *Documents) history(r Request) *Document {
	if !r.Authorized {
		return d.writer.unauthorized
	}
	return d.historyDocument.Document()
}

func (d *Documents) metrics(r Request) *Document {
	if !r.Authorized {
		return d.writer.unauthorized
	}
	return d.metricsDocument.Document()
}

func (d *Documents) root(r Request) *Document {
	switch {
	case !r.AcceptsHTML:
		return d.writer.index
	case !r.Authorized:
		return d.writer.lockedPages[d.State.Status].Document()
	}
	return d.page.Document()
}
