package memory

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// TestRSSIsTheKernels compares it with another file of the kernel.
func TestRSSIsTheKernels(t *testing.T) {
	p := newProcess(os.DirFS("/"))
	got := p.rss()
	want := vmRSS(t)
	if !got.Known || got.Bytes < want-want/10 || got.Bytes > want+want/10 {
		t.Errorf("rss() = %v, want within 10%% of VmRSS, %d", got, want)
	}
}

// vmRSS reads VmRSS from /proc/self/status, in bytes.
func vmRSS(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(status) {
		if rest, ok := strings.CutPrefix(string(line), "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatalf("/proc/self/status has no VmRSS: %q", status)
	return 0
}

// TestOpenFilesIsTheKernels opens more files. It is not parallel because other tests open some.
func TestOpenFilesIsTheKernels(t *testing.T) {
	root := os.DirFS("/")
	before, known := openFiles(root)
	for range 10 {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
	}
	if got, ok := openFiles(root); !known || !ok || got != before+10 {
		t.Errorf("openFiles() = %v, %v, want 10 more than %v", got, ok, before)
	}
}

// TestCPUIsTheKernels compares it with another clock of the kernel.
func TestCPUIsTheKernels(t *testing.T) {
	processTime := func() time.Duration {
		const clockProcessCPUTime = 2 // clock_gettime(2), CLOCK_PROCESS_CPUTIME_ID
		var ts syscall.Timespec
		_, _, errno := syscall.Syscall(
			syscall.SYS_CLOCK_GETTIME, clockProcessCPUTime, uintptr(unsafe.Pointer(&ts)), 0)
		if errno != 0 {
			t.Fatal(errno)
		}
		return time.Duration(ts.Nano())
	}
	for start := processTime(); processTime()-start < 50*time.Millisecond; {
	}
	const slack = 10 * time.Millisecond // getrusage scales ticks; other threads go on
	p := newProcess(os.DirFS("/"))
	from := processTime()
	got := p.cpu()
	to := processTime()
	if got < from-slack || got > to+slack {
		t.Errorf("cpu() = %v, want it between %v and %v", got, from, to)
	}
}
