// Package health judges measurements: it holds them against thresholds, decides the status,
// and keeps the history. It is pure: it has no clock, goroutine, HTTP, JSON or log.
package health

import (
	"time"

	"github.com/halobuzz/healthd/internal/app"
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
	Growth Growth // of the history that ends with this state; the judge does not know it
	Checks []Check
	Status Status // the worst of Checks
	Reason string // the worst check's

	// Live is Fail if the service hangs, and Ready is Fail if it should get no traffic.
	Live, Ready             Status
	LiveReason, ReadyReason string

	NearLimit    bool       // memory is at or over the warning threshold, without any hold
	StopDue      bool       // the command is to be stopped before the kernel kills it
	StopDisarmed bool       // the rule does not apply, because memory was over it from the start
	Kills        *app.Kills // what is known of the kernel's OOM kills; nil without a command

	provisional bool
}

// Provisional reports whether Status is only due to a required dependency that has not been
// asked yet.
func (s *State) Provisional() bool { return s.provisional }

// Rules are the configurable thresholds of memory, in percent of the container's limit.
type Rules struct {
	WarnPercent, FailPercent float64
	StopPercent              float64 // at which the command is stopped; 0 for never
}

// Judge judges inputs. It remembers for how long each threshold has been exceeded.
type Judge struct {
	memory, goMemory check
	stop             stopRule
	kills            app.Kills
}

// NewJudge returns a Judge whose checks pass.
func NewJudge(rules Rules) *Judge {
	return &Judge{
		memory:   newMemoryCheck(rules),
		goMemory: newGoMemoryCheck(),
		stop:     stopRule{threshold: threshold{percent: rules.StopPercent}},
	}
}

// Judge returns the state that in leads to.
func (j *Judge) Judge(in Input) *State {
	s := &State{Input: in, Checks: make([]Check, 0, 2)}
	j.memory.observeMemory(&in)
	j.goMemory.observeGoMemory(&in)
	s.NearLimit = j.memory.known && j.memory.last >= j.memory.warn.percent
	for _, c := range [...]*check{&j.memory, &j.goMemory} {
		if result, ok := c.result(in.Time); ok {
			ready := result.Status
			if in.App != nil {
				// Without traffic the command's heap would not shrink, and without its only
				// instance the service would be down.
				ready = min(ready, Warn)
			}
			s.add(result, ready)
		}
	}
	for i := range in.Dependencies {
		d, before := &in.Dependencies[i], s.Status
		c := judgeDependency(in.Time, d)
		s.add(c, c.Status)
		if s.Status > before {
			s.provisional = !d.Asked()
		}
	}
	if in.App != nil {
		s.judgeApp()
		s.StopDue, s.StopDisarmed = j.stop.observe(&in)
		if count := in.Memory.Container.OOMKills; count.Known {
			j.kills.Observe(in.Time, count.N, in.App.Processes)
		}
		kills := j.kills
		s.Kills = &kills
	}
	return s
}

// add adds a check, and what it means for readiness.
func (s *State) add(c Check, ready Status) {
	s.Checks = append(s.Checks, c)
	if c.Status > s.Status {
		s.Status, s.Reason = c.Status, c.Reason
	}
	if ready > s.Ready {
		s.Ready, s.ReadyReason = ready, c.Reason
	}
}
