package config

import (
	"math"
	"strconv"
	"strings"
)

// ParseMemoryLimit reads a GOMEMLIMIT value as the Go runtime does (runtime/mgcpacer.go,
// readGOMEMLIMIT): whole bytes with an optional B, KiB, MiB, GiB or TiB, or "off",
// which is math.MaxInt64. It differs in two points: the empty string is no limit
// in the runtime and not a value here, and so is 0, which would keep the
// collector running without a pause.
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
