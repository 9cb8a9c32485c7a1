package config

import (
	"strconv"

	"github.com/halobuzz/healthd/internal/probe"
)

// Keys that have a meaning only with a command. They have no name without the prefix.
const (
	appCheckKey    = prefix + "APP_CHECK"
	stopPercentKey = prefix + "STOP_PERCENT"
)

// commandSettings adds to c what healthd needs to know about its command.
func (s *source) commandSettings(c *Config) {
	if !s.command {
		for _, key := range []string{appCheckKey, stopPercentKey} {
			if s.isSet(key) {
				s.problem("%s: needs a command (healthd -- COMMAND)", key)
			}
		}
		return
	}
	if c.MaxConnections == 0 {
		c.MaxConnections = 64 // the container's memory is the command's
	}
	c.StopPercent = value(s, stopPercentKey, "0", "0 or a whole percentage (6-100)",
		zeroOr(percent))
	c.AppCheck, c.AppCheckSet = s.appCheck()
	if c.MonitoringToken == "" && s.getenv(tokenKey) != "" {
		s.warnings = append(s.warnings, tokenKey+" is the command's: anyone may see details, unless "+
			prefix+tokenKey+" is set")
	}

	appPort, known := port(s.getenv("PORT"))
	switch own := s.find("PORT"); {
	case own.value == "":
		s.problem("%s: must be set to a port, because PORT is the command's", own.key)
	case known && appPort == c.Listen.Port:
		s.problem("%s: %q is the command's PORT, too; choose another", own.key, own.value)
	}
}

// appCheck returns where to ask whether the command answers, and whether that was configured. With
// "off", for a command that has a PORT and does not listen, it returns nil. A problem does not
// quote the URL, which may contain a secret.
func (s *source) appCheck() (target *probe.Target, configured bool) {
	url := s.find(appCheckKey).value
	if url == "off" {
		return nil, false
	}
	if url != "" {
		t, err := probe.Parse(url)
		if err != nil {
			s.problem("%s: %w", appCheckKey, err)
		}
		return &t, true
	}
	appPort, ok := port(s.getenv("PORT"))
	if !ok {
		return nil, false
	}
	t, err := probe.Parse("tcp://127.0.0.1:" + strconv.Itoa(int(appPort)))
	if err != nil {
		return nil, false // MySQL's port, which must not be asked
	}
	return &t, false
}
