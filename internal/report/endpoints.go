package report

import (
	"fmt"
	"strings"
)

// The paths that other packages name.
const (
	LivePath       = "/healthz"
	ReadyPath      = "/readyz"
	MonitoringPath = "/api/v1/monitoring/health"
)

// Request is what the choice of a response depends on, beside the path.
type Request struct {
	Authorized  bool // the client may see details
	AcceptsHTML bool
	Draining    bool
}

// Endpoint is a path and the document that answers it.
type Endpoint struct {
	Path     string
	Summary  string
	Document func(*Documents, Request) *Document
}

// Endpoints returns all endpoints.
func Endpoints() []Endpoint {
	return []Endpoint{
		{LivePath, "liveness", (*Documents).live},
		{ReadyPath, "readiness", (*Documents).readiness},
		{MonitoringPath, "full report (JSON)", (*Documents).monitoring},
		{"/api/v1/monitoring/history", "memory over the last hour and day (JSON)", (*Documents).history},
		{"/metrics", "metrics (Prometheus)", (*Documents).metrics},
		{"/", "this list; in a browser, a page", (*Documents).root},
	}
}

// Index returns the list of the endpoints as text, a line each.
func Index() string {
	var b strings.Builder
	for _, e := range Endpoints() {
		fmt.Fprintf(&b, "%-27s %s\n", e.Path, e.Summary)
	}
	return b.String()
}
