package health

import (
	"fmt"
	"time"

	"github.com/halobuzz/healthd/internal/app"
	"github.com/halobuzz/healthd/internal/memory"
)

// A threshold counts as exceeded after enterAfter at or above it, and no longer after
// leaveAfter more than leaveBelow points below it. A single spike is not an incident, and a
// value on the line does not make the status flap.
const (
	enterAfter = 3 * time.Second
	leaveAfter = 10 * time.Second
	leaveBelow = 5
)

// forgetAfter is how long a status outlives its value. Without it, a limit that was lifted
// for good would leave a failure behind.
const forgetAfter = time.Minute

// The thresholds of gomemlimit:utilization, in percent. From 50 on, the limit decides when
// to collect, not GOGC=100. In a measured leak the share of the CPU that garbage collection
// took rose from 6% to over half within two seconds as the value passed 90. A leak of 3 MB/s
// into 64 MiB gains 4.5 points a second, and enterAfter takes up to four of those seconds, so
// that a warning at 75 would come too late.
const (
	goWarnPercent = 55
	goFailPercent = 90
)

// threshold is one bound of a check.
type threshold struct {
	percent  float64
	exceeded bool
	// contradictedSince is the time of the first of the values that all contradict exceeded.
	// It is zero if the last one does not.
	contradictedSince time.Time
}

func (t *threshold) observe(now time.Time, value float64) {
	hold, contradicted := enterAfter, value >= t.percent
	if t.exceeded {
		hold, contradicted = leaveAfter, value < t.percent-leaveBelow
	}
	switch {
	case !contradicted:
		t.contradictedSince = time.Time{}
	case t.contradictedSince.IsZero():
		t.contradictedSince = now
	case now.Sub(t.contradictedSince) >= hold-SamplePeriod/2: // the closest that a sample comes
		t.exceeded, t.contradictedSince = !t.exceeded, time.Time{}
	}
}

// restartHold makes the values that contradict exceeded start anew, because one is missing.
func (t *threshold) restartHold() { t.contradictedSince = time.Time{} }

// check judges a percentage over time.
type check struct {
	name    string
	subject string // what is judged, such as "Live Go memory"
	whole   string // what it is a percentage of
	advice  string // what to do when it is too high

	warn, fail threshold
	last       float64 // the newest value
	lastTime   time.Time
	known      bool // the newest input had a value

	largest app.Process // beside healthd; its PID is 0 if there is none
}

func newMemoryCheck(rules Rules) check {
	return check{
		name:    "memory:utilization",
		subject: unreclaimableMemory,
		whole:   "the container's limit",
		advice:  "Give the container more memory, or find what is growing.",
		warn:    threshold{percent: rules.WarnPercent},
		fail:    threshold{percent: rules.FailPercent},
	}
}

func newGoMemoryCheck() check {
	return check{
		name:    "gomemlimit:utilization",
		subject: "Live Go memory",
		whole:   "GOMEMLIMIT",
		advice:  "Raise GOMEMLIMIT, or find what keeps the heap alive.",
		warn:    threshold{percent: goWarnPercent},
		fail:    threshold{percent: goFailPercent},
	}
}

// observe takes a value. An unknown one keeps the status and restarts the holds.
func (c *check) observe(now time.Time, value float64, known bool) {
	c.known = known
	if known {
		c.last, c.lastTime = value, now
		c.warn.observe(now, value)
		c.fail.observe(now, value)
		return
	}
	c.warn.restartHold()
	c.fail.restartHold()
	if now.Sub(c.lastTime) > forgetAfter {
		c.warn.exceeded, c.fail.exceeded = false, false
	}
}

// result returns the check's result. There is none while the value is unknown and the status
// is Pass.
func (c *check) result(now time.Time) (result Check, ok bool) {
	status := c.status()
	result = Check{
		Name: c.name, Kind: "system", Unit: "percent", Time: now, Status: status, Reason: c.reason(),
	}
	if c.known {
		result.Value, result.Known = c.last, true
	}
	return result, c.known || status != Pass
}

func (c *check) status() Status {
	switch {
	case c.fail.exceeded:
		return Fail
	case c.warn.exceeded:
		return Warn
	}
	return Pass
}

// reason explains a status other than Pass.
func (c *check) reason() string {
	name, t := "warning", &c.warn
	switch c.status() {
	case Pass:
		return ""
	case Fail:
		name, t = "failure", &c.fail
	}
	bound := fmt.Sprintf("%s threshold %g%%", name, t.percent)
	advice := c.advice
	if c.largest.PID != 0 {
		advice = fmt.Sprintf("%s. %s", c.largest, c.advice)
	}
	switch {
	case !c.known:
		return fmt.Sprintf("%s cannot be measured; the last value was %.1f%% of %s (%s). %s",
			c.subject, c.last, c.whole, bound, advice)
	case c.last < t.percent:
		return fmt.Sprintf("%s is %.1f%% of %s; the status clears after %.0f s below %g%% (%s). %s",
			c.subject, c.last, c.whole, leaveAfter.Seconds(), t.percent-leaveBelow, bound, advice)
	}
	return fmt.Sprintf("%s is %.1f%% of %s (%s). %s", c.subject, c.last, c.whole, bound, advice)
}

// unreclaimableMemory names what memory:utilization judges if everything is known.
const unreclaimableMemory = "Memory that the kernel cannot free"

// observeMemory judges the container's memory. Page cache does not count, because the kernel
// frees even the active part of it before it kills: a file that was read several times in
// 256 MiB gave a working set of 93% with 2 MB of RSS, and 200 MiB more could be allocated.
// Where it is unknown, the working set stands in for it, and then the resident set. Without a
// limit nothing is judged.
func (c *check) observeMemory(in *Input) {
	subject, used := in.memoryInUse()
	limit := in.Memory.Container.EffectiveLimit()
	if limit.Known {
		c.subject = subject // else the reason still speaks of the last value
	}
	c.largest = app.Process{}
	if in.App != nil && len(in.App.Processes.Largest) > 0 {
		c.largest = in.App.Processes.Largest[0]
	}
	c.observe(in.Time, memory.Percent(used, limit.Bytes), limit.Known)
}

// memoryInUse returns the memory that counts against the container's limit, and its name.
func (in *Input) memoryInUse() (name string, bytes int64) {
	c := &in.Memory.Container
	switch {
	case c.Unreclaimable.Known:
		return unreclaimableMemory, c.Unreclaimable.Bytes
	case c.WorkingSet.Known:
		return "The working set", c.WorkingSet.Bytes
	}
	return "Resident memory", in.Memory.RSSBytes
}

// observeGoMemory judges the Go memory that garbage collection cannot free. A process under
// a GOMEMLIMIT dies with a flat memory graph: garbage fills what the live memory leaves, and
// the less that is, the more often the collector runs.
func (c *check) observeGoMemory(in *Input) {
	m := &in.Memory
	live := m.HeapBytes
	if m.HeapLive.Known {
		live = m.HeapLive.Bytes
	}
	used := memory.Percent(live+m.SysBytes-m.HeapSysBytes, in.GoLimit.Bytes)
	c.observe(in.Time, used, in.GoLimit.Known)
}
