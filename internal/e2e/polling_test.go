//go:build e2e && linux

package e2e

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	pollClients  = 64
	pollRequests = pollClients * 125
)

// keepPolling returns the user and system time that a server uses for the requests of clients
// that keep their connections, and how long that takes. One goroutine is all clients, each with
// a request in flight, because that is faster than a server of one thread. A server that waits
// for its clients is charged for falling asleep and waking between their requests.
func keepPolling(t *testing.T, s *service, path string) (used, took time.Duration) {
	t.Helper()
	var clients []*client
	for range pollClients {
		c := s.client()
		defer c.Close()
		clients = append(clients, c)
	}
	request := []byte("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n")
	began, before := time.Now(), cpuTime(t, s.pid())
	for n := range pollRequests + pollClients {
		c := clients[n%pollClients]
		if n >= pollClients {
			if err := skipResponse(c.reader); err != nil {
				t.Fatal(err)
			}
		}
		if n < pollRequests {
			if _, err := c.Write(request); err != nil {
				t.Fatal(err)
			}
		}
	}
	return cpuTime(t, s.pid()) - before, time.Since(began)
}

// skipResponse reads a response with status 200 and a Content-Length. http.ReadResponse would
// take as long as healthd.
func skipResponse(r *bufio.Reader) error {
	status, err := r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 200 ")) {
		return fmt.Errorf("status line %q, want 200", status)
	}
	length := -1
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if string(line) == "\r\n" {
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return errors.New("no Content-Length")
	}
	_, err = r.Discard(length)
	return err
}

// cpuTime returns the CPU time of all threads of a process. The scheduler counts in
// nanoseconds, where proc_pid_stat(5) has hundredths of a second.
func cpuTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(files) == 0 {
		t.Fatalf("no schedstat of %d: %v", pid, err)
	}
	var sum int64
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		ns, err := strconv.ParseInt(strings.Fields(string(b))[0], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += ns
	}
	return time.Duration(sum)
}

// idleCharge returns the charge of a memory cgroup for a server at rest. The pages of the file
// are charged to the cgroup that read them first, so they are not included.
func idleCharge(t *testing.T, c contender) int64 {
	t.Helper()
	dir, charge := newMemoryGroup(t)
	defer os.Remove(dir)
	c.command = append(entering(dir), c.command...)
	s := c.start(t)
	defer s.kill()
	time.Sleep(idleAfter)
	return charge()
}

// newMemoryGroup makes a memory cgroup for a comparison, and returns a function that reads its
// charge.
func newMemoryGroup(t *testing.T) (dir string, charge func() int64) {
	t.Helper()
	root, usage := memoryRoot()
	dir, err := os.MkdirTemp(root, "compare")
	if err != nil {
		t.Fatal(err)
	}
	return dir, func() int64 { return fileNumber(t, filepath.Join(dir, usage), "") }
}

// memoryRoot returns the root of the memory cgroups, and the name of the file that has the
// usage of one.
func memoryRoot() (dir, usage string) {
	const v1 = "/sys/fs/cgroup/memory"
	if _, err := os.Stat(v1 + "/memory.usage_in_bytes"); err == nil {
		return v1, "memory.usage_in_bytes"
	}
	return "/sys/fs/cgroup", "memory.current"
}
