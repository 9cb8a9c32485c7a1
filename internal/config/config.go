// Package config reads the environment and an optional .env file into a Config, or into one line
// for each problem with them.
package config

import (
	"errors"
	"log/slog"
	"time"

	"github.com/halobuzz/healthd/internal/probe"
)

// Config is the whole configuration. It is valid.
type Config struct {
	Listen          Address
	ServiceName     string
	Environment     string
	MemoryLimit     int64         // GOMEMLIMIT in bytes; 0 if unset, math.MaxInt64 for off
	MaxConnections  int           // 0 for auto
	WarnPercent     int           // of the container's limit
	FailPercent     int           // of the container's limit, above WarnPercent
	MemoryInterval  time.Duration // between two lines of vitals; 0 for off
	DrainDelay      time.Duration
	ShutdownTimeout time.Duration
	MonitoringToken string // if empty, anyone may see details
	LogJSON         bool
	LogLevel        slog.Level
	Dependencies    []probe.Dependency // the required ones first
}

const (
	connectionsWanted = "auto or a whole number, at least 4"
	durationWanted    = "a duration such as 30s or 2m, or 0"
	memoryLimitWanted = "a memory limit of at least 1MiB: " +
		"a whole number with a unit, such as 200MiB, or off"
	percentWanted = "a whole percentage (6-100)"
)

// Load reads every key from getenv, else from the file dotenv if it exists, else from the
// defaults. An empty value counts as unset. The error joins one line per problem, which names the
// key and the value.
func Load(getenv func(string) string, dotenv string) (Config, error) {
	s := open(getenv, dotenv)
	c := Config{
		Listen:          s.address(),
		ServiceName:     value(s, "SERVICE_NAME", "healthd", "", text),
		Environment:     value(s, "ENVIRONMENT", "production", "", text),
		MemoryLimit:     value(s, "GOMEMLIMIT", "", memoryLimitWanted, optional(memoryLimit)),
		MaxConnections:  value(s, "MAX_CONNECTIONS", "auto", connectionsWanted, connections),
		WarnPercent:     value(s, "MEMORY_WARN_PERCENT", "80", percentWanted, percent),
		FailPercent:     value(s, "MEMORY_FAIL_PERCENT", "90", percentWanted, percent),
		MemoryInterval:  value(s, "MEMORY_LOG_INTERVAL", "30s", durationWanted, duration),
		DrainDelay:      value(s, "DRAIN_DELAY", "3s", durationWanted, duration),
		ShutdownTimeout: value(s, "SHUTDOWN_TIMEOUT", "5s", durationWanted, duration),
		MonitoringToken: s.token(),
		LogJSON: value(s, "LOG_FORMAT", "text", "text or json",
			oneOf(map[string]bool{"text": false, "json": true})),
		LogLevel: value(s, "LOG_LEVEL", "info", "debug, info, warn or error",
			oneOf(map[string]slog.Level{
				"debug": slog.LevelDebug, "info": slog.LevelInfo,
				"warn": slog.LevelWarn, "error": slog.LevelError,
			})),
		Dependencies: s.dependencies(),
	}
	if c.WarnPercent != 0 && c.FailPercent != 0 && c.WarnPercent >= c.FailPercent {
		warnNote, failNote := "", ""
		if !s.isSet("MEMORY_WARN_PERCENT") {
			warnNote = " (the default)"
		}
		if !s.isSet("MEMORY_FAIL_PERCENT") {
			failNote = ", the default"
		}
		s.problem("MEMORY_WARN_PERCENT: \"%d\"%s is not less than MEMORY_FAIL_PERCENT (%d%s)",
			c.WarnPercent, warnNote, c.FailPercent, failNote)
	}
	return c, errors.Join(s.problems...)
}

// LoadAddress reads PORT and HOST alone, so that no other key can fail its caller.
func LoadAddress(getenv func(string) string, dotenv string) (Address, error) {
	s := open(getenv, dotenv)
	return s.address(), errors.Join(s.problems...)
}

func (s *source) address() Address {
	return Address{
		Host: value(s, "HOST", "", "an IP address to listen on or localhost", optional(host)),
		Port: value(s, "PORT", "4000", "a port (1-65535)", port),
	}
}
