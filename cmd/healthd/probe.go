package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/halobuzz/healthd/internal/config"
	"github.com/halobuzz/healthd/internal/probe"
)

// probeTimeout is below the 3 s that Docker users often give a HEALTHCHECK.
const probeTimeout = 2 * time.Second

// ask probes a URL, or a path of the service that this configuration starts, and prints one
// line. It never prints a URL, which may contain a password.
func ask(getenv func(string) string, arg string, stdout, stderr io.Writer) int {
	targets, err := targetsOf(getenv, arg)
	if err != nil {
		// Not exitUsage, which Docker reserves in a HEALTHCHECK.
		fmt.Fprintln(stderr, err)
		return exitFailed
	}
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	var result probe.Result
	for i, target := range targets {
		next := target.Ask(ctx)
		silent := next.Reason == probe.Refused || next.Reason == probe.Unreachable ||
			next.Reason == probe.CannotConnect
		if i == 0 || !silent { // a machine may lack the second address
			result = next
		}
		if !silent {
			break
		}
	}
	line := string(result.Reason)
	switch {
	case result.Code != 0:
		// The standard phrase, because the server's own may contain anything.
		line = strings.TrimSpace(fmt.Sprintf("%d %s", result.Code, http.StatusText(result.Code)))
	case result.Passed:
		line = fmt.Sprintf("passed in %.1f ms", result.Duration.Seconds()*1000)
	}
	if !result.Passed {
		fmt.Fprintln(stderr, "probe:", line)
		return exitFailed
	}
	fmt.Fprintln(stdout, line)
	return exitOK
}

// targetsOf returns the targets that the argument of the probe command names. The next one is
// asked if the service does not listen on the one before.
func targetsOf(getenv func(string) string, arg string) ([]probe.Target, error) {
	if strings.Contains(arg, "://") {
		target, err := probe.Parse(arg)
		if err != nil {
			return nil, fmt.Errorf("probe: %w", err)
		}
		return []probe.Target{target}, nil
	}
	address, err := config.LoadAddress(getenv, dotenv)
	if err != nil {
		return nil, err
	}
	var targets []probe.Target
	for _, local := range address.Local() {
		target, err := probe.Self(local, arg)
		if err != nil {
			return nil, fmt.Errorf("probe: %w", err)
		}
		targets = append(targets, target)
	}
	return targets, nil
}
