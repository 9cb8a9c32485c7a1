package report

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/halobuzz/healthd/internal/health"
)

// The page for people. In page.html, markers stand for the style, the script and the details,
// which are the part that differs from report to report.
var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string
	//go:embed page.js
	pageJS string
)

// pageParts are the parts of the page that do not change, and its headers.
type pageParts struct {
	head, style, top, bottom, script, end string
	policy                                string // Content-Security-Policy
}

func newPageParts() pageParts {
	p := pageParts{style: compact(pageCSS), script: compact(pageJS)}
	var rest string
	p.head, rest, _ = strings.Cut(compact(pageHTML), "{{style}}")
	p.top, rest, _ = strings.Cut(rest, "{{details}}")
	p.bottom, p.end, _ = strings.Cut(rest, "{{script}}")
	p.policy = "default-src 'none'; script-src " + hashSource(p.script) +
		"; style-src " + hashSource(p.style) + "; connect-src 'self'; img-src data:;" +
		" base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	return p
}

// compact removes the indentation, and the lines that are comments in CSS or JavaScript.
func compact(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimLeft(line, "\t")
		if !strings.HasPrefix(line, "//") && !strings.HasPrefix(line, "/*") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// writePage writes the page with the given report, which the script starts with, and the
// table of its values for readers without a script.
func (w *Writer) writePage(report *Document, m *Monitoring, locked bool) *Document {
	p := w.pageParts()
	details := detailsHTML(report.Body[0], m, locked)
	// Pages share the parts, which one string would copy.
	d := newDocument(http.StatusOK, htmlType,
		p.head, p.style, p.top, details, p.bottom, p.script, p.end)
	d.Header["Vary"] = []string{"Accept"}
	d.Header["Referrer-Policy"] = []string{"no-referrer"}
	d.Header["Content-Security-Policy"] = []string{p.policy}
	return d
}

// writeLockedPage writes the page that shows a status alone, and the reason if there is one.
func (w *Writer) writeLockedPage(report *Document, status health.Status, reason string) *Document {
	return w.writePage(report, &Monitoring{Status: status.String(), Output: reason}, true)
}

// hashSource returns the source expression that allows an inline block in a Content Security
// Policy.
func hashSource(block string) string {
	sum := sha256.Sum256([]byte(block))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
