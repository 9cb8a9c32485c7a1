package health

import (
	"fmt"
	"strings"
	"time"

	"github.com/halobuzz/healthd/internal/memory"
)

// MemorySummary describes the use of memory, the largest processes and the growth, for a person
// who learns of the end of the container and has no log.
func (s *State) MemorySummary() string {
	name, used := s.memoryInUse()
	var b strings.Builder
	fmt.Fprintf(&b, "%s was %.1f MiB", name, mebibytes(used))
	if limit := s.Memory.Container.EffectiveLimit(); limit.Known {
		fmt.Fprintf(&b, " of the container's %.1f MiB (%.1f%%)",
			mebibytes(limit.Bytes), memory.Percent(used, limit.Bytes))
	}
	fmt.Fprintf(&b, " at %s.", s.Time.UTC().Format(time.RFC3339))
	if s.App != nil && len(s.App.Processes.Largest) > 0 {
		b.WriteString(" Largest processes: ")
		for i, p := range s.App.Processes.Largest {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(p.String())
		}
		b.WriteString(".")
	}
	if s.Growth.Known {
		b.WriteString(" " + s.Growth.String())
	}
	return b.String()
}

func mebibytes(bytes int64) float64 { return float64(bytes) / (1 << 20) }
