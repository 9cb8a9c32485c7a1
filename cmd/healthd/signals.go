package main

import (
	"os"
	"syscall"
	"time"
)

// forcedStop is the error of a stop that a second signal cut short.
type forcedStop struct{ signal os.Signal }

func (f forcedStop) Error() string { return "second signal received: " + signalName(f.signal) }

// repeatInterval is how long a signal may be followed by the same one and still be the same
// request to stop. timeout(1) and many supervisors signal the process and then its group.
const repeatInterval = time.Second

// await returns the value that done delivers. If a second signal arrives first, other than a
// repeat of the first one, it returns a forcedStop.
func await[T any](
	done <-chan T, signals <-chan os.Signal, first os.Signal, received time.Time,
) (value T, err error) {
	for {
		select {
		case value = <-done:
			return value, nil
		case sig := <-signals:
			if sig != first || time.Since(received) >= repeatInterval {
				return value, forcedStop{sig}
			}
		}
	}
}

// signalName returns the name of a signal. slog would write a number in JSON and a description
// such as "terminated" in text.
func signalName(sig os.Signal) string {
	switch sig {
	case syscall.SIGTERM:
		return "SIGTERM"
	case os.Interrupt:
		return "SIGINT"
	}
	return sig.String()
}
