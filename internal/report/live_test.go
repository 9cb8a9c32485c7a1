package report

import (
	"testing"

	"github.com/halobuzz/healthd/internal/health"
)

// TestLive fails liveness when the command hangs, with the reason for those who may see it, and not
// while the service stops.
func TestLive(t *testing.T) {
	t.Parallel()
	state := &health.State{
		Status: health.Fail, Live: health.Fail, LiveReason: "The app no longer answers: timed out.",
		Ready: health.Fail, ReadyReason: "The app no longer answers: timed out.",
	}
	documents := testWriter(1024).Write(state, nil)
	const alive = `{"status":"pass"}` + "\n"
	const statusOnly = `{"status":"fail"}` + "\n"
	const full = `{"status":"fail","output":"The app no longer answers: timed out."}` + "\n"
	for _, tt := range []struct {
		request Request
		code    int
		want    string
	}{
		{Request{Authorized: true}, 503, full},
		{Request{}, 503, statusOnly},
		{Request{Authorized: true, Draining: true}, 200, alive},
		{Request{Draining: true}, 200, alive},
	} {
		d := documents.live(tt.request)
		if d.Code != tt.code || body(d) != tt.want {
			t.Errorf("live(%+v) = %d %q, want %d %q", tt.request, d.Code, body(d), tt.code, tt.want)
		}
	}
	if d := documents.readiness(Request{Authorized: true}); d.Code != 503 || body(d) != full {
		t.Errorf("readiness = %d %q, want 503 %q", d.Code, body(d), full)
	}
}
