package report

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
	"time"
)

// group is a part of the page's table, with a title.
type group struct {
	title string
	rows  []row
}

// row shows one value of the report. The script finds it by the value's path there. An empty
// value is unknown, and its row hidden.
type row struct {
	path, name, value, note string
}

// statusGroup repeats the page's heading for readers without a script.
func statusGroup(m *Monitoring) group {
	growth := ""
	if m.Growth != nil {
		growth = m.Growth.Output
	}
	return group{"Status", []row{
		{"status", "Status", m.Status, "pass, warn or fail"},
		{"output", "Reason", m.Output, ""},
		{"growth.output", "Growth", growth, ""},
	}}
}

func detailGroups(m *Monitoring) []group {
	return append(memoryGroups(m), serviceGroups(m)...)
}

func memoryGroups(m *Monitoring) []group {
	c := m.Memory.Container
	if c == nil {
		c = &Container{}
	}
	return []group{
		{"Container memory", []row{
			{"memory.container.workingSetBytes", "Working set", mebibytes(c.WorkingSetBytes),
				"usage minus page cache that the kernel can reclaim first"},
			{"memory.container.unreclaimableBytes", "Unreclaimable", mebibytes(c.UnreclaimableBytes),
				"usage minus everything that the kernel can free"},
			{"memory.container.limitBytes", "Limit", mebibytes(c.LimitBytes),
				"the kernel kills a process here"},
			{"memory.container.highBytes", "Soft limit", mebibytes(c.HighBytes),
				"memory.high: above it the kernel slows the container down"},
			{"memory.container.usedPercent", "Used", percentage(c.UsedPercent),
				"working set as a percentage of the lower limit"},
			{"memory.container.usageBytes", "Usage", mebibytes(c.UsageBytes),
				"including page cache"},
			{"memory.container.peakBytes", "Peak usage", mebibytes(c.PeakBytes), ""},
			{"memory.container.oomKills", "OOM kills", count(c.OOMKills),
				"processes killed for lack of memory"},
		}},
		{"Process memory", []row{
			{"memory.rssBytes", "RSS", mebibytes(&m.Memory.RSSBytes),
				"resident memory, including the pages of the executable"},
			{"memory.heapBytes", "Heap", mebibytes(&m.Memory.HeapBytes),
				"Go objects, including garbage not yet collected"},
			{"memory.heapLiveBytes", "Live heap", mebibytes(m.Memory.HeapLiveBytes),
				"survived the last garbage collection"},
			{"memory.heapSysBytes", "Heap reserved", mebibytes(&m.Memory.HeapSysBytes),
				"address space for the heap"},
			{"memory.goBytes", "Go memory", mebibytes(&m.Memory.GoBytes),
				"counts against the Go memory limit"},
			{"memory.goLimitBytes", "Go memory limit", mebibytes(m.Memory.GoLimitBytes),
				"garbage collection works harder near it"},
			{"memory.goLimitSource", "Limit set by", m.Memory.GoLimitSource,
				"the setting GOMEMLIMIT, or the container: 80% of its limit"},
		}},
	}
}

func serviceGroups(m *Monitoring) []group {
	return []group{
		{"Garbage collection", []row{
			{"gc.cycles", "Collections", strconv.FormatInt(m.GC.Cycles, 10), "since the start"},
			{"gc.cpuPercent", "CPU", percentage(&m.GC.CPUPercent),
				"of the CPU time used in the last 10 seconds"},
			{"gc.limiterActive", "Throttled", yesNo(m.GC.LimiterActive),
				"it hit its cap of 50% of the CPU"},
		}},
		{"Connections", []row{
			{"connections.open", "Open connections", strconv.Itoa(m.Connections.Open), ""},
			{"connections.limit", "Connection limit", strconv.Itoa(m.Connections.Limit),
				"beyond it the least active connection is closed"},
			{"connections.evicted", "Closed connections",
				strconv.FormatInt(m.Connections.Evicted, 10), "to make room, since the start"},
		}},
		{"Service", []row{
			{"releaseId", "Version", m.ReleaseID, ""},
			{"environment", "Environment", m.Environment, ""},
			{"uptimeSeconds", "Uptime", duration(m.UptimeSeconds), ""},
			{"time", "Measured", m.Time, ""},
			{"runtime.goVersion", "Go version", m.Runtime.GoVersion, ""},
			{"runtime.gomaxprocs", "GOMAXPROCS", strconv.Itoa(m.Runtime.GOMAXPROCS),
				"CPUs that Go uses"},
			{"runtime.goroutines", "Goroutines", strconv.Itoa(m.Runtime.Goroutines), ""},
		}},
	}
}

// detailsHTML returns the table of m, and the report that the script starts with. The details
// of a locked table are hidden until the script has the access token.
func detailsHTML(report string, m *Monitoring, locked bool) string {
	var b strings.Builder
	b.Grow(8 << 10)
	b.WriteString("<table id=\"details\">\n<caption>Details</caption>\n")
	writeGroup(&b, statusGroup(m), ` class="unscripted"`, false)
	writeProcesses(&b, m.App)
	writeDependencies(&b, m.Checks)
	for _, g := range detailGroups(m) {
		writeGroup(&b, g, "", locked)
	}
	b.WriteString("</table>\n<script id=\"report\" type=\"application/json\">")
	b.WriteString(report) // encoding/json has escaped <, > and &
	b.WriteString("</script>")
	return b.String()
}

// writeProcesses writes a row for every process of the app, below one for all.
func writeProcesses(b *strings.Builder, app *App) {
	var rows strings.Builder
	write := func(name string, anonBytes *int64, note string) {
		fmt.Fprintf(&rows, "<tr><th scope=\"row\">%s</th><td>%s</td><td>%s</td></tr>\n",
			html.EscapeString(name), mebibytes(anonBytes), note)
	}
	if app != nil && len(app.Processes) > 0 {
		write("All processes", app.AnonBytes, "without the pages of files and shared memory")
		for i := range app.Processes {
			p := &app.Processes[i]
			write(fmt.Sprintf("%s (pid %d)", p.Name, p.PID), &p.AnonBytes, "RSS "+mebibytes(&p.RSSBytes))
		}
	}
	writeFilled(b, "processes", "App", rows.String())
}

// writeDependencies writes a row for every dependency. The script adds those that are missing.
func writeDependencies(b *strings.Builder, checks Checks) {
	var rows strings.Builder
	for _, c := range checks {
		name, ok := strings.CutSuffix(c.Name, ":responseTime")
		if !ok {
			continue
		}
		note := c.Output
		switch {
		case note != "":
		case c.ObservedValue == nil:
			note = "not asked yet"
		default:
			note = fmt.Sprintf("%.1f ms", *c.ObservedValue)
		}
		fmt.Fprintf(&rows, "<tr><th scope=\"row\">%s</th><td class=%q>%s</td><td>%s</td></tr>\n",
			name, c.Status, c.Status, html.EscapeString(note))
	}
	writeFilled(b, "dependencies", "Dependencies", rows.String())
}

func writeGroup(b *strings.Builder, g group, attribute string, locked bool) {
	var rows strings.Builder
	empty := true
	for _, r := range g.rows {
		value, hidden := html.EscapeString(r.value), ""
		if locked || value == "" {
			value, hidden = "", " hidden"
		} else {
			empty = false
		}
		span, note := ` colspan="2"`, ""
		if r.note != "" {
			span, note = "", "<td>"+r.note+"</td>"
		}
		fmt.Fprintf(&rows, "<tr%s><th scope=\"row\">%s</th><td%s data-key=%q>%s</td>%s</tr>\n",
			hidden, r.name, span, r.path, value, note)
	}
	if empty {
		attribute += " hidden"
	}
	writeBody(b, attribute, g.title, rows.String())
}

// writeFilled writes a group whose rows the script fills. It is hidden without any.
func writeFilled(b *strings.Builder, id, title, rows string) {
	attributes := fmt.Sprintf(" id=%q", id)
	if rows == "" {
		attributes += " hidden"
	}
	writeBody(b, attributes, title, rows)
}

func writeBody(b *strings.Builder, attributes, title, rows string) {
	fmt.Fprintf(b, "<tbody%s>\n<tr><th colspan=\"3\" scope=\"rowgroup\">%s</th></tr>\n%s</tbody>\n",
		attributes, title, rows)
}

// The functions below write values as the page's script does.

func mebibytes(bytes *int64) string {
	if bytes == nil {
		return ""
	}
	// The script rounds ties up, which are common: pages have 4 KiB.
	return fmt.Sprintf("%.2f MiB", math.Round(float64(*bytes)*100/(1<<20))/100)
}

func count(n *int64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatInt(*n, 10)
}

func percentage(percent *float64) string {
	if percent == nil {
		return ""
	}
	return fmt.Sprintf("%.1f%%", *percent)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// duration writes a duration in its two largest units.
func duration(totalSeconds int64) string {
	d := time.Duration(totalSeconds) * time.Second
	days, hours := d/(24*time.Hour), d/time.Hour%24
	minutes, seconds := d/time.Minute%60, d/time.Second%60
	switch {
	case days > 0:
		return fmt.Sprintf("%d d %d h", days, hours)
	case hours > 0:
		return fmt.Sprintf("%d h %d min", hours, minutes)
	case minutes > 0:
		return fmt.Sprintf("%d min %d s", minutes, seconds)
	}
	return fmt.Sprintf("%d s", seconds)
}
