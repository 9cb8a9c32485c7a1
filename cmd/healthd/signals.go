package main

import (
	"os"
	"syscall"
	"time"

	"github.com/halobuzz/healthd/internal/app"
)

// forcedStop is the error of a stop that a second signal cut short.
type forcedStop struct{ signal os.Signal }

func (f forcedStop) Error() string { return "second signal received: " + signalName(f.signal) }

// repeatInterval is how long a signal may be followed by the same one and still be the same
// request to stop. timeout(1) and many supervisors signal the process and then its group.
const repeatInterval = time.Second

// stopSignals are the signals that arrive while the service stops.
type stopSignals struct {
	incoming <-chan os.Signal
	first    os.Signal // nil if no signal has arrived, because the stop had another reason
	received time.Time // when the first one was
}

// await returns the value that done delivers. If a second signal arrives first, other than a
// repeat of the first one, it returns a forcedStop.
func await[T any](s *stopSignals, done <-chan T) (value T, err error) {
	for {
		select {
		case value = <-done:
			return value, nil
		case sig := <-s.incoming:
			switch {
			case s.first == nil:
				s.first, s.received = sig, time.Now()
			case sig != s.first || time.Since(s.received) >= repeatInterval:
				return value, forcedStop{sig}
			}
		}
	}
}

// signalName returns the name of a signal. slog would write a number in JSON and a description
// such as "terminated" in text.
func signalName(sig os.Signal) string { return app.SignalName(sig.(syscall.Signal)) }
