package monitor

import (
	"time"

	"github.com/halobuzz/healthd/internal/app"
	"github.com/halobuzz/healthd/internal/health"
)

// emptyAfter is how long memory must be under the warning threshold before the termination
// message is emptied.
const emptyAfter = 10 * time.Second

// termination keeps the container's termination message. While memory is near the limit, the
// message has the newest figures: the kernel's kill leaves no time to write it, and may end
// healthd too. A leak of over 12 MiB/s in 256 MiB reaches the limit within the hold of the status,
// so that the message does not wait for it.
type termination struct {
	log       app.TerminationLog
	written   bool
	nearLimit time.Time // when memory was last near the limit
}

func (t *termination) observe(s *health.State) {
	switch {
	case s.NearLimit:
		t.log.Write(s.MemorySummary())
		t.written, t.nearLimit = true, s.Time
	case t.written && s.Time.Sub(t.nearLimit) >= emptyAfter:
		t.log.Clear()
		t.written = false
	}
}
