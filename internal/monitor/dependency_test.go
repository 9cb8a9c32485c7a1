package monitor

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/halobuzz/healthd/internal/health"
	"github.com/halobuzz/healthd/internal/probe"
)

// TestLogDependencies has a line per change of a dependency, and none for a required one that
// has not been asked yet.
func TestLogDependencies(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		passed := probe.Result{Time: time.Now(), Passed: true}
		failed := probe.Result{Time: time.Now(), Reason: probe.TimedOut}
		required := probe.Record{Name: "mongodb", Kind: "datastore", Required: true}
		optional := probe.Record{Name: "redis", Kind: "datastore"}
		m := newMonitor(func(now time.Time) health.Input {
			return health.Input{Time: now, Dependencies: []probe.Record{required, optional}}
		})
		stop := startLog(t, m, 0, vitalNames...)
		synctest.Wait()
		required.Last, required.Passed = passed, true
		publishAfterPeriod(m)
		optional.Last, optional.Failures = failed, 1
		publishAfterPeriod(m)
		required.Last, required.Failures = failed, 3
		publishAfterPeriod(m)
		required.Last, required.Failures = passed, 0
		optional.Last, optional.Failures, optional.Passed = passed, 0, true
		publishAfterPeriod(m)
		checkLines(t, stop(), []string{
			`level=WARN msg="dependency fails" name=redis required=false reason="timed out"`,
			`level=WARN msg="status changed" status=warn ` +
				`output="The dependency redis fails: timed out."`,
			`level=WARN msg="dependency fails" name=mongodb required=true reason="timed out"`,
			`level=ERROR msg="status changed" status=fail ` +
				`output="The required dependency mongodb fails: timed out."`,
			`level=INFO msg="dependency passes" name=mongodb required=true`,
			`level=INFO msg="dependency passes" name=redis required=false`,
			`level=INFO msg="status changed" status=pass`,
		})
	})
}
