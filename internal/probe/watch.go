package probe

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// MaxDependencies is how many dependencies one Watcher takes.
	MaxDependencies = 16

	// interval is the time between two asks of the same dependency.
	interval = 5 * time.Second

	// eagerInterval is that of an eager dependency before its first pass.
	eagerInterval = time.Second

	// failuresToFail is how many failures in a row make a dependency that has passed fail.
	failuresToFail = 3
)

// Dependency is a target that is asked again and again.
type Dependency struct {
	Name     string
	Target   Target
	Required bool // whether the service is not ready without it
	Eager    bool // whether it is asked more often until it passes
}

// Record is what is known about a dependency. It does not contain the target, so that no later
// stage can show a part of its URL.
type Record struct {
	Name     string
	Kind     string // of the target
	Required bool
	Last     Result
	Failures int  // in a row, up to the last result
	Passed   bool // whether it has ever passed

	ResponseTime time.Duration // of the last pass
}

// add returns the record after one more result.
func (r Record) add(result Result) Record {
	r.Last = result
	if result.Passed {
		r.Failures = 0
		r.Passed = true
		r.ResponseTime = result.Duration
	} else {
		r.Failures++
	}
	return r
}

// Asked reports whether there is a result. A required dependency without one fails.
func (r Record) Asked() bool { return !r.Last.Time.IsZero() }

// Failed reports whether the dependency fails: after three failures in a row, at once if it
// has never passed. One success ends it.
func (r Record) Failed() bool {
	return r.Failures >= failuresToFail || r.Failures > 0 && !r.Passed
}

// Watcher asks dependencies every five seconds.
type Watcher struct {
	// Panicked, if set before Run, is told the first panic of each dependency's reply
	// parser. It may be called from several goroutines at once.
	Panicked func(name string, value any, stack []byte)

	dependencies []Dependency

	mu      sync.Mutex
	records []Record // one per dependency
}

// NewWatcher returns a Watcher of at most [MaxDependencies] dependencies.
func NewWatcher(dependencies []Dependency) *Watcher {
	w := &Watcher{dependencies: dependencies, records: make([]Record, len(dependencies))}
	for i, d := range dependencies {
		w.records[i] = Record{Name: d.Name, Kind: d.Target.Kind(), Required: d.Required}
	}
	return w
}

// Run asks the dependencies until ctx ends, each in a goroutine of its own, and returns
// when all of them have ended.
func (w *Watcher) Run(ctx context.Context) {
	var group sync.WaitGroup
	for i := range w.dependencies {
		group.Go(func() { w.watch(ctx, i) })
	}
	group.Wait()
}

// Records returns one record per dependency, in the order of NewWatcher. It returns nil if
// there are none.
func (w *Watcher) Records() []Record {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Record(nil), w.records...)
}

// watch asks one dependency until ctx ends. The fixed distance between the starts spreads
// the work of many over the interval, while the first results of a few come soon.
func (w *Watcher) watch(ctx context.Context, i int) {
	start := time.NewTimer(interval / MaxDependencies * time.Duration(i))
	defer start.Stop()
	select {
	case <-ctx.Done():
		return
	case <-start.C:
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	eager := w.dependencies[i].Eager
	if eager {
		ticker.Reset(eagerInterval)
	}
	told := false
	for {
		result, err := w.dependencies[i].Target.ask(ctx)
		if ctx.Err() != nil {
			return // ctx ended the request, so that the result says nothing about the dependency
		}
		w.mu.Lock()
		w.records[i] = w.records[i].add(result)
		w.mu.Unlock()
		if eager && result.Passed {
			eager = false
			ticker.Reset(interval)
		}
		if p, ok := errors.AsType[*panicError](err); ok && !told && w.Panicked != nil {
			told = true
			w.Panicked(w.dependencies[i].Name, p.value, p.stack)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
