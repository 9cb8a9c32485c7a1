//go:build e2e && linux

package e2e

import (
	"fmt"
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

// scenario is a flood, and what it does to a plain server.
type scenario struct {
	name      string
	limits    limits
	count     int
	use       string
	plainDies bool
	maxPeak   int64   // bytes
	answered  float64 // share of probes that must be answered; 0 where the time is not real
}

const mib = 1 << 20

var scenarios = []scenario{
	{"8,000 held in 64 MiB", limits{64, 0.5}, 8000, "held", true, 32 * mib, 1},
	{"8,000 half headers in 64 MiB", limits{64, 0.5}, 8000, "halfHeader", true, 32 * mib, 1},
	{"2,000 slow 1 MB headers in 64 MiB", limits{64, 0.5}, 2000, "slowHeader", true, 32 * mib, 1},
	{"2,000 slow bodies in 64 MiB", limits{64, 0.5}, 2000, "slowBody", false, 32 * mib, 1},
	{"2,000 pipelines in 64 MiB", limits{64, 0.5}, 2000, "pipeline", false, 32 * mib, 1},
	{"16,000 held in 256 MiB", limits{256, 0.5}, 16000, "held", true, 32 * mib, 1},
	{"4,000 held in 32 MiB, 0.1 CPU", limits{32, 0.1}, 4000, "held", true, 32 * mib, 0.9},
}

// outcome is a scenario's line of figures.
type outcome struct {
	opened     int64
	took       time.Duration // to open them
	probes     probed
	pages      probed
	lateMisses int // probes not answered once the flood stood
	peak       int64
	killed     bool
}

func (o outcome) String() string {
	end := "alive"
	if o.killed {
		end = "OOM-killed"
	}
	return fmt.Sprintf("opened %d in %.1f s, probes %v, pages %v, peak %.1f MiB, %s", o.opened, o.took.Seconds(), o.probes, o.pages, float64(o.peak)/mib, end)
}

// floodLength is enough to feed a header of 1 MB in.
const floodLength = 8 * time.Second

// run floods a target while it is probed.
func (s scenario) run(t *testing.T, on target) outcome {
	t.Helper()
	port, _ := on.address()
	prober, poller := startProber(port, liveness), startProber(port, pages)
	began := time.Now()
	flood := startFlood(t, floodSpec{s.use, port, s.count, floodLength})()
	o := outcome{opened: flood.Opened, took: flood.Took, probes: prober.stop(), pages: poller.stop()}
	for _, p := range prober.probes {
		if p.err != nil && p.at.Sub(began) > flood.Took {
			o.lateMisses++
		}
	}
	o.peak, o.killed = on.peak(), on.killed()
	return o
}

// survive holds healthd to a scenario and shows that the plain server does not.
func survive(t *testing.T, s scenario, ours, plain func(*testing.T, limits) target) {
	t.Helper()
	on := ours(t, s.limits)
	_, pid := on.address()
	time.Sleep(2 * time.Second)
	idle := vmRSS(t, pid)
	o := s.run(t, on)
	t.Logf("%-36s healthd   %v", s.name, o)
	if o.killed {
		t.Fatal("healthd was OOM-killed")
	}
	const within = 90 * time.Second
	back := make(chan time.Duration, 1)
	ended := time.Now()
	go func() {
		defer close(back)
		for vmRSS(t, pid) > 2*idle && time.Since(ended) < within {
			time.Sleep(100 * time.Millisecond)
		}
		back <- time.Since(ended)
	}()
	if o.opened < int64(s.count) {
		t.Errorf("the flood opened %d of %d connections", o.opened, s.count)
	}
	if s.answered > 0 {
		for what, p := range map[string]probed{"probes": o.probes, "pages": o.pages} {
			if float64(p.answered) < s.answered*float64(p.total) {
				t.Errorf("%d of %d %s were answered: %v", p.answered, p.total, what, p.firstError)
			}
		}
		if o.lateMisses > 0 {
			t.Errorf("%d probes were not answered once the flood stood: %v", o.lateMisses, o.probes.firstError)
		}
	}
	if o.peak == 0 {
		t.Error("the peak could not be read")
	}
	if o.peak > s.maxPeak {
		t.Errorf("the peak was %.1f MiB, want at most %d", float64(o.peak)/mib, s.maxPeak/mib)
	}

	p := s.run(t, plain(t, s.limits))
	t.Logf("%-36s net/http  %v", s.name, p)
	if s.plainDies && !p.killed {
		t.Error("the plain server survived: the flood is not what it says")
	}

	t.Parallel() // the floods of the others come before the rest
	took := <-back
	if took >= within {
		t.Errorf("VmRSS was not at most twice what it was at rest, %d bytes, within %v", idle, within)
	}
	eventually(t, within-time.Since(ended), "stays given back", func() bool { return vmRSS(t, pid) <= 2*idle })
	t.Logf("%-36s healthd   VmRSS %.1f MiB idle, at most twice that after %.0f s, %.1f MiB after %.0f s",
		s.name, float64(idle)/mib, took.Seconds(), float64(vmRSS(t, pid))/mib, time.Since(ended).Seconds())
}

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

func oursInDocker(t *testing.T, l limits) target { return runImage(t, dockerLimits(l)...).findGroup() }

func plainInDocker(t *testing.T, l limits) target {
	path, err := plain()
	if err != nil {
		t.Fatal(err)
	}
	return runImage(t, append(dockerLimits(l), "-v", path+":/plain:ro", "--entrypoint", "/plain")...).findGroup()
}

func TestSurvive(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) { survive(t, s, oursInDocker, plainInDocker) })
	}
}

// TestSurvivePolling is not a flood: 64 clients on the smallest plan that ask for the
// monitoring document without a pause.
func TestSurvivePolling(t *testing.T) {
	for _, server := range []struct {
		name  string
		start func(*testing.T, limits) target
	}{{"healthd", oursInDocker}, {"net/http", plainInDocker}} {
		on := server.start(t, limits{256, 0.1})
		port, pid := on.address()
		prober := startProber(port, probing{250 * time.Millisecond, 5 * time.Second, []string{"/healthz"}, http.StatusOK})
		wait := startFlood(t, floodSpec{"poll", port, 64, 20 * time.Second})
		time.Sleep(5 * time.Second)
		early := vmRSS(t, pid)
		flood := wait()
		late := vmRSS(t, pid)
		probes := prober.stop()
		t.Logf("64 pollers for 20 s in 256 MiB, 0.1 CPU  %-9s answers %d, 5xx %d, probes %v, VmRSS %.1f to %.1f MiB",
			server.name, flood.Answers, flood.Errors, probes, float64(early)/mib, float64(late)/mib)
		if server.name != "healthd" {
			continue
		}
		if probes.answered != probes.total || flood.Errors > 0 {
			t.Errorf("%d of %d probes were answered and %d answers were 5xx: %v", probes.answered, probes.total, flood.Errors, probes.firstError)
		}
		if late > early+mib {
			t.Errorf("VmRSS grew from %d to %d bytes", early, late)
		}
	}
}

// TestSurviveIdle: memory at rest stays where it is. Ten minutes, or with -short 40 s.
func TestSurviveIdle(t *testing.T) {
	t.Parallel()
	s := start(t)
	time.Sleep(10 * time.Second)
	early := vmRSS(t, s.cmd.Process.Pid)
	length := 10 * time.Minute
	if testing.Short() {
		length = 40 * time.Second
	}
	time.Sleep(length - 10*time.Second)
	late := vmRSS(t, s.cmd.Process.Pid)
	t.Logf("idle: VmRSS %.2f MB after 10 s, %.2f MB after %v", mb(early), mb(late), length)
	if late > early+1.5e6 {
		t.Errorf("VmRSS grew from %d to %d bytes", early, late)
	}
}

// TestSurviveGivesBack: what a burst took is released, and the log says why.
func TestSurviveGivesBack(t *testing.T) {
	t.Parallel()
	s := start(t, "LOG_LEVEL=debug", "MEMORY_LOG_INTERVAL=0")
	pid := s.cmd.Process.Pid
	idle := vmRSS(t, pid)
	startFlood(t, floodSpec{"held", s.port, 500, 3 * time.Second})()
	full := vmRSS(t, pid)
	eventually(t, 60*time.Second, "gives memory back", func() bool { return len(s.log.lines("memory given back")) == 1 })
	after := vmRSS(t, pid)
	t.Logf("500 held: VmRSS %.1f MiB idle, %.1f after the burst, %.1f once given back", float64(idle)/mib, float64(full)/mib, float64(after)/mib)
	if after > full || after > 2*idle {
		t.Errorf("VmRSS %d idle, %d after the burst, %d once given back", idle, full, after)
	}
}

// TestSurviveOpenFiles has 64 descriptors and 500 connections.
func TestSurviveOpenFiles(t *testing.T) {
	path, err := plain()
	if err != nil {
		t.Fatal(err)
	}
	ours, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	for _, server := range []struct{ name, path string }{{"healthd", ours}, {"net/http", path}} {
		port := freePort(t)
		cmd := exec.Command("sh", "-c", "ulimit -n 64; exec "+server.path)
		cmd.Env = []string{"PORT=" + strconv.Itoa(port)}
		cmd.Dir = t.TempDir()
		s := launch(t, port, cmd)
		prober := startProber(port, liveness)
		flood := startFlood(t, floodSpec{"held", port, 500, 5 * time.Second})()
		probes := prober.stop()
		t.Logf("500 held, 64 descriptors  %-9s opened %d, probes %v", server.name, flood.Opened, probes)
		if server.name == "healthd" {
			if probes.answered != probes.total {
				t.Errorf("%d of %d probes were answered: %v", probes.answered, probes.total, probes.firstError)
			}
			if n := strings.Count(s.log.String(), "evicting connections"); n != 1 {
				t.Errorf("the evictions are logged %d times, want once", n)
			}
		} else if probes.answered == probes.total {
			t.Error("the plain server answered every probe: the flood is not what it says")
		}
	}
}
