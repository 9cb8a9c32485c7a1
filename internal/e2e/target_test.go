//go:build e2e && linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// limits are the limits of a container.
type limits struct {
	mib  int     // memory
	cpus float64 // 0 for all
}

// target is a server under limits, in a container or in a cgroup.
type target interface {
	address() (port, pid int)
	peak() int64 // highest charge in bytes
	killed() bool
}

// plain returns the path of the plain net/http server: PLAIN_BIN where no Go is installed,
// else a program that is built once.
var plain = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("PLAIN_BIN"); path != "" {
		return path, nil
	}
	path, err := filepath.Abs("../../bin/plain")
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w",
		"-o", path, "./testdata/plain")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
})

// dockerLimits returns options of docker run. Swap would hide the cost of a flood.
func dockerLimits(l limits) []string {
	memory := fmt.Sprintf("%dm", l.mib)
	return []string{"-m", memory, "--memory-swap", memory, "--cpus", fmt.Sprint(l.cpus)}
}

func (c *container) address() (port, pid int) {
	pid, err := strconv.Atoi(c.inspect("{{.State.Pid}}"))
	if err != nil {
		c.t.Fatal(err)
	}
	return c.port, pid
}

// killed reports whether the kernel killed a process of the container.
func (c *container) killed() bool { return c.inspect("{{.State.OOMKilled}}") == "true" }

// peak returns 0 if the container, and its cgroup with it, is gone.
func (c *container) peak() int64 {
	name := "memory.max_usage_in_bytes"
	if c.v2 {
		name = "memory.peak"
	}
	b, _ := os.ReadFile(filepath.Join(c.dir, name))
	n, _ := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	return n
}

// oursInDocker starts the image, or the program HEALTHD_BIN instead.
func oursInDocker(t *testing.T, l limits) target {
	if path := os.Getenv("HEALTHD_BIN"); path != "" {
		return mounted(t, path, l)
	}
	return runImage(t, dockerLimits(l)...).findGroup()
}

func plainInDocker(t *testing.T, l limits) target {
	path, err := plain()
	if err != nil {
		t.Fatal(err)
	}
	return mounted(t, path, l)
}

// mounted starts a static binary of this machine in a container of the image.
func mounted(t *testing.T, path string, l limits) target {
	args := append(dockerLimits(l), "-v", path+":/server:ro", "--entrypoint", "/server")
	return runImage(t, args...).findGroup()
}
