package report

import (
	"bytes"
	"encoding/json"
	"math"
	"runtime"
	"time"

	"github.com/halobuzz/healthd/internal/health"
	"github.com/halobuzz/healthd/internal/memory"
)

// Monitoring is the monitoring document. Its names are a contract. Unknown values are
// omitted: 0 means a measured zero. Percentages have one decimal.
type Monitoring struct {
	Status        string      `json:"status"`
	Output        string      `json:"output,omitempty"`
	Draining      bool        `json:"draining,omitempty"`
	Version       string      `json:"version"`   // of the document
	ReleaseID     string      `json:"releaseId"` // of the build
	ServiceID     string      `json:"serviceId"`
	Environment   string      `json:"environment"`
	Time          string      `json:"time"` // of the measurement, as in RFC 3339
	UptimeSeconds int64       `json:"uptimeSeconds"`
	Memory        Memory      `json:"memory"`
	App           *App        `json:"app,omitempty"`
	GC            GC          `json:"gc"`
	Runtime       Runtime     `json:"runtime"`
	Connections   Connections `json:"connections"`
	Growth        *Growth     `json:"growth,omitempty"`
	Checks        Checks      `json:"checks"`
}

// Memory has the values of memory.Sample and memory.GoLimit.
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

// Container has the values of memory.Container.
type Container struct {
	UsageBytes         *int64   `json:"usageBytes,omitempty"`
	WorkingSetBytes    *int64   `json:"workingSetBytes,omitempty"`
	PeakBytes          *int64   `json:"peakBytes,omitempty"`
	UnreclaimableBytes *int64   `json:"unreclaimableBytes,omitempty"`
	LimitBytes         *int64   `json:"limitBytes,omitempty"`
	HighBytes          *int64   `json:"highBytes,omitempty"`
	UsedPercent        *float64 `json:"usedPercent,omitempty"`
	OOMKills           *int64   `json:"oomKills,omitempty"`
	Source             string   `json:"source"`
}

// GC has the values of memory.GC.
type GC struct {
	Cycles        int64   `json:"cycles"`
	CPUPercent    float64 `json:"cpuPercent"`
	LimiterActive bool    `json:"limiterActive"`
}

// Runtime describes the Go runtime.
type Runtime struct {
	GoVersion  string `json:"goVersion"`
	Goroutines int    `json:"goroutines"`
	GOMAXPROCS int    `json:"gomaxprocs"`
}

// Connections has the values of health.Connections.
type Connections struct {
	Open    int   `json:"open"`
	Limit   int   `json:"limit"`
	Evicted int64 `json:"evicted"`
}

// Check has the values of health.Check, shaped as in draft-inadarei-api-health-check-06.
type Check struct {
	ComponentType string   `json:"componentType"`
	ObservedValue *float64 `json:"observedValue,omitempty"`
	ObservedUnit  string   `json:"observedUnit"`
	Status        string   `json:"status"`
	Output        string   `json:"output,omitempty"`
	Time          string   `json:"time"`
}

// Checks is a JSON object of checks by name, in their order.
type Checks []NamedCheck

// NamedCheck is a Check with its name.
type NamedCheck struct {
	Name string
	Check
}

// MarshalJSON implements json.Marshaler. The draft gives each name a list.
func (c Checks) MarshalJSON() ([]byte, error) {
	b := bytes.NewBuffer(make([]byte, 0, 512))
	encoder := json.NewEncoder(b)
	b.WriteByte('{')
	for i := range c {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"` + c[i].Name + `":[`) // a name needs no escape
		if err := encoder.Encode(&c[i].Check); err != nil {
			return nil, err
		}
		b.WriteByte(']')
	}
	b.WriteByte('}')
	return b.Bytes(), nil // without the newlines: the caller compacts it
}

func (w *Writer) newMonitoring(s *health.State) *Monitoring {
	measured := s.Time.UTC().Format(time.RFC3339)
	m := &s.Memory
	document := &Monitoring{
		Status:        s.Status.String(),
		Output:        s.Reason,
		Draining:      s.Draining,
		Version:       "1",
		ReleaseID:     w.service.Release,
		ServiceID:     w.service.Name,
		Environment:   w.service.Environment,
		Time:          measured,
		UptimeSeconds: int64(s.Time.Sub(w.service.Started).Seconds()),
		Memory: Memory{
			HeapBytes:     m.HeapBytes,
			HeapSysBytes:  m.HeapSysBytes,
			HeapLiveBytes: optional(&m.HeapLive),
			GoBytes:       m.GoBytes,
			GoLimitBytes:  optional(&s.GoLimit.Size),
			GoLimitSource: string(s.GoLimit.Source),
			RSSBytes:      m.RSSBytes,
			RSSSource:     string(m.RSSSource),
			Container:     newContainer(&m.Container),
		},
		App: newApp(s),
		GC: GC{
			Cycles:        m.GC.Cycles,
			CPUPercent:    oneDecimal(m.GC.CPUPercent),
			LimiterActive: m.GC.LimiterActive,
		},
		Runtime: Runtime{
			GoVersion:  runtime.Version(),
			Goroutines: m.Goroutines,
			GOMAXPROCS: runtime.GOMAXPROCS(0),
		},
		Connections: Connections(s.Connections),
		Growth:      newGrowth(&s.Growth),
		Checks:      make(Checks, len(s.Checks)),
	}
	for i := range s.Checks {
		c, observed := &s.Checks[i], measured
		if !c.Time.Equal(s.Time) { // else the string is shared
			observed = c.Time.UTC().Format(time.RFC3339)
		}
		document.Checks[i] = newCheck(c, observed)
	}
	return document
}

func newContainer(c *memory.Container) *Container {
	if c.Source == "" {
		return nil
	}
	container := &Container{
		UsageBytes:         optional(&c.Usage),
		WorkingSetBytes:    optional(&c.WorkingSet),
		PeakBytes:          optional(&c.Peak),
		UnreclaimableBytes: optional(&c.Unreclaimable),
		LimitBytes:         optional(&c.Limit),
		HighBytes:          optional(&c.High),
		Source:             string(c.Source),
	}
	if c.OOMKills.Known {
		container.OOMKills = &c.OOMKills.N
	}
	if used, ok := c.UsedPercent(); ok {
		used = oneDecimal(used)
		container.UsedPercent = &used
	}
	return container
}

func newCheck(c *health.Check, observed string) NamedCheck {
	check := Check{
		ComponentType: c.Kind,
		ObservedUnit:  c.Unit,
		Status:        c.Status.String(),
		Output:        c.Reason,
		Time:          observed,
	}
	if c.Known {
		value := oneDecimal(c.Value)
		check.ObservedValue = &value
	}
	return NamedCheck{c.Name, check}
}

// optional returns nil for an unknown size.
func optional(s *memory.Size) *int64 {
	if !s.Known {
		return nil
	}
	return &s.Bytes
}

func oneDecimal(v float64) float64 { return math.Round(v*10) / 10 }
