package health

import (
	"fmt"
	"time"

	"github.com/halobuzz/healthd/internal/probe"
)

// judgeDependency returns the check of a dependency. If the dependency fails, the service fails
// if it is required, else it warns. A required one that has not been asked yet fails, so that the
// service is not ready before its required dependencies have answered.
func judgeDependency(now time.Time, r *probe.Record) Check {
	c := judgeRecord(now, r)
	c.Name = r.Name + ":responseTime"
	switch {
	case r.Failed() && r.Required:
		c.Status = Fail
		c.Reason = fmt.Sprintf("The required dependency %s fails: %s.", r.Name, r.Last.Reason)
	case r.Failed():
		c.Status = Warn
		c.Reason = fmt.Sprintf("The dependency %s fails: %s.", r.Name, r.Last.Reason)
	case r.Required && !r.Asked():
		c.Status = Fail
		c.Reason = fmt.Sprintf("The required dependency %s has not been asked yet.", r.Name)
	}
	return c
}

// judgeRecord returns a check that passes, with the time that the last pass took. There is none
// if the last result counts as a failure.
func judgeRecord(now time.Time, r *probe.Record) Check {
	c := Check{Kind: r.Kind, Unit: "ms", Time: now}
	if r.Asked() {
		c.Time = r.Last.Time
	}
	if r.Passed && !r.Failed() {
		c.Value, c.Known = float64(r.ResponseTime)/float64(time.Millisecond), true
	}
	return c
}
