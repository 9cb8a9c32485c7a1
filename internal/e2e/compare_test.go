//go:build e2e && linux

package e2e

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// contender is a server to compare.
type contender struct {
	name    string
	binary  string // what size is compared, if it is one file
	command []string
	env     []string
}

func (c contender) start(t *testing.T) *service {
	t.Helper()
	port := freePort(t)
	cmd := exec.Command(c.command[0], c.command[1:]...)
	cmd.Env = append([]string{"PORT=" + strconv.Itoa(port), "PATH=" + os.Getenv("PATH")}, c.env...)
	cmd.Dir = t.TempDir()
	return launch(t, port, cmd)
}

// quit ends a service before its test does.
func (s *service) quit() {
	s.cmd.Process.Kill()
	<-s.done
}

// installExpress installs the Express server where there is npm.
func installExpress(t *testing.T) (contender, bool) {
	t.Helper()
	if _, err := exec.LookPath("npm"); err != nil {
		t.Log("no npm here: Express is left out")
		return contender{}, false
	}
	dir := t.TempDir()
	for _, name := range []string{"package.json", "server.js"} {
		copyFile(t, filepath.Join("testdata/express", name), filepath.Join(dir, name))
	}
	install := exec.Command("npm", "install", "--silent", "--no-audit", "--no-fund")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm install: %v\n%s", err, out)
	}
	return contender{name: "Express", command: []string{"node", filepath.Join(dir, "server.js")}}, true
}

// figures are what one contender costs.
type figures struct {
	binary     int64
	first200   []time.Duration
	idle       []int64
	charge     []int64
	cpu        [len(comparePaths)][]float64 // microseconds a request
	busy       [len(comparePaths)][]float64 // CPUs used while it was polled
	perConn    int64
	floodPeak  int64
	floodAfter int64
}

const compareRuns = 11

var comparePaths = [...]string{"/healthz", "/api/v1/monitoring/health"}

// TestCompare prints what healthd costs beside a plain net/http server with the same
// timeouts and headers, and beside Express.
func TestCompare(t *testing.T) {
	ours, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := plain()
	if err != nil {
		t.Fatal(err)
	}
	const healthd, netHTTP, express = 0, 1, 2
	contenders := []contender{
		healthd: {name: "healthd", binary: ours, command: []string{ours}},
		netHTTP: {name: "net/http", binary: theirs, command: []string{theirs}, env: []string{"LIKE=healthd"}},
	}
	if node, ok := installExpress(t); ok {
		contenders = append(contenders, node)
	}
	all := make([]figures, len(contenders))
	for range compareRuns {
		services := make([]*service, len(contenders))
		for i, c := range contenders {
			began := time.Now()
			services[i] = c.start(t)
			all[i].first200 = append(all[i].first200, time.Since(began))
			time.Sleep(2 * time.Second)
			all[i].idle = append(all[i].idle, vmRSS(t, services[i].cmd.Process.Pid))
		}
		for p, path := range comparePaths {
			used, took := make([]time.Duration, len(services)), make([]time.Duration, len(services))
			const turns = 5 // because the machine's own speed changes within seconds
			for range turns {
				for i, s := range services {
					u, d := keepPolling(t, s, path)
					used[i] += u
					took[i] += d
				}
			}
			for i := range services {
				all[i].cpu[p] = append(all[i].cpu[p], used[i].Seconds()*1e6/(turns*pollRequests))
				all[i].busy[p] = append(all[i].busy[p], used[i].Seconds()/took[i].Seconds())
			}
		}
		for i, s := range services {
			s.quit()
			all[i].charge = append(all[i].charge, idleCharge(t, contenders[i]))
		}
	}
	for i, c := range contenders {
		if c.binary != "" {
			all[i].binary = size(t, c.binary)
		}
		s := c.start(t)
		time.Sleep(time.Second)
		idle := vmRSS(t, s.cmd.Process.Pid)
		const conns = 400 // fewer than healthd's table holds
		wait := startFlood(t, floodSpec{"held", s.port, conns, 3 * time.Second})
		time.Sleep(2 * time.Second)
		all[i].perConn = (vmRSS(t, s.cmd.Process.Pid) - idle) / conns
		wait()
		s.quit()
	}
	flooded := make([]*service, len(contenders))
	since := make([]time.Time, len(contenders))
	for i, c := range contenders {
		s := c.start(t)
		if n := startFlood(t, floodSpec{"held", s.port, 16000, 2 * time.Second})().Opened; n < 16000 {
			t.Errorf("%s: the flood opened %d of 16,000 connections", c.name, n)
		}
		all[i].floodPeak = statusBytes(t, s.cmd.Process.Pid, "VmHWM:")
		flooded[i], since[i] = s, time.Now()
	}
	for i, s := range flooded {
		time.Sleep(time.Until(since[i].Add(90 * time.Second)))
		all[i].floodAfter = statusBytes(t, s.cmd.Process.Pid, "VmRSS:")
		s.quit()
	}

	var table strings.Builder
	row := func(name string, value func(*figures) string) {
		fmt.Fprintf(&table, "| %s |", name)
		for i := range all {
			fmt.Fprintf(&table, " %s |", value(&all[i]))
		}
		table.WriteString("\n")
	}
	table.WriteString("| |")
	for _, c := range contenders {
		fmt.Fprintf(&table, " %s |", c.name)
	}
	table.WriteString("\n|" + strings.Repeat(" --- |", len(contenders)+1) + "\n")
	megabytes := func(n int64) string {
		if n == 0 {
			return ""
		}
		return fmt.Sprintf("%.1f MB", mb(n))
	}
	row("binary", func(f *figures) string { return megabytes(f.binary) })
	row("start to the first 200", func(f *figures) string { return fmt.Sprintf("%d ms", median(f.first200).Milliseconds()) })
	row("idle VmRSS, 2 s after the start", func(f *figures) string { return megabytes(median(f.idle)) })
	row("idle charge to the container", func(f *figures) string { return megabytes(median(f.charge)) })
	row("CPU a request, `/healthz`", func(f *figures) string { return fmt.Sprintf("%.1f µs", median(f.cpu[0])) })
	row("CPU a request, monitoring", func(f *figures) string { return fmt.Sprintf("%.1f µs", median(f.cpu[1])) })
	row("VmRSS an idle connection", func(f *figures) string { return fmt.Sprintf("%.1f KB", float64(f.perConn)/1e3) })
	row("VmRSS at most, 16,000 connections", func(f *figures) string { return megabytes(f.floodPeak) })
	row("VmRSS 90 s after", func(f *figures) string { return megabytes(f.floodAfter) })
	t.Logf("medians of %d interleaved runs\n%s", compareRuns, table.String())

	for i, c := range contenders {
		for p, path := range comparePaths {
			busy := median(all[i].busy[p])
			t.Logf("%s used %.2f CPUs while it was polled on %s", c.name, busy, path)
			if busy < 0.8 {
				t.Errorf("%s had to wait for its clients", c.name)
			}
		}
	}
	// over is what one contender costs over what another does, the median of the runs' ratios.
	over := func(i, j int, name string, values func(*figures) []float64) float64 {
		var ratios []float64
		for run := range compareRuns {
			ratios = append(ratios, values(&all[i])[run]/values(&all[j])[run])
		}
		got := median(ratios)
		t.Logf("%s: %s over %s %.3f, run by run %.3f", name, contenders[i].name, contenders[j].name, got, ratios)
		return got
	}
	for p, most := range [len(comparePaths)]float64{1.05, 1.10} {
		name := "CPU a request, " + comparePaths[p]
		cpu := func(f *figures) []float64 { return f.cpu[p] }
		if got := over(healthd, netHTTP, name, cpu); got > most {
			t.Errorf("%s: %.3f times net/http's, want at most %.2f", name, got, most)
		}
		if len(all) > express {
			if got := over(express, healthd, name, cpu); got < 6 {
				t.Errorf("%s: Express takes %.1f times healthd's, want at least 6", name, got)
			}
		}
	}
	idle := func(f *figures) []float64 { return floats(f.idle) }
	if got := over(healthd, netHTTP, "idle VmRSS", idle); got > 1.2 {
		t.Errorf("idle VmRSS: %.3f times net/http's, want at most 1.2", got)
	}
}

func median[T int64 | float64 | time.Duration](values []T) T {
	return slices.Sorted(slices.Values(values))[len(values)/2]
}

func floats(values []int64) []float64 {
	var out []float64
	for _, v := range values {
		out = append(out, float64(v))
	}
	return out
}

const (
	pollClients  = 64
	pollRequests = pollClients * 125
)

// keepPolling is the user and system time that a server uses to answer clients that poll it
// on kept-alive connections, and how long that takes. One goroutine plays them all, each
// with a request under way: it is faster than a server of one thread. One that has to wait
// for its clients is charged for falling asleep and waking between their requests.
func keepPolling(t *testing.T, s *service, path string) (used, took time.Duration) {
	t.Helper()
	type client struct {
		net.Conn
		r *bufio.Reader
	}
	var clients []client
	for range pollClients {
		conn := s.dial()
		defer conn.Close()
		clients = append(clients, client{conn, bufio.NewReader(conn)})
	}
	request := []byte("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n")
	began, before := time.Now(), cpuTime(t, s.cmd.Process.Pid)
	for n := range pollRequests + pollClients {
		c := clients[n%pollClients]
		if n >= pollClients {
			if err := skipAnswer(c.r); err != nil {
				t.Fatal(err)
			}
		}
		if n < pollRequests {
			if _, err := c.Write(request); err != nil {
				t.Fatal(err)
			}
		}
	}
	return cpuTime(t, s.cmd.Process.Pid) - before, time.Since(began)
}

// skipAnswer reads an answer of 200 with a Content-Length. http.ReadResponse would take as
// long as healthd.
func skipAnswer(r *bufio.Reader) error {
	status, err := r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 200 ")) {
		return fmt.Errorf("answered %q", status)
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

// cpuTime sums a process's threads. proc_pid_stat(5) counts in hundredths of a second,
// the scheduler in nanoseconds.
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

// idleCharge is what a memory cgroup of its own is charged for a server at rest. Its
// file's pages are charged to whoever read them first, so they are not in it.
func idleCharge(t *testing.T, c contender) int64 {
	t.Helper()
	root, usage := "/sys/fs/cgroup", "memory.current"
	if _, err := os.Stat(root + "/memory/memory.usage_in_bytes"); err == nil {
		root, usage = root+"/memory", "memory.usage_in_bytes"
	}
	dir, err := os.MkdirTemp(root, "compare")
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(dir)
	c.command = append(entering(dir), c.command...)
	s := c.start(t)
	time.Sleep(2 * time.Second)
	charge := fileNumber(t, filepath.Join(dir, usage), "")
	s.quit()
	return charge
}
