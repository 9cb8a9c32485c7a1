package health

import (
	"fmt"
	"time"

	"github.com/halobuzz/healthd/internal/app"
	"github.com/halobuzz/healthd/internal/memory"
	"github.com/halobuzz/healthd/internal/probe"
)

// App is the command that healthd runs, with the processes beside healthd.
type App struct {
	Name      string
	PID       int
	Started   time.Time
	Ended     bool
	Processes app.Processes

	Check          *probe.Record // how the command answers; nil if it is not asked
	JudgesLiveness bool          // Check decides whether the command hangs, too
}

// AppAnon returns the anonymous memory of all processes of the command. It is unknown without a
// command, and where no process can be seen.
func (in *Input) AppAnon() memory.Size {
	if in.App == nil {
		return memory.Size{}
	}
	p := &in.App.Processes
	return memory.Size{Bytes: p.AnonBytes, Known: len(p.PIDs) > 0}
}

// appCheckName cannot be that of a dependency, which ends with ":responseTime".
const appCheckName = "app:answerTime"

// judgeApp judges how the command answers. Once a stop has begun, it need not answer.
func (s *State) judgeApp() {
	a := s.App
	if a.Check == nil || s.Draining {
		return
	}
	if !a.Check.Passed {
		s.Ready, s.ReadyReason = Fail, "The app has not answered yet."
		return
	}
	c := judgeRecord(s.Time, a.Check)
	c.Name = appCheckName
	ready := Pass
	if a.Check.Failed() {
		c.Status, ready = Warn, Fail
		c.Reason = fmt.Sprintf("The app no longer answers: %s.", a.Check.Last.Reason)
		if a.JudgesLiveness {
			c.Status = Fail
			s.Live, s.LiveReason = Fail, c.Reason
		}
	}
	s.add(c, ready)
}

// armAfter is how long after the command's start its memory may lead to a stop. A command
// that needs too much from its start on would be restarted again and again.
const armAfter = time.Minute

// stopRule decides when to stop the command because the kernel would soon kill it.
type stopRule struct {
	threshold
	armed bool // memory was below the threshold after armAfter
}

// observe reports whether the command is to be stopped, and whether it would be if memory had not
// been over the threshold from the beginning. Memory that the kernel could free does not count.
func (r *stopRule) observe(in *Input) (due, disarmed bool) {
	if r.percent == 0 || in.Time.Sub(in.App.Started) < armAfter {
		return false, false
	}
	c := &in.Memory.Container
	limit := c.EffectiveLimit()
	if !c.Unreclaimable.Known || !limit.Known {
		r.restartHold()
		return r.exceeded, false
	}
	used := memory.Percent(c.Unreclaimable.Bytes, limit.Bytes)
	if !r.armed && used >= r.percent {
		return false, true
	}
	r.armed = true
	r.threshold.observe(in.Time, used)
	return r.exceeded, false
}
