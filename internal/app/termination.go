package app

import (
	"os"
	"syscall"
	"unicode/utf8"
)

// TerminationLogPath is where Kubernetes mounts the file whose contents it shows as the
// termination message of a container, whatever has ended it.
const TerminationLogPath TerminationLog = "/dev/termination-log"

// maxTermination bounds a message. Kubernetes cuts all of a pod's messages to 12 KiB.
const maxTermination = 1 << 10

// TerminationLog is the termination message file at a path. It is never created, because
// only a platform that reads it provides it. Errors are ignored: there is nobody to tell.
type TerminationLog string

// Write replaces the contents with message, cut to 1 KiB. The bytes are written before the
// rest of the old message is cut off, so that a process that is killed between the two leaves
// a message.
func (l TerminationLog) Write(message string) {
	l.replace(cut(message, maxTermination))
}

// Clear empties the file. Only an empty file makes Kubernetes show the end of the container's
// log instead (terminationMessagePolicy FallbackToLogsOnError).
func (l TerminationLog) Clear() { l.replace("") }

func (l TerminationLog) replace(message string) {
	// O_NONBLOCK because opening a FIFO that has no reader blocks.
	f, err := os.OpenFile(string(l), os.O_WRONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer f.Close()
	n, err := f.WriteAt([]byte(message), 0)
	if err == nil {
		f.Truncate(int64(n))
	}
}

// cut returns the longest prefix of s that has at most n bytes and ends with a whole rune.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
