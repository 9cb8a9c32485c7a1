package report

import (
	"io"
	"maps"
	"net/http"
	"strconv"
	"sync"
)

// Document is an encoded response. It must not be modified.
type Document struct {
	Code   int
	Header http.Header
	Body   []string // in parts, so that documents can share them
}

// The media types of the documents.
const (
	healthType  = "application/health+json"
	jsonType    = "application/json"
	textType    = "text/plain; charset=utf-8"
	metricsType = "text/plain; version=0.0.4; charset=utf-8"
	htmlType    = "text/html; charset=utf-8"
)

func newDocument(code int, mediaType string, body ...string) *Document {
	length := 0
	for _, part := range body {
		length += len(part)
	}
	// One array holds all strings, for one allocation instead of five. The capacity of each
	// header's values keeps an append to them from writing into the next.
	values := make([]string, 0, 4+len(body))
	values = append(values, mediaType, strconv.Itoa(length), "no-store", "nosniff")
	values = append(values, body...)
	return &Document{
		Code: code,
		Header: http.Header{
			"Content-Type":           values[0:1:1],
			"Content-Length":         values[1:2:2],
			"Cache-Control":          values[2:3:3],
			"X-Content-Type-Options": values[3:4:4],
		},
		Body: values[4:],
	}
}

// ServeHTTP writes the document. It does not allocate.
func (d *Document) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	maps.Copy(w.Header(), d.Header)
	w.WriteHeader(d.Code)
	for _, part := range d.Body {
		io.WriteString(w, part)
	}
}

// Lazy is a document that is written when it is first asked for.
type Lazy struct {
	mu       sync.Mutex
	write    func() *Document
	document *Document
}

// NewLazy returns a Lazy of the document that write returns.
func NewLazy(write func() *Document) *Lazy { return &Lazy{write: write} }

// Document returns the document.
func (l *Lazy) Document() *Document {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.document == nil {
		l.document = l.write()
	}
	return l.document
}

// Renew makes the next call of Document write the document again.
func (l *Lazy) Renew() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.document = nil
}
