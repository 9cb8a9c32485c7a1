// Package health judges measurements: it holds them against thresholds, decides the status,
// and keeps the history. It is pure: it has no clock, goroutine, HTTP, JSON or log.
package health

import (
	"time"

	"github.com/halobuzz/healthd/internal/memory"
	"github.com/halobuzz/healthd/internal/probe"
)

// Status is the result of a judgment, from best to worst, so that the worst of two is max.
type Status int

// The statuses, named as in draft-inadarei-api-health-check-06.
const (
	Pass Status = iota
	Warn
	Fail
)

// Statuses lists every Status, from best to worst.
var Statuses = [...]Status{Pass, Warn, Fail}

// String returns "pass", "warn" or "fail".
func (s Status) String() string { return [...]string{"pass", "warn", "fail"}[s] }

// SamplePeriod is the time between two inputs.
const SamplePeriod = time.Second

// StaleAfter is the age from which an input no longer says anything about the present.
const StaleAfter = 10 * time.Second

// StaleReason is the reason of the Fail that stands in for a missing input.
const StaleReason = "Memory was last measured more than 10 s ago, so its current use is unknown. " +
	"Restart the service if this does not change."

// Input is everything that was measured at one time.
type Input struct {
	Time        time.Time
	Memory      memory.Sample
	GoLimit     memory.GoLimit
	Connections Connections

	Dependencies []probe.Record // nil if none are configured
	App          *App           // nil without a command

	Released bool // memory was returned to the kernel just before
	Draining bool // the service is about to stop
}

// Connections is the use of the server's connection table.
type Connections struct {
	Open    int
	Limit   int
	Evicted int64 // since the start
}

// Check is one judged value. The names, kinds and units are those of the draft.
type Check struct {
	Name   string
	Kind   string // the draft's componentType
	Unit   string
	Time   time.Time
	Value  float64
	Known  bool // Value is current; the status of a memory check outlives it for a minute
	Status Status
	Reason string // empty if Status is Pass
}

// State is an input with its judgment. It is immutable.
type State struct {
	Input
	Checks []Check
	Status Status // the worst of Checks
	Reason string // the worst check's

	provisional bool
}

// Provisional reports whether Status is only due to a required dependency that has not been
// asked yet.
func (s *State) Provisional() bool { return s.provisional }

// Rules are the configurable thresholds of the memory check, in percent of the container's
// limit.
type Rules struct {
	WarnPercent, FailPercent float64
}

// Judge judges inputs. It remembers for how long each threshold has been exceeded.
type Judge struct {
	memory, goMemory check
}

// NewJudge returns a Judge whose checks pass.
func NewJudge(rules Rules) *Judge {
	return &Judge{memory: newMemoryCheck(rules), goMemory: newGoMemoryCheck()}
}

// Judge returns the state that in leads to.
func (j *Judge) Judge(in Input) *State {
	s := &State{Input: in, Checks: make([]Check, 0, 2)}
	j.memory.observeMemory(&in)
	j.goMemory.observeGoMemory(&in)
	for _, c := range [...]*check{&j.memory, &j.goMemory} {
		if result, ok := c.result(in.Time); ok {
			s.add(result)
		}
	}
	for i := range in.Dependencies {
		d, before := &in.Dependencies[i], s.Status
		s.add(judgeDependency(in.Time, d))
		if s.Status > before {
			s.provisional = !d.Asked()
		}
	}
	return s
}

func (s *State) add(c Check) {
	s.Checks = append(s.Checks, c)
	if c.Status > s.Status {
		s.Status, s.Reason = c.Status, c.Reason
	}
}
