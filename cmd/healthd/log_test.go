package main

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
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
