package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/joho/godotenv"

	"github.com/halobuzz/healthd/internal/report"
)

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// defaults returns the keys that the program reads, with their defaults as .env.example has
// them. A test in internal/config compares that file with the program.
func defaults(t *testing.T) map[string]string {
	t.Helper()
	example := readFile(t, ".env.example")
	example = regexp.MustCompile(`\n#([A-Z_]+)=`).ReplaceAllString(example, "\n$1=")
	keys, err := godotenv.Unmarshal(example)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestReadmeConfiguration(t *testing.T) {
	t.Parallel()
	rows := map[string]string{}
	row := regexp.MustCompile("(?m)^\\| `([A-Z_]+)` \\| (?:`([^`]*)` )?\\|")
	for _, m := range row.FindAllStringSubmatch(readFile(t, "README.md"), -1) {
		rows[m[1]] = m[2]
	}
	compare(t, "README.md", rows)
}

func TestUsageConfiguration(t *testing.T) {
	t.Parallel()
	rows := map[string]string{}
	setting := regexp.MustCompile(`(?m)^\s+([A-Z_]+)=(\S*)\s`)
	for _, m := range setting.FindAllStringSubmatch(usage(doc), -1) {
		rows[m[1]] = m[2]
	}
	compare(t, "healthd -h", rows)
	for _, e := range report.Endpoints() {
		if !strings.Contains(usage(doc), "\n\t"+e.Path+" ") {
			t.Errorf("healthd -h does not name %s", e.Path)
		}
	}
	if strings.Contains(usage(doc), "package main") || !strings.HasPrefix(usage(doc), "Healthd ") {
		t.Errorf("healthd -h prints %s", usage(doc))
	}
}

func compare(t *testing.T, where string, rows map[string]string) {
	t.Helper()
	want := defaults(t)
	for key, value := range want {
		if got, ok := rows[key]; !ok || got != value {
			t.Errorf("%s: %s is %q (%v), want %q", where, key, got, ok, value)
		}
	}
	for key := range rows {
		if _, ok := want[key]; !ok {
			t.Errorf("%s: %s is not read by the program", where, key)
		}
	}
}

// jsonBlocks returns the README's blocks that are marked as JSON.
func jsonBlocks(t *testing.T) []string {
	t.Helper()
	var blocks []string
	block := regexp.MustCompile("(?s)```json\n(.*?)```")
	for _, m := range block.FindAllStringSubmatch(readFile(t, "README.md"), -1) {
		blocks = append(blocks, m[1])
	}
	if len(blocks) != 3 {
		t.Fatalf("%d JSON blocks, want the report and two Northflank specs", len(blocks))
	}
	return blocks
}

// TestReadmeReport holds the example against the document's type, both ways and in its order.
func TestReadmeReport(t *testing.T) {
	t.Parallel()
	block := jsonBlocks(t)[0]
	d := json.NewDecoder(strings.NewReader(block))
	d.DisallowUnknownFields()
	var example struct {
		report.Monitoring
		Checks map[string][]report.Check `json:"checks"`
	}
	if err := d.Decode(&example); err != nil {
		t.Fatal(err)
	}
	document := example.Monitoring
	for _, name := range []string{"memory:utilization", "gomemlimit:utilization"} {
		if len(example.Checks[name]) != 1 {
			t.Fatalf("the README has %d of %s, want 1", len(example.Checks[name]), name)
		}
		document.Checks = append(document.Checks,
			report.NamedCheck{Name: name, Check: example.Checks[name][0]})
	}
	again, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(block)); err != nil {
		t.Fatal(err)
	}
	if got := compact.String(); got != string(again) {
		t.Errorf("the README has\n%s, want\n%s", got, again)
	}
}

// TestReadmeTargets holds that every make target which the README names exists.
func TestReadmeTargets(t *testing.T) {
	t.Parallel()
	makefile := readFile(t, "Makefile")
	target := regexp.MustCompile("(?m)(?:^|[`$] ?)make ([a-z-]+)")
	targets := target.FindAllStringSubmatch(readFile(t, "README.md"), -1)
	if len(targets) < 5 {
		t.Errorf("the README names %d targets", len(targets))
	}
	for _, m := range targets {
		if !strings.Contains(makefile, "\n"+m[1]+":") {
			t.Errorf("the README names make %s, which is no target", m[1])
		}
	}
}

// TestReadmeContainer holds the README to what a first build and run need to know.
func TestReadmeContainer(t *testing.T) {
	t.Parallel()
	readme := readFile(t, "README.md")
	for _, want := range []string{
		"\ndocker run -p 4000:4000 -e PORT=4000 halobuzz-minimal\n",
		"`docker run --rm -m 256m -p 4000:4000 halobuzz-minimal`",
		"BuildKit",
		"malformed GOMEMLIMIT",
		"\nCOPY --from=halobuzz-minimal /healthd /healthd\n",
		"\nENV HEALTHD_PORT=4040\nENTRYPOINT [\"/healthd\", \"--\"]\nCMD [",
		"docker stop -t 30",
	} {
		if !strings.Contains(readme, want) {
			t.Errorf("the README lacks %q", want)
		}
	}
}

// TestMakeHelpNeedsNoGo runs make help where there is little but make.
func TestMakeHelpNeedsNoGo(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	for _, name := range []string{"sed", "expand"} {
		tool, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(tool, filepath.Join(path, name)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("make", "-C", "../..", "help") // found in the test's own PATH
	cmd.Env = []string{"PATH=" + path}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if err != nil || !strings.Contains(stdout.String(), "list the targets") || stderr.Len() > 0 {
		t.Errorf("make help = %v, stdout %q, stderr %q, want a list and no error",
			err, &stdout, &stderr)
	}
}
