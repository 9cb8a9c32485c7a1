//go:build e2e && linux

package e2e

import (
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"
)

// TestBudget measures the cost of healthd at rest beside the smallest net/http server, which is
// built with the same flags but has HTTP/2.
func TestBudget(t *testing.T) {
	ours, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	plain, err := plain()
	if err != nil {
		t.Fatal(err)
	}
	const maxBinary, maxIdle = 7.0e6, 7.2e6
	const runs = 7
	var ourRSS, plainRSS []int64
	for range runs {
		ourRSS = append(ourRSS, idleRSS(t, ours))
		plainRSS = append(plainRSS, idleRSS(t, plain))
	}
	slices.Sort(ourRSS)
	slices.Sort(plainRSS)
	t.Logf("             binary     idle VmRSS (median of %d)", runs)
	line := func(name, path string, rss []int64) {
		t.Logf("%-12s %.2f MB    %.2f MB (%.2f-%.2f)", name,
			mb(size(t, path)), mb(rss[runs/2]), mb(rss[0]), mb(rss[runs-1]))
	}
	line("healthd", ours, ourRSS)
	line("net/http", plain, plainRSS)
	if got := size(t, ours); got > maxBinary {
		t.Errorf("the size of the binary is %d bytes, want at most %.0f", got, maxBinary)
	}
	if got := ourRSS[runs/2]; got > maxIdle {
		t.Errorf("idle VmRSS is %d bytes, want at most %.0f", got, maxIdle)
	}
}

func mb(bytes int64) float64 { return float64(bytes) / 1e6 }

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// idleRSS returns VmRSS two seconds after one request. No earlier one reaches the server,
// because it does not listen yet.
func idleRSS(t *testing.T, path string) int64 {
	t.Helper()
	s := launch(t, freePort(t), exec.Command(path))
	defer s.kill()
	time.Sleep(idleAfter)
	return vmRSS(t, s.pid())
}

// idleAfter is the time from the start of a server to the measurement of its idle memory.
const idleAfter = 2 * time.Second
