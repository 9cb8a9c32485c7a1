//go:build e2e && linux

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"time"
	"unsafe"

	"github.com/halobuzz/healthd/internal/config"
	"github.com/halobuzz/healthd/internal/health"
	"github.com/halobuzz/healthd/internal/memory"
	"github.com/halobuzz/healthd/internal/monitor"
	"github.com/halobuzz/healthd/internal/report"
	"github.com/halobuzz/healthd/internal/server"
)

// leakSpec specifies what a service that links the packages of healthd allocates.
type leakSpec struct {
	Live, Garbage int // bytes a second
	Object        int // bytes of each live value; small ones make garbage collection slow
}

// leakSecond is a line of its output, with the share of the CPU that garbage collection took
// in one second.
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
	ln, err := server.Listen("tcp", fmt.Sprintf(":%d", port))
	if err != nil {
		return err
	}
	go s.allocate()
	go printShares()
	return serveWith(ln, limit)
}

// serveWith serves the documents of this process, as healthd does, in a process that leaks.
func serveWith(ln net.Listener, limit int64) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	reader, goLimit := memory.NewReader(os.DirFS("/")), memory.NewLimitSetter(limit)
	var m *monitor.Monitor
	s := server.New(server.Options{
		Log:             log,
		Documents:       func() *report.Documents { return m.Documents() },
		ConnectionLimit: 64,
	})
	measure := func(now time.Time) health.Input {
		in := health.Input{Time: now, Memory: reader.Read()}
		in.GoLimit = goLimit.Apply(in.Memory.Container.LowestLimit)
		in.Connections.Open, in.Connections.Limit, in.Connections.Evicted = s.Connections()
		return in
	}
	m = monitor.New(measure,
		health.NewJudge(health.Rules{WarnPercent: 80, FailPercent: 90}),
		report.NewWriter(report.Service{Started: time.Now(), OpenFiles: reader.OpenFiles}), "")
	go m.Run(context.Background())
	go m.Log(context.Background(), log, 0)
	return s.Serve(ln)
}

type node struct {
	next *node
	data []byte
}

// allocate allocates both kinds at their rates, a little every millisecond.
func (s leakSpec) allocate() {
	const piece = 4 << 10
	began := time.Now()
	due := func(rate int) int { return int(time.Since(began).Seconds() * float64(rate)) }
	var live *node
	var sink []byte
	var leaked, made int
	for range time.Tick(time.Millisecond) {
		for ; s.Live > 0 && leaked < due(s.Live); leaked += int(unsafe.Sizeof(node{})) + s.Object {
			// Written, so that it is resident.
			live = &node{live, bytes.Repeat([]byte{1}, s.Object)}
		}
		for ; made < due(s.Garbage); made += piece {
			sink = make([]byte, piece)
		}
	}
	runtime.KeepAlive(live)
	runtime.KeepAlive(sink)
}

// printShares prints gc.cpuPercent over one second, where the report has it over ten.
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
