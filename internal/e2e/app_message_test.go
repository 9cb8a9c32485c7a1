//go:build e2e && linux

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// terminationLog makes a file as Kubernetes does, and returns it with the option of docker run
// that mounts it.
func terminationLog(t *testing.T) (file string, options []string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "termination-log")
	writeFile(t, file, "")
	if err := os.Chmod(file, 0o666); err != nil {
		t.Fatal(err)
	}
	return file, []string{"-v", file + ":/dev/termination-log"}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestAppTerminationMessage has the termination message say why the container ended, and be
// empty after a regular stop.
func TestAppTerminationMessage(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		env     []string
		command []string
		stop    bool
		want    []string // none for an empty message
	}{
		{"exit", nil, []string{"sh", "-c", "exit 3"}, false, []string{"3"}},
		{"cannot start", nil, []string{"no-such-command"}, false, []string{"no-such-command"}},
		{"OOM kill", []string{"LEAK_MIB=30"}, []string{"node", "app.js"}, false,
			[]string{"node", "MiB"}},
		{"regular stop", nil, []string{"node", "app.js"}, true, nil},
		{"regular stop over warn", []string{"HOLD_MIB=200"}, []string{"node", "app.js"}, true, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			file, options := terminationLog(t)
			options = append(append(options, memoryLimit(256)...), restricted...)
			c := runApp(t, append(options, environment(tt.env...)...), tt.command...)
			if tt.stop {
				c.bothServe()
				time.Sleep(2 * time.Second)
				if message := readFile(t, file); (message != "") != (tt.env != nil) {
					t.Errorf("the message while it runs is %q", message)
				}
				c.signalTerm()
			}
			c.ended(60 * time.Second)
			message := readFile(t, file)
			t.Logf("%q", message)
			if (message == "") != tt.stop || len(message) > 1<<10 {
				t.Errorf("the message is %q, want none only after a stop, and 1 KiB at most", message)
			}
			for _, want := range tt.want {
				if !strings.Contains(message, want) {
					t.Errorf("the message is %q, want %q in it", message, want)
				}
			}
		})
	}
	t.Run("never created", func(t *testing.T) {
		t.Parallel()
		c := runApp(t, append(memoryLimit(256), "-e", "HOLD_MIB=200"), "node", "app.js")
		c.bothServe()
		time.Sleep(2 * time.Second)
		mustDocker(t, "exec", c.id, "test", "!", "-e", "/dev/termination-log")
	})
}
