// Package monitor measures once a second, has the result judged and written, and publishes the
// documents for any number of readers, to whom it costs nothing.
package monitor

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/halobuzz/healthd/internal/app"
	"github.com/halobuzz/healthd/internal/health"
	"github.com/halobuzz/healthd/internal/report"
)

// Monitor publishes the documents of the newest state.
type Monitor struct {
	measure func(now time.Time) health.Input
	judge   *health.Judge
	writer  *report.Writer

	historyMutex    sync.Mutex
	history         *health.History
	historyDocument *report.Lazy

	documents atomic.Pointer[report.Documents]
	beforeEnd atomic.Pointer[health.State]
	stale     *report.Documents
	published chan struct{} // has a token if the log has not seen the newest documents

	draining atomic.Bool
	drained  chan struct{}

	termination termination
	stopDue     chan struct{} // closed when a state first has StopDue
	stopped     bool          // stopDue is closed
}

// New returns a Monitor that has published its first documents. Only one call of measure is
// under way at a time.
func New(
	measure func(now time.Time) health.Input, judge *health.Judge, writer *report.Writer,
	terminationLog app.TerminationLog,
) *Monitor {
	m := &Monitor{
		measure:     measure,
		judge:       judge,
		writer:      writer,
		history:     health.NewHistory(),
		published:   make(chan struct{}, 1),
		drained:     make(chan struct{}, 1),
		termination: termination{log: terminationLog},
		stopDue:     make(chan struct{}),
	}
	m.historyDocument = report.NewLazy(func() *report.Document {
		m.historyMutex.Lock()
		defer m.historyMutex.Unlock()
		return report.WriteHistory(m.history, time.Now())
	})
	m.stale = writer.WriteStale(m.historyDocument)
	m.publish()
	return m
}

// Documents returns the newest documents. If they are too old, because measuring has not come
// back, it returns documents that say so.
func (m *Monitor) Documents() *report.Documents {
	d := m.documents.Load()
	if time.Since(d.State.Time) > health.StaleAfter {
		return m.stale
	}
	return d
}

// State returns the newest state, however old it is.
func (m *Monitor) State() *health.State { return m.documents.Load().State }

// StateBeforeEnd returns the newest state in which the command lived and no process had been
// killed for lack of memory in the last 5 s. For a command that has just ended, it has what led
// to the end.
func (m *Monitor) StateBeforeEnd() *health.State { return m.beforeEnd.Load() }

// StopDue returns a channel that is closed when the command is to be stopped before the kernel
// kills it.
func (m *Monitor) StopDue() <-chan struct{} { return m.stopDue }

// Drain makes the reports say that the service is draining. It asks for one at once, but does
// not wait for it.
func (m *Monitor) Drain() {
	if !m.draining.Swap(true) {
		m.drained <- struct{}{}
	}
}

// Run publishes documents every health.SamplePeriod until ctx is done.
func (m *Monitor) Run(ctx context.Context) {
	tick := time.NewTicker(health.SamplePeriod)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.drained:
		case <-tick.C:
		}
		m.publish()
	}
}

func (m *Monitor) publish() {
	in := m.measure(time.Now())
	in.Draining = m.draining.Load()
	state := m.judge.Judge(in)
	m.observe(state)
	if in.App != nil && !in.App.Ended && !state.Kills.Recent(in.Time) {
		m.beforeEnd.Store(state)
	}
	m.documents.Store(m.writer.Write(state, m.historyDocument))
	select {
	case m.published <- struct{}{}:
	default: // the log is behind, and will find these documents or newer ones
	}
	m.termination.observe(state)
	if state.StopDue && !m.stopped {
		m.stopped = true
		close(m.stopDue)
	}
}

func (m *Monitor) observe(state *health.State) {
	m.historyMutex.Lock()
	completed := m.history.Observe(state)
	state.Growth = m.history.Growth
	m.historyMutex.Unlock()
	if completed {
		m.historyDocument.Renew()
	}
}
