package memory

import "runtime/debug"

// limit keeps GOMEMLIMIT at what was asked for, and under the container's limit.
type limit struct {
	asked int64 // as NewReader takes it
	set   int64 // what the runtime was last told
}

// follow tells the runtime the limit for a container of the given size, and
// returns where that limit comes from.
func (l *limit) follow(size Value) (source string) {
	bytes, source := goLimit(l.asked, size)
	if bytes != l.set {
		debug.SetMemoryLimit(bytes)
		l.set = bytes
	}
	return source
}

// goLimit decides the runtime's limit. The container keeps a fifth for what
// GOMEMLIMIT does not govern: the binary, kernel memory, socket buffers, page cache.
func goLimit(asked int64, size Value) (bytes int64, source string) {
	fits := size.N / 5 * 4
	switch {
	case asked == none:
		return none, "off"
	case size.OK && (asked == 0 || asked > fits):
		return fits, "container"
	case asked == 0:
		return none, "none"
	default:
		return asked, "GOMEMLIMIT"
	}
}
