package app

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestTerminationLog(t *testing.T) {
	t.Parallel()
	write := func(message string) func(TerminationLog) {
		return func(l TerminationLog) { l.Write(message) }
	}
	for _, tt := range []struct {
		name, before string
		do           func(TerminationLog)
		want         string
	}{
		{"first message", "", write("node has 200 MiB\n"), "node has 200 MiB\n"},
		{"shorter message", "a longer message\n", write("short\n"), "short\n"},
		{"longer message", "short\n", write("a longer message\n"), "a longer message\n"},
		{"clear", "message\n", TerminationLog.Clear, ""},
		{"1 KiB", "", write(strings.Repeat("x", 1024)), strings.Repeat("x", 1024)},
		{"over 1 KiB", "", write(strings.Repeat("x", 1025)), strings.Repeat("x", 1024)},
		{"cut before a rune", "", write(strings.Repeat("x", 1023) + "é"), strings.Repeat("x", 1023)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "termination-log")
			if err := os.WriteFile(path, []byte(tt.before), 0o666); err != nil {
				t.Fatal(err)
			}
			tt.do(TerminationLog(path))
			got, err := os.ReadFile(path)
			if string(got) != tt.want || err != nil {
				t.Errorf("the file has %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

// TestTerminationLogUnusable writes where no message can be written, which must neither
// block nor change anything.
func TestTerminationLogUnusable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	missing, fifo := filepath.Join(dir, "missing"), filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{missing, fifo, dir, ""} {
		TerminationLog(path).Write("message")
		TerminationLog(path).Clear()
	}
	if _, err := os.Stat(missing); !os.IsNotExist(err) {
		t.Errorf("Stat(%q) = %v, want it to be still missing", missing, err)
	}
}
