// Package config turns the process environment and an optional .env file into a
// Config, or into one line for each thing that is wrong with them.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/joho/godotenv"
)

// Config is the whole configuration, checked.
type Config struct {
	Listen          Address
	ServiceName     string
	Environment     string
	MemoryLimit     int64         // GOMEMLIMIT in bytes; 0 is unset, math.MaxInt64 is off
	MaxConnections  int           // 0 is auto
	WarnPercent     int           // of the container's limit
	FailPercent     int           // likewise, above WarnPercent
	MemoryInterval  time.Duration // between two lines of vitals; 0 is off
	DrainDelay      time.Duration
	ShutdownTimeout time.Duration
	MonitoringToken string // empty shows details to anyone
	LogJSON         bool
	LogLevel        slog.Level
}

// Address is where the service listens.
type Address struct {
	Host netip.Addr // the zero Addr is every address, IPv4 and IPv6
	Port uint16
}

// Network is the network to listen on, for net.Listen, to which 0.0.0.0 alone would mean
// both families.
func (a Address) Network() string {
	if a.Host.Is4() {
		return "tcp4"
	}
	return "tcp"
}

// String is the address as net.Listen takes it.
func (a Address) String() string {
	if !a.Host.IsValid() {
		return fmt.Sprintf(":%d", a.Port)
	}
	return netip.AddrPortFrom(a.Host, a.Port).String()
}

// URL is the address as a person would open it.
func (a Address) URL() string {
	host := a.Host
	if !host.IsValid() {
		host = netip.IPv4Unspecified()
	}
	return "http://" + netip.AddrPortFrom(host, a.Port).String()
}

// Local returns the addresses on which a process on the same machine reaches the service,
// the one to try first in front. On every address that is IPv4's loopback, because ::1 and
// the name localhost may be missing in a container, and then IPv6's, because a machine
// without IPv4 has only that.
func (a Address) Local() []netip.AddrPort {
	ipv4 := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), a.Port)
	ipv6 := netip.AddrPortFrom(netip.IPv6Loopback(), a.Port)
	switch a.Host {
	case netip.Addr{}, netip.IPv6Unspecified():
		return []netip.AddrPort{ipv4, ipv6}
	case netip.IPv4Unspecified():
		return []netip.AddrPort{ipv4}
	}
	return []netip.AddrPort{netip.AddrPortFrom(a.Host, a.Port)}
}

// Load reads every key: from getenv, else from the file dotenv where it exists,
// else the default. An empty value counts as unset. The error joins one line per
// problem, each naming its key and value.
func Load(getenv func(string) string, dotenv string) (Config, error) {
	s := open(getenv, dotenv)
	c := Config{
		Listen:          s.address(),
		ServiceName:     value(s, "SERVICE_NAME", "healthd", "", text),
		Environment:     value(s, "ENVIRONMENT", "production", "", text),
		MemoryLimit:     value(s, "GOMEMLIMIT", "", memoryLimitWanted, optional(memoryLimit)),
		MaxConnections:  value(s, "MAX_CONNECTIONS", "auto", "auto or a whole number, at least 4", connections),
		WarnPercent:     value(s, "MEMORY_WARN_PERCENT", "80", "a whole percentage (6-100)", percent),
		FailPercent:     value(s, "MEMORY_FAIL_PERCENT", "90", "a whole percentage (6-100)", percent),
		MemoryInterval:  value(s, "MEMORY_LOG_INTERVAL", "30s", durationWanted, duration),
		DrainDelay:      value(s, "DRAIN_DELAY", "3s", durationWanted, duration),
		ShutdownTimeout: value(s, "SHUTDOWN_TIMEOUT", "5s", durationWanted, duration),
		MonitoringToken: s.token(),
		LogJSON:         value(s, "LOG_FORMAT", "text", "text or json", oneOf(map[string]bool{"text": false, "json": true})),
		LogLevel: value(s, "LOG_LEVEL", "info", "debug, info, warn or error", oneOf(map[string]slog.Level{
			"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
		})),
	}
	if c.WarnPercent != 0 && c.FailPercent != 0 && c.WarnPercent >= c.FailPercent {
		s.problems = append(s.problems, fmt.Errorf(
			"MEMORY_WARN_PERCENT: \"%d\"%s is not less than MEMORY_FAIL_PERCENT (%d%s)",
			c.WarnPercent, s.ifDefault("MEMORY_WARN_PERCENT", " (the default)"),
			c.FailPercent, s.ifDefault("MEMORY_FAIL_PERCENT", ", the default")))
	}
	return c, errors.Join(s.problems...)
}

// LoadAddress reads PORT and HOST alone, so that no other key can fail its caller.
func LoadAddress(getenv func(string) string, dotenv string) (Address, error) {
	s := open(getenv, dotenv)
	return s.address(), errors.Join(s.problems...)
}

// source is where values come from, and what was wrong with them.
type source struct {
	getenv   func(string) string
	name     string            // of the file
	file     map[string]string // what it sets
	literal  map[string]string // likewise, with standIn for each $
	problems []error
}

// standIn replaces each $ in a file, so that the parser has nothing to expand. It is a
// character that no valid token contains.
const standIn = "\x00"

func open(getenv func(string) string, dotenv string) *source {
	text, err := os.ReadFile(dotenv)
	s := &source{getenv: getenv, name: filepath.Base(dotenv)}
	var file map[string]string
	if err == nil {
		// It leaves the process environment alone, where Load would change it.
		file, err = godotenv.UnmarshalBytes(text)
	}
	pathErr, isPath := errors.AsType[*fs.PathError](err)
	_, noKey := file[""]
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case isPath:
		s.problems = append(s.problems, fmt.Errorf("%s: %w", s.name, pathErr.Err))
	case err != nil:
		// The parser's message quotes the file, and with it every secret in it.
		s.problems = append(s.problems, fmt.Errorf("%s: is not a list of KEY=value lines", s.name))
	case noKey:
		// What the parser makes of "=x", and of a last line without "=".
		s.problems = append(s.problems, fmt.Errorf("%s: has a line without a key or without =", s.name))
	default:
		// Only now: a lost quote can put a neighbour's secret into a value, to be quoted.
		s.file = file
		// Only the parser knows which $ belongs to a value, and not to a comment. It has
		// accepted text, and no part of its syntax is a $, so it accepts this as well.
		s.literal, _ = godotenv.Unmarshal(strings.ReplaceAll(string(text), "$", standIn))
	}
	return s
}

func (s *source) problem(key, value, want string) {
	s.problems = append(s.problems, fmt.Errorf("%s: %q is not %s", key, value, want))
}

func (s *source) address() Address {
	return Address{
		Host: value(s, "HOST", "", "an IP address to listen on or localhost", optional(host)),
		Port: value(s, "PORT", "4000", "a port (1-65535)", port),
	}
}

// token reads the one key whose value is a secret. It must fit a header, the whole of
// which has 8 KiB.
func (s *source) token() string {
	const key = "MONITORING_TOKEN"
	token := s.getenv(key)
	if token == "" {
		token = s.fromFile(key)
		if s.expands(key) {
			s.problems = append(s.problems,
				fmt.Errorf("%s: contains $; put it in single quotes in %s", key, s.name))
		}
	}
	if len(token) > 4096 || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		s.problems = append(s.problems, fmt.Errorf("%s: its value (not shown) is not up to 4096 visible ASCII characters", key))
	}
	return token
}

// expands reports whether the parser replaced a $ in the value that the file sets for key.
// A reference to an unknown variable becomes the empty string, so a token would lose a part
// of itself, or all of itself and with it the protection.
func (s *source) expands(key string) bool {
	return strings.ReplaceAll(s.literal[key], standIn, "$") != s.file[key]
}

// value reads one key. What parse refuses is a problem: the value is not want.
func value[T any](s *source, key, fallback, want string, parse func(string) (T, bool)) T {
	raw := s.raw(key)
	if raw == "" {
		raw = fallback
	}
	v, ok := parse(raw)
	if !ok {
		s.problem(key, raw, want)
	}
	return v
}

// raw returns the value of key as it was set.
func (s *source) raw(key string) string {
	if v := s.getenv(key); v != "" {
		return v
	}
	return s.fromFile(key)
}

func (s *source) fromFile(key string) string {
	v := s.file[key]
	if strings.ContainsAny(v, "\r\n") {
		// Two lost quotes still make a list of KEY=value, with a neighbour's secret in
		// the value: it is not quoted, and not shown as a name either.
		s.problems = append(s.problems, fmt.Errorf("%s: its value in %s is more than one line", key, s.name))
		return ""
	}
	return v
}

// ifDefault returns note if key is set nowhere.
func (s *source) ifDefault(key, note string) string {
	if s.getenv(key) != "" || s.file[key] != "" {
		return ""
	}
	return note
}

const (
	durationWanted    = "a duration such as 30s or 2m, or 0"
	memoryLimitWanted = "a memory limit of at least 1MiB: a whole number with a unit, such as 200MiB, or off"
)

func text(s string) (string, bool) { return s, true }

func port(s string) (uint16, bool) {
	n, err := strconv.ParseUint(s, 10, 16)
	return uint16(n), err == nil && n > 0
}

// host parses an address to listen on. Linux binds a TCP socket to a multicast or broadcast
// address as well, although no connection can ever arrive there.
func host(s string) (netip.Addr, bool) {
	if s == "localhost" {
		s = "127.0.0.1" // without a resolver, which a container may lack
	}
	addr, err := netip.ParseAddr(s)
	broadcast := netip.AddrFrom4([4]byte{255, 255, 255, 255})
	return addr, err == nil && !addr.IsMulticast() && addr.Unmap() != broadcast
}

// memoryLimit parses GOMEMLIMIT. Less than 1 MiB is a number whose unit was forgotten: "200"
// is 200 bytes, under which the collector would never stop.
func memoryLimit(s string) (bytes int64, ok bool) {
	bytes, ok = ParseMemoryLimit(s)
	return bytes, ok && bytes >= 1<<20
}

func connections(s string) (int, bool) {
	if s == "auto" {
		return 0, true
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 4
}

func percent(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 6 || n > 100 {
		return 0, false
	}
	return n, true
}

func duration(s string) (time.Duration, bool) {
	if s != "0" && s[len(s)-1] >= '0' && s[len(s)-1] <= '9' {
		return 0, false // time.ParseDuration takes "+0" and "-0" too
	}
	d, err := time.ParseDuration(s)
	return d, err == nil && d >= 0
}

// optional makes the empty string the zero value.
func optional[T any](parse func(string) (T, bool)) func(string) (T, bool) {
	return func(s string) (T, bool) {
		if s == "" {
			var zero T
			return zero, true
		}
		return parse(s)
	}
}

func oneOf[T any](values map[string]T) func(string) (T, bool) {
	return func(s string) (T, bool) {
		v, ok := values[s]
		return v, ok
	}
}
