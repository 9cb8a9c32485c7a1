package e2e

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// exposition has the types of metrics by name, and the values by name and labels.
type exposition struct {
	types  map[string]string
	values map[string]float64
}

var (
	headLine   = regexp.MustCompile(`^# (HELP|TYPE) ([a-z_]+) (.+)$`)
	sampleLine = regexp.MustCompile(`^([a-z_]+)(\{(?:[a-z]+="[^"\\]*",?)+\})? ([0-9.]+)$`)
)

// parseExposition parses the text format as a strict scraper does: every name comes once, with
// HELP and TYPE before its samples.
func parseExposition(t *testing.T, body string) exposition {
	t.Helper()
	e := exposition{map[string]string{}, map[string]float64{}}
	helped, name := "", ""
	for line := range strings.Lines(body) {
		line, whole := strings.CutSuffix(line, "\n")
		if m := headLine.FindStringSubmatch(line); m != nil && m[1] == "HELP" {
			helped = m[2]
		} else if m != nil && m[2] == helped && e.types[m[2]] == "" {
			name = m[2]
			e.types[name] = m[3]
		} else if m := sampleLine.FindStringSubmatch(line); m != nil && m[1] == name && whole {
			if _, twice := e.values[m[1]+m[2]]; twice {
				t.Errorf("this sample comes twice: %s", line)
			}
			v, err := strconv.ParseFloat(m[3], 64)
			if err != nil {
				t.Error(err)
			}
			e.values[m[1]+m[2]] = v
		} else {
			t.Errorf("this line is out of place: %q", line)
		}
	}
	return e
}
