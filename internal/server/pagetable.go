package server

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// A vitalGroup is a part of the table with a heading of its own.
type vitalGroup struct {
	title string
	rows  []vital
}

// A vital is a row that shows one value of the report.
type vital struct {
	key  string // where the report has it
	unit string // how it is written
	name string
	note string // what it means
}

// vitals is the table. The first one repeats what the page's script shows as its heading,
// for readers without a script.
var vitals = [...]vitalGroup{
	{"Status", []vital{
		{"status", "", "Status", "pass, warn or fail"},
		{"output", "", "Reason", ""},
	}},
	{"Container memory", []vital{
		{"memory.container.workingSetBytes", "bytes", "Working set",
			"usage minus page cache that the kernel can reclaim first"},
		{"memory.container.unreclaimableBytes", "bytes", "Unreclaimable",
			"usage minus everything that the kernel can free"},
		{"memory.container.limitBytes", "bytes", "Limit", "the kernel kills a process here"},
		{"memory.container.highBytes", "bytes", "Soft limit",
			"memory.high: above it the kernel slows the container down"},
		{"memory.container.usedPercent", "percent", "Used",
			"working set as a percentage of the lower limit"},
		{"memory.container.usageBytes", "bytes", "Usage", "including page cache"},
		{"memory.container.peakBytes", "bytes", "Peak usage", ""},
	}},
	{"Process memory", []vital{
		{"memory.rssBytes", "bytes", "RSS",
			"resident memory, including the pages of the executable"},
		{"memory.heapBytes", "bytes", "Heap", "Go objects, including garbage not yet collected"},
		{"memory.heapLiveBytes", "bytes", "Live heap", "survived the last garbage collection"},
		{"memory.heapSysBytes", "bytes", "Heap reserved", "address space for the heap"},
		{"memory.goBytes", "bytes", "Go memory", "counts against the Go memory limit"},
		{"memory.goLimitBytes", "bytes", "Go memory limit",
			"garbage collection works harder near it"},
		{"memory.goLimitSource", "", "Limit set by",
			"the setting GOMEMLIMIT, or the container: 80% of its limit"},
	}},
	{"Garbage collection", []vital{
		{"gc.cycles", "", "Collections", "since the start"},
		{"gc.cpuPercent", "percent", "CPU", "of the CPU time used in the last 10 seconds"},
		{"gc.limiterActive", "truth", "Throttled", "it hit its cap of 50% of the CPU"},
	}},
	{"Connections", []vital{
		{"connections.open", "", "Open connections", ""},
		{"connections.limit", "", "Connection limit",
			"beyond it the least active connection is closed"},
		{"connections.evicted", "", "Closed connections", "to make room, since the start"},
	}},
	{"Service", []vital{
		{"releaseId", "", "Version", ""},
		{"environment", "", "Environment", ""},
		{"uptimeSeconds", "seconds", "Uptime", ""},
		{"time", "", "Measured", ""},
		{"runtime.goVersion", "", "Go version", ""},
		{"runtime.gomaxprocs", "", "GOMAXPROCS", "CPUs that Go uses"},
		{"runtime.goroutines", "", "Goroutines", ""},
	}},
}

// detailsHTML returns the table, and the report that the page's script begins with. It
// hides rows without a value: it was not measured, or this client may not see it.
func detailsHTML(report string) string {
	var b strings.Builder
	b.Grow(8 << 10)
	b.WriteString("<table id=\"details\">\n<caption>Details</caption>\n")
	for i, group := range vitals {
		writeGroup(&b, &group, report, i == 0)
	}
	b.WriteString("</table>\n<script id=\"report\" type=\"application/json\">")
	b.WriteString(report) // encoding/json has escaped <, > and &
	b.WriteString("</script>")
	return b.String()
}

func writeGroup(b *strings.Builder, g *vitalGroup, report string, unscripted bool) {
	var rows strings.Builder
	empty := true
	for _, row := range g.rows {
		value, ok := find(report, row.key[strings.LastIndexByte(row.key, '.')+1:])
		empty = empty && !ok
		rows.WriteString("<tr")
		writeIf(&rows, !ok, " hidden")
		fmt.Fprintf(&rows, "><th scope=\"row\">%s</th><td", row.name)
		writeIf(&rows, row.note == "", ` colspan="2"`)
		fmt.Fprintf(&rows, " data-key=%q", row.key)
		fmt.Fprintf(&rows, ">%s</td>", escape(format(value, row.unit)))
		writeIf(&rows, row.note != "", "<td>"+row.note+"</td>")
		rows.WriteString("</tr>\n")
	}
	b.WriteString("<tbody")
	writeIf(b, unscripted, ` class="unscripted"`)
	writeIf(b, empty, " hidden")
	fmt.Fprintf(b, ">\n<tr><th colspan=\"3\" scope=\"rowgroup\">%s</th></tr>\n", g.title)
	b.WriteString(rows.String())
	b.WriteString("</tbody>\n")
}

func writeIf(b *strings.Builder, condition bool, text string) {
	if condition {
		b.WriteString(text)
	}
}

// find returns a value of the report, without its quotes. A name alone is enough, because
// those that the checks repeat stand once before them, and no string can hold a name with
// its quotes and its colon. Decoding JSON would make the binary 100 KB larger.
func find(report, name string) (value string, ok bool) {
	_, rest, ok := strings.Cut(report, `"`+name+`":`)
	if quoted, err := strconv.QuotedPrefix(rest); err == nil {
		value, err = strconv.Unquote(quoted)
		return value, err == nil
	}
	if end := strings.IndexAny(rest, ",}"); end >= 0 {
		rest = rest[:end]
	}
	return rest, ok
}

// escape returns s with the characters escaped that end text in HTML. The package html
// would add a table of 65 KB to the binary.
func escape(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "&", "&amp;"), "<", "&lt;")
}

// format returns a value in the form that the page's script gives it.
func format(value, unit string) string {
	n, err := strconv.ParseFloat(value, 64)
	switch {
	case unit == "truth" && value == "true":
		return "yes"
	case unit == "truth" && value == "false":
		return "no"
	case unit == "" || err != nil:
		return value
	case unit == "bytes":
		// Pages of 4 KiB give ties, which the script rounds up.
		return fmt.Sprintf("%.2f MiB", math.Round(n*100/(1<<20))/100)
	case unit == "percent":
		return fmt.Sprintf("%.1f%%", n)
	}
	return span(time.Duration(n) * time.Second)
}

// span returns a duration in its two largest units.
func span(d time.Duration) string {
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
