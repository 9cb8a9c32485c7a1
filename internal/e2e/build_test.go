//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestImageBuildFits runs the Dockerfile's own go build, with an empty build cache, in a
// container of 256 MiB. The smallest plan has that size, and the image may be built on it too.
// This test does not run beside others.
func TestImageBuildFits(t *testing.T) {
	command := dockerfileBuild(t)
	began := time.Now()
	if out, err := buildIn256MiB(t, command); err != nil {
		t.Errorf("%s = %v, want success\n%s", command, err, out)
	}
	t.Logf("built in %.0f s", time.Since(began).Seconds())
}

// TestImageBuildNeedsFlags shows that TestImageBuildFits can fail. Without the flags that bound
// its memory, the same build is killed.
func TestImageBuildNeedsFlags(t *testing.T) {
	if testing.Short() {
		t.Skip("a second cold build")
	}
	command := dockerfileBuild(t)
	unbounded := strings.NewReplacer("GOGC=50 ", "", " -p 1", "").Replace(command)
	if want := len(command) - len("GOGC=50  -p 1"); len(unbounded) != want {
		t.Fatalf("the build command is %s, want GOGC=50 and -p 1 in it", command)
	}
	if out, err := buildIn256MiB(t, unbounded); err == nil || !strings.Contains(out, "killed") {
		t.Errorf("%s = %v, want it killed\n%s", unbounded, err, out)
	}
}

// dockerfileBuild returns the command of the Dockerfile's RUN instruction that builds the
// program, without the mounts, which are BuildKit's.
func dockerfileBuild(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	instructions := regexp.MustCompile(`\\\n\s*`).ReplaceAllString(string(text), "")
	mount := regexp.MustCompile(`--mount=\S+ `)
	for line := range strings.Lines(instructions) {
		command, run := strings.CutPrefix(strings.TrimSpace(line), "RUN ")
		if run && strings.Contains(command, "go build ") {
			return mount.ReplaceAllString(command, "")
		}
	}
	t.Fatal("the Dockerfile has no RUN with go build")
	return ""
}

// buildIn256MiB runs a shell command in the Dockerfile's build image, on the sources.
func buildIn256MiB(t *testing.T, command string) (string, error) {
	t.Helper()
	src, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	modules, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	cache := strings.TrimSpace(string(modules))
	out, err := dockerCommand("run", "--rm", "--network", "host",
		"-m", "256m", "--memory-swap", "256m",
		"-v", src+":/src:ro", "-v", cache+":/go/pkg/mod:ro", "-w", "/src",
		"-e", "TARGETOS=linux", "-e", "TARGETARCH="+runtime.GOARCH, "-e", "VERSION=dev",
		"golang:1.26", "sh", "-c", command).CombinedOutput()
	return string(out), err
}
