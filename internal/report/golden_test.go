package report

import (
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/halobuzz/healthd/internal/app"
	"github.com/halobuzz/healthd/internal/health"
	"github.com/halobuzz/healthd/internal/memory"
	"github.com/halobuzz/healthd/internal/probe"
)

var update = flag.Bool("update", false, "write the golden files")

// The times of the fixed states.
var (
	started = time.Date(2026, 11, 23, 16, 19, 29, 250e6, time.UTC)
	now     = time.Date(2026, 11, 23, 17, 30, 0, 999, time.UTC)
)

func size(n int64) memory.Size { return memory.Size{Bytes: n, Known: true} }

// fixture is an input that comes every second until now, and the service that reports it.
type fixture struct {
	name         string
	input        health.Input
	last         *health.Input // the newest one, if it differs
	maxOpenFiles uint64
	status       health.Status
	code         int // of the monitoring document
}

// fullInput has every value.
func fullInput() health.Input {
	return health.Input{
		Memory: memory.Sample{
			HeapBytes: 498432, HeapSysBytes: 3866624, HeapLive: size(301056),
			SysBytes: 9000000, GoBytes: 8120000,
			HeapReleasedBytes: 880000, AllocTotalBytes: 7654321, NextGC: size(4194304),
			RSSBytes: 6123520, RSSSource: memory.KernelRSS,
			CPU: 1234567 * time.Microsecond, Goroutines: 7,
			Container: memory.Container{
				Source: "cgroup2", Usage: size(7340032), WorkingSet: size(3100000),
				Unreclaimable: size(2400000), Peak: size(9000000),
				Limit: size(268435456), High: size(150000000), OOMKills: memory.Count{N: 2, Known: true},
			},
			GC: memory.GC{Cycles: 12, CPUPercent: 0.3456},
		},
		GoLimit:     memory.GoLimit{Size: size(209715200), Source: memory.ConfiguredLimit},
		Connections: health.Connections{Open: 1, Limit: 512, Evicted: 3},
	}
}

// unknownInput has only the values that are never unknown.
func unknownInput() health.Input {
	in := fullInput()
	in.Memory = memory.Sample{RSSSource: memory.RuntimeRSS, Goroutines: 7}
	in.GoLimit = memory.GoLimit{Source: memory.NoLimit}
	return in
}

func fixtures() []fixture {
	zero := unknownInput()
	zero.GoLimit.Source = memory.LimitOff
	zero.Memory.RSSSource = memory.KernelRSS
	zero.Memory.HeapLive, zero.Memory.NextGC = size(0), size(0)
	zero.Memory.Container = memory.Container{Source: "cgroup1", Usage: size(0), WorkingSet: size(0),
		Peak: size(0), Unreclaimable: size(0), Limit: size(1000)}

	warn := fullInput()
	warn.Memory.Container = memory.Container{Source: "cgroup1",
		Usage: size(64000000), WorkingSet: size(57000000), Limit: size(67108864)}

	fail := fullInput()
	m := &fail.Memory
	m.HeapLive, m.HeapSysBytes, m.SysBytes = size(120000000), 100000000, 105000000
	m.GC.LimiterActive, m.GC.CPUPercent = true, 51.25
	m.Container = memory.Container{Source: "cgroup2",
		WorkingSet: size(66000000), Unreclaimable: size(64000000), Limit: size(67108864)}
	draining, unknown := fail, unknownInput()
	draining.Draining = true

	command := fullInput()
	command.Memory.Container.High = memory.Size{}
	command.Memory.Container.Unreclaimable = size(250000000)
	command.App = &health.App{
		Name: "npm", PID: 7, Started: started.Add(time.Second),
		Processes: app.Processes{
			Largest: []app.Process{
				{Name: `node "x"`, PID: 18, RSSBytes: 231343104, AnonBytes: 214748364},
				{Name: "npm", PID: 7, RSSBytes: 61341696, AnonBytes: 1341696},
			},
			PIDs: []int{7, 18}, AnonBytes: 216090060,
		},
		Check: &probe.Record{
			Name: "app", Kind: "component", Passed: true,
			Last:         probe.Result{Time: now, Passed: true},
			ResponseTime: 1400 * time.Microsecond,
		},
		JudgesLiveness: true,
	}
	return []fixture{
		{"pass", fullInput(), nil, 1024, health.Pass, 200},
		{"unknown", unknown, nil, math.MaxUint64, health.Pass, 200},
		{"zero", zero, nil, 1, health.Pass, 200},
		{"warn", warn, nil, 1024, health.Warn, 200},
		{"fail", draining, nil, 1024, health.Fail, 503},
		// The status outlives the values that it is from.
		{"outlived", fail, &unknown, 1024, health.Fail, 503},
		{"command", command, nil, 1024, health.Fail, 503},
	}
}

// testWriter returns a Writer of a service whose strings need escaping. It has three open
// files, unless the limit of them is unknown.
func testWriter(maxOpenFiles uint64) *Writer {
	known := maxOpenFiles != math.MaxUint64
	return NewWriter(Service{
		Name: "api", Environment: `<b>"staging" & more`, Release: `v0.1.0 "a\b"`, Started: started,
		OpenFiles:    func() (int, bool) { return 3, known },
		MaxOpenFiles: maxOpenFiles,
	})
}

// state returns the state that the input leads to when it has held for long enough.
func (f *fixture) state() *health.State {
	judge := health.NewJudge(health.Rules{WarnPercent: 80, FailPercent: 90})
	inputs := []health.Input{f.input, f.input, f.input, f.input, f.input}
	if f.last != nil {
		inputs = append(inputs, *f.last)
	}
	var state *health.State
	for i, in := range inputs {
		in.Time = now.Add(time.Duration(i+1-len(inputs)) * health.SamplePeriod)
		state = judge.Judge(in)
	}
	return state
}

// readyCode returns the code of the readiness document. Memory does not make a service with a
// command unready.
func (f *fixture) readyCode() int {
	if f.input.App != nil {
		return 200
	}
	return f.code
}

// write returns the documents of the fixture.
func (f *fixture) write() *Documents {
	return testWriter(f.maxOpenFiles).Write(f.state(), nil)
}

// body returns the whole body of d.
func body(d *Document) string { return strings.Join(d.Body, "") }

// compareGolden compares the body of d with a golden file, in which GOVERSION and GOMAXPROCS
// stand for what differs between machines.
func compareGolden(t *testing.T, name string, d *Document) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	got := strings.NewReplacer(
		runtime.Version(), "GOVERSION",
		fmt.Sprintf(`"gomaxprocs":%d`, runtime.GOMAXPROCS(0)), `"gomaxprocs":GOMAXPROCS`,
	).Replace(body(d))
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s = \n%s, want\n%s", name, got, want)
	}
}

// checkHeaders compares the headers that every document has.
func checkHeaders(t *testing.T, name string, d *Document, mediaType string) {
	t.Helper()
	for header, want := range map[string]string{
		"Content-Type":           mediaType,
		"Content-Length":         strconv.Itoa(len(body(d))),
		"Cache-Control":          "no-store",
		"X-Content-Type-Options": "nosniff",
	} {
		if got := d.Header.Get(header); got != want {
			t.Errorf("%s: %s = %q, want %q", name, header, got, want)
		}
	}
}

// TestGolden holds the documents to their contract: every name, its place and its form.
func TestGolden(t *testing.T) {
	t.Parallel()
	for _, f := range fixtures() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			d := f.write()
			if d.State.Status != f.status {
				t.Fatalf("status = %v, want %v", d.State.Status, f.status)
			}
			for _, tt := range []struct {
				name, mediaType string
				document        func(*Documents, Request) *Document
				code            int
			}{
				{"monitoring", "application/health+json", (*Documents).monitoring, f.code},
				{"ready", "application/health+json", (*Documents).readiness, f.readyCode()},
				{"metrics", "text/plain; version=0.0.4; charset=utf-8", (*Documents).metrics, 200},
			} {
				got := tt.document(d, Request{Authorized: true})
				if got.Code != tt.code {
					t.Errorf("%s: code = %d, want %d", tt.name, got.Code, tt.code)
				}
				checkHeaders(t, tt.name, got, tt.mediaType)
				compareGolden(t, f.name+"."+tt.name, got)
			}
		})
	}
}
