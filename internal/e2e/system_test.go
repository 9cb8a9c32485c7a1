//go:build e2e && linux

package e2e

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/halobuzz/healthd/internal/health"
	"github.com/halobuzz/healthd/internal/report"
)

// TestSystemWithoutProc runs the service as nobody in a root directory that holds
// nothing else: no /proc, no /sys, no /etc. It needs root.
func TestSystemWithoutProc(t *testing.T) {
	s, _ := startAlone(t)
	m := s.report().Memory
	if m.RSSSource != "runtime" || m.RSSBytes != m.GoBytes || m.Container != nil {
		t.Errorf("memory = %+v, want the runtime's estimate and no container", m)
	}
}

// TestSystemStuckSampler puts a named pipe in the place of the kernel's file. Opening it blocks
// until there is a writer.
func TestSystemStuckSampler(t *testing.T) {
	s, root := startAlone(t)
	proc := filepath.Join(root, "proc", "self")
	if err := os.MkdirAll(proc, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(proc, "statm"), 0o644); err != nil {
		t.Fatal(err)
	}
	// The service looks for the file every ten seconds, and a sample is stale ten seconds later.
	eventually(t, 25*time.Second, "fails", func() bool {
		resp, body := get(t, s.url(report.MonitoringPath))
		return resp.StatusCode == 503 &&
			strings.HasPrefix(body, `{"status":"fail","output":"`+health.StaleReason+`"`)
	})
	if resp, _ := get(t, s.url("/readyz")); resp.StatusCode != 503 {
		t.Errorf("GET /readyz = %d, want 503", resp.StatusCode)
	}
	if resp, body := get(t, s.url("/healthz")); resp.StatusCode != 200 {
		t.Errorf("GET /healthz = %d %s, want 200", resp.StatusCode, body)
	}
	eventually(t, 5*time.Second, "logs the failure", func() bool {
		return len(s.log.lines("status changed")) == 1
	})
	s.signal(syscall.SIGINT)
	if code := s.ended(10 * time.Second); code != 0 {
		t.Errorf("the exit code is %d, want 0", code)
	}
}

// startAlone runs the service as nobody in a root directory that holds nothing else.
func startAlone(t *testing.T) (s *service, root string) {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	root = t.TempDir()
	copyFile(t, path, filepath.Join(root, "healthd"))
	for dir := root; dir != os.TempDir(); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("/healthd")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Chroot: root, Credential: &syscall.Credential{Uid: 65534, Gid: 65534},
	}
	return launch(t, freePort(t), cmd), root
}

// TestSystemHugePages asks the kernel whether it gives the service huge pages.
func TestSystemHugePages(t *testing.T) {
	status := fmt.Sprintf("/proc/%d/status", start(t).pid())
	if got := fileNumber(t, status, "THP_enabled:"); got != 0 {
		t.Errorf("THP_enabled = %d, want 0", got)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	src, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(dst, src); err != nil {
		t.Fatal(err)
	}
	if err := dst.Close(); err != nil {
		t.Fatal(err)
	}
}
