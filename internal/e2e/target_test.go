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

// limits are a container's.
type limits struct {
	mib  int     // memory
	cpus float64 // 0 for all
}

// target is a server under limits, in a container or in a cgroup.
type target interface {
	address() (port, pid int)
	peak() int64 // bytes charged at most
	killed() bool
}

// plain is the plain net/http server: PLAIN_BIN where no Go is installed, else built once.
var plain = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("PLAIN_BIN"); path != "" {
		return path, nil
	}
	path, err := filepath.Abs("../../bin/plain")
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", path, "./testdata/plain")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
})

// dockerLimits are a container's options. Swap would hide what a flood costs.
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

// killed is also true for a container that ended by itself, which none here does.
func (c *container) killed() bool { return c.inspect("{{.State.OOMKilled}}") == "true" }

// peak is 0 where it cannot be read: a container's cgroup goes with it.
func (c *container) peak() int64 {
	name := "memory.max_usage_in_bytes"
	if c.v2 {
		name = "memory.peak"
	}
	b, _ := os.ReadFile(filepath.Join(c.dir, name))
	n, _ := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	return n
}

// oursInDocker starts the image, or HEALTHD_BIN in its place, to compare it with.
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
	return runImage(t, append(dockerLimits(l), "-v", path+":/server:ro", "--entrypoint", "/server")...).findGroup()
}
