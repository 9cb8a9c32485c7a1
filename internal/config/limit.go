package config

import (
	"math"
	"strconv"
	"strings"
)

// ParseMemoryLimit parses a GOMEMLIMIT as the Go runtime does (readGOMEMLIMIT in
// runtime/mgcpacer.go): a whole number of bytes with an optional B, KiB, MiB, GiB or TiB, or
// "off", for which it returns math.MaxInt64. Unlike the runtime it refuses the empty string, and
// 0, with which the collector would never stop.
func ParseMemoryLimit(s string) (bytes int64, ok bool) {
	if s == "off" {
		return math.MaxInt64, true
	}
	unit := int64(1)
	if digits, found := strings.CutSuffix(s, "B"); found {
		s = digits
		for i, suffix := range []string{"Ki", "Mi", "Gi", "Ti"} {
			if digits, found := strings.CutSuffix(s, suffix); found {
				s, unit = digits, 1<<(10*(i+1))
				break
			}
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 || n > math.MaxInt64/unit {
		return 0, false
	}
	return n * unit, true
}
