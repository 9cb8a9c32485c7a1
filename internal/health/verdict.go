package health

import (
	"fmt"
	"time"

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

// Statuses are all there are.
var Statuses = [...]Status{Pass, Warn, Fail}

// A threshold is passed when the value has been over it for enterAfter, and left when
// it has been leaveBelow points under it for leaveAfter: one spike is not an incident,
// and a value on the line does not flap.
const (
	enterAfter = 3 * time.Second
	leaveAfter = 10 * time.Second
	leaveBelow = 5
)

// forgetAfter is how long a verdict outlives its value. A limit that was lifted for
// good must not leave a failure behind.
const forgetAfter = time.Minute

// The thresholds of gomemlimit:utilization, in percent. From 50 on it is the limit, and no
// longer GOGC=100, that says when to collect: a warning at 55 is over when that is. In a
// measured leak the collector's share of the CPU went from 6 % to over half within two
// seconds as it passed 90. A leak of 3 MB/s into 64 MiB gains 4.5 a second, and enterAfter
// takes up to four of those: a warning at 75 would come when it is too late.
const (
	goWarnPercent = 55
	goFailPercent = 90
)

// threshold is one bound of a check, in percent, and whether the check is over it.
type threshold struct {
	percent float64
	over    bool
	since   time.Time // the first of the samples that all say the opposite of over; zero when the last does not
}

func (t *threshold) observe(now time.Time, value float64) {
	hold, opposite := enterAfter, value >= t.percent
	if t.over {
		hold, opposite = leaveAfter, value < t.percent-leaveBelow
	}
	switch {
	case !opposite:
		t.since = time.Time{}
	case t.since.IsZero():
		t.since = now
	case now.Sub(t.since) >= hold-Period/2: // half a period early is as close as a sample comes
		t.over, t.since = !t.over, time.Time{}
	}
}

// check judges one value over time. It starts as pass.
type check struct {
	subject string // what is judged, "Go memory that survives a collection"
	of      string // what it is a share of
	do      string // what to do when it is too high

	warn, fail threshold
	last       float64   // the newest value, in percent
	known      bool      // the newest sample had a value
	at         time.Time // of the newest value
}

func newMemoryCheck(warn, fail float64) check {
	return check{
		subject: unreclaimable, of: "the container's limit",
		do:   "give the container more memory, or find what grows",
		warn: threshold{percent: warn}, fail: threshold{percent: fail},
	}
}

func newGoCheck() check {
	return check{
		subject: "Go memory that survives a collection", of: "GOMEMLIMIT",
		do:   "raise GOMEMLIMIT, or find what keeps the heap alive, before the collector takes the CPU",
		warn: threshold{percent: goWarnPercent}, fail: threshold{percent: goFailPercent},
	}
}

// observe takes a sample's value in percent. One without a value keeps the status.
func (c *check) observe(now time.Time, value float64, known bool) {
	c.known = known
	if known {
		c.last, c.at = value, now
		c.warn.observe(now, value)
		c.fail.observe(now, value)
		return
	}
	c.warn.since, c.fail.since = time.Time{}, time.Time{}
	if now.Sub(c.at) > forgetAfter {
		c.warn.over, c.fail.over = false, false
	}
}

func (c *check) status() Status {
	switch {
	case c.fail.over:
		return Fail
	case c.warn.over:
		return Warn
	}
	return Pass
}

// output is the reason for a status that is not pass, in one sentence.
func (c *check) output() string {
	name, t := "warning", &c.warn
	switch c.status() {
	case Pass:
		return ""
	case Fail:
		name, t = "failure", &c.fail
	}
	passed := fmt.Sprintf("the %s threshold of %g %%", name, t.percent)
	switch {
	case !c.known:
		return fmt.Sprintf("%s is not known now, and was %.1f %% of %s after it passed %s: %s", c.subject, c.last, c.of, passed, c.do)
	case c.last < t.percent:
		return fmt.Sprintf("%s is %.1f %% of %s, and not yet under %g %% for %.0f s after it passed %s: %s",
			c.subject, c.last, c.of, t.percent-leaveBelow, leaveAfter.Seconds(), passed, c.do)
	}
	return fmt.Sprintf("%s is %.1f %% of %s, at or over %s: %s", c.subject, c.last, c.of, passed, c.do)
}

// worse says whether s is worse than other.
func (s Status) worse(other Status) bool {
	return s == Fail && other != Fail || s == Warn && other == Pass
}

// unreclaimable names what memory:utilization judges where all is known.
const unreclaimable = "Memory that the kernel cannot free"

// memoryUtilization returns what is judged, by name, and its percentage of what the
// container may use. Page cache does not count, because the kernel frees even the active
// part of it before it kills: a file read several times in 256 MiB gave a working set of
// 93 % with 2 MB of RSS, and 200 MiB more could be had. Where it is unknown, the working
// set stands in for it, and then the resident set. Without a limit nothing is judged.
func memoryUtilization(s *memory.Sample) (name string, used float64, ok bool) {
	c, limit := &s.Container, s.Container.Cap()
	switch {
	case c.Unreclaimable.OK:
		return unreclaimable, percent(c.Unreclaimable.N, limit.N), limit.OK
	case c.WorkingSet.OK:
		return "The working set", percent(c.WorkingSet.N, limit.N), limit.OK
	}
	return "Resident memory", percent(s.RSS, limit.N), limit.OK
}

// usedPercent is the working set as a percentage of what the container may use, the share
// that kubectl top and the platforms show.
func usedPercent(c *memory.Container) (float64, bool) {
	limit := c.Cap()
	return percent(c.WorkingSet.N, limit.N), limit.OK && c.WorkingSet.OK
}

// goUtilization is what a collection cannot free as a percentage of GOMEMLIMIT. A
// process under such a limit dies with a flat memory graph: garbage fills what is left,
// and the less is left the more often the collector runs.
func goUtilization(s *memory.Sample) (float64, bool) {
	live := s.Heap
	if s.HeapLive.OK {
		live = s.HeapLive.N
	}
	return percent(live+s.Sys-s.HeapSys, s.GoLimit.N), s.GoLimit.OK
}

func percent(part, whole int64) float64 { return 100 * float64(part) / float64(whole) }
