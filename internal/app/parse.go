package app

import (
	"bytes"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName bounds a process's name, in bytes.
const maxName = 32

// parseStatm reads proc_pid_statm(5), in pages: "size resident shared text lib data dt". The
// shared pages are those of files and of shared memory.
func parseStatm(statm []byte) (resident, shared int64, ok bool) {
	_, rest, _ := bytes.Cut(statm, []byte(" "))
	first, rest, _ := bytes.Cut(rest, []byte(" "))
	second, _, cut := bytes.Cut(rest, []byte(" "))
	resident, ok1 := parseDigits(first)
	shared, ok2 := parseDigits(second)
	// Pages that no address space can have would overflow as bytes.
	const most = math.MaxInt64 >> 20
	if !ok1 || !ok2 || !cut || resident > most || shared > most {
		return 0, 0, false
	}
	return resident, shared, true
}

// parseStat reads the parent's ID and the process group from proc_pid_stat(5): "pid (comm)
// state ppid pgrp ...". The comm may itself hold spaces and parentheses.
func parseStat(stat []byte) (parent, group int, ok bool) {
	end := bytes.LastIndex(stat, []byte(") "))
	if end < 0 {
		return 0, 0, false
	}
	_, rest, _ := bytes.Cut(stat[end+len(") "):], []byte(" "))
	first, rest, _ := bytes.Cut(rest, []byte(" "))
	second, _, cut := bytes.Cut(rest, []byte(" "))
	ppid, ok1 := parseDigits(first)
	pgrp, ok2 := parseDigits(second)
	if !cut || !ok1 || !ok2 || ppid > math.MaxInt32 || pgrp > math.MaxInt32 {
		return 0, 0, false
	}
	return int(ppid), int(pgrp), true
}

// firstArgument returns argv[0] from proc_pid_cmdline(5), where NUL ends each argument.
func firstArgument(cmdline []byte) []byte {
	first, _, _ := bytes.Cut(cmdline, []byte{0})
	return first
}

// displayName returns the name to show for an argv[0]: its base name in printable UTF-8, of
// at most 32 bytes. (Not comm: Node 24 calls its main thread MainThread.) Only a slash before
// the first space counts, because some processes write a sentence there, such as
// "nginx: master process /usr/sbin/nginx -g daemon off;".
func displayName(argument []byte) string {
	path, _, _ := bytes.Cut(argument, []byte(" "))
	base := argument[bytes.LastIndexByte(path, '/')+1:]
	// A rune has at most four bytes, and none becomes longer than it was.
	name := strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, string(base[:min(len(base), 4*maxName)]))
	return cut(strings.TrimRight(name, " "), maxName)
}

// parseDigits parses a whole number that is written in digits alone.
func parseDigits[T string | []byte](digits T) (int64, bool) {
	if len(digits) == 0 {
		return 0, false
	}
	var n int64
	for i := range len(digits) {
		c := digits[i]
		if c < '0' || c > '9' || n > (math.MaxInt64-9)/10 {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	return n, true
}
