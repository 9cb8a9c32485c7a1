package health

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/halobuzz/healthd/internal/memory"
)

const mib = 1 << 20

// traceStep is the length of a step in a trace.
const traceStep = 10 * time.Second

// trace is the lowest and the highest memory of each step of a real program.
type trace []struct{ least, most int64 }

func readTraces(t *testing.T) map[string]trace {
	t.Helper()
	files, err := filepath.Glob("testdata/growth/*.csv")
	if err != nil || len(files) != 16 {
		t.Fatalf("%d traces, %v, want 16", len(files), err)
	}
	traces := map[string]trace{}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		records, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		steps := make(trace, len(records)-1)
		for i, fields := range records[1:] {
			least, _ := strconv.ParseInt(fields[1], 10, 64)
			most, err := strconv.ParseInt(fields[2], 10, 64)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			steps[i].least, steps[i].most = least<<10, most<<10
		}
		traces[strings.TrimSuffix(filepath.Base(name), ".csv")] = steps
	}
	return traces
}

// using returns an input of a container with a limit.
func using(unix, unreclaimable, limit int64) Input {
	return Input{Time: time.Unix(unix, 0), Memory: memory.Sample{Container: memory.Container{
		Unreclaimable: known(unreclaimable), Limit: known(limit),
	}}}
}

// said is what was said about a trace at a time from its start.
type said struct {
	at time.Duration
	Growth
}

// replay returns all that is said about a trace until it reaches the limit, and when it does.
func (steps trace) replay(limit int64) (all []said, reached time.Duration) {
	const first = 1_800_000_000
	h := NewHistory()
	for i, step := range steps {
		at := time.Duration(i) * traceStep
		unix := first + int64(at.Seconds())
		h.Observe(&State{Input: using(unix, step.least, limit)})
		if h.Growth.Known {
			all = append(all, said{at, h.Growth})
		}
		if step.most >= limit {
			return all, at
		}
		h.Observe(&State{Input: using(unix+5, step.most, limit)})
	}
	return all, time.Duration(len(steps)) * traceStep
}

// TestGrowthTraces is silent on every program that does not leak.
func TestGrowthTraces(t *testing.T) {
	t.Parallel()
	leaks := map[string]bool{
		"ex_leak200": true, "go_leak100": true,
		// It is short of the limit when the trace ends, and still grows.
		"steps8x60": true,
		// It would take 30 minutes to the limit, and is watched for 25.
		"ex_leak50": false,
		// It takes 160 s to the limit.
		"ex_leak1000": false,
	}
	for name, steps := range readTraces(t) {
		all, _ := steps.replay(256 * mib)
		if got, want := len(all) > 0, leaks[name]; got != want {
			t.Errorf("%s grows towards 256 MiB = %v, want %v: %+v", name, got, want, all)
		}
	}
}

// TestGrowthLeads has the limit where the trace ends.
func TestGrowthLeads(t *testing.T) {
	t.Parallel()
	traces := readTraces(t)
	for _, tt := range []struct {
		name string
		by   time.Duration // the first word
	}{
		{"ex_leak50", 820 * time.Second},
		{"ex_leak200", 680 * time.Second},
		{"go_leak100", 950 * time.Second},
		{"steps8x60", 960 * time.Second},
	} {
		steps := traces[tt.name]
		limit := steps[len(steps)-1].most
		all, reached := steps.replay(limit)
		if len(all) == 0 || all[0].at > tt.by {
			t.Errorf("%s: said %+v, want a first word by %v", tt.name, all, tt.by)
			continue
		}
		right := 0
		for _, s := range all {
			if left := reached - s.at; s.Soonest <= left && left <= s.Latest {
				right++
			}
		}
		lead := reached - all[0].at
		t.Logf("%-10s limit %3d MiB: said at %v, predicted %v (%v-%v), true %v, right %d of %d",
			tt.name, limit/mib, all[0].at, all[0].LimitIn.Round(time.Second),
			all[0].Soonest.Round(time.Second), all[0].Latest.Round(time.Second), lead, right, len(all))
		for _, s := range all {
			if s.at > reached*3/4 {
				t.Logf("%-10s at 3/4: predicted %v, true %v", "",
					s.LimitIn.Round(time.Second), reached-s.at)
				break
			}
		}
		if right < len(all)*3/4 {
			t.Errorf("%s: the range holds the true time in %d of %d", tt.name, right, len(all))
		}
	}
}
