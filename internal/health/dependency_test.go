package health

import (
	"testing"
	"time"

	"github.com/halobuzz/healthd/internal/probe"
)

func TestJudgeDependency(t *testing.T) {
	t.Parallel()
	passed := probe.Result{Time: time.Unix(1, 0), Duration: 1400 * time.Microsecond, Passed: true}
	failed := probe.Result{Time: time.Unix(1, 0), Duration: 3 * time.Second, Reason: probe.TimedOut}
	for _, tt := range []struct {
		name     string
		required bool
		last     probe.Result
		failures int
		passed   bool
		want     Check
	}{
		{"not asked", false, probe.Result{}, 0, false, Check{}},
		{"required, not asked", true, probe.Result{}, 0, false,
			Check{Status: Fail, Reason: "The required dependency cache has not been asked yet."}},
		{"passes", false, passed, 0, true, Check{Value: 1.4, Known: true}},
		{"required, passes", true, passed, 0, true, Check{Value: 1.4, Known: true}},
		{"never passed", false, failed, 1, false,
			Check{Status: Warn, Reason: "The dependency cache fails: timed out."}},
		{"required, never passed", true, failed, 1, false,
			Check{Status: Fail, Reason: "The required dependency cache fails: timed out."}},
		{"two failures", true, failed, 2, true, Check{Value: 1.4, Known: true}},
		{"three failures", false, failed, 3, true,
			Check{Status: Warn, Reason: "The dependency cache fails: timed out."}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := probe.Record{
				Name: "cache", Kind: "datastore", Required: tt.required,
				Last: tt.last, Failures: tt.failures, Passed: tt.passed,
				ResponseTime: passed.Duration,
			}
			now := time.Unix(5, 0)
			tt.want.Name, tt.want.Kind, tt.want.Unit = "cache:responseTime", "datastore", "ms"
			if tt.want.Time = tt.last.Time; tt.want.Time.IsZero() {
				tt.want.Time = now
			}
			if got := judgeDependency(now, &r); got != tt.want {
				t.Errorf("judgeDependency(%+v) = %+v, want %+v", r, got, tt.want)
			}
		})
	}
}

// TestJudgeDependencies holds the status of the service to its dependencies. An optional one
// leaves the service ready.
func TestJudgeDependencies(t *testing.T) {
	t.Parallel()
	failed := probe.Result{Time: time.Unix(1, 0), Reason: probe.Refused}
	passed := probe.Result{Time: time.Unix(1, 0), Passed: true}
	for _, tt := range []struct {
		name               string
		optional, required probe.Result
		want               Status
		provisional        bool
	}{
		{"optional fails", failed, passed, Warn, false},
		{"required fails", probe.Result{}, failed, Fail, false},
		{"both fail", failed, failed, Fail, false},
		{"required not asked", failed, probe.Result{}, Fail, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			record := func(name string, last probe.Result) probe.Record {
				r := probe.Record{Name: name, Last: last, Passed: last.Passed}
				if last == failed {
					r.Failures = 1
				}
				return r
			}
			required, optional := record("a", tt.required), record("b", tt.optional)
			required.Required = true
			in := Input{Time: time.Unix(2, 0), Dependencies: []probe.Record{required, optional}}
			s := NewJudge(Rules{WarnPercent: 80, FailPercent: 90}).Judge(in)
			if s.Status != tt.want || s.Provisional() != tt.provisional || len(s.Checks) != 2 {
				t.Errorf("Judge() = status %v, provisional %v, %d checks, want %v, %v, 2",
					s.Status, s.Provisional(), len(s.Checks), tt.want, tt.provisional)
			}
		})
	}
}
