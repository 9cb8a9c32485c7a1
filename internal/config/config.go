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

	// The following are set only with a command.
	AppCheck    *probe.Target // where the command answers; nil if that is not known
	AppCheckSet bool          // AppCheck was configured, and decides about liveness too
	StopPercent int           // of the container's limit, to stop the command; 0 for never
	Warnings    []string      // lines for the log
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
//
// Each key may have the prefix HEALTHD_. If healthd runs a command, the other variables and the
// file belong to the command: Load reads only keys with the prefix, and from the file only a
// variable that a dependency names.
func Load(getenv func(string) string, dotenv string, command bool) (Config, error) {
	s := open(getenv, dotenv, command)
	limit, timeout := "", "5s"
	if command {
		// Kubernetes allows 30 s for a stop, of which DRAIN_DELAY takes 3 s.
		limit, timeout = "32MiB", "25s"
	}
	c := Config{
		Listen:          s.address(),
		ServiceName:     value(s, "SERVICE_NAME", "healthd", "", text),
		Environment:     value(s, "ENVIRONMENT", "production", "", text),
		MemoryLimit:     value(s, "GOMEMLIMIT", limit, memoryLimitWanted, optional(memoryLimit)),
		MaxConnections:  value(s, "MAX_CONNECTIONS", "auto", connectionsWanted, connections),
		WarnPercent:     value(s, "MEMORY_WARN_PERCENT", "80", percentWanted, percent),
		FailPercent:     value(s, "MEMORY_FAIL_PERCENT", "90", percentWanted, percent),
		MemoryInterval:  value(s, "MEMORY_LOG_INTERVAL", "30s", durationWanted, duration),
		DrainDelay:      value(s, "DRAIN_DELAY", "3s", durationWanted, duration),
		ShutdownTimeout: value(s, "SHUTDOWN_TIMEOUT", timeout, durationWanted, duration),
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
	s.checkThresholds(c.WarnPercent, c.FailPercent)
	s.commandSettings(&c)
	c.Warnings = s.warnings
	return c, errors.Join(s.problems...)
}

// checkThresholds adds a problem unless warn is less than fail. Percentages that could not be
// parsed are 0.
func (s *source) checkThresholds(warn, fail int) {
	if warn == 0 || fail == 0 || warn < fail {
		return
	}
	warnSetting, failSetting := s.find("MEMORY_WARN_PERCENT"), s.find("MEMORY_FAIL_PERCENT")
	warnNote, failNote := "", ""
	if warnSetting.value == "" {
		warnNote = " (the default)"
	}
	if failSetting.value == "" {
		failNote = ", the default"
	}
	s.problem("%s: \"%d\"%s is not less than %s (%d%s)",
		warnSetting.key, warn, warnNote, failSetting.key, fail, failNote)
}

// LoadAddress reads PORT and HOST alone, so that no other key can fail its caller. It is not told
// whether a command runs: if HEALTHD_PORT is in the environment, one may, and a HOST without the
// prefix is then used only if it is an address.
func LoadAddress(getenv func(string) string, dotenv string) (Address, error) {
	s := open(getenv, dotenv, false)
	address := s.address()
	if s.getenv(prefix+"PORT") == "" {
		return address, errors.Join(s.problems...)
	}
	own := open(getenv, dotenv, true)
	ownAddress := own.address()
	if !own.isSet("HOST") {
		ownAddress.Host = address.Host
	}
	return ownAddress, errors.Join(own.problems...)
}

func (s *source) address() Address {
	return Address{
		Host: value(s, "HOST", "", "an IP address to listen on or localhost", optional(host)),
		Port: value(s, "PORT", "4000", "a port (1-65535)", port),
	}
}
