package health

import (
	"math"
	"runtime"
	"time"

	"github.com/halobuzz/healthd/internal/memory"
)

// Report is the monitoring document. Its names are a contract, and so is that an
// absent value was not measured while 0 was measured as 0. Sizes are in bytes;
// percentages have one decimal.
type Report struct {
	Status        Status      `json:"status"`
	Output        string      `json:"output,omitempty"`
	Draining      bool        `json:"draining,omitempty"` // the service is about to stop
	Version       string      `json:"version"`            // of this document
	ReleaseID     string      `json:"releaseId"`          // of the build
	ServiceID     string      `json:"serviceId"`
	Environment   string      `json:"environment"`
	Time          string      `json:"time"` // RFC 3339, when it was measured
	UptimeSeconds int64       `json:"uptimeSeconds"`
	Memory        Memory      `json:"memory"`
	GC            GC          `json:"gc"`
	Runtime       Runtime     `json:"runtime"`
	Connections   Connections `json:"connections"`
	Checks        Checks      `json:"checks"`
}

// Memory is described by memory.Sample.
type Memory struct {
	HeapBytes     int64      `json:"heapBytes"`
	HeapSysBytes  int64      `json:"heapSysBytes"`
	HeapLiveBytes *int64     `json:"heapLiveBytes,omitempty"`
	GoBytes       int64      `json:"goBytes"`
	GoLimitBytes  *int64     `json:"goLimitBytes,omitempty"`
	GoLimitSource string     `json:"goLimitSource"`
	RSSBytes      int64      `json:"rssBytes"`
	RSSSource     string     `json:"rssSource"`
	Container     *Container `json:"container,omitempty"`
}

// Container is described by memory.Container.
type Container struct {
	UsageBytes         *int64   `json:"usageBytes,omitempty"`
	WorkingSetBytes    *int64   `json:"workingSetBytes,omitempty"`
	PeakBytes          *int64   `json:"peakBytes,omitempty"`
	UnreclaimableBytes *int64   `json:"unreclaimableBytes,omitempty"`
	LimitBytes         *int64   `json:"limitBytes,omitempty"`
	HighBytes          *int64   `json:"highBytes,omitempty"`
	UsedPercent        *float64 `json:"usedPercent,omitempty"` // working set of the lower of limit and high
	Source             string   `json:"source"`
}

// GC is described by memory.GC.
type GC struct {
	Cycles        int64   `json:"cycles"`
	CPUPercent    float64 `json:"cpuPercent"`
	LimiterActive bool    `json:"limiterActive"`
}

// Runtime is what the Go runtime says of itself.
type Runtime struct {
	GoVersion  string `json:"goVersion"`
	Goroutines int    `json:"goroutines"`
	GOMAXPROCS int    `json:"gomaxprocs"`
}

// Connections counts the server's TCP connections.
type Connections struct {
	Open    int   `json:"open"`
	Limit   int   `json:"limit"`
	Evicted int64 `json:"evicted"`
}

// Checks are named and shaped as draft-inadarei-api-health-check-06 has it.
type Checks struct {
	Memory     []Check `json:"memory:utilization,omitempty"`
	GoMemLimit []Check `json:"gomemlimit:utilization,omitempty"`
}

// Check is one judged value.
type Check struct {
	ComponentType string   `json:"componentType"`
	ObservedValue *float64 `json:"observedValue,omitempty"` // absent when the status outlives it
	ObservedUnit  string   `json:"observedUnit"`
	Status        Status   `json:"status"`
	Time          string   `json:"time"`
}

// reporter judges samples and turns them into reports, in memory that it keeps.
type reporter struct {
	options   Options
	started   time.Time
	container Container
	used      float64
	memory    judged
	goMemory  judged
}

func newReporter(options Options) reporter {
	return reporter{
		options:  options,
		started:  time.Now(),
		memory:   judged{check: newMemoryCheck(options.WarnPercent, options.FailPercent)},
		goMemory: judged{check: newGoCheck()},
	}
}

// judged is a check and its place in the report.
type judged struct {
	check
	value float64
	rows  [1]Check
}

// report is valid until the next call, and nil when there is nothing to say.
func (j *judged) report(at string) []Check {
	status := j.status()
	if !j.known && status == Pass {
		return nil
	}
	j.rows[0] = Check{ComponentType: "system", ObservedUnit: "percent", Status: status, Time: at}
	if j.known {
		j.value = oneDecimal(j.last)
		j.rows[0].ObservedValue = &j.value
	}
	return j.rows[:]
}

// report is valid until the next call.
func (r *reporter) report(s *memory.Sample, conns Connections, now time.Time) Report {
	at := now.UTC().Format(time.RFC3339)
	rep := Report{
		Version:       "1",
		ReleaseID:     r.options.Release,
		ServiceID:     r.options.Service,
		Environment:   r.options.Environment,
		Time:          at,
		UptimeSeconds: int64(now.Sub(r.started).Seconds()),
		Memory: Memory{
			HeapBytes:     s.Heap,
			HeapSysBytes:  s.HeapSys,
			HeapLiveBytes: known(&s.HeapLive),
			GoBytes:       s.Go,
			GoLimitBytes:  known(&s.GoLimit),
			GoLimitSource: s.GoLimitSource,
			RSSBytes:      s.RSS,
			RSSSource:     s.RSSSource,
		},
		GC: GC{
			Cycles:        s.GC.Cycles,
			CPUPercent:    oneDecimal(s.GC.CPUPercent),
			LimiterActive: s.GC.LimiterActive,
		},
		Runtime: Runtime{
			GoVersion:  runtime.Version(),
			Goroutines: runtime.NumGoroutine(),
			GOMAXPROCS: runtime.GOMAXPROCS(0),
		},
		Connections: conns,
	}
	if c := &s.Container; c.Source != "" {
		r.container = Container{
			UsageBytes:         known(&c.Usage),
			WorkingSetBytes:    known(&c.WorkingSet),
			PeakBytes:          known(&c.Peak),
			UnreclaimableBytes: known(&c.Unreclaimable),
			LimitBytes:         known(&c.Limit),
			HighBytes:          known(&c.High),
			Source:             c.Source,
		}
		if used, ok := usedPercent(c); ok {
			r.used = oneDecimal(used)
			r.container.UsedPercent = &r.used
		}
		rep.Memory.Container = &r.container
	}
	name, used, ok := memoryUtilization(s)
	if ok {
		r.memory.subject = name
	}
	r.memory.observe(now, used, ok)
	rep.Checks.Memory = r.memory.report(at)
	used, ok = goUtilization(s)
	r.goMemory.observe(now, used, ok)
	rep.Checks.GoMemLimit = r.goMemory.report(at)
	worst := &r.memory
	if r.goMemory.status().worse(worst.status()) {
		worst = &r.goMemory
	}
	rep.Status, rep.Output = worst.status(), worst.output()
	return rep
}

func known(v *memory.Value) *int64 {
	if !v.OK {
		return nil
	}
	return &v.N
}

func oneDecimal(v float64) float64 { return math.Round(v*10) / 10 }
