package memory

import (
	"runtime"
	"slices"
	"testing"
	"time"
)

// load is some seconds of the same use.
type load struct {
	seconds int
	goBytes int64
	open    int
}

// releases calls r once a second, as a round of measuring does, and returns the seconds at
// which it releases memory. A release leaves the Go memory as it was.
func releases(r *Releaser, loads []load) (seconds []int) {
	start := time.Unix(1e9, 0)
	second := 0
	for _, l := range loads {
		for range l.seconds {
			now := start.Add(time.Duration(second) * time.Second)
			if r.ReleaseIfDue(now) {
				seconds = append(seconds, second)
			}
			r.Observe(now, l.goBytes, l.open)
			second++
		}
	}
	return seconds
}

func TestReleaser(t *testing.T) {
	for _, tt := range []struct {
		name  string
		loads []load
		want  []int // seconds
	}{
		{"nothing happens", []load{{300, 8 * mib, 1}}, nil},
		{"a burst leaves", []load{{1, 8 * mib, 1}, {60, 80 * mib, 400}, {300, 80 * mib, 1}}, []int{62}},
		{"a short burst leaves", []load{
			{1, 8 * mib, 1}, {5, 80 * mib, 400}, {300, 80 * mib, 1},
		}, []int{32}},
		{"connections stay", []load{{1, 8 * mib, 1}, {300, 80 * mib, 400}}, nil},
		{"a quarter stays", []load{{1, 8 * mib, 1}, {5, 80 * mib, 400}, {300, 80 * mib, 100}}, nil},
		{"under a quarter stays", []load{
			{1, 8 * mib, 1}, {5, 80 * mib, 400}, {300, 80 * mib, 99},
		}, []int{32}},
		{"never a connection", []load{{1, 8 * mib, 0}, {60, 9 * mib, 0}}, []int{32}},
		{"a byte under 1 MiB more", []load{{1, 8 * mib, 8}, {300, 9*mib - 1, 1}}, nil},
		{"1 MiB more", []load{{1, 8 * mib, 8}, {300, 9 * mib, 1}}, []int{32}},
		{"it falls by itself in between", []load{
			{1, 8 * mib, 8}, {30, 80 * mib, 1}, {1, 8 * mib, 1}, {300, 80 * mib, 1},
		}, []int{63}},
		{"a second burst waits for a minute", []load{
			{1, 8 * mib, 8}, {31, 80 * mib, 1}, // due at 31
			{1, 8 * mib, 8}, {100, 80 * mib, 1}, // above for 30 s at 63, due at 92
		}, []int{32, 93}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var r Releaser
			if got := releases(&r, tt.loads); !slices.Equal(got, tt.want) {
				t.Errorf("releases(%v) = %v, want %v", tt.loads, got, tt.want)
			}
		})
	}
}

// TestReleaseIfDue frees memory that nothing uses any more.
func TestReleaseIfDue(t *testing.T) {
	reader := newRuntimeReader()
	block := make([]byte, 16*mib)
	clear(block) // pages that were never written are not part of GoBytes
	before := readRuntime(&reader).GoBytes
	runtime.KeepAlive(block)
	start := time.Unix(1e9, 0)
	var r Releaser
	if r.ReleaseIfDue(start) {
		t.Error("ReleaseIfDue() = true before Observe, want false")
	}
	for _, l := range []load{{0, 8 * mib, 8}, {1, 80 * mib, 1}, {31, 80 * mib, 1}} {
		r.Observe(start.Add(time.Duration(l.seconds)*time.Second), l.goBytes, l.open)
	}
	if !r.ReleaseIfDue(start.Add(32 * time.Second)) {
		t.Error("ReleaseIfDue() = false after a burst, want true")
	}
	if got := readRuntime(&reader).GoBytes; got > before-8*mib {
		t.Errorf("GoBytes after ReleaseIfDue() = %d, want at least 8 MiB below %d", got, before)
	}
}
