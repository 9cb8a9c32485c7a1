package main

import (
	"errors"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestAwait waits three seconds after one signal, while more come at intervals.
func TestAwait(t *testing.T) {
	t.Parallel()
	type later struct {
		interval time.Duration
		signal   os.Signal
	}
	for _, tt := range []struct {
		name   string
		first  os.Signal
		more   []later
		forced os.Signal // nil if none
	}{
		{"no other", syscall.SIGTERM, nil, nil},
		{"the same at once", syscall.SIGTERM, []later{{0, syscall.SIGTERM}}, nil},
		{"the same within a second", os.Interrupt,
			[]later{{999 * time.Millisecond, os.Interrupt}}, nil},
		{"the same twice", syscall.SIGTERM,
			[]later{{0, syscall.SIGTERM}, {time.Millisecond, syscall.SIGTERM}}, nil},
		{"the same a second later", syscall.SIGTERM,
			[]later{{time.Second, syscall.SIGTERM}}, syscall.SIGTERM},
		{"a repeat does not extend the second", syscall.SIGTERM,
			[]later{{600 * time.Millisecond, syscall.SIGTERM}, {600 * time.Millisecond, syscall.SIGTERM}},
			syscall.SIGTERM},
		{"the first at all", nil, []later{{time.Second, syscall.SIGTERM}}, nil},
		{"the first and another", nil,
			[]later{{time.Second, syscall.SIGTERM}, {time.Second, os.Interrupt}}, os.Interrupt},
		{"another at once", syscall.SIGTERM, []later{{0, os.Interrupt}}, os.Interrupt},
		{"another after a repeat", os.Interrupt,
			[]later{{0, os.Interrupt}, {0, syscall.SIGTERM}}, syscall.SIGTERM},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				signals := make(chan os.Signal)
				received := time.Now()
				go func() {
					for _, l := range tt.more {
						time.Sleep(l.interval)
						signals <- l.signal
					}
				}()
				stopping := &stopSignals{signals, tt.first, received}
				_, err := await(stopping, time.After(3*time.Second))
				took := time.Since(received)
				stop, forced := errors.AsType[forcedStop](err)
				if stop.signal != tt.forced || forced != (err != nil) || forced != (took < 3*time.Second) {
					t.Errorf("await() = %v after %v, want a stop forced by %v", err, took, tt.forced)
				}
			})
		})
	}
}

func TestSignalName(t *testing.T) {
	t.Parallel()
	for sig, want := range map[os.Signal]string{
		syscall.SIGTERM: "SIGTERM", os.Interrupt: "SIGINT", syscall.Signal(64): "signal 64",
	} {
		if got := signalName(sig); got != want {
			t.Errorf("signalName(%d) = %q, want %q", sig, got, want)
		}
	}
}
