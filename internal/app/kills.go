package app

import "time"

// killWindow is how long after an OOM kill the end of the command is attributed to it. npm and
// shells end within milliseconds of their child; a supervisor may log and clean up first.
const killWindow = 5 * time.Second

// Kills follows the kernel's count of OOM kills and the processes, so that the victim of a
// kill is known when the command ends because of it. The zero value is ready to use. The count
// must be read before the processes: a victim is counted before it is gone.
type Kills struct {
	observed bool
	count    int64
	last     Processes

	rise   time.Time // when the count was last seen to have risen
	before Processes // the reading before that
	victim Process   // a process that has been missing since; its PID is 0 if none is known
}

// Observe records a reading. The first one only sets the count to compare with.
func (k *Kills) Observe(now time.Time, count int64, processes Processes) {
	if k.observed && count > k.count {
		k.rise, k.before, k.victim = now, k.last, Process{}
	}
	if k.victim.PID == 0 {
		k.victim = missing(k.before, processes)
	}
	k.observed, k.count, k.last = true, count, processes
}

// Last returns when a kill was last seen, and its victim. The time is zero if there was none.
func (k *Kills) Last() (at time.Time, victim Process) { return k.rise, k.victim }

// Recent reports whether a kill was seen in the 5 s before now.
func (k *Kills) Recent(now time.Time) bool {
	return !k.rise.IsZero() && now.Sub(k.rise) <= killWindow
}

// End records a reading that was taken once the command had ended, and returns why it did,
// given whether healthd was stopping it.
func (k *Kills) End(
	now time.Time, count int64, processes Processes, exit Exit, stopping bool,
) Verdict {
	k.Observe(now, count, processes)
	v := Verdict{Cause: cause(exit, stopping, k.Recent(now))}
	if v.Cause == OOMKilled {
		v.Victim = k.victim
	}
	return v
}
