package e2e

import (
	"bufio"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestLogReaderLeaves is `healthd | head -1`.
func TestLogReaderLeaves(t *testing.T) {
	t.Parallel()
	r, w := pipe(t)
	cmd := command(t, []string{"MEMORY_LOG_INTERVAL=1s", "LOG_LEVEL=debug"})
	cmd.Stdout = w
	s := launch(t, freePort(t), cmd)
	w.Close()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil || !strings.Contains(line, "msg=started") {
		t.Fatalf("the first line is %q (%v), want msg=started", line, err)
	}
	r.Close()
	stillWorks(t, s)
}

// TestLogReaderStalls is `healthd | sleep infinity`, with the pipe full.
func TestLogReaderStalls(t *testing.T) {
	t.Parallel()
	r, w := pipe(t)
	cmd := command(t, []string{"MEMORY_LOG_INTERVAL=1s", "LOG_LEVEL=debug"})
	cmd.Stdout = w
	s := launch(t, freePort(t), cmd)
	w.Close()
	// A pipe holds 64 KiB. Further lines are queued, and then dropped.
	const requests = 2000
	for range requests {
		get(t, s.url("/healthz"))
	}
	stillWorks(t, s)
	held, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(held), "\n"); len(held) < 60<<10 || lines >= requests {
		t.Errorf("the pipe held %d bytes in %d lines, want over 60 KiB and not all lines",
			len(held), lines)
	}
}

// stillWorks checks that the service takes samples, serves and stops as it always does.
func stillWorks(t *testing.T, s *service) {
	t.Helper()
	before := s.report().UptimeSeconds
	eventually(t, 10*time.Second, "takes samples", func() bool {
		return s.report().UptimeSeconds >= before+3
	})
	if !s.serves() {
		t.Fatal("GET /healthz fails, want 200")
	}
	s.signal(syscall.SIGINT)
	if code := s.ended(3 * time.Second); code != 0 {
		t.Errorf("the exit code is %d, want 0", code)
	}
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}
