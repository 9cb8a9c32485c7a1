package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/halobuzz/healthd/internal/probe"
)

const (
	optionalKey = "DEPENDENCIES"
	requiredKey = "REQUIRED_DEPENDENCIES"
)

// Errors of an entry. None quotes it: an entry may be a URL, or a piece of one that has a
// space in its password.
var (
	errEntry   = errors.New("must be NAME=URL, NAME=VARIABLE or VARIABLE")
	errUnnamed = errors.New("a URL needs a name; write NAME=URL")
	errName    = errors.New("a name must be 1 to 32 of a-z, 0-9, - and _, " +
		"and start with a letter or digit")
	errUnset   = errors.New("the variable is not set; set it or remove the entry")
	errNoName  = errors.New("the variable's name gives no valid name for it; write NAME=VARIABLE")
	errLines   = errors.New("the variable's value in .env is more than one line")
	errExpands = errors.New("the variable contains $; put it in single quotes in .env")
	// A file that only the command can read must not keep the command from running.
	errNotWatched = errors.New("not watched, because the variable is not in the environment")
	errSameName   = errors.New("another entry has the same name; " +
		"choose another with NAME=URL or NAME=VARIABLE")
)

// dependencies reads the two lists of what the service depends on. Their entries are
// NAME=URL, NAME=VARIABLE and VARIABLE, where VARIABLE holds a URL.
func (s *source) dependencies() []probe.Dependency {
	var all []probe.Dependency
	taken := map[string]bool{}
	entries := 0
	for _, key := range []string{requiredKey, optionalKey} {
		list, ok := s.verbatim(key)
		if !ok {
			continue
		}
		place := 0
		for entry := range strings.FieldsSeq(list.value) {
			place++
			entries++
			d, err := s.dependency(entry)
			if err == nil && taken[d.Name] {
				err = errSameName
			}
			if err != nil {
				err = fmt.Errorf("%s: entry %s: %w", list.key, placeAndName(place, d.Name), err)
				if errors.Is(err, errNotWatched) {
					s.warnings = append(s.warnings, err.Error())
				} else {
					s.problem("%w", err)
				}
				continue
			}
			taken[d.Name] = true
			d.Required = key == requiredKey
			all = append(all, d)
		}
	}
	if entries > probe.MaxDependencies {
		s.problem("%s: %d entries together with %s; at most %d are watched",
			s.find(optionalKey).key, entries, s.find(requiredKey).key, probe.MaxDependencies)
	}
	return all
}

// placeAndName returns "2", or "2 (redis)" if there is a name.
func placeAndName(place int, name string) string {
	if name == "" {
		return strconv.Itoa(place)
	}
	return fmt.Sprintf("%d (%s)", place, name)
}

// dependency reads one entry. With an error it returns the name only if the entry has a
// value that makes sense, because the text before = may otherwise be a part of a password.
func (s *source) dependency(entry string) (d probe.Dependency, err error) {
	name, value, named := strings.Cut(entry, "=")
	switch {
	case strings.Contains(name, "://"):
		return d, errUnnamed
	case !named:
		value = entry
	case !dependencyName(name):
		return d, errName
	}
	if !strings.Contains(value, "://") {
		variable := value
		if !variableName(variable) {
			return d, errEntry
		}
		if value, err = s.variable(variable); err != nil {
			return d, err
		}
		if !named {
			first, _, _ := strings.Cut(variable, "_")
			if name = strings.ToLower(first); !dependencyName(name) {
				return d, errNoName
			}
		}
	}
	d.Name = name
	d.Target, err = probe.Parse(value)
	return d, err
}

// variable returns the value of a variable that an entry names. Kubernetes secrets often end with
// a newline.
func (s *source) variable(name string) (value string, err error) {
	if v := strings.TrimSpace(s.getenv(name)); v != "" {
		return v, nil
	}
	file, err := s.file()
	v := file.values[name]
	switch {
	case err != nil && s.command:
		return "", fmt.Errorf("%w; %w", errNotWatched, err)
	case v == "":
		return "", errUnset
	case strings.ContainsAny(v, "\r\n"):
		return "", errLines
	case file.expands(name):
		return "", errExpands
	}
	return v, nil
}

// dependencyName reports whether s is [a-z0-9][a-z0-9_-]{0,31}.
func dependencyName(s string) bool {
	other := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}
	return s != "" && len(s) <= 32 && s[0] != '-' && s[0] != '_' && !strings.ContainsFunc(s, other)
}

// variableName reports whether s is a name that a shell can set.
func variableName(s string) bool {
	other := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_'
	}
	return s != "" && (s[0] < '0' || s[0] > '9') && !strings.ContainsFunc(s, other)
}
