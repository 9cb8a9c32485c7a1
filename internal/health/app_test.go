package health

import (
	"strings"
	"testing"
	"time"

	"github.com/halobuzz/healthd/internal/app"
	"github.com/halobuzz/healthd/internal/memory"
	"github.com/halobuzz/healthd/internal/probe"
)

// appOf returns a command with one process.
func appOf(check *probe.Record) *App {
	return &App{
		Name: "node", PID: 7, Started: start, Check: check,
		Processes: app.Processes{
			Largest: []app.Process{{Name: "node", PID: 7, RSSBytes: 600, AnonBytes: 214 << 20}},
			PIDs:    []int{7}, AnonBytes: 214 << 20,
		},
	}
}

// TestJudgeApp holds liveness and readiness to how the command answers.
func TestJudgeApp(t *testing.T) {
	t.Parallel()
	const silent = "The app has not answered yet."
	const hangs = "The app no longer answers: timed out."
	passed := probe.Result{Time: start, Passed: true, Duration: time.Millisecond}
	failed := probe.Result{Time: start, Reason: probe.TimedOut}
	record := func(last probe.Result, failures int, ever bool) *probe.Record {
		return &probe.Record{
			Name: "app", Kind: "component", Last: last, Failures: failures, Passed: ever,
			ResponseTime: time.Millisecond,
		}
	}
	for _, tt := range []struct {
		name                string
		check               *probe.Record
		judges, draining    bool
		status, live, ready Status
		reason              string // of readiness
	}{
		{"not checked", nil, false, false, Pass, Pass, Pass, ""},
		{"not asked", record(probe.Result{}, 0, false), true, false, Pass, Pass, Fail, silent},
		{"never answered", record(failed, 60, false), true, false, Pass, Pass, Fail, silent},
		{"answers", record(passed, 0, true), true, false, Pass, Pass, Pass, ""},
		{"two failures", record(failed, 2, true), true, false, Pass, Pass, Pass, ""},
		{"hangs", record(failed, 3, true), true, false, Fail, Fail, Fail, hangs},
		{"hangs, by the default check", record(failed, 3, true), false, false, Warn, Pass, Fail, hangs},
		{"hangs while it stops", record(failed, 3, true), true, true, Pass, Pass, Pass, ""},
		{"stops before it answered", record(failed, 3, false), true, true, Pass, Pass, Pass, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := Input{Time: start, App: appOf(tt.check), Draining: tt.draining}
			in.App.JudgesLiveness = tt.judges
			s := NewJudge(testRules).Judge(in)
			if s.Status != tt.status || s.Live != tt.live || s.Ready != tt.ready ||
				s.ReadyReason != tt.reason {
				t.Errorf("Judge() = status %v, live %v, ready %v (%q), want %v, %v, %v (%q)",
					s.Status, s.Live, s.Ready, s.ReadyReason, tt.status, tt.live, tt.ready, tt.reason)
			}
			if (s.Live == Fail) != (s.LiveReason == hangs) {
				t.Errorf("Judge() = live %v because of %q", s.Live, s.LiveReason)
			}
		})
	}
}

// TestJudgeAppMemory has memory that makes a service unready, unless it has a command.
func TestJudgeAppMemory(t *testing.T) {
	t.Parallel()
	in := usedOf(950, 1000)
	if s := judgeSeconds(NewJudge(testRules), 0, 5, in); s.Ready != Fail {
		t.Errorf("without a command Judge() = ready %v, want %v", s.Ready, Fail)
	}
	in.App = appOf(nil)
	s := judgeSeconds(NewJudge(testRules), 0, 5, in)
	if s.Status != Fail || s.Ready != Warn || s.Live != Pass {
		t.Errorf("with a command Judge() = status %v, ready %v, live %v, want %v, %v, %v",
			s.Status, s.Ready, s.Live, Fail, Warn, Pass)
	}
	const largest = " node (pid 7) has 214.0 MiB. "
	if !strings.Contains(s.Reason, largest) || s.ReadyReason != s.Reason {
		t.Errorf("Judge() = %q, ready because of %q, want %q in both", s.Reason, s.ReadyReason, largest)
	}
	const summary = "The working set was 0.0 MiB of the container's 0.0 MiB (95.0%) at " +
		"2026-11-23T16:19:33Z. Largest processes: node (pid 7) has 214.0 MiB."
	if got := s.MemorySummary(); got != summary {
		t.Errorf("MemorySummary() = %q, want %q", got, summary)
	}
}

// TestStopRule observes a percentage of each second from the command's start on. In want, s
// is a second in which the command is to be stopped, d one in which the rule is disarmed.
func TestStopRule(t *testing.T) {
	t.Parallel()
	type run struct {
		seconds int
		used    int64 // or missing
	}
	for _, tt := range []struct {
		name string
		runs []run
		want string // from the 60th second on
	}{
		{"below", []run{{70, 84}}, "----------"},
		{"over before it is armed", []run{{20, 10}, {30, 99}, {20, 84}}, "----------"},
		{"reached", []run{{62, 84}, {6, 85}}, "-----sss"},
		{"a gap restarts the hold",
			[]run{{62, 84}, {3, 90}, {3, missing}, {4, 90}}, "-----------s"},
		{"a spike", []run{{62, 84}, {3, 99}, {5, 84}}, "----------"},
		{"over from the start", []run{{66, 90}}, "dddddd"},
		{"over from the start, then below", []run{{62, 90}, {2, 80}, {5, 90}}, "dd-----ss"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			j := NewJudge(Rules{WarnPercent: 80, FailPercent: 90, StopPercent: 85})
			var got strings.Builder
			second := 0
			for _, r := range tt.runs {
				in := usedOf(r.used, 100)
				in.Memory.Container.Unreclaimable = memory.Size{
					Bytes: r.used, Known: r.used != missing,
				}
				in.App = appOf(nil)
				for range r.seconds {
					s := judgeSeconds(j, second, 1, in)
					switch {
					case s.StopDue:
						got.WriteByte('s')
					case s.StopDisarmed:
						got.WriteByte('d')
					default:
						got.WriteByte('-')
					}
					second++
				}
			}
			if before := got.String()[:60]; before != strings.Repeat("-", 60) {
				t.Errorf("in the first minute: %s, want nothing", before)
			}
			if got := got.String()[60:]; got != tt.want {
				t.Errorf("after a minute: %s, want %s", got, tt.want)
			}
		})
	}
	t.Run("never", func(t *testing.T) {
		in := usedOf(100, 100)
		in.Memory.Container.Unreclaimable = known(100)
		in.App = appOf(nil)
		if s := judgeSeconds(NewJudge(testRules), 0, 90, in); s.StopDue || s.StopDisarmed {
			t.Errorf("without a percentage: due %v, disarmed %v", s.StopDue, s.StopDisarmed)
		}
	})
}

// TestJudgeKills has a kill of a process while the command lives.
func TestJudgeKills(t *testing.T) {
	t.Parallel()
	j := NewJudge(testRules)
	in := Input{App: appOf(nil)}
	in.App.Processes.Largest = append(in.App.Processes.Largest, app.Process{Name: "worker", PID: 9})
	in.App.Processes.PIDs = []int{7, 9}
	in.Memory.Container.OOMKills = memory.Count{N: 4, Known: true}
	if at, _ := judgeSeconds(j, 0, 2, in).Kills.Last(); !at.IsZero() {
		t.Errorf("a count that does not rise: a kill at %v", at)
	}
	in.Memory.Container.OOMKills = memory.Count{}
	judgeSeconds(j, 2, 1, in) // could not be read
	in.Memory.Container.OOMKills = memory.Count{N: 5, Known: true}
	in.App = appOf(nil)
	judgeSeconds(j, 3, 1, in)
	at, victim := judgeSeconds(j, 4, 1, in).Kills.Last()
	if at != after(3) || victim.Name != "worker" {
		t.Errorf("Kills.Last() = %v, %v, want %v and the worker", at, victim, after(3))
	}
}
