package server

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/halobuzz/healthd/internal/health"
)

// The three files of the page for people. The markers in page.html stand for the other two
// and for the details, which are the part that differs from report to report.
var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string
	//go:embed page.js
	pageJS string
)

const (
	styleMarker   = "{{style}}"
	scriptMarker  = "{{script}}"
	detailsMarker = "{{details}}"
)

// endpoints is what curl gets.
const endpoints = `/healthz                       it is alive
/readyz                        send it traffic
/api/v1/monitoring/health      everything, as JSON
/api/v1/monitoring/history     an hour and a day of memory, as JSON
/metrics                       for Prometheus
/                              the same for people, in a browser
`

// page answers GET /.
type page struct {
	server *Server
	parts  [pageParts]string // of every page, empty at partDetails
	size   int               // of parts
	policy []string
	html   []string        // media type
	list   health.Document // for anything but a browser

	mu     sync.Mutex
	tables [2]table // without details, and with them
}

// The parts of the page, in order. Writing them one by one avoids a copy of the page for
// each State.
const (
	partHead = iota
	partStyle
	partTop
	partDetails
	partBottom
	partScript
	partEnd
	pageParts
)

// table is the details of one State, as HTML.
type table struct {
	state  *health.State
	html   string
	length []string // of the page with it
}

func newPage(s *Server) *page {
	p := &page{
		server: s,
		policy: []string{"default-src 'none'; script-src " + hashSource(pageJS) +
			"; style-src " + hashSource(pageCSS) + "; connect-src 'self'; img-src data:;" +
			" base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
		html: []string{"text/html; charset=utf-8"},
		list: health.NewText(http.StatusOK, "text/plain; charset=utf-8", []byte(endpoints)),
	}
	var rest string
	p.parts[partStyle], p.parts[partScript] = pageCSS, pageJS
	p.parts[partHead], rest, _ = strings.Cut(pageHTML, styleMarker)
	p.parts[partTop], rest, _ = strings.Cut(rest, detailsMarker)
	p.parts[partBottom], p.parts[partEnd], _ = strings.Cut(rest, scriptMarker)
	for _, part := range p.parts {
		p.size += len(part)
	}
	return p
}

// hashSource returns the source expression that allows the inline block in a Content
// Security Policy.
func hashSource(block string) string {
	sum := sha256.Sum256([]byte(block))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// serve sends the page to a browser, with or without the details, and a list of the
// endpoints to anything else.
func (p *page) serve(w http.ResponseWriter, r *http.Request, authorized bool) {
	h := w.Header()
	h.Set("Vary", "Accept")
	if !acceptsHTML(r.Header.Values("Accept")) {
		p.server.write(w, r, &p.list)
		return
	}
	t := p.table(authorized)
	p.server.setHeaders(h, p.html, t.length)
	h["Content-Security-Policy"] = p.policy
	h.Set("Referrer-Policy", "no-referrer")
	for i, part := range p.parts {
		if i == partDetails {
			part = t.html
		}
		io.WriteString(w, part)
	}
	p.server.logRequest(r, http.StatusOK)
}

// acceptsHTML reports whether the values of a request's Accept headers name text/html with
// a quality above zero, as RFC 9110, section 12.5.1, defines it. Ranges such as */* do not
// count, because curl and other tools send them.
func acceptsHTML(accept []string) bool {
	for _, list := range accept {
		for element := range strings.SplitSeq(list, ",") {
			mediaType, parameters, _ := strings.Cut(element, ";")
			if strings.EqualFold(strings.TrimSpace(mediaType), "text/html") {
				return quality(parameters) > 0
			}
		}
	}
	return false
}

// quality returns the value of the parameter q, or 1 if it is missing or malformed.
func quality(parameters string) float64 {
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
		if !strings.EqualFold(name, "q") {
			continue
		}
		if q, err := strconv.ParseFloat(value, 64); err == nil {
			return q
		}
	}
	return 1
}

// table returns that of the newest State, made when it is first requested.
func (p *page) table(authorized bool) table {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := &p.tables[0]
	if authorized {
		t = &p.tables[1]
	}
	if s := p.server.monitor.State(); t.state != s {
		document := &s.Report
		if !authorized {
			document = p.server.bare[s.Status]
		}
		text := detailsHTML(string(document.Body))
		*t = table{s, text, []string{strconv.Itoa(p.size + len(text))}}
	}
	return *t
}
