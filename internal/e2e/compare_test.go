//go:build e2e && linux

package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// TestCompare prints the costs of healthd beside a plain net/http server with the same timeouts
// and headers, and beside Express.
func TestCompare(t *testing.T) {
	ours, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := plain()
	if err != nil {
		t.Fatal(err)
	}
	const healthd, netHTTP, express = 0, 1, 2
	contenders := []contender{
		healthd: single("healthd", ours),
		netHTTP: single("net/http", theirs, "LIKE=healthd"),
	}
	if node, ok := installExpress(t); ok {
		contenders = append(contenders, node)
	}
	all := make([]figures, len(contenders))
	for range compareRuns {
		measureRun(t, contenders, all)
		for i, c := range contenders {
			all[i].charge = append(all[i].charge, idleCharge(t, c))
		}
	}
	for i, c := range contenders {
		if c.binary != "" {
			all[i].binary = size(t, c.binary)
		}
		all[i].perConn = perConnection(t, c)
	}
	measureFlood(t, contenders, all)
	t.Logf("medians of %d interleaved runs\n%s", compareRuns, costTable(contenders, all))

	checkBusy(t, contenders, all)
	for p, most := range [len(comparePaths)]float64{1.05, 1.10} {
		name := "CPU per request, " + comparePaths[p]
		cpu := all[healthd].cpu[p]
		got := medianOf(t, name+", healthd over net/http", cpu, all[netHTTP].cpu[p], ratio)
		if got > most {
			t.Errorf("%s = %.3f times that of net/http, want at most %.2f", name, got, most)
		}
		if len(all) > express {
			got := medianOf(t, name+", Express over healthd", all[express].cpu[p], cpu, ratio)
			if got < 6 {
				t.Errorf("%s of Express = %.1f times healthd's, want at least 6", name, got)
			}
		}
	}
	got := medianOf(t, "idle VmRSS, healthd over net/http",
		floats(all[healthd].idle), floats(all[netHTTP].idle), ratio)
	if got > 1.2 {
		t.Errorf("idle VmRSS = %.3f times that of net/http, want at most 1.2", got)
	}
}

// TestCompareBefore compares healthd with the build of another commit, OLD_BIN.
func TestCompareBefore(t *testing.T) {
	old := os.Getenv("OLD_BIN")
	if old == "" {
		t.Skip("OLD_BIN is not set")
	}
	ours, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	const healthd, before = 0, 1
	contenders := []contender{healthd: single("healthd", ours), before: single("before", old)}
	all := make([]figures, len(contenders))
	for range compareRuns {
		measureRun(t, contenders, all)
	}
	checkBusy(t, contenders, all)
	for p, path := range comparePaths {
		name := "CPU per request, " + path
		t.Logf("%s: %.2f µs, before %.2f µs", name,
			median(all[healthd].cpu[p]), median(all[before].cpu[p]))
		got := medianOf(t, name+", over before", all[healthd].cpu[p], all[before].cpu[p], ratio)
		if got > 1.02 {
			t.Errorf("%s = %.3f times the one before, want at most 1.02", name, got)
		}
	}
	const mostMore = 0.1e6
	idle, idleBefore := floats(all[healthd].idle), floats(all[before].idle)
	t.Logf("idle VmRSS: %.2f MB, before %.2f MB", median(idle)/1e6, median(idleBefore)/1e6)
	medianOf(t, "idle VmRSS, over before", idle, idleBefore, ratio)
	if got := medianOf(t, "idle VmRSS, more bytes", idle, idleBefore, difference); got > mostMore {
		t.Errorf("idle VmRSS = %.0f bytes more than before, want at most %.0f", got, mostMore)
	}
	now, then := size(t, ours), size(t, old)
	t.Logf("size: %.3f MB, before %.3f MB, ratio %.3f", mb(now), mb(then), ratio(mb(now), mb(then)))
	if got := float64(now - then); got > mostMore {
		t.Errorf("size = %.0f bytes more than before, want at most %.0f", got, mostMore)
	}
}

// perConnection returns the VmRSS of an idle connection. There are fewer connections than the
// table of healthd holds.
func perConnection(t *testing.T, c contender) int64 {
	t.Helper()
	s := c.start(t)
	defer s.kill()
	time.Sleep(time.Second)
	idle := vmRSS(t, s.pid())
	const conns = 400
	flood := startFlood(t, floodSpec{"held", s.port, conns, 3 * time.Second})
	flood.waitOpen()
	time.Sleep(time.Second)
	perConn := (vmRSS(t, s.pid()) - idle) / conns
	flood.wait()
	return perConn
}

// measureFlood measures the peak of the memory under 16,000 connections, and the memory 90 s
// later.
func measureFlood(t *testing.T, contenders []contender, all []figures) {
	t.Helper()
	flooded := make([]*service, len(contenders))
	since := make([]time.Time, len(contenders))
	const conns = 16000
	for i, c := range contenders {
		s := c.start(t)
		flood := startFlood(t, floodSpec{"held", s.port, conns, 2 * time.Second})
		if n := flood.wait().Opened; n < conns {
			t.Errorf("the flood of %s opened %d connections, want %d", c.name, n, conns)
		}
		all[i].floodPeak = statusBytes(t, s.pid(), "VmHWM:")
		flooded[i], since[i] = s, time.Now()
	}
	for i, s := range flooded {
		time.Sleep(time.Until(since[i].Add(90 * time.Second)))
		all[i].floodAfter = vmRSS(t, s.pid())
		s.kill()
	}
}

// costTable returns the figures as a Markdown table.
func costTable(contenders []contender, all []figures) string {
	var table strings.Builder
	row := func(name string, value func(*figures) string) {
		fmt.Fprintf(&table, "| %s |", name)
		for i := range all {
			fmt.Fprintf(&table, " %s |", value(&all[i]))
		}
		table.WriteString("\n")
	}
	table.WriteString("| |")
	for _, c := range contenders {
		fmt.Fprintf(&table, " %s |", c.name)
	}
	table.WriteString("\n|" + strings.Repeat(" --- |", len(contenders)+1) + "\n")
	megabytes := func(n int64) string {
		if n == 0 {
			return ""
		}
		return fmt.Sprintf("%.1f MB", mb(n))
	}
	row("binary", func(f *figures) string { return megabytes(f.binary) })
	row("start to first response", func(f *figures) string {
		return fmt.Sprintf("%d ms", median(f.first200).Milliseconds())
	})
	row("idle VmRSS, 2 s after start", func(f *figures) string { return megabytes(median(f.idle)) })
	row("idle container memory", func(f *figures) string { return megabytes(median(f.charge)) })
	for p, path := range comparePaths {
		row("CPU per request, `"+path+"`", func(f *figures) string {
			return fmt.Sprintf("%.1f µs", median(f.cpu[p]))
		})
	}
	row("VmRSS per idle connection", func(f *figures) string {
		return fmt.Sprintf("%.1f KB", float64(f.perConn)/1e3)
	})
	row("peak VmRSS, 16,000 connections", func(f *figures) string { return megabytes(f.floodPeak) })
	row("VmRSS 90 s later", func(f *figures) string { return megabytes(f.floodAfter) })
	return table.String()
}
