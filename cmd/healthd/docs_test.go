package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/joho/godotenv"

	"github.com/halobuzz/healthd/internal/config"
	"github.com/halobuzz/healthd/internal/health"
	"github.com/halobuzz/healthd/internal/server"
)

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// defaults are the keys that the program reads, with their defaults as .env.example
// has them. A test in internal/config holds that file against the program.
func defaults(t *testing.T) map[string]string {
	t.Helper()
	example := readFile(t, ".env.example")
	example = strings.Replace(example, "\n#MONITORING_TOKEN=", "\nMONITORING_TOKEN=", 1)
	keys, err := godotenv.Unmarshal(example)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestReadmeConfiguration(t *testing.T) {
	t.Parallel()
	rows := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([A-Z_]+)` \\| (?:`([^`]*)` )?\\|").FindAllStringSubmatch(readFile(t, "README.md"), -1) {
		rows[m[1]] = m[2]
	}
	compare(t, "README.md", rows)
}

func TestUsageConfiguration(t *testing.T) {
	t.Parallel()
	rows := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^\s+([A-Z_]+)=(\S*)\s`).FindAllStringSubmatch(usage(doc), -1) {
		rows[m[1]] = m[2]
	}
	compare(t, "healthd -h", rows)
	for _, path := range []string{server.LivePath, server.ReadyPath, server.MonitoringPath, server.HistoryPath, server.MetricsPath, server.PagePath} {
		if !strings.Contains(usage(doc), path+" ") {
			t.Errorf("healthd -h does not name %s", path)
		}
	}
	if strings.Contains(usage(doc), "package main") || !strings.HasPrefix(usage(doc), "Healthd is") {
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

// jsonBlocks are the README's blocks marked as JSON.
func jsonBlocks(t *testing.T) []string {
	t.Helper()
	var blocks []string
	for _, m := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(readFile(t, "README.md"), -1) {
		blocks = append(blocks, m[1])
	}
	if len(blocks) != 2 {
		t.Fatalf("%d JSON blocks, want the report and the Northflank spec", len(blocks))
	}
	return blocks
}

// TestReadmeReport holds the example against the document's type, both ways.
func TestReadmeReport(t *testing.T) {
	t.Parallel()
	block := jsonBlocks(t)[0]
	d := json.NewDecoder(strings.NewReader(block))
	d.DisallowUnknownFields()
	var report health.Report
	if err := d.Decode(&report); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(report)
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

func TestReadmeNorthflankSpec(t *testing.T) {
	t.Parallel()
	type probe struct {
		Protocol, Type, Path                                                       string
		Port, InitialDelaySeconds, PeriodSeconds, TimeoutSeconds, FailureThreshold *int
	}
	var spec struct {
		Name       string
		Billing    struct{ DeploymentPlan string }
		Deployment struct {
			Instances          int
			Docker             struct{ ConfigType string }
			GracePeriodSeconds int
		}
		VCSData       struct{ ProjectURL, ProjectType, ProjectBranch string }
		BuildSettings struct {
			Dockerfile struct{ BuildEngine, DockerFilePath, DockerWorkDir string }
		}
		Ports []struct {
			Name         string
			InternalPort int
			Public       bool
			Protocol     string
		}
		RuntimeEnvironment map[string]string
		HealthChecks       []probe
	}
	d := json.NewDecoder(strings.NewReader(jsonBlocks(t)[1]))
	d.DisallowUnknownFields()
	if err := d.Decode(&spec); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(func(key string) string { return spec.RuntimeEnvironment[key] }, "no such file")
	if err != nil {
		t.Fatalf("the environment is refused: %v", err)
	}
	port := int(cfg.Listen.Port)
	if p := spec.Ports; len(p) != 1 || p[0].InternalPort != port || !p[0].Public || p[0].Protocol != "HTTP" || len(p[0].Name) > 8 {
		t.Errorf("ports %+v, want the one on %d, public", p, port)
	}
	if exposed := "\nEXPOSE " + strconv.Itoa(port) + "\n"; !strings.Contains(readFile(t, "Dockerfile"), exposed) {
		t.Errorf("the Dockerfile lacks %q", exposed)
	}
	paths := map[string]string{"startupProbe": server.LivePath, "livenessProbe": server.LivePath, "readinessProbe": server.ReadyPath}
	for _, p := range spec.HealthChecks {
		if p.Protocol != "HTTP" || p.Path == "" || p.Path != paths[p.Type] {
			t.Errorf("probe %+v, want HTTP on %q", p, paths[p.Type])
		}
		delete(paths, p.Type)
		if p.Port == nil || *p.Port != port || p.InitialDelaySeconds == nil || p.PeriodSeconds == nil || p.TimeoutSeconds == nil || p.FailureThreshold == nil {
			t.Errorf("%s lacks a required field or asks another port than %d", p.Type, port)
		} else if *p.TimeoutSeconds < 5 {
			t.Errorf("%s times out after %d s, too tight at 0.1 vCPU", p.Type, *p.TimeoutSeconds)
		}
	}
	if len(paths) > 0 {
		t.Errorf("missing probes: %v", paths)
	}
	if grace := time.Duration(spec.Deployment.GracePeriodSeconds) * time.Second; grace <= cfg.DrainDelay+cfg.ShutdownTimeout {
		t.Errorf("gracePeriodSeconds %v, want over %v", grace, cfg.DrainDelay+cfg.ShutdownTimeout)
	}
	if file := spec.BuildSettings.Dockerfile.DockerFilePath; file != "/Dockerfile" || spec.Billing.DeploymentPlan != "nf-compute-10" {
		t.Errorf("builds %s for %s", file, spec.Billing.DeploymentPlan)
	}
}

// TestReadmeTargets: every make target that the README names exists.
func TestReadmeTargets(t *testing.T) {
	t.Parallel()
	makefile := readFile(t, "Makefile")
	targets := regexp.MustCompile("(?m)(?:^|[`$] ?)make ([a-z-]+)").FindAllStringSubmatch(readFile(t, "README.md"), -1)
	if len(targets) < 5 {
		t.Errorf("the README names %d targets", len(targets))
	}
	for _, m := range targets {
		if !strings.Contains(makefile, "\n"+m[1]+":") {
			t.Errorf("the README names make %s, which is no target", m[1])
		}
	}
}

// TestDependencies keeps the binary to what it needs.
func TestDependencies(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if .Standard}}std {{end}}{{.ImportPath}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	forbidden := map[string]string{
		"net/http/pprof": "it registers handlers that show the command line and memory to anyone",
		"expvar":         "it registers a handler that shows the command line to anyone",
		"html/template":  "it is the largest package that a server links without noticing",
		"testing":        "tests stay out of the binary",
	}
	var modules []string
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		if path, std := strings.CutPrefix(line, "std "); std {
			if why, bad := forbidden[path]; bad {
				t.Errorf("%s is linked: %s", path, why)
			}
		} else if !strings.HasPrefix(line, "github.com/halobuzz/healthd/") {
			modules = append(modules, line)
		}
	}
	if want := []string{"github.com/joho/godotenv"}; !slices.Equal(modules, want) {
		t.Errorf("linked besides the standard library: %v, want %v", modules, want)
	}
}

// TestReadmeContainer: what a first build and run need to know is in the README.
func TestReadmeContainer(t *testing.T) {
	t.Parallel()
	readme := readFile(t, "README.md")
	for _, want := range []string{
		"\ndocker run -p 4000:4000 -e PORT=4000 halobuzz-minimal\n",
		"`docker run --rm -m 256m -p 4000:4000 halobuzz-minimal`",
		"BuildKit",
		"malformed GOMEMLIMIT",
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
	if err := cmd.Run(); err != nil || !strings.Contains(stdout.String(), "list the targets") || stderr.Len() > 0 {
		t.Errorf("make help = %v, stdout %q, stderr %q, want a list and no error", err, &stdout, &stderr)
	}
}
