package main

import (
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/halobuzz/healthd/internal/health"
	"github.com/halobuzz/healthd/internal/report"
)

// TestReadmeGrowth holds the example against the document's type and the sentence, and has every
// field in the table.
func TestReadmeGrowth(t *testing.T) {
	t.Parallel()
	readme := readFile(t, "README.md")
	block := regexp.MustCompile("(?s)```\n\"growth\": (.*?)```").FindStringSubmatch(readme)
	if block == nil {
		t.Fatal("the README has no example of growth")
	}
	text := regexp.MustCompile(`\n\s*`).ReplaceAllString(block[1], " ")
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	var example report.Growth
	if err := d.Decode(&example); err != nil {
		t.Fatal(err)
	}
	seconds := func(n *int64) time.Duration { return time.Duration(*n) * time.Second }
	want := health.Growth{
		Known: true, BytesPerMinute: example.BytesPerMinute, LimitBytes: 256 << 20,
		Watched: seconds(&example.WatchedSeconds), LimitIn: seconds(example.LimitInSeconds),
		Soonest: seconds(example.SoonestSeconds), Latest: seconds(example.LatestSeconds),
	}
	if example.Output != want.String() {
		t.Errorf("output = %q, want %q", example.Output, want.String())
	}
	for field := range reflect.TypeFor[report.Growth]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if !regexp.MustCompile("(?m)^\\| .*`" + name + "`.* \\| ").MatchString(readme) {
			t.Errorf("the README has no row for %s", name)
		}
	}
}

// TestReadmeHistory has every column of the history in the README.
func TestReadmeHistory(t *testing.T) {
	t.Parallel()
	document := report.WriteHistory(health.NewHistory(), time.Now())
	var history struct{ Hour map[string]any }
	if err := json.Unmarshal([]byte(strings.Join(document.Body, "")), &history); err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(readFile(t, "README.md"), "\n### History\n")
	section, _, _ = strings.Cut(section, "\n### ")
	if len(history.Hour) < 10 {
		t.Errorf("the history has %d columns, want all", len(history.Hour))
	}
	for column := range history.Hour {
		if !strings.Contains(section, "`"+column+"`") {
			t.Errorf("the README does not name %s", column)
		}
	}
}
