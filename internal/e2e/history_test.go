package e2e

import (
	"encoding/json"
	"testing"
	"time"
)

// TestHistory waits for the first point, which is complete within ten seconds.
func TestHistory(t *testing.T) {
	t.Parallel()
	s := start(t)
	var doc struct {
		Version string
		Hour    struct {
			StepSeconds                           int64
			TimeUnixSeconds                       []int64
			RSSBytes, RSSMinBytes, RSSMaxBytes    []int64
			HeapBytes, HeapMinBytes, HeapMaxBytes []int64
		}
		Day struct{ TimeUnixSeconds []int64 }
	}
	var body string
	eventually(t, 15*time.Second, "has a point", func() bool {
		_, body = get(t, s.url("/api/v1/monitoring/history"))
		if err := json.Unmarshal([]byte(body), &doc); err != nil {
			t.Fatalf("%v in %s", err, body)
		}
		return len(doc.Hour.TimeUnixSeconds) > 0
	})
	h := doc.Hour
	at := h.TimeUnixSeconds[0]
	if at%10 != 0 || time.Since(time.Unix(at, 0)) > 30*time.Second || h.StepSeconds != 10 {
		t.Errorf("timeUnixSeconds = %d..., stepSeconds = %d, want the last multiple of 10, and 10",
			at, h.StepSeconds)
	}
	if last := h.HeapBytes[0]; last <= 0 || h.HeapMinBytes[0] > last || h.HeapMaxBytes[0] < last {
		t.Errorf("heapBytes = %d, want between %d and %d", last, h.HeapMinBytes[0], h.HeapMaxBytes[0])
	}
	if last := h.RSSBytes[0]; h.RSSMinBytes[0] > last || h.RSSMaxBytes[0] < last {
		t.Errorf("rssBytes = %d, want between %d and %d", last, h.RSSMinBytes[0], h.RSSMaxBytes[0])
	}
	if got, want := h.RSSBytes[0], vmRSS(t, s.pid()); !near(got, want, 1<<20) {
		t.Errorf("rssBytes = %d, want near %d", got, want)
	}
}
