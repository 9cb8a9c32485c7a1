package server

import (
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

// documents are the ones that are not health+json: their code says nothing of the status.
var documents = []struct{ path, contentType, start string }{
	{MetricsPath, "text/plain; version=0.0.4; charset=utf-8", "# HELP "},
	{HistoryPath, "application/json", `{"version":"1","time":"`},
}

func TestDocuments(t *testing.T) {
	t.Parallel()
	for _, tt := range documents {
		for _, usage := range []string{"1", "67108864"} {
			s := newServer(t, container64(usage), Options{})
			w := httptest.NewRecorder()
			s.http.Handler.ServeHTTP(w, httptest.NewRequest("GET", tt.path, nil))
			if w.Code != 200 || !strings.HasPrefix(w.Body.String(), tt.start) {
				t.Errorf("GET %s = %d %s, want 200 %s…", tt.path, w.Code, w.Body, tt.start)
			}
			for name, want := range map[string]string{
				"Content-Type": tt.contentType, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
				"Content-Length": strconv.Itoa(w.Body.Len()),
			} {
				if got := w.Header().Get(name); got != want {
					t.Errorf("GET %s: %s %q, want %q", tt.path, name, got, want)
				}
			}
			w = httptest.NewRecorder()
			s.http.Handler.ServeHTTP(w, httptest.NewRequest("POST", tt.path, nil))
			if w.Code != 405 {
				t.Errorf("POST %s = %d, want 405", tt.path, w.Code)
			}
		}
	}
}
