package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestLineWriter(t *testing.T) {
	t.Parallel()
	var got bytes.Buffer
	w := newLineWriter(&got, slog.New(slog.DiscardHandler))
	var want strings.Builder
	for i := range 100 {
		fmt.Fprintf(w, "line %d\n", i)
		fmt.Fprintf(&want, "line %d\n", i)
	}
	w.close()
	if got.String() != want.String() {
		t.Errorf("wrote %q, want %q", got.String(), want.String())
	}
}

// TestLineWriterNeverBlocks has a reader that stalls, and lines that come during and
// after close, as from a handler that outlives its server.
func TestLineWriterNeverBlocks(t *testing.T) {
	t.Parallel()
	r, to := io.Pipe()
	w := newLineWriter(to, slog.New(slog.NewTextHandler(to, nil)))
	for w.dropped.Load() == 0 { // until the writer is stuck and the queue full
		io.WriteString(w, "line\n")
	}
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for range 1000 {
				io.WriteString(w, "line\n")
			}
		})
	}
	began := time.Now()
	w.close()
	writers.Wait()
	io.WriteString(w, "late\n")
	if took := time.Since(began); took < time.Second/2 || took > 5*time.Second {
		t.Errorf("close took %v, want half a second", took)
	}
	// The reader comes back: it is told what it missed.
	go func() { <-w.done; to.Close() }()
	all, err := io.ReadAll(r)
	if err != nil || !strings.Contains(string(all), `msg="log lines were dropped" lines=`) {
		t.Errorf("%q, %v, want a count of the lines dropped", all, err)
	}
}

// fullPipe is a writer that takes at most 3 bytes, and nothing at every other call.
type fullPipe struct {
	bytes.Buffer
	calls int
}

func (f *fullPipe) Write(p []byte) (int, error) {
	if f.calls++; f.calls%2 == 0 {
		return 0, syscall.EAGAIN
	}
	if len(p) <= 3 {
		return f.Buffer.Write(p)
	}
	f.Buffer.Write(p[:3])
	return 3, &os.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.EAGAIN}
}

// TestPersistentWriter writes to a pipe that is full and does not block.
func TestPersistentWriter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var pipe fullPipe
		w := persistentWriter{&pipe}
		const line = "level=INFO msg=vitals\n"
		if n, err := w.Write([]byte(line)); n != len(line) || err != nil || pipe.String() != line {
			t.Errorf("Write(%q) = %d, %v and wrote %q, want all of it", line, n, err, pipe.String())
		}
	})
	broken := persistentWriter{writerFunc(func([]byte) (int, error) { return 2, syscall.EPIPE })}
	if n, err := broken.Write([]byte("line\n")); n != 2 || !errors.Is(err, syscall.EPIPE) {
		t.Errorf("Write() to a broken pipe = %d, %v, want 2, %v", n, err, syscall.EPIPE)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
