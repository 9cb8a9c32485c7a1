//go:build e2e && linux

package e2e

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// underHealthd starts healthd with a command on this machine.
func underHealthd(
	t *testing.T, stdout *os.File, env []string, args ...string,
) *service {
	t.Helper()
	port := freePort(t)
	healthd, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	// PORT is the command's, and launch sets it to healthd's port.
	cmd := exec.Command("env", append([]string{"-u", "PORT", healthd, "--"}, args...)...)
	cmd.Env = append(env, fmt.Sprint("HEALTHD_PORT=", port), "PATH="+os.Getenv("PATH"))
	if stdout != nil {
		cmd.Stdout = stdout
	}
	return launch(t, port, cmd)
}

const blockedNode = `process.stdout.write(('n'.repeat(99) + '\n').repeat(2000));
	setInterval(() => {}, 1000)`

// TestAppSharedOutput shares a pipe with Node, which sets O_NONBLOCK on it, while nobody reads
// from it. Each line of healthd's is written later, or counted as dropped.
func TestAppSharedOutput(t *testing.T) {
	t.Parallel()
	for name, requests := range map[string]int{"queued": 200, "dropped": 1000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, w := pipe(t)
			s := underHealthd(t, w, []string{"HEALTHD_LOG_LEVEL=debug", "HEALTHD_DRAIN_DELAY=0",
				"HEALTHD_MEMORY_LOG_INTERVAL=0"}, "node", "-e", blockedNode)
			eventually(t, 10*time.Second, "shares a pipe that does not block", func() bool {
				return nonblocking(t, s.pid())
			})
			w.Close()
			for range requests {
				get(t, s.url("/readyz"))
			}
			time.Sleep(time.Second)
			read := make(chan string)
			go func() {
				b, _ := io.ReadAll(r)
				read <- string(b)
			}()
			time.Sleep(time.Second)
			s.signal(syscall.SIGTERM)
			s.ended(10 * time.Second)
			checkLines(t, <-read, requests)
		})
	}
}

// nonblocking reports whether the file that is a process's standard output has O_NONBLOCK.
func nonblocking(t *testing.T, pid int) bool {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/1", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(b), "flags:\t")
	octal, _, _ := strings.Cut(after, "\n")
	flags, err := strconv.ParseInt(octal, 8, 64)
	if err != nil {
		t.Fatalf("fdinfo %q: %v", b, err)
	}
	return flags&syscall.O_NONBLOCK != 0
}

var droppedLines = regexp.MustCompile(`msg="log lines were dropped" lines=([0-9]+)`)

// checkLines checks that the output has a line for each request, or counts it as dropped, and
// every line of Node's.
func checkLines(t *testing.T, output string, requests int) {
	t.Helper()
	written := strings.Count(output, "path=/readyz ")
	dropped := 0
	for _, match := range droppedLines.FindAllStringSubmatch(output, -1) {
		n, err := strconv.Atoi(match[1])
		if err != nil {
			t.Fatal(err)
		}
		dropped += n
	}
	node := strings.Count(output, "n")
	t.Logf("%d of %d lines written, %d counted as dropped", written, requests, dropped)
	// A few lines other than those of the requests can be among the dropped.
	if sum := written + dropped; sum < requests || sum > requests+5 {
		t.Errorf("%d lines written and %d counted as dropped, want %d in all",
			written, dropped, requests)
	}
	if node < 2000*99 {
		t.Errorf("%d letters of Node's, want %d", node, 2000*99)
	}
}

// TestAppReaderLeaves has the reader of the shared output leave: neither the app nor healthd
// ends of SIGPIPE.
func TestAppReaderLeaves(t *testing.T) {
	t.Parallel()
	r, w := pipe(t)
	file := filepath.Join(t.TempDir(), "ticks")
	const script = `trap 'exit 7' TERM; while :; do echo tick >>$0; sleep 0.1; done`
	s := underHealthd(t, w, []string{"HEALTHD_LOG_LEVEL=debug", "HEALTHD_DRAIN_DELAY=0",
		"HEALTHD_MEMORY_LOG_INTERVAL=1s"}, "sh", "-c", script, file)
	w.Close()
	r.Close()
	size := func() int64 {
		info, err := os.Stat(file)
		if err != nil {
			return 0
		}
		return info.Size()
	}
	before := size()
	time.Sleep(2500 * time.Millisecond)
	if !s.serves() || size() <= before {
		t.Error("healthd or its command has ended with the reader of the log")
	}
	s.signal(syscall.SIGTERM)
	if code := s.ended(10 * time.Second); code != 7 {
		t.Errorf("the exit code is %d, want 7", code)
	}
}
