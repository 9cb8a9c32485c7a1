package e2e

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
)

// needIPv6 skips a test where there is no ::1, as in some containers. CI has one.
func needIPv6(t *testing.T) {
	t.Helper()
	ln, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		skipUnlessCI(t, err)
	}
	ln.Close()
}

// needProc skips a test where there is no /proc to compare with, as on macOS. CI has one.
func needProc(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/proc/self/status"); err != nil {
		skipUnlessCI(t, err)
	}
}

// skipUnlessCI skips a test for lack of something that CI has.
func skipUnlessCI(t *testing.T, err error) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(err)
	}
	t.Skip(err)
}

// vmRSS returns a process's resident set size in bytes, as ps and top show it.
func vmRSS(t *testing.T, pid int) int64 {
	t.Helper()
	return statusBytes(t, pid, "VmRSS:")
}

// statusBytes returns a size from proc_pid_status(5), which counts in KiB.
func statusBytes(t *testing.T, pid int, key string) int64 {
	t.Helper()
	needProc(t)
	return fileNumber(t, fmt.Sprintf("/proc/%d/status", pid), key) << 10
}

// fileNumber returns the number after key at the start of a line.
func fileNumber(t *testing.T, name, key string) int64 {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		rest, ok := strings.CutPrefix(line, key)
		if !ok {
			continue
		}
		number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return n
	}
	t.Fatalf("%s has no line %q", name, key)
	return 0
}

// near reports whether got is within 10% of want, or within slack bytes.
func near(got, want, slack int64) bool {
	diff := max(got-want, want-got)
	return diff <= max(want/10, slack)
}
