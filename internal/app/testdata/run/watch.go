package main

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/halobuzz/healthd/internal/app"
)

// watcher takes a reading of the processes and of the kernel's count of OOM kills once a
// second, and judges what has happened.
type watcher struct {
	mu     sync.Mutex
	reader *app.Reader
	kills  app.Kills
}

func newWatcher() *watcher {
	w := &watcher{reader: app.NewReader("/proc", os.Getpid())}
	w.observe()
	return w
}

func (w *watcher) run(done <-chan struct{}, say func(string, ...any)) {
	for {
		select {
		case <-done:
			return
		case <-time.After(time.Second):
		}
		if v := w.observe(); v.Cause != app.Ended {
			say("lost %v: %v", v.Victim, v.Cause)
		}
	}
}

func (w *watcher) observe() app.Verdict {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.kills.Observe(time.Now(), oomKills(), w.reader.Read())
}

func (w *watcher) end(exit app.Exit, stopping bool) app.Verdict {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.kills.End(time.Now(), oomKills(), w.reader.Read(), exit, stopping)
}

// oomKills reads oom_kill where a container of either version of cgroups has it.
func oomKills() int64 {
	for _, name := range []string{"memory/memory.oom_control", "memory.events"} {
		b, _ := os.ReadFile("/sys/fs/cgroup/" + name)
		for line := range strings.Lines(string(b)) {
			if count, ok := strings.CutPrefix(line, "oom_kill "); ok {
				n, _ := strconv.ParseInt(strings.TrimSpace(count), 10, 64)
				return n
			}
		}
	}
	return 0
}
