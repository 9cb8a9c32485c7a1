//go:build e2e

package e2e

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestImageCommands runs the documented commands unchanged.
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
	eventually(t, 15*time.Second, "serves", func() bool {
		select {
		case err := <-ended:
			t.Fatalf("docker run ended: %v\n%s", err, log)
		default:
		}
		body, _ = sh("curl -s http://localhost:4000/healthz").Output()
		return len(body) > 0
	})
	if string(body) != `{"status":"pass"}`+"\n" {
		t.Errorf("curl prints %q, want the status pass", body)
	}
	// docker run passes Ctrl-C on to the container.
	run.Process.Signal(os.Interrupt)
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("docker run: %v\n%s", err, log)
		}
	case <-time.After(10 * time.Second):
		run.Process.Kill()
		t.Errorf("docker run still runs 10 s after an interrupt")
	}
}

func TestImage(t *testing.T) {
	name, err := image()
	if err != nil {
		t.Fatal(err)
	}
	size, err := strconv.ParseInt(mustDocker(t, "inspect", "-f", "{{.Size}}", name), 10, 64)
	if err != nil || size > 10e6 {
		t.Errorf("the size of the image is %d bytes (%v), want at most 10 MB", size, err)
	}
	t.Logf("the size of the image is %.2f MB", float64(size)/1e6)
	const want = "65532:65532"
	if got := mustDocker(t, "inspect", "-f", "{{.Config.User}}", name); got != want {
		t.Errorf("the user of the image is %q, want %s", got, want)
	}
	run := []string{"run", "--rm", "--network", "none"}
	for _, shell := range []string{"/bin/sh", "/bin/bash", "/busybox/sh"} {
		_, err := docker(append(run, "--entrypoint", shell, name, "-c", "true")...)
		if err == nil {
			t.Errorf("the image has the shell %s, want none", shell)
		}
	}
	if out := mustDocker(t, append(run, name, "version")...); !strings.HasPrefix(out, "healthd ") {
		t.Errorf("healthd version prints %q, want healthd first", out)
	}
}

func TestImageHardened(t *testing.T) {
	c := runImage(t, "-m", "256m", "--read-only", "--cap-drop", "ALL")
	pid, err := strconv.Atoi(c.inspect("{{.State.Pid}}"))
	if err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	if want := "\nUid:\t65532\t65532\t65532\t65532\n"; !strings.Contains(string(status), want) {
		t.Errorf("the process status is %s, want %q in it", status, want)
	}
	eventually(t, 5*time.Second, "reports the container's charge", func() bool {
		m := c.report().Memory.Container
		usage, workingSet := c.charged()
		const slack = 512 << 10
		return m != nil && m.UsageBytes != nil && m.WorkingSetBytes != nil &&
			near(*m.UsageBytes, usage, slack) && near(*m.WorkingSetBytes, workingSet, slack)
	})
	m := c.report().Memory
	usage, workingSet := c.charged()
	t.Logf("usageBytes %d, the cgroup's %d; workingSetBytes %d, the cgroup's %d",
		*m.Container.UsageBytes, usage, *m.Container.WorkingSetBytes, workingSet)
	if m.Container.LimitBytes == nil || *m.Container.LimitBytes != 268435456 {
		t.Errorf("container = %+v, want limitBytes 268435456", m.Container)
	}
	if m.GoLimitBytes == nil || *m.GoLimitBytes != 200<<20 || m.GoLimitSource != "GOMEMLIMIT" {
		t.Errorf("memory = %+v, want the image's GOMEMLIMIT of 200MiB", m)
	}
	eventually(t, 5*time.Second, "reports the kernel's RSS within 10%", func() bool {
		return near(c.report().Memory.RSSBytes, vmRSS(t, pid), 0)
	})
	eventually(t, 30*time.Second, "is healthy to Docker", func() bool {
		return c.inspect("{{.State.Health.Status}}") == "healthy"
	})
	const limit = "container_spec_memory_limit_bytes"
	if got := compareMetrics(t, c.url).values[limit]; got != 268435456 {
		t.Errorf("%s = %v, want 268435456", limit, got)
	}
	c.dial() // sends nothing
	c.stop(5 * time.Second)
}

func TestImageStopsUnderSlowBody(t *testing.T) {
	c := runImage(t, "-m", "256m")
	conn := c.dial()
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

// TestImageSmallestPlan has the processor and memory of the smallest plan.
func TestImageSmallestPlan(t *testing.T) {
	c := runImage(t, "--cpus", "0.1", "-m", "256m")
	answered := time.Now()
	started, err := time.Parse(time.RFC3339Nano, c.inspect("{{.State.StartedAt}}"))
	if err != nil {
		t.Fatal(err)
	}
	if took := answered.Sub(started); took > 2*time.Second {
		t.Errorf("the first response came after %v, want 2 s at most", took)
	} else {
		t.Logf("the first response came %v after the container's start", took)
	}
}
