//go:build e2e

package e2e

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// dockerCommand is the engine's client, DOCKER where it is not simply docker.
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

// image builds the image with the documented command, once.
var image = sync.OnceValues(func() (string, error) {
	_, err := docker("build", "-t", imageName, ".")
	return imageName, err
})

// container is the image, running in the host's network.
type container struct {
	t    *testing.T
	id   string
	port int
	dir  string // of its memory cgroup, seen from the host, once findGroup was called
	v2   bool
}

func runImage(t *testing.T, args ...string) *container {
	t.Helper()
	name, err := image()
	if err != nil {
		t.Fatal(err)
	}
	c := &container{t: t, port: freePort(t)}
	args = append([]string{"run", "-d", "--network", "host", "-e", "PORT=" + strconv.Itoa(c.port)}, args...)
	c.id = mustDocker(t, append(args, name)...)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("its output:\n%s", c.logs())
		}
		mustDocker(t, "rm", "-f", c.id)
	})
	eventually(t, 10*time.Second, "answers", func() bool {
		resp, err := http.Get(c.url("/healthz"))
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == 200
	})
	return c
}

func (c *container) url(path string) string {
	return fmt.Sprintf("http://127.0.0.1:%d%s", c.port, path)
}
func (c *container) logs() string { return mustDocker(c.t, "logs", c.id) }

func (c *container) inspect(format string) string {
	c.t.Helper()
	return mustDocker(c.t, "inspect", "-f", format, c.id)
}

// stop is `docker stop`, and must end with exit code 0 in time.
func (c *container) stop(within time.Duration) {
	c.t.Helper()
	began := time.Now()
	mustDocker(c.t, "stop", c.id)
	took := time.Since(began)
	if code := c.inspect("{{.State.ExitCode}}"); code != "0" || took > within {
		c.t.Errorf("docker stop took %v, exit %s, want under %v and 0", took, code, within)
	}
	c.t.Logf("docker stop took %v", took)
}

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

// charged reads what the kernel charges to the container.
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

// fileNumber reads the number after key at the start of a line.
func fileNumber(t *testing.T, name, key string) int64 {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, key); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(rest), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no %q in %s", key, name)
	return 0
}

// TestImageCommands runs the documented commands as they stand.
func TestImageCommands(t *testing.T) {
	bin := t.TempDir()
	if name := os.Getenv("DOCKER"); name != "" {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(bin, "docker")); err != nil {
			t.Fatal(err)
		}
	}
	sh := func(line string) *exec.Cmd {
		cmd := exec.Command("sh", "-c", line)
		cmd.Dir = "../.."
		cmd.Env = append(os.Environ(), "DOCKER_BUILDKIT=1", "PATH="+bin+":"+os.Getenv("PATH"))
		return cmd
	}
	if out, err := sh("docker build -t halobuzz-minimal .").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ln, err := net.Listen("tcp", ":4000")
	if err != nil {
		t.Fatalf("the commands need port 4000: %v", err)
	}
	ln.Close()
	run := sh("exec docker run -p 4000:4000 -e PORT=4000 halobuzz-minimal")
	log := &output{}
	run.Stdout, run.Stderr = log, log
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- run.Wait() }()
	var body []byte
	eventually(t, 15*time.Second, "answers", func() bool {
		select {
		case err := <-ended:
			t.Fatalf("docker run ended: %v\n%s", err, log)
		default:
		}
		body, _ = sh("curl -s http://localhost:4000/healthz").Output()
		return len(body) > 0
	})
	if string(body) != `{"status":"pass"}`+"\n" {
		t.Errorf("curl says %q", body)
	}
	// docker run hands Ctrl-C on to the container.
	run.Process.Signal(os.Interrupt)
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("docker run: %v\n%s", err, log)
		}
	case <-time.After(10 * time.Second):
		run.Process.Kill()
		t.Errorf("docker run goes on after an interrupt")
	}
}

func TestImage(t *testing.T) {
	name, err := image()
	if err != nil {
		t.Fatal(err)
	}
	size, err := strconv.ParseInt(mustDocker(t, "inspect", "-f", "{{.Size}}", name), 10, 64)
	if err != nil || size > 10e6 {
		t.Errorf("the image has %d bytes, want at most 10 MB (%v)", size, err)
	}
	t.Logf("the image has %.2f MB", float64(size)/1e6)
	if user := mustDocker(t, "inspect", "-f", "{{.Config.User}}", name); user != "65532:65532" {
		t.Errorf("user %q", user)
	}
	for _, shell := range []string{"/bin/sh", "/bin/bash", "/busybox/sh"} {
		if _, err := docker("run", "--rm", "--network", "none", "--entrypoint", shell, name, "-c", "true"); err == nil {
			t.Errorf("there is a shell: %s", shell)
		}
	}
	if out := mustDocker(t, "run", "--rm", "--network", "none", name, "version"); !strings.HasPrefix(out, "healthd ") {
		t.Errorf("version says %q", out)
	}
}

func TestImageHardened(t *testing.T) {
	c := runImage(t, "-m", "256m", "--read-only", "--cap-drop", "ALL")
	pid := c.inspect("{{.State.Pid}}")
	status, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil || !strings.Contains(string(status), "\nUid:\t65532\t65532\t65532\t65532\n") {
		t.Errorf("it does not run as 65532: %v", err)
	}
	eventually(t, 5*time.Second, "reports the container's charge", func() bool {
		m := fetchReport(t, c.url("/api/v1/monitoring/health")).Memory
		usage, workingSet := c.charged()
		const slack = 512 << 10
		return m.Container != nil && m.Container.UsageBytes != nil && m.Container.WorkingSetBytes != nil &&
			near(*m.Container.UsageBytes, usage, slack) && near(*m.Container.WorkingSetBytes, workingSet, slack)
	})
	m := fetchReport(t, c.url("/api/v1/monitoring/health")).Memory
	usage, workingSet := c.charged()
	t.Logf("usageBytes %d, the cgroup's %d; workingSetBytes %d, the cgroup's %d",
		*m.Container.UsageBytes, usage, *m.Container.WorkingSetBytes, workingSet)
	if m.Container.LimitBytes == nil || *m.Container.LimitBytes != 268435456 {
		t.Errorf("limitBytes is not 268435456: %+v", m.Container)
	}
	if m.GoLimitBytes == nil || *m.GoLimitBytes != 200<<20 || m.GoLimitSource != "GOMEMLIMIT" {
		t.Errorf("the Go limit is not the image's 200MiB: %+v", m)
	}
	n, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, 5*time.Second, "reports the kernel's RSS within 10 %", func() bool {
		return near(fetchReport(t, c.url("/api/v1/monitoring/health")).Memory.RSSBytes, vmRSS(t, n), 0)
	})
	eventually(t, 30*time.Second, "is healthy to Docker", func() bool { return c.inspect("{{.State.Health.Status}}") == "healthy" })
	if got := compareMetrics(t, c.url).values["container_spec_memory_limit_bytes"]; got != 268435456 {
		t.Errorf("container_spec_memory_limit_bytes %v, want 268435456", got)
	}
	dialContainer(t, c) // silent
	c.stop(5 * time.Second)
}

func dialContainer(t *testing.T, c *container) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", c.port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestImageStopsUnderSlowBody(t *testing.T) {
	c := runImage(t, "-m", "256m")
	conn := dialContainer(t, c)
	io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
	go func() {
		for range 20 {
			if _, err := io.WriteString(conn, "x"); err != nil {
				return
			}
			time.Sleep(time.Second)
		}
	}()
	c.stop(9 * time.Second)
}

// TestImageSmallestPlan is the smallest plan's processor and memory.
func TestImageSmallestPlan(t *testing.T) {
	c := runImage(t, "--cpus", "0.1", "-m", "256m")
	answered := time.Now()
	started, err := time.Parse(time.RFC3339Nano, c.inspect("{{.State.StartedAt}}"))
	if err != nil {
		t.Fatal(err)
	}
	if took := answered.Sub(started); took > 2*time.Second {
		t.Errorf("it served after %v, want 2 s at most", took)
	} else {
		t.Logf("it served %v after the container's start", took)
	}
}

func TestImageMemoryLimit(t *testing.T) {
	for _, tt := range []struct {
		name   string
		args   []string
		bytes  int64 // 0 for absent
		source string
		log    string
	}{
		{"the image's", []string{"-m", "256m"}, 200 << 20, "GOMEMLIMIT", "goLimitBytes=209715200"},
		{"empty", []string{"-m", "256m", "-e", "GOMEMLIMIT="}, 268435456 / 10 * 8, "container", "goLimitSource=container"},
		{"over the container's", []string{"-m", "64m", "-e", "GOMEMLIMIT=512MiB"}, 67108864 / 10 * 8, "container", "goLimitBytes=53687088 goLimitSource=container"},
		{"the image's in a smaller container", []string{"-m", "64m"}, 67108864 / 10 * 8, "container", "goLimitBytes=53687088 goLimitSource=container"},
		{"off", []string{"-m", "64m", "-e", "GOMEMLIMIT=off"}, 0, "off", "goLimitSource=off"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := runImage(t, tt.args...)
			checkGoLimit(t, c, tt.bytes, tt.source)
			if !strings.Contains(c.logs(), tt.log) {
				t.Errorf("the log lacks %s", tt.log)
			}
			if strings.Contains(c.logs(), "GOMEMLIMIT changed") {
				t.Error("the log calls the first limit a change")
			}
		})
	}
	t.Run("resized", func(t *testing.T) {
		t.Parallel()
		c := runImage(t, "-m", "256m", "-e", "GOMEMLIMIT=")
		checkGoLimit(t, c, 268435456/10*8, "container")
		mustDocker(t, "update", "-m", "128m", "--memory-swap", "128m", c.id)
		eventually(t, 3*time.Second, "reports the new limit", func() bool {
			m := fetchReport(t, c.url("/api/v1/monitoring/health")).Memory
			return *m.Container.LimitBytes == 128<<20 && *m.GoLimitBytes < 103<<20
		})
		checkGoLimit(t, c, 134217728/10*8, "container")
		if !strings.Contains(c.logs(), "GOMEMLIMIT changed") {
			t.Error("the change is not logged")
		}
	})
}

// checkGoLimit holds the reported limit to within 1 MiB.
func checkGoLimit(t *testing.T, c *container, want int64, source string) {
	t.Helper()
	m := fetchReport(t, c.url("/api/v1/monitoring/health")).Memory
	var got int64
	if m.GoLimitBytes != nil {
		got = *m.GoLimitBytes
	}
	if max(got-want, want-got) > 1<<20 || m.GoLimitSource != source {
		t.Errorf("goLimitBytes %d from %s, want %d from %s", got, m.GoLimitSource, want, source)
	}
}
