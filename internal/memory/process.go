package memory

import (
	"bytes"
	"io"
	"io/fs"
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

// rss is the resident set size in bytes, where the kernel tells it.
func (p *process) rss() Value {
	pages := residentPages(p.statm.read())
	return Value{pages.N * int64(os.Getpagesize()), pages.OK}
}

// residentPages reads proc_pid_statm(5): "size resident shared text lib data dt".
func residentPages(statm []byte) Value {
	_, rest, _ := bytes.Cut(statm, []byte(" "))
	resident, _, found := bytes.Cut(rest, []byte(" "))
	if !found {
		return Value{}
	}
	return count(resident)
}

// cpu is the time that all threads together have spent in user and kernel mode, from
// getrusage(2).
func (p *process) cpu() time.Duration {
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &p.usage); err != nil {
		return 0 // never: it fails for a bad address or a bad who
	}
	return time.Duration(p.usage.Utime.Nano() + p.usage.Stime.Nano())
}

// openFiles counts the entries of proc_pid_fd(5), less the one that listing them needs.
func openFiles(root fs.FS) Value {
	dir, err := root.Open("proc/self/fd")
	if err != nil {
		return Value{}
	}
	defer dir.Close()
	list, ok := dir.(fs.ReadDirFile)
	if !ok {
		return Value{}
	}
	n := int64(-1)
	for {
		entries, err := list.ReadDir(64)
		n += int64(len(entries))
		switch {
		case err == io.EOF && n >= 0:
			return Value{n, true}
		case err != nil:
			return Value{}
		}
	}
}
