package memory

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"strconv"
)

// file is a kernel file that is read once a second. It stays open: a read at
// offset 0 makes the kernel produce the contents anew, at an eighth of the cost
// of opening it again.
type file struct {
	root fs.FS
	name string
	open fs.File
	skip int  // the next reads, because it did not exist
	lost bool // it was open and could not be read any more
	buf  []byte
}

// missing is how many reads pass before a file that did not exist is tried again: to
// open it in vain makes garbage, and it appears when its controller is switched on.
const missing = 9

// maxFile bounds what is read of one file. The longest, memory.stat, has about 3 KB.
const maxFile = 64 << 10

// read returns what the file says now, valid until the next read, or nil.
func (f *file) read() []byte {
	if f.skip > 0 {
		f.skip--
		return nil
	}
	if f.open != nil {
		if b, ok := f.reread(); ok {
			return b
		}
		// The file behind the descriptor is gone (ENODEV for a removed cgroup).
		f.close()
		f.lost = true
	}
	open, err := f.root.Open(f.name)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			f.skip = missing
		}
		return nil
	}
	f.open = open
	b, _ := f.reread()
	return b
}

func (f *file) close() {
	if f.open != nil {
		f.open.Close()
		f.open = nil
	}
}

func (f *file) reread() ([]byte, bool) {
	at, ok := f.open.(io.ReaderAt)
	if !ok {
		return nil, false
	}
	if f.buf == nil {
		f.buf = make([]byte, 512)
	}
	for {
		n, err := at.ReadAt(f.buf, 0)
		if err == io.EOF {
			return f.buf[:n], true
		}
		if err != nil || len(f.buf) >= maxFile {
			return nil, false
		}
		f.buf = make([]byte, 2*len(f.buf))
	}
}

// number parses a line that holds one whole number. A line without its newline was
// cut short, and so may the number be.
func number(line []byte) Value {
	digits, ok := bytes.CutSuffix(line, []byte("\n"))
	if !ok {
		return Value{}
	}
	return count(digits)
}

// count parses a whole number from 0: digits alone, without a sign.
func count(digits []byte) Value {
	for _, c := range digits {
		if c < '0' || c > '9' {
			return Value{} // "max", mostly; ParseInt's error for it would allocate
		}
	}
	n, err := strconv.ParseInt(string(digits), 10, 64)
	if err != nil {
		return Value{}
	}
	return Value{n, true}
}

// field finds "key number" among lines, as in memory.stat.
func field(lines []byte, key string) Value {
	for line := range bytes.Lines(lines) {
		if name, rest, ok := bytes.Cut(line, []byte(" ")); ok && string(name) == key {
			return number(rest)
		}
	}
	return Value{}
}
