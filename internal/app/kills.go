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
	before int64     // the count before that
	prior  Processes // the processes before that
	victim Process   // the one that was missing then
}

// Observe records a reading. Its verdict is OOMKilled if the count has risen since the last
// one. The first reading only sets the count to compare with.
func (k *Kills) Observe(now time.Time, count int64, processes Processes) Verdict {
	var v Verdict
	if k.observed {
		v = Judge(Evidence{
			OOMKillsBefore: k.count, OOMKillsNow: count, Last: k.last, Now: processes,
		})
	}
	if v.Cause == OOMKilled {
		k.rise, k.before, k.prior, k.victim = now, k.count, k.last, v.Victim
	}
	k.observed, k.count, k.last = true, count, processes
	return v
}

// Last returns when a kill was last seen, and its victim. The time is zero if there was none.
func (k *Kills) Last() (at time.Time, victim Process) { return k.rise, k.victim }

// Recent reports whether a kill was seen in the 5 s before now.
func (k *Kills) Recent(now time.Time) bool {
	return !k.rise.IsZero() && now.Sub(k.rise) <= killWindow
}

// End records a reading that was taken once the command had ended, and returns why it did.
// A kill counts for 5 s, with the process that was missing at once: others that are gone by
// now have ended because of it.
func (k *Kills) End(
	now time.Time, count int64, processes Processes, exit Exit, stopping bool,
) Verdict {
	k.Observe(now, count, processes)
	e := Evidence{Exit: &exit, Stopping: stopping}
	if k.Recent(now) {
		e.OOMKillsBefore, e.OOMKillsNow, e.Last, e.Now = k.before, k.count, k.prior, processes
	}
	v := Judge(e)
	if v.Cause == OOMKilled && k.victim.PID != 0 {
		v.Victim = k.victim
	}
	return v
}
