//go:build e2e && linux

package e2e

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSystemWithoutProc runs the service as nobody in a root directory that holds
// nothing else: no /proc, no /sys, no /etc. It needs root.
func TestSystemWithoutProc(t *testing.T) {
	s, _ := startAlone(t)
	m := s.report().Memory
	if m.RSSSource != "runtime" || m.RSSBytes != m.GoBytes || m.Container != nil {
		t.Errorf("memory %+v, want the runtime's estimate and no container", m)
	}
}

// TestSystemStuckSampler puts a pipe where the kernel's file should be: to open it blocks
// until someone writes.
func TestSystemStuckSampler(t *testing.T) {
	s, root := startAlone(t)
	proc := filepath.Join(root, "proc", "self")
	if err := os.MkdirAll(proc, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(proc, "statm"), 0o644); err != nil {
		t.Fatal(err)
	}
	// The file is looked for every ten seconds, and a sample is stale ten seconds later.
	eventually(t, 25*time.Second, "fails", func() bool {
		resp, body := get(t, s.url("/api/v1/monitoring/health"))
		return resp.StatusCode == 503 && strings.HasPrefix(body, `{"status":"fail","output":"Memory was last measured`)
	})
	if resp, _ := get(t, s.url("/readyz")); resp.StatusCode != 503 {
		t.Errorf("/readyz %d, want 503", resp.StatusCode)
	}
	if resp, body := get(t, s.url("/healthz")); resp.StatusCode != 200 {
		t.Errorf("/healthz %d %s, want 200", resp.StatusCode, body)
	}
	eventually(t, 5*time.Second, "logs the failure", func() bool { return len(s.log.lines("status changed")) == 1 })
	s.signal(syscall.SIGINT)
	if code := s.ended(10 * time.Second); code != 0 {
		t.Errorf("exit %d, want 0", code)
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
	port := freePort(t)
	cmd := exec.Command("/healthd")
	cmd.Env = []string{"PORT=" + strconv.Itoa(port)}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	return launch(t, port, cmd), root
}

// TestSystemHugePages reads what the kernel says of the running service.
func TestSystemHugePages(t *testing.T) {
	name := fmt.Sprintf("/proc/%d/status", start(t).cmd.Process.Pid)
	status, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(status), "\nTHP_enabled:\t0\n") {
		t.Errorf("transparent huge pages are not refused:\n%s", status)
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

// TestBudget measures what the program costs at rest beside the smallest net/http server,
// built with the same flags, but with HTTP/2.
func TestBudget(t *testing.T) {
	ours, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	plain, err := plain()
	if err != nil {
		t.Fatal(err)
	}
	const maxBinary, maxIdle = 6.6e6, 7.2e6
	const runs = 7
	var ourRSS, plainRSS []int64
	for range runs {
		ourRSS = append(ourRSS, idleRSS(t, ours))
		plainRSS = append(plainRSS, idleRSS(t, plain))
	}
	slices.Sort(ourRSS)
	slices.Sort(plainRSS)
	t.Logf("             binary     idle VmRSS (median of %d)", runs)
	t.Logf("healthd      %.2f MB    %.2f MB (%.2f-%.2f)", mb(size(t, ours)), mb(ourRSS[runs/2]), mb(ourRSS[0]), mb(ourRSS[runs-1]))
	t.Logf("net/http     %.2f MB    %.2f MB (%.2f-%.2f)", mb(size(t, plain)), mb(plainRSS[runs/2]), mb(plainRSS[0]), mb(plainRSS[runs-1]))
	if got := size(t, ours); got > maxBinary {
		t.Errorf("the binary has %d bytes, want at most %.0f", got, maxBinary)
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

// idleRSS is VmRSS two seconds after one request.
func idleRSS(t *testing.T, path string) int64 {
	t.Helper()
	s := contender{command: []string{path}}.start(t) // one request, in effect: nothing listens before
	defer s.quit()
	time.Sleep(2 * time.Second)
	return vmRSS(t, s.cmd.Process.Pid)
}
