package server

import (
	"math"
	"testing"
)

func TestConnectionLimit(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	for _, tt := range []struct {
		name       string
		configured int
		container  int64
		maxFiles   uint64
		openFiles  int
		want       int
		lowered    bool
	}{
		{"no container", 0, 0, 1 << 20, 10, 512, false},
		{"256 MiB", 0, 256 * mib, 1 << 20, 10, 512, false},
		{"64 MiB", 0, 64 * mib, 1 << 20, 10, 128, false},
		{"at least 64", 0, 8 * mib, 1 << 20, 10, 64, false},
		{"at most 512", 0, mib * mib, 1 << 20, 10, 512, false},
		{"configured", 10000, 64 * mib, 1 << 20, 10, 10000, false},
		{"unlimited files", 10000, 64 * mib, math.MaxUint64, 10, 10000, false},
		{"few files", 0, 256 * mib, 64, 10, 32, true},
		{"just enough files", 100, 256 * mib, 132, 10, 100, false},
		{"configured above the files", 10000, 0, 1024, 10, 992, true},
		{"24 in use and 8 are the fewest", 0, 256 * mib, 64, 24, 32, true},
		{"25 in use", 0, 256 * mib, 64, 25, 31, true},
		{"16 nested cgroups", 0, 0, 128, 45, 75, true},
		{"just enough beside those in use", 75, 0, 128, 45, 75, false},
		{"more in use than there may be", 0, 0, 64, 100, 4, true},
		{"unlimited files beside many", 10000, 64 * mib, math.MaxUint64, 500, 10000, false},
		{"hardly any files", 0, 0, 20, 10, 4, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, lowered := ConnectionLimit(tt.configured, tt.container, tt.maxFiles, tt.openFiles)
			if got != tt.want || lowered != tt.lowered {
				t.Errorf("ConnectionLimit(%d, %d, %d, %d) = %d, %v, want %d, %v",
					tt.configured, tt.container, tt.maxFiles, tt.openFiles,
					got, lowered, tt.want, tt.lowered)
			}
		})
	}
}
