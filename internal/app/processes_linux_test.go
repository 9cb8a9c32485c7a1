package app

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// idle starts processes that do nothing until the test ends.
func idle(tb testing.TB, n int) []int {
	tb.Helper()
	pids := make([]int, n)
	for i := range pids {
		cmd := exec.Command("cat")
		stdin, err := cmd.StdinPipe()
		if err != nil {
			tb.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() {
			stdin.Close()
			cmd.Wait()
		})
		pids[i] = cmd.Process.Pid
	}
	return pids
}

// TestReaderIsTheKernels compares with what another file of the kernel's says. It does not run
// beside other tests, which have children too.
func TestReaderIsTheKernels(t *testing.T) {
	pids := idle(t, 3)
	r := NewReader("/proc", os.Getpid())
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		got := r.Read()
		problem := ""
		for _, p := range got.Largest {
			if status := statusOf(t, p.PID); p.Name != "cat" || p.RSSBytes != status["VmRSS"] ||
				p.AnonBytes != status["RssAnon"] {
				problem = "does not match its status"
			}
		}
		for _, pid := range pids {
			if !got.Has(pid) {
				problem = "lacks a child"
			}
		}
		if len(got.PIDs) == len(pids) && problem == "" {
			return
		}
		if time.Now().After(deadline) { // a child needs a while to execute cat
			t.Fatalf("Read() = %+v %s, want the children %v", got, problem, pids)
		}
	}
}

// statusOf reads the sizes in /proc/PID/status, in bytes.
func statusOf(t *testing.T, pid int) map[string]int64 {
	t.Helper()
	sizes := make(map[string]int64)
	for key, value := range procStatus(t, pid) {
		if kib, ok := parseDigits(strings.TrimSuffix(value, " kB")); ok {
			sizes[key] = kib << 10
		}
	}
	return sizes
}

// cpuTime returns the CPU time that the process has used, which other processes do not change.
func cpuTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkRead reads 93 processes beside those of the machine.
func BenchmarkRead(b *testing.B) {
	idle(b, 93)
	for name, self := range map[string]int{"all": 1, "descendants": os.Getpid()} {
		b.Run(name, func(b *testing.B) {
			r := NewReader("/proc", self)
			if got := len(r.Read().PIDs); got < 93 {
				b.Fatalf("Read() found %d processes, want at least 93", got)
			}
			b.ReportAllocs()
			before := cpuTime(b)
			for b.Loop() {
				r.Read()
			}
			b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
			b.ReportMetric(float64(len(r.Read().PIDs)), "processes")
		})
	}
}
