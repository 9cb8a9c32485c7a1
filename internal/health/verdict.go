package health

import (
	"fmt"

	"github.com/halobuzz/healthd/internal/memory"
)

// Status is a verdict, in the words of draft-inadarei-api-health-check-06.
type Status string

// The verdicts, from good to bad.
const (
	Pass Status = "pass"
	Warn Status = "warn"
	Fail Status = "fail"
)

// utilization is the percentage of the container's memory in use, with the resident
// set where the working set is not known. Without a limit there is nothing to judge.
func utilization(s *memory.Sample) (float64, bool) {
	if used, ok := usedPercent(&s.Container); ok {
		return used, true
	}
	limit := s.Container.Cap()
	return percent(s.RSS, limit.N), limit.OK
}

// usedPercent is the working set as a percentage of what the container may use. It is
// not the usage, because the kernel frees inactive page cache before it kills.
func usedPercent(c *memory.Container) (float64, bool) {
	limit := c.Cap()
	return percent(c.WorkingSet.N, limit.N), limit.OK && c.WorkingSet.OK
}

func percent(part, whole int64) float64 { return 100 * float64(part) / float64(whole) }

// judge gives the verdict on a utilization, and the reason when it is not pass.
func (o *Options) judge(used float64) (Status, string) {
	switch {
	case used >= o.FailPercent:
		return Fail, reason(used, "failure", o.FailPercent)
	case used >= o.WarnPercent:
		return Warn, reason(used, "warning", o.WarnPercent)
	}
	return Pass, ""
}

func reason(used float64, name string, threshold float64) string {
	return fmt.Sprintf("memory in use is %.1f %% of the container's limit, at or over the %s threshold of %g %%", used, name, threshold)
}
