//go:build e2e && linux

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"github.com/halobuzz/healthd/internal/config"
	"github.com/halobuzz/healthd/internal/health"
	"github.com/halobuzz/healthd/internal/memory"
	"github.com/halobuzz/healthd/internal/server"
)

// hogSpec says how much of its container a process takes.
type hogSpec struct {
	GrowMiB int       // more each second, until the kernel ends it
	Percent []float64 // else the container's working set, for a Hold each, in turn
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
		if err := h.grow(s.GrowMiB); err != nil {
			return err
		}
		time.Sleep(time.Second)
	}
	reader := memory.NewReader(os.DirFS("/"), math.MaxInt64)
	for range s.Times {
		for _, percent := range s.Percent {
			end := time.Now().Add(s.Hold)
			c := reader.Read().Container
			more := int(percent/100*float64(c.Limit.N)-float64(c.WorkingSet.N)) / mib
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

// grow takes so many pieces more, or gives them back.
func (h *hog) grow(pieces int) error {
	for ; pieces < 0 && len(*h) > 0; pieces++ {
		last := len(*h) - 1
		if err := syscall.Munmap((*h)[last]); err != nil {
			return err
		}
		*h = (*h)[:last]
	}
	for range pieces {
		piece, err := syscall.Mmap(-1, 0, mib, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
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

// leakSpec says what a service that links our packages allocates.
type leakSpec struct {
	Live, Garbage int // bytes a second
	Object        int // bytes of each live value: the smaller, the more work for the collector
}

// leakSecond is a line of its output: the collector's share of the CPU over one second.
type leakSecond struct {
	At        time.Time
	GCPercent float64
}

func playLeak(spec []byte) error {
	var s leakSpec
	if err := json.Unmarshal(spec, &s); err != nil {
		return err
	}
	limit, ok := config.ParseMemoryLimit(os.Getenv("GOMEMLIMIT"))
	if !ok {
		return fmt.Errorf("GOMEMLIMIT: %q", os.Getenv("GOMEMLIMIT"))
	}
	port, err := strconv.Atoi(os.Getenv("PORT"))
	if err != nil {
		return err
	}
	connections := server.NewConnections(64)
	monitor := health.NewMonitor(memory.NewReader(os.DirFS("/"), limit), connections.Count, health.Options{WarnPercent: 80, FailPercent: 90})
	ln, err := server.Listen("tcp", fmt.Sprintf(":%d", port))
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	ctx := context.Background()
	go monitor.Run(ctx)
	go monitor.Log(ctx, log, 0)
	go s.allocate()
	go printShares()
	return server.New(monitor, connections, server.Options{Log: log}).Run(ln, make(chan os.Signal))
}

type node struct {
	next *node
	data []byte
}

// allocate makes both kinds at their rates, a little every millisecond as callers would.
func (s leakSpec) allocate() {
	const piece = 4 << 10
	began := time.Now()
	due := func(rate int) int { return int(time.Since(began).Seconds() * float64(rate)) }
	var live *node
	var sink []byte
	var leaked, made int
	for range time.Tick(time.Millisecond) {
		for ; s.Live > 0 && leaked < due(s.Live); leaked += int(unsafe.Sizeof(node{})) + s.Object {
			live = &node{live, bytes.Repeat([]byte{1}, s.Object)} // written, so that it is resident
		}
		for ; made < due(s.Garbage); made += piece {
			sink = make([]byte, piece)
		}
	}
	runtime.KeepAlive(live)
	runtime.KeepAlive(sink)
}

// printShares computes what gc.cpuPercent is over ten seconds, over one.
func printShares() {
	samples := []metrics.Sample{
		{Name: "/cpu/classes/gc/total:cpu-seconds"},
		{Name: "/cpu/classes/gc/mark/idle:cpu-seconds"},
		{Name: "/cpu/classes/user:cpu-seconds"},
	}
	var gc, user float64
	for range time.Tick(time.Second) {
		metrics.Read(samples)
		gcNow := samples[0].Value.Float64() - samples[1].Value.Float64()
		userNow := samples[2].Value.Float64()
		var share float64
		if all := gcNow - gc + userNow - user; all > 0 {
			share = 100 * (gcNow - gc) / all
		}
		gc, user = gcNow, userNow
		json.NewEncoder(os.Stdout).Encode(leakSecond{time.Now(), share})
	}
}
