// Package health says what the numbers mean. It judges a sample, encodes the
// answers once, and publishes them for any number of readers.
package health

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/halobuzz/healthd/internal/memory"
)

// Period is the time between two samples.
const Period = time.Second

// Options say whose health it is and where the thresholds lie.
type Options struct {
	Service     string
	Environment string
	Release     string
	WarnPercent float64 // of the container's limit
	FailPercent float64
	MaxFiles    uint64 // descriptors that the process may have open; math.MaxUint64 for unknown
}

// staleAfter is the age from which a sample says nothing any more: the sampler is stuck.
const staleAfter = 10 * time.Second

const staleOutput = "Memory was last measured more than 10 s ago, so nothing is known of it now: restart the service if this stays"

// State is what one sample led to. It does not change.
type State struct {
	Status      Status
	Output      string // the reason when Status is not Pass
	Sample      memory.Sample
	Connections Connections
	Time        time.Time
	Goroutines  int
	Checks      [len(checkNames)]Status
	Released    bool     // memory was given back just before the sample
	Report      Document // the monitoring document
	Ready       Document // the readiness document
}

// Monitor samples once a second and publishes the result. Readers cost it nothing.
type Monitor struct {
	reader      *memory.Reader
	connections func() Connections
	reporter    reporter
	encoder     encoder
	ready       Document // the readiness document of Pass
	releaser    memory.Releaser
	release     bool  // before the next sample
	stale       State // stands in for a state that is too old, since a stuck sampler cannot say so
	state       atomic.Pointer[State]
	published   chan struct{}
	draining    atomic.Bool
	drained     chan struct{} // asks for a sample that says so
	metrics     cached[*State]
	history     *history
	historyDoc  cached[int64] // of as many points
}

// NewMonitor returns a Monitor that has taken its first sample.
func NewMonitor(reader *memory.Reader, connections func() Connections, options Options) *Monitor {
	m := &Monitor{
		reader:      reader,
		connections: connections,
		reporter:    newReporter(options),
		ready:       NewDocument(Pass, ""),
		stale: State{
			Status: Fail,
			Output: staleOutput,
			Report: NewDocument(Fail, staleOutput),
			Ready:  NewDocument(Fail, staleOutput),
		},
		published: make(chan struct{}, 1),
		drained:   make(chan struct{}, 1),
		history:   newHistory(),
	}
	m.sample()
	return m
}

// State is the newest published state, or the failure to publish one.
func (m *Monitor) State() *State {
	s := m.state.Load()
	if time.Since(s.Time) > staleAfter {
		return &m.stale
	}
	return s
}

// Drain makes the reports say that the service is draining, from the next one on, which it
// asks for at once. It changes no status.
func (m *Monitor) Drain() {
	if !m.draining.Swap(true) {
		m.drained <- struct{}{}
	}
}

// Run samples until ctx is done.
func (m *Monitor) Run(ctx context.Context) {
	tick := time.NewTicker(Period)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.drained:
		case <-tick.C:
		}
		m.sample()
	}
}

func (m *Monitor) sample() {
	now := time.Now()
	s := &State{Ready: m.ready, Connections: m.connections(), Released: m.release}
	if m.release {
		m.releaser.Release(now)
	}
	s.Sample = m.reader.Read()
	m.release = m.releaser.Observe(now, s.Sample.Go, s.Connections.Open)
	report := m.reporter.report(&s.Sample, s.Connections, now)
	report.Draining = m.draining.Load()
	s.Status, s.Output = report.Status, report.Output
	s.Time, s.Goroutines, s.Checks = now, report.Runtime.Goroutines, report.Checks.statuses()
	s.Report = m.encoder.encode(s.Status, &report)
	if s.Status != Pass {
		s.Ready = NewDocument(s.Status, s.Output)
	}
	m.history.observe(now, &s.Sample, s.Status)
	m.state.Store(s)
	select {
	case m.published <- struct{}{}:
	default: // the log is behind; it will find this state or a newer one
	}
}
