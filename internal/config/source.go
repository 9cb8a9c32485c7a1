package config

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
)

// prefix may stand before every key. A setting with it is preferred to one without it.
const prefix = "HEALTHD_"

// source is the environment and the .env file, with the problems found in them.
type source struct {
	getenv   func(string) string
	command  bool                       // a command has the file and the keys without the prefix
	name     string                     // of the file
	file     func() (dotenvFile, error) // reads the file once
	problems []error
	warnings []string
}

// open returns a source with the file at path. With a command, the file is not read before a
// dependency names a variable that may be in it.
func open(getenv func(string) string, path string, command bool) *source {
	s := &source{getenv: withoutLink(getenv), command: command, name: filepath.Base(path)}
	s.file = sync.OnceValues(func() (dotenvFile, error) { return readDotenv(path) })
	if !command {
		if _, err := s.file(); err != nil {
			s.problem("%w", err)
		}
	}
	return s
}

// withoutLink hides the variable that Kubernetes and Docker links set for another service with
// the name healthd, such as HEALTHD_PORT=tcp://10.0.0.7:4000. It would stand in for the port.
func withoutLink(getenv func(string) string) func(string) string {
	return func(key string) string {
		value := getenv(key)
		if key == prefix+"PORT" && strings.HasPrefix(value, "tcp://") {
			return ""
		}
		return value
	}
}

// problem adds a problem, one line that starts with a key or the file's name.
func (s *source) problem(format string, args ...any) {
	s.problems = append(s.problems, fmt.Errorf(format, args...))
}

// setting is a key and its value.
type setting struct {
	key     string // as it was written, or as it should be written
	value   string // empty if the key is not set
	inFile  bool
	expands bool // a $ was replaced in the file's value
}

// find returns the setting of key, which comes from the environment, else from the file.
func (s *source) find(key string) setting {
	var file dotenvFile
	if !s.command {
		file, _ = s.file()
	}
	keys := s.spellings(key)
	for _, k := range keys {
		if v := s.getenv(k); v != "" {
			return setting{key: k, value: v}
		}
		// A value that is empty because of a reference in it is not used, but is a mistake.
		if v, expands := file.values[k], file.expands(k); v != "" || expands {
			return setting{key: k, value: v, inFile: true, expands: expands}
		}
	}
	return setting{key: keys[len(keys)-1]}
}

// spellings returns the names that key may have, the preferred one first.
func (s *source) spellings(key string) []string {
	switch {
	case strings.HasPrefix(key, prefix): // it has no other
		return []string{key}
	case s.command:
		return []string{prefix + key}
	}
	return []string{prefix + key, key}
}

// setting returns the setting of key, without its value if that must not be used or quoted.
func (s *source) setting(key string) setting {
	set := s.find(key)
	if set.inFile && strings.ContainsAny(set.value, "\r\n") {
		// With two lost quotes, the file is still a list of KEY=value lines, but this value may
		// contain a secret of another line.
		s.problem("%s: its value in %s is more than one line", set.key, s.name)
		return setting{key: set.key}
	}
	return set
}

// verbatim returns the setting of key, or adds a problem if the parser replaced a $ in it.
func (s *source) verbatim(key string) (set setting, ok bool) {
	set = s.setting(key)
	if set.expands {
		s.problem("%s: contains $; put it in single quotes in %s", set.key, s.name)
	}
	return set, !set.expands
}

// isSet reports whether key has a value that is not empty.
func (s *source) isSet(key string) bool { return s.find(key).value != "" }

// value returns the parsed value of key, or of fallback if key is not set. If parse fails, value
// adds the problem that the value is not want.
func value[T any](s *source, key, fallback, want string, parse func(string) (T, bool)) T {
	set := s.setting(key)
	if set.value == "" {
		set.value = fallback
	}
	v, ok := parse(set.value)
	switch {
	case ok:
	case set.inFile && strings.Contains(set.value, "="):
		// After a lost newline, the value contains the next setting, perhaps a secret.
		s.problem("%s: its value in %s (hidden because it contains =) is not %s",
			set.key, s.name, want)
	default:
		s.problem("%s: %q is not %s", set.key, set.value, want)
	}
	return v
}

const tokenKey = "MONITORING_TOKEN"

// token returns the value of MONITORING_TOKEN, which no problem quotes. It must fit a header,
// which has 8 KiB.
func (s *source) token() string {
	set, _ := s.verbatim(tokenKey)
	invisible := func(r rune) bool { return r <= ' ' || r > '~' }
	if len(set.value) > 4096 || strings.ContainsFunc(set.value, invisible) {
		s.problem("%s: must be at most 4096 printable ASCII characters without spaces "+
			"(value hidden)", set.key)
	}
	return set.value
}
