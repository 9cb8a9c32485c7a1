package monitor

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halobuzz/healthd/internal/app"
	"github.com/halobuzz/healthd/internal/health"
	"github.com/halobuzz/healthd/internal/memory"
)

func command(processes ...app.Process) *health.App {
	a := &health.App{Name: "npm", PID: 7, Started: time.Now()}
	a.Processes.Largest = processes
	for _, p := range processes {
		a.Processes.PIDs = append(a.Processes.PIDs, p.PID)
		a.Processes.AnonBytes += p.AnonBytes
	}
	return a
}

var (
	npm  = app.Process{Name: "npm", PID: 7, RSSBytes: 60, AnonBytes: 2 << 20}
	node = app.Process{Name: "node", PID: 18, RSSBytes: 300, AnonBytes: 200 << 20}
)

// TestLogKill has one line for a kill that the command survives.
func TestLogKill(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSource(100)
		s.Memory.Container.OOMKills = memory.Count{N: 1, Known: true}
		s.App = command(node, npm)
		m := newMonitor(s.measure)
		stop := startLog(t, m, 0, vitalNames...)
		publishAfterPeriod(m)
		s.Memory.Container.OOMKills.N, s.App = 2, command(npm)
		publishAfterPeriod(m)
		publishAfterPeriod(m)
		checkLines(t, stop(), []string{
			`level=WARN msg="the kernel killed a process for lack of memory" appAnonBytes=2097152` +
				` process.name=node process.pid=18 process.anonBytes=209715200`,
		})
	})
}

// TestStateBeforeEnd has a kill that a sample has seen before the command has ended because of it.
func TestStateBeforeEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSource(950)
		s.Memory.Container.OOMKills = memory.Count{N: 1, Known: true}
		s.App = command(node, npm)
		m := newMonitor(s.measure)
		used := func() int64 { return m.StateBeforeEnd().Memory.Container.Unreclaimable.Bytes }
		if got := used(); got != 950 {
			t.Errorf("without a kill: %d bytes, want 950", got)
		}
		s.use(100)
		s.Memory.Container.OOMKills.N, s.App = 2, command(npm)
		for second := 1; second <= 7; second++ {
			publishAfterPeriod(m)
			want := int64(950)
			if second > 6 {
				want = 100 // the kill has not ended the command
			}
			if got := used(); got != want {
				t.Errorf("%d s after the kill: %d bytes, want %d", second, got, want)
			}
		}
	})
}

// TestAppEnd holds the log and the termination message to why the command ended.
func TestAppEnd(t *testing.T) {
	t.Parallel()
	in := newSource(100).Input
	in.Time, in.App = time.Unix(0, 0), command(node)
	last := health.NewJudge(health.Rules{WarnPercent: 80, FailPercent: 90}).Judge(in)
	const process = ` process.name=node process.pid=18 process.rssBytes=300` +
		` process.anonBytes=209715200`
	const vitals = " heapBytes=10 goBytes=20 rssBytes=30 workingSetBytes=105" +
		" unreclaimableBytes=100 limitBytes=1000 usedPercent=10.5 appAnonBytes=209715200\n"
	const summary = ". Memory that the kernel cannot free was 0.0 MiB of the container's 0.0 MiB" +
		" (10.0%) at 1970-01-01T00:00:00Z. Largest processes: node (pid 18) has 200.0 MiB."
	const forMemory = "the kernel killed a process of the container for lack of memory"
	killed := app.Exit{Code: 137, Signal: syscall.SIGKILL}
	for _, tt := range []struct {
		name    string
		end     AppEnd
		regular bool
		log     string
		message string
	}{
		{"exited", AppEnd{Exit: app.Exit{Code: 0}}, true,
			`level=INFO msg="app ended" name=npm code=0 oomKilled=false`,
			"npm ended with exit code 0"},
		{"failed", AppEnd{Exit: app.Exit{Code: 1}}, false,
			`level=ERROR msg="app ended" name=npm code=1 oomKilled=false`,
			"npm ended with exit code 1"},
		{"stopped", AppEnd{Exit: app.Exit{Code: 143, Signal: syscall.SIGTERM}, Expected: true}, true,
			`level=INFO msg="app ended" name=npm code=143 signal=SIGTERM oomKilled=false`,
			"npm ended with exit code 143 (SIGTERM)"},
		{"OOM-killed behind npm",
			AppEnd{Exit: app.Exit{Code: 1}, Verdict: app.Verdict{Cause: app.OOMKilled, Victim: node}},
			false, `level=ERROR msg="app ended" name=npm code=1 oomKilled=true reason="` + forMemory +
				`"` + process,
			"npm ended with exit code 1: " + forMemory + ", node (pid 18), which had 200.0 MiB"},
		{"killed while it stopped",
			AppEnd{Exit: killed, Verdict: app.Verdict{Cause: app.OOMKilled}, Expected: true}, false,
			`level=ERROR msg="app ended" name=npm code=137 signal=SIGKILL oomKilled=true reason="` +
				forMemory + `"`,
			"npm ended with exit code 137 (SIGKILL): " + forMemory},
		{"aborted", AppEnd{Exit: app.Exit{Code: 134, Signal: syscall.SIGABRT},
			Verdict: app.Verdict{Cause: app.Aborted}}, false,
			`level=ERROR msg="app ended" name=npm code=134 signal=SIGABRT oomKilled=false` +
				` reason="the process aborted itself (Node: its heap limit)"`,
			"npm ended with exit code 134 (SIGABRT): the process aborted itself (Node: its heap limit)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.end.Name, tt.end.Last = "npm", last
			if got := tt.end.Regular(); got != tt.regular {
				t.Errorf("Regular() = %v, want %v", got, tt.regular)
			}
			var log bytes.Buffer
			if tt.end.Log(newLogger(&log)); log.String() != tt.log+vitals {
				t.Errorf("Log() wrote %s, want %s", &log, tt.log+vitals)
			}
			if got, want := tt.end.Message(), tt.message+summary; got != want {
				t.Errorf("Message() = %q, want %q", got, want)
			}
		})
	}
}

// TestTermination writes the message at once when memory is near the limit, and empties it ten
// seconds after that.
func TestTermination(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "termination-log")
	if err := os.WriteFile(path, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		s := newSource(799)
		m := newMonitor(s.measure)
		m.termination.log = app.TerminationLog(path)
		for _, step := range []struct {
			seconds       int
			unreclaimable int64
			want          string // in the message; empty for none
		}{
			{1, 799, ""},
			{1, 800, "(80.0%)"},
			{1, 950, "(95.0%)"},
			{9, 100, "(95.0%)"},
			{1, 810, "(81.0%)"},
			{9, 100, "(81.0%)"},
			{1, 100, ""},
			{1, 100, ""},
		} {
			s.use(step.unreclaimable)
			for range step.seconds {
				time.Sleep(health.SamplePeriod)
				m.publish()
			}
			got, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if (step.want == "") != (len(got) == 0) || !strings.Contains(string(got), step.want) {
				t.Errorf("after %d s at %d: message %q, want %q in it",
					step.seconds, step.unreclaimable, got, step.want)
			}
		}
	})
}

// TestStopDue closes the channel at the first state that says so.
func TestStopDue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSource(100)
		s.App = command(node)
		m := newMonitor(s.measure)
		m.judge = health.NewJudge(health.Rules{WarnPercent: 80, FailPercent: 90, StopPercent: 85})
		due := func() bool {
			select {
			case <-m.StopDue():
				return true
			default:
				return false
			}
		}
		time.Sleep(2 * time.Minute)
		m.publish()
		s.use(900)
		for second := range 6 {
			time.Sleep(health.SamplePeriod)
			m.publish()
			if want := second >= 3; due() != want {
				t.Errorf("%d s after it was reached: due %v, want %v", second, due(), want)
			}
		}
	})
}
