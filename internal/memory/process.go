package memory

import (
	"bytes"
	"io/fs"
	"os"
)

// process reads the kernel's view of this process.
type process struct {
	statm file
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
