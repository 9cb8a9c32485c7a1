package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/joho/godotenv"
)

// source is the environment and the .env file, with the problems found in them.
type source struct {
	getenv   func(string) string
	name     string            // of the file
	file     map[string]string // the file's settings
	literal  map[string]string // the file's settings with standIn for each $
	problems []error
}

// standIn replaces each $ in the file, so that the parser has nothing to expand. No valid token
// contains it.
const standIn = "\x00"

// open reads the file dotenv, if it exists.
func open(getenv func(string) string, dotenv string) *source {
	text, err := os.ReadFile(dotenv)
	s := &source{getenv: getenv, name: filepath.Base(dotenv)}
	var file map[string]string
	if err == nil {
		// godotenv.Load would change the environment of the process.
		file, err = godotenv.UnmarshalBytes(text)
	}
	pathErr, isPath := errors.AsType[*fs.PathError](err)
	_, noKey := file[""]
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case isPath:
		s.problem("%s: %w", s.name, pathErr.Err)
	case err != nil:
		// The parser's message quotes the file, including its secrets.
		s.problem("%s: is not a list of KEY=value lines", s.name)
	case noKey:
		// The parser returns an empty key for "=x" and for a last line without "=".
		s.problem("%s: has a line without a key or without =", s.name)
	default:
		// A file with problems is not used at all: after a lost quote, a value that a message
		// quotes could contain a secret of the next line.
		s.file = file
		// Only the parser can tell a $ in a value from one in a comment. It accepts this text
		// too, because no part of its syntax is a $.
		s.literal, _ = godotenv.Unmarshal(strings.ReplaceAll(string(text), "$", standIn))
	}
	return s
}

// problem adds a problem, one line that starts with a key or the file's name.
func (s *source) problem(format string, args ...any) {
	s.problems = append(s.problems, fmt.Errorf(format, args...))
}

// value returns the parsed value of key, or of fallback if key is not set. If parse fails, value
// adds the problem that the value is not want.
func value[T any](s *source, key, fallback, want string, parse func(string) (T, bool)) T {
	raw := s.raw(key)
	if raw == "" {
		raw = fallback
	}
	v, ok := parse(raw)
	switch {
	case ok:
	case s.getenv(key) == "" && strings.Contains(raw, "="):
		// After a lost newline, the value contains the next setting, perhaps a secret.
		s.problem("%s: its value in %s (hidden because it contains =) is not %s", key, s.name, want)
	default:
		s.problem("%s: %q is not %s", key, raw, want)
	}
	return v
}

// raw returns the value of key as it was set, or the empty string.
func (s *source) raw(key string) string {
	if v := s.getenv(key); v != "" {
		return v
	}
	return s.fromFile(key)
}

func (s *source) fromFile(key string) string {
	v := s.file[key]
	if strings.ContainsAny(v, "\r\n") {
		// With two lost quotes, the file is still a list of KEY=value lines, but this value may
		// contain a secret of another line.
		s.problem("%s: its value in %s is more than one line", key, s.name)
		return ""
	}
	return v
}

// isSet reports whether key has a value that is not empty.
func (s *source) isSet(key string) bool { return s.getenv(key) != "" || s.file[key] != "" }

// token returns the value of MONITORING_TOKEN, which no problem quotes. It must fit a header,
// which has 8 KiB.
func (s *source) token() string {
	const key = "MONITORING_TOKEN"
	token := s.getenv(key)
	if token == "" {
		token = s.fromFile(key)
		if s.expands(key) {
			s.problem("%s: contains $; put it in single quotes in %s", key, s.name)
		}
	}
	invisible := func(r rune) bool { return r <= ' ' || r > '~' }
	if len(token) > 4096 || strings.ContainsFunc(token, invisible) {
		s.problem("%s: must be at most 4096 printable ASCII characters without spaces "+
			"(value hidden)", key)
	}
	return token
}

// expands reports whether the parser replaced a $ in the file's value of key. A reference to an
// unknown variable becomes the empty string, so that a token would lose a part of itself, or
// all of itself and with it the protection of the details.
func (s *source) expands(key string) bool {
	return strings.ReplaceAll(s.literal[key], standIn, "$") != s.file[key]
}
