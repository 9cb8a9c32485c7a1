package memory

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestRSSIsTheKernels compares with another file of the kernel's.
func TestRSSIsTheKernels(t *testing.T) {
	p := newProcess(os.DirFS("/"))
	got := p.rss()
	want := vmRSS(t)
	if !got.OK || got.N < want-want/10 || got.N > want+want/10 {
		t.Errorf("rss() = %v, want within 10 %% of VmRSS, %d", got, want)
	}
}

// vmRSS reads VmRSS from /proc/self/status, in bytes.
func vmRSS(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(status) {
		if rest, ok := strings.CutPrefix(string(line), "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatalf("/proc/self/status has no VmRSS: %q", status)
	return 0
}
