package probe

import (
	"bufio"
	"context"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestRecord(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ results, want string }{
		// p is a pass, f a failure.
		{"pppp", "pppp"},
		{"ffff", "ffff"},
		{"pffp", "pppp"},
		{"pffff", "pppff"},
		{"pfffp", "pppfp"},
		{"pfffpff", "pppfppp"},
		{"pfpffpfff", "ppppppppf"},
		{"fpfff", "fpppf"},
		{"ffpf", "ffpp"},
	} {
		var record Record
		if record.Asked() || record.Failed() {
			t.Errorf("the zero Record = asked %v, failed %v, want neither", record.Asked(), record.Failed())
		}
		var got strings.Builder
		for _, result := range tt.results {
			record = record.add(Result{Time: time.Unix(1, 0), Passed: result == 'p'})
			got.WriteByte(map[bool]byte{true: 'f', false: 'p'}[record.Failed()])
		}
		if got.String() != tt.want || !record.Asked() {
			t.Errorf("after %s: %s, want %s", tt.results, got.String(), tt.want)
		}
	}
}

// piped returns a dependency whose connections are pipes that handle serves, so that it
// can run in a synctest bubble.
func piped(t *testing.T, name, url string, handle func(net.Conn)) Dependency {
	t.Helper()
	target := mustParse(t, url)
	target.dial = func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			handle(server)
		}()
		return client, nil
	}
	return Dependency{Name: name, Target: target}
}

// run runs w in the bubble, and returns a function that stops it and waits.
func run(t *testing.T, w *Watcher) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		start := time.Now()
		var asked []time.Duration
		w := NewWatcher([]Dependency{piped(t, "redis", "redis://cache", func(conn net.Conn) {
			asked = append(asked, time.Since(start))
			if down.Load() {
				silent(conn)
				return
			}
			reply(len(redisPing), "+PONG\r\n")(conn)
		})})
		if got := w.Records(); len(got) != 1 || got[0].Asked() {
			t.Errorf("Records() = %+v before Run, want one that was not asked", got)
		}
		stop := run(t, w)
		synctest.Wait()
		if got := w.Records()[0]; !got.Asked() || got.Failed() || !got.Passed {
			t.Errorf("Records() = %+v, want a pass at once", got)
		}
		time.Sleep(4 * time.Second)
		down.Store(true)
		// Asked at 5, 10 and 15 s, and not answered within 3 s.
		time.Sleep(13 * time.Second)
		if got := w.Records()[0]; got.Failed() || got.Failures != 2 {
			t.Errorf("Records() = %+v at 17 s, want two failures", got)
		}
		time.Sleep(1001 * time.Millisecond)
		if got := w.Records()[0]; !got.Failed() || got.Last.Reason != TimedOut ||
			got.Last.Duration != Timeout {
			t.Errorf("Records() = %+v at 18 s, want it to fail", got)
		}
		down.Store(false)
		time.Sleep(interval)
		if got := w.Records()[0]; got.Failed() || !got.Last.Passed {
			t.Errorf("Records() = %+v at 23 s, want a pass", got)
		}
		// The stop ends the ask at 25 s, which is no result.
		down.Store(true)
		time.Sleep(3 * time.Second)
		stop()
		if got := w.Records()[0]; got.Failures != 0 {
			t.Errorf("Records() = %+v after the stop, want the last result before", got)
		}
		for i, at := range asked {
			if want := interval * time.Duration(i); at != want {
				t.Errorf("ask %d was at %v, want %v", i, at, want)
			}
		}
	})
}

// TestWatchSpread: no two of the most dependencies start at once.
func TestWatchSpread(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		starts := map[time.Duration]int{}
		begin := time.Now()
		dependencies := make([]Dependency, MaxDependencies)
		for i := range dependencies {
			dependencies[i] = piped(t, "x", "redis://cache", func(conn net.Conn) {
				mu.Lock()
				starts[time.Since(begin)%interval]++
				mu.Unlock()
				silent(conn)
			})
		}
		stop := run(t, NewWatcher(dependencies))
		time.Sleep(3 * interval)
		stop()
		mu.Lock()
		defer mu.Unlock()
		if len(starts) != MaxDependencies {
			t.Errorf("%d distinct starts in an interval, want %d: %v", len(starts), MaxDependencies, starts)
		}
	})
}

func TestWatchPanic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bad := piped(t, "bad", "redis://cache", reply(len(redisPing), "+PONG\r\n"))
		bad.Target.protocol = &protocol{kind: "datastore", read: func(*bufio.Reader) (int, error) {
			var none []byte
			return int(none[len("x")]), nil
		}}
		good := piped(t, "good", "redis://cache", reply(len(redisPing), "+PONG\r\n"))
		w := NewWatcher([]Dependency{bad, good})
		var told []string
		w.Panicked = func(name string, value any, stack []byte) {
			if !strings.Contains(string(stack), "TestWatchPanic") {
				t.Errorf("the stack does not show where it was: %s", stack)
			}
			told = append(told, name+": "+value.(error).Error())
		}
		stop := run(t, w)
		time.Sleep(3*interval - time.Second)
		stop()
		records := w.Records()
		if got := records[0]; got.Failures != 3 || got.Last.Reason != Internal {
			t.Errorf("Records() = %+v, want three failures with %q", got, Internal)
		}
		if got := records[1]; got.Failed() || !got.Passed {
			t.Errorf("Records() = %+v, want the other one to pass", got)
		}
		if len(told) != 1 || !strings.HasPrefix(told[0], "bad: runtime error: index out of range") {
			t.Errorf("panics told: %q, want one", told)
		}
	})
}

// TestWatchStop stops a watcher whose dependencies and whose resolver never answer.
func TestWatchStop(t *testing.T) {
	resolver, err := net.ListenPacket("udp", loopback)
	if err != nil {
		t.Fatal(err)
	}
	defer resolver.Close()
	hole := serve(t, loopback, silent)
	before := runtime.NumGoroutine()
	var dependencies []Dependency
	for _, url := range []string{
		"http://a.test", "https://b.test", "tcp://c.test:25", "redis://d.test",
		"mongodb://e.test,f.test,g.test", "mongodb+srv://h.test",
		hole.url("http", ""), hole.url("https", ""), hole.url("rediss", ""),
		hole.url("mongodb", "?tls=true"), hole.url("redis", ""),
		"http://i.test", "redis://j.test", "mongodb+srv://k.test", "redis://l.test", "redis://m.test",
	} {
		target := mustParse(t, url)
		target.nameserver = resolver.LocalAddr().String()
		dependencies = append(dependencies, Dependency{Name: "x", Target: target})
	}
	if len(dependencies) != MaxDependencies {
		t.Fatalf("%d dependencies, want %d", len(dependencies), MaxDependencies)
	}
	w := NewWatcher(dependencies)
	stop := run(t, w)
	// As many as ever ask at once: one that takes 3 s starts every 312 ms.
	most := 0
	for end := time.Now().Add(interval + Timeout + time.Second); time.Now().Before(end); {
		most = max(most, runtime.NumGoroutine())
		time.Sleep(50 * time.Millisecond)
	}
	// Of each: its watcher, one for each host, five for a resolution, two at the stub.
	if limit := before + 8*len(dependencies); most > limit {
		t.Errorf("goroutines = %d, want at most %d", most, limit)
	}
	start := time.Now()
	stop()
	if took := time.Since(start); took > time.Second {
		t.Errorf("the stop took %v, want it at once", took)
	}
	for i, record := range w.Records() {
		if record.Failures == 0 || record.Passed || record.Last.Reason != TimedOut &&
			record.Last.Reason != ResolutionFailed {
			t.Errorf("Records()[%d] = %+v, want only failures", i, record)
		}
	}
	// What a resolution has left ends by itself.
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; {
		if time.Now().After(deadline) {
			buffer := make([]byte, 64<<10)
			t.Fatalf("goroutines = %d, want %d again:\n%s", runtime.NumGoroutine(), before,
				buffer[:runtime.Stack(buffer, true)])
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestWatchNothing: without dependencies Run returns at once.
func TestWatchNothing(t *testing.T) {
	w := NewWatcher(nil)
	w.Run(t.Context())
	if got := w.Records(); got != nil {
		t.Errorf("Records() = %v, want none", got)
	}
	if got := testing.AllocsPerRun(100, func() { w.Records() }); got != 0 {
		t.Errorf("Records() of nothing allocates %v times, want 0", got)
	}
}
