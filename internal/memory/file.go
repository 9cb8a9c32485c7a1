package memory

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"strconv"
)

// file is a kernel file that is read once per second. It stays open, because a read at offset 0
// makes the kernel write the contents anew at an eighth of the cost of opening it.
type file struct {
	root fs.FS
	name string
	open fs.File
	skip int  // number of reads to skip because it did not exist
	lost bool // it was open and can no longer be read
	buf  []byte
}

// retryAfterReads is how many reads pass before a file that did not exist is opened again. A
// failed open allocates, but the file appears when its controller is switched on.
const retryAfterReads = 9

// maxFile is the most that is read of a file, in bytes. The longest, memory.stat, has about 3 KB.
const maxFile = 64 << 10

// read returns the contents, which are valid until the next read, or nil.
func (f *file) read() []byte {
	if f.skip > 0 {
		f.skip--
		return nil
	}
	if f.open != nil {
		if b, ok := f.reread(); ok {
			return b
		}
		// The error is ENODEV if the cgroup was removed.
		f.close()
		f.lost = true
	}
	open, err := f.root.Open(f.name)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			f.skip = retryAfterReads
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

// parseLine parses a line that holds one whole number. A line without a newline was cut
// short, and so may the number be.
func parseLine(line []byte) Size {
	digits, terminated := bytes.CutSuffix(line, []byte("\n"))
	if !terminated {
		return Size{} // as for a file that cannot be read, where parseDigits would allocate
	}
	n, ok := parseDigits(digits)
	return Size{n, ok}
}

// parseDigits parses a whole number without a sign.
func parseDigits(digits []byte) (n int64, ok bool) {
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false // usually "max"; the error of strconv.ParseInt would allocate
		}
	}
	n, err := strconv.ParseInt(string(digits), 10, 64)
	if err != nil {
		return 0, false
	}
	return n, true
}

// statField returns the number after key among "key number" lines, as in memory.stat.
func statField(lines []byte, key string) Size {
	for line := range bytes.Lines(lines) {
		if name, rest, ok := bytes.Cut(line, []byte(" ")); ok && string(name) == key {
			return parseLine(rest)
		}
	}
	return Size{}
}
