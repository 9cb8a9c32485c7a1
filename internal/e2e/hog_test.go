//go:build e2e && linux

package e2e

import (
	"cmp"
	"encoding/json"
	"os"
	"syscall"
	"time"

	"github.com/halobuzz/healthd/internal/memory"
)

// hogSpec specifies how much of its container a process uses.
type hogSpec struct {
	GrowMiB int           // more each time, until the kernel ends it
	Every   time.Duration // between two times, 1 s if it is 0
	MostMiB int           // after which it holds what it has, if it is not 0
	Percent []float64     // else the container's working set, for a Hold each, in turn
	Hold    time.Duration
	Times   int // through Percent
}

func playHog(spec []byte) error {
	var s hogSpec
	if err := json.Unmarshal(spec, &s); err != nil {
		return err
	}
	var h hog
	for s.GrowMiB > 0 {
		if s.MostMiB == 0 || len(h) < s.MostMiB {
			if err := h.grow(s.GrowMiB); err != nil {
				return err
			}
		}
		time.Sleep(cmp.Or(s.Every, time.Second))
	}
	reader := memory.NewReader(os.DirFS("/"))
	for range s.Times {
		for _, percent := range s.Percent {
			end := time.Now().Add(s.Hold)
			c := reader.Read().Container
			more := int(percent/100*float64(c.Limit.Bytes)-float64(c.WorkingSet.Bytes)) / mib
			if err := h.grow(more); err != nil {
				return err
			}
			time.Sleep(time.Until(end))
		}
	}
	return nil
}

// hog holds memory in pieces of 1 MiB.
type hog [][]byte

// grow maps that many more pieces, or unmaps some if pieces is negative.
func (h *hog) grow(pieces int) error {
	for ; pieces < 0 && len(*h) > 0; pieces++ {
		last := len(*h) - 1
		if err := syscall.Munmap((*h)[last]); err != nil {
			return err
		}
		*h = (*h)[:last]
	}
	for range pieces {
		piece, err := syscall.Mmap(-1, 0, mib,
			syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
		if err != nil {
			return err
		}
		for i := 0; i < mib; i += os.Getpagesize() {
			piece[i] = 1
		}
		*h = append(*h, piece)
	}
	return nil
}
