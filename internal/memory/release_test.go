package memory

import (
	"runtime"
	"testing"
	"time"
)

// load is the same sample for some seconds.
type load struct {
	seconds int
	goBytes int64
	open    int
}

// releases feeds r a sample a second from start, and returns the seconds at which it
// asks for a release. A release leaves the Go memory as it was.
func releases(r *Releaser, start time.Time, loads []load) (at []int) {
	second := 0
	for _, l := range loads {
		for range l.seconds {
			now := start.Add(time.Duration(second) * time.Second)
			if r.Observe(now, l.goBytes, l.open) {
				at = append(at, second)
				r.Release(now)
			}
			second++
		}
	}
	return at
}

func TestReleaserObserve(t *testing.T) {
	for _, tt := range []struct {
		name  string
		loads []load
		want  int // the second of the one release, -1 for none
	}{
		{"nothing happens", []load{{300, 8 * mib, 1}}, -1},
		{"a burst leaves", []load{{1, 8 * mib, 1}, {60, 80 * mib, 400}, {300, 80 * mib, 1}}, 61},
		{"a short burst leaves", []load{{1, 8 * mib, 1}, {5, 80 * mib, 400}, {300, 80 * mib, 1}}, 31},
		{"connections stay", []load{{1, 8 * mib, 1}, {300, 80 * mib, 400}}, -1},
		{"a quarter stays", []load{{1, 8 * mib, 1}, {5, 80 * mib, 400}, {300, 80 * mib, 100}}, -1},
		{"under a quarter stays", []load{{1, 8 * mib, 1}, {5, 80 * mib, 400}, {300, 80 * mib, 99}}, 31},
		{"never a connection", []load{{1, 8 * mib, 0}, {300, 80 * mib, 0}}, -1},
		{"a byte under 1 MiB more", []load{{1, 8 * mib, 8}, {300, 9*mib - 1, 1}}, -1},
		{"1 MiB more", []load{{1, 8 * mib, 8}, {300, 9 * mib, 1}}, 31},
		{"it falls by itself in between", []load{{1, 8 * mib, 8}, {30, 80 * mib, 1}, {1, 8 * mib, 1}, {300, 80 * mib, 1}}, 62},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var r Releaser
			got := releases(&r, time.Unix(1e9, 0), tt.loads)
			if tt.want < 0 && len(got) != 0 || tt.want >= 0 && (len(got) != 1 || got[0] != tt.want) {
				t.Errorf("released at seconds %d, want %d alone", got, tt.want)
			}
		})
	}
}

// TestReleaserEvery has a burst right after a release: the next one waits.
func TestReleaserEvery(t *testing.T) {
	var r Releaser
	got := releases(&r, time.Unix(1e9, 0), []load{
		{1, 8 * mib, 8}, {31, 80 * mib, 1}, // released at 31
		{1, 8 * mib, 8}, {100, 80 * mib, 1}, // over for 30 s at 63
	})
	if len(got) != 2 || got[0] != 31 || got[1] != 91 {
		t.Errorf("released at seconds %d, want 31 and 91, a minute later", got)
	}
}

func TestRelease(t *testing.T) {
	reader := newRuntimeReader()
	block := make([]byte, 16*mib)
	clear(block) // touched, or the kernel never gave it
	before := readRuntime(&reader).Go
	runtime.KeepAlive(block)
	var r Releaser
	r.Release(time.Now())
	if got := readRuntime(&reader).Go; got > before-8*mib {
		t.Errorf("16 MiB dropped, Release: Go is %d from %d, want 8 MiB less at least", got, before)
	}
}
