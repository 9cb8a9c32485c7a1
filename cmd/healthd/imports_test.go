package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const (
	module   = "github.com/halobuzz/healthd/"
	internal = module + "internal/"
)

// goList returns the lines of go list.
func goList(t *testing.T, args ...string) []string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v: %s", cmd, err, &stderr)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// TestDependencies keeps the binary to what it needs.
func TestDependencies(t *testing.T) {
	t.Parallel()
	forbidden := map[string]string{
		"net/http/pprof": "it registers handlers that show the command line and memory to anyone",
		"expvar":         "it registers a handler that shows the command line to anyone",
		"html/template":  "it is the largest package that a server links without noticing",
		"testing":        "tests stay out of the binary",
	}
	var modules []string
	for _, line := range goList(t, "-deps", "-f", "{{if .Standard}}std {{end}}{{.ImportPath}}", ".") {
		if path, std := strings.CutPrefix(line, "std "); std {
			if why, bad := forbidden[path]; bad {
				t.Errorf("%s is linked: %s", path, why)
			}
		} else if !strings.HasPrefix(line, module) {
			modules = append(modules, line)
		}
	}
	if want := []string{"github.com/joho/godotenv"}; !slices.Equal(modules, want) {
		t.Errorf("linked besides the standard library: %v, want %v", modules, want)
	}
}

// TestImports keeps the packages in the order of the data: measure, judge, write, publish,
// serve. What a package may import is its whole knowledge of the others.
func TestImports(t *testing.T) {
	t.Parallel()
	allowed := map[string][]string{
		"app":        {},
		"config":     {"probe"},
		"health":     {"app", "memory", "probe"},
		"memory":     {},
		"monitor":    {"app", "health", "memory", "report"},
		"probe":      {},
		"processors": {},
		"report":     {"health", "memory"},
		"server":     {"report"}, // it knows documents, not what is in them
	}
	// Judging has no I/O, so that it is the same for the same input.
	pure := []string{"net/http", "encoding/json", "log/slog", "os"}

	packages := 0
	const format = `{{.ImportPath}} {{join .Imports " "}}`
	for _, line := range goList(t, "-f", format, "../../internal/...") {
		path, imports, _ := strings.Cut(line, " ")
		name := strings.TrimPrefix(path, internal)
		if strings.HasPrefix(name, "e2e") {
			continue // tests alone
		}
		packages++
		if _, ok := allowed[name]; !ok {
			t.Errorf("what may %s import?", name)
		}
		for imported := range strings.FieldsSeq(imports) {
			other, ours := strings.CutPrefix(imported, internal)
			if ours && !slices.Contains(allowed[name], other) {
				t.Errorf("%s imports %s, want at most %v", name, other, allowed[name])
			}
			if name == "health" && slices.Contains(pure, imported) {
				t.Errorf("health imports %s, want no I/O", imported)
			}
		}
	}
	if packages != len(allowed) {
		t.Errorf("%d packages, want %d", packages, len(allowed))
	}
}
