package memory

import (
	"bytes"
	"io"
	"io/fs"
	"math"
	"os"
	"syscall"
	"time"
)

// process reads the kernel's view of this process.
type process struct {
	statm file
	usage syscall.Rusage
}

func newProcess(root fs.FS) process {
	return process{statm: file{root: root, name: "proc/self/statm"}}
}

// rss returns the resident set size.
func (p *process) rss() Size {
	pages, ok := residentPages(p.statm.read())
	if !ok {
		return Size{}
	}
	return Size{pages * int64(os.Getpagesize()), true}
}

// residentPages parses proc_pid_statm(5): "size resident shared text lib data dt".
func residentPages(statm []byte) (pages int64, ok bool) {
	_, rest, _ := bytes.Cut(statm, []byte(" "))
	resident, _, found := bytes.Cut(rest, []byte(" "))
	if !found {
		return 0, false
	}
	return parseDigits(resident)
}

// cpu is the time that all threads together have spent in user and kernel mode, from
// getrusage(2).
func (p *process) cpu() time.Duration {
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &p.usage); err != nil {
		return 0 // never: it fails for a bad address or a bad who
	}
	return time.Duration(p.usage.Utime.Nano() + p.usage.Stime.Nano())
}

// openFiles counts the entries of proc_pid_fd(5), except for the descriptor that reading the
// directory takes.
func openFiles(root fs.FS) (n int, ok bool) {
	dir, err := root.Open("proc/self/fd")
	if err != nil {
		return 0, false
	}
	defer dir.Close()
	list, ok := dir.(fs.ReadDirFile)
	if !ok {
		return 0, false
	}
	for n = -1; ; {
		entries, err := list.ReadDir(64)
		n += len(entries)
		if err != nil {
			return n, err == io.EOF && n >= 0
		}
	}
}

// MaxOpenFiles returns how many file descriptors the process may have open. Go raises the
// soft limit to the hard one when the process starts. The result is math.MaxUint64 if the
// limit is unknown.
func MaxOpenFiles() uint64 {
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
		return math.MaxUint64
	}
	return uint64(r.Cur)
}
