//go:build e2e

package e2e

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// dockerCommand returns a command of the engine's client, DOCKER if that is set, else docker.
func dockerCommand(args ...string) *exec.Cmd {
	cmd := exec.Command(cmp.Or(os.Getenv("DOCKER"), "docker"), args...)
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "DOCKER_BUILDKIT=1")
	return cmd
}

func docker(args ...string) (string, error) {
	out, err := dockerCommand(args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("docker %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

func mustDocker(t *testing.T, args ...string) string {
	t.Helper()
	out, err := docker(args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

const imageName = "halobuzz-minimal"

// image builds the image once, with the documented command, and returns its name.
var image = sync.OnceValues(func() (string, error) {
	_, err := docker("build", "-t", imageName, ".")
	return imageName, err
})

// container is a container of the image in the host's network.
type container struct {
	endpoint
	id  string
	dir string // of its memory cgroup, seen from the host; findGroup sets it
	v2  bool
}

func runImage(t *testing.T, args ...string) *container {
	t.Helper()
	name, err := image()
	if err != nil {
		t.Fatal(err)
	}
	c := &container{endpoint: endpoint{t, freePort(t)}}
	port := "PORT=" + strconv.Itoa(c.port)
	args = append([]string{"run", "-d", "--network", "host", "-e", port}, args...)
	c.id = mustDocker(t, append(args, name)...)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("output of the container:\n%s", c.logs())
		}
		mustDocker(t, "rm", "-f", c.id)
	})
	eventually(t, 10*time.Second, "serves", c.serves)
	return c
}

func (c *container) logs() string { return mustDocker(c.t, "logs", c.id) }

func (c *container) inspect(format string) string {
	c.t.Helper()
	return mustDocker(c.t, "inspect", "-f", format, c.id)
}

// stop runs `docker stop`. The container must end in time, with exit code 0.
func (c *container) stop(within time.Duration) {
	c.t.Helper()
	began := time.Now()
	mustDocker(c.t, "stop", c.id)
	took := time.Since(began)
	if code := c.inspect("{{.State.ExitCode}}"); code != "0" || took > within {
		c.t.Errorf("docker stop: exit code %s after %v, want 0 within %v", code, took, within)
	}
	c.t.Logf("docker stop took %v", took)
}

// findGroup finds the container's memory cgroup and returns the container.
func (c *container) findGroup() *container {
	c.t.Helper()
	groups, err := os.ReadFile("/proc/" + c.inspect("{{.State.Pid}}") + "/cgroup")
	if err != nil {
		c.t.Fatal(err)
	}
	for line := range strings.Lines(string(groups)) {
		part := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if part[1] == "memory" {
			c.dir, c.v2 = "/sys/fs/cgroup/memory"+part[2], false
			return c
		}
		if part[1] == "" {
			c.dir, c.v2 = "/sys/fs/cgroup"+part[2], true
		}
	}
	if c.dir == "" {
		c.t.Fatalf("no memory cgroup in %q", groups)
	}
	return c
}

// charged returns the memory that the kernel charges to the container.
func (c *container) charged() (usage, workingSet int64) {
	c.t.Helper()
	c.findGroup()
	file, inactive := "memory.usage_in_bytes", "total_inactive_file "
	if c.v2 {
		file, inactive = "memory.current", "inactive_file "
	}
	usage = fileNumber(c.t, filepath.Join(c.dir, file), "")
	return usage, usage - fileNumber(c.t, filepath.Join(c.dir, "memory.stat"), inactive)
}
