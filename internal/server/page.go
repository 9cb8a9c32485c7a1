package server

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/halobuzz/healthd/internal/health"
)

// pageFile is the page for people. Its script shows the published documents; what stands
// in place of the marker is for readers without one, and is also where the script finds
// the names of the vitals.
//
//go:embed page.html
var pageFile string

const pageMarker = "<!--vitals-->"

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
	server     *Server
	head, tail string
	policy     []string
	html       []string        // media type
	list       health.Document // for anything but a browser

	mu     sync.Mutex
	tables [2]table // without details, and with them
}

// table is the vitals of one State, as HTML.
type table struct {
	state  *health.State
	html   string
	length []string // of the page with it
}

func newPage(s *Server) *page {
	head, tail, _ := strings.Cut(pageFile, pageMarker)
	return &page{
		server: s,
		head:   head,
		tail:   tail,
		policy: []string{"default-src 'none'; script-src " + inline("script") + "; style-src " + inline("style") +
			"; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
		html: []string{"text/html; charset=utf-8"},
		list: health.NewText(http.StatusOK, "text/plain; charset=utf-8", []byte(endpoints)),
	}
}

// inline is the CSP source of the page's own block of that name.
func inline(element string) string {
	_, block, _ := strings.Cut(pageFile, "<"+element+">")
	block, _, _ = strings.Cut(block, "</"+element+">")
	sum := sha256.Sum256([]byte(block))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// serve sends the page to a browser, with or without the details, and a list of the
// endpoints to anything else.
func (p *page) serve(w http.ResponseWriter, r *http.Request, details bool) {
	h := w.Header()
	h.Set("Vary", "Accept")
	if !acceptsHTML(r.Header.Values("Accept")) {
		p.server.write(w, r, &p.list)
		return
	}
	t := p.table(details)
	p.server.setHeaders(h, p.html, t.length)
	h["Content-Security-Policy"] = p.policy
	h.Set("Referrer-Policy", "no-referrer")
	// In three pieces: the whole would be a copy for each State.
	for _, part := range [...]string{p.head, t.html, p.tail} {
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

// table is the newest State's, made when it is first asked for.
func (p *page) table(details bool) table {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := &p.tables[0]
	if details {
		t = &p.tables[1]
	}
	if s := p.server.monitor.State(); t.state != s {
		text := vitalsTable(s, details)
		*t = table{s, text, []string{strconv.Itoa(len(p.head) + len(text) + len(p.tail))}}
	}
	return *t
}

// vitals are the rows of the table: where the report has the value, how it is written,
// and what it means.
var vitals = [...]struct{ key, unit, name, note string }{
	{"status", "", "Status", "pass, warn or fail"},
	{"output", "", "Reason", ""},
	{"memory.container.workingSetBytes", "bytes", "Working set", "the container's use without page cache that the kernel can drop"},
	{"memory.container.unreclaimableBytes", "bytes", "Unreclaimable", "what the kernel cannot free, and the status follows"},
	{"memory.container.limitBytes", "bytes", "Container limit", "where the kernel kills"},
	{"memory.container.highBytes", "bytes", "Container high", "where the kernel slows it down"},
	{"memory.container.usedPercent", "percent", "Used", "working set of the lower of the two"},
	{"memory.container.usageBytes", "bytes", "Container usage", "page cache included"},
	{"memory.container.peakBytes", "bytes", "Container peak", "the most it ever used"},
	{"memory.rssBytes", "bytes", "RSS", "this process in memory, the binary's own pages included"},
	{"memory.heapBytes", "bytes", "Heap", "Go objects, those not yet collected included"},
	{"memory.heapLiveBytes", "bytes", "Heap, live", "what the last collection kept"},
	{"memory.heapSysBytes", "bytes", "Heap, reserved", "address space for it"},
	{"memory.goBytes", "bytes", "Go memory", "all that GOMEMLIMIT governs"},
	{"memory.goLimitBytes", "bytes", "GOMEMLIMIT", "where the collector works harder"},
	{"memory.goLimitSource", "", "GOMEMLIMIT from", ""},
	{"gc.cycles", "", "Collections", "since the start"},
	{"gc.cpuPercent", "percent", "Collector's CPU", "of the CPU time used in the last 10 s"},
	{"gc.limiterActive", "truth", "Collector limited", "it would take over half of the CPU"},
	{"connections.open", "", "Connections", "open now"},
	{"connections.limit", "", "Connections at most", "at that many the least useful one is closed"},
	{"connections.evicted", "", "Connections closed", "to make room, since the start"},
	{"runtime.goroutines", "", "Goroutines", ""},
	{"runtime.gomaxprocs", "", "GOMAXPROCS", "processors that Go uses"},
	{"uptimeSeconds", "seconds", "Uptime", ""},
	{"releaseId", "", "Version", ""},
	{"runtime.goVersion", "", "Go", ""},
	{"environment", "", "Environment", ""},
	{"time", "", "Measured", ""},
}

// vitalsTable writes the rows. One without a value is hidden: nothing was measured, or
// the details are not for this reader.
func vitalsTable(s *health.State, details bool) string {
	report := string(s.Report.Body)
	if !details {
		report = `{"status":"` + string(s.Status) + `"}`
	}
	var b strings.Builder
	b.Grow(5 << 10)
	b.WriteString("<table><caption>Vitals</caption><tbody>\n")
	for _, row := range vitals {
		value, ok := find(report, row.key[strings.LastIndexByte(row.key, '.')+1:])
		hidden, span, note := " hidden", " colspan=2", ""
		if ok {
			hidden = ""
		}
		if row.note != "" {
			span, note = "", "<td>"+row.note
		}
		fmt.Fprintf(&b, "<tr%s><th scope=row>%s<td%s data-key=%s data-unit=%q>%s%s\n",
			hidden, row.name, span, row.key, row.unit, escape(format(value, row.unit)), note)
	}
	b.WriteString("</table>")
	return b.String()
}

// find is a value of the report, without its quotes. A name alone is enough: those that
// the checks repeat stand before them once, and no string can hold one with its quotes
// and its colon. Decoding JSON would make the binary 100 KB larger.
func find(report, name string) (value string, ok bool) {
	_, rest, ok := strings.Cut(report, `"`+name+`":`)
	if quoted, err := strconv.QuotedPrefix(rest); err == nil {
		value, err = strconv.Unquote(quoted)
		return value, err == nil
	}
	if end := strings.IndexAny(rest, ",}"); end >= 0 {
		rest = rest[:end]
	}
	return rest, ok
}

// escape makes text of a string. The package html has a table of 65 KB.
func escape(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "&", "&amp;"), "<", "&lt;")
}

// format writes a value as the page's script does.
func format(value, unit string) string {
	n, err := strconv.ParseFloat(value, 64)
	switch {
	case unit == "truth" && value == "true":
		return "yes"
	case unit == "truth" && value == "false":
		return "no"
	case unit == "" || err != nil:
		return value
	case unit == "bytes":
		// Pages of 4 KiB give ties, which the script rounds up.
		return fmt.Sprintf("%.2f MiB", math.Round(n*100/(1<<20))/100)
	case unit == "percent":
		return fmt.Sprintf("%.1f %%", n)
	}
	return span(time.Duration(n) * time.Second)
}

// span is a duration in its two largest units.
func span(d time.Duration) string {
	days, hours, minutes, seconds := d/(24*time.Hour), d/time.Hour%24, d/time.Minute%60, d/time.Second%60
	switch {
	case days > 0:
		return fmt.Sprintf("%d d %d h", days, hours)
	case hours > 0:
		return fmt.Sprintf("%d h %d min", hours, minutes)
	case minutes > 0:
		return fmt.Sprintf("%d min %d s", minutes, seconds)
	}
	return fmt.Sprintf("%d s", seconds)
}
