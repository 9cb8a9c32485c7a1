//go:build e2e

package e2e

import (
	"strings"
	"testing"
	"time"
)

func TestImageMemoryLimit(t *testing.T) {
	for _, tt := range []struct {
		name   string
		args   []string
		bytes  int64 // 0 for absent
		source string
		log    string
	}{
		{"the image's", []string{"-m", "256m"}, 200 << 20, "GOMEMLIMIT", "goLimitBytes=209715200"},
		{"empty", []string{"-m", "256m", "-e", "GOMEMLIMIT="},
			268435456 / 10 * 8, "container", "goLimitSource=container"},
		{"over the container's", []string{"-m", "64m", "-e", "GOMEMLIMIT=512MiB"},
			67108864 / 10 * 8, "container", "goLimitBytes=53687088 goLimitSource=container"},
		{"the image's in a smaller container", []string{"-m", "64m"},
			67108864 / 10 * 8, "container", "goLimitBytes=53687088 goLimitSource=container"},
		{"off", []string{"-m", "64m", "-e", "GOMEMLIMIT=off"}, 0, "off", "goLimitSource=off"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := runImage(t, tt.args...)
			checkGoLimit(t, c, tt.bytes, tt.source)
			if !strings.Contains(c.logs(), tt.log) {
				t.Errorf("the log lacks %s", tt.log)
			}
			if strings.Contains(c.logs(), "GOMEMLIMIT changed") {
				t.Error("the log has the first limit as a change")
			}
		})
	}
	t.Run("resized", func(t *testing.T) {
		t.Parallel()
		c := runImage(t, "-m", "256m", "-e", "GOMEMLIMIT=")
		checkGoLimit(t, c, 268435456/10*8, "container")
		mustDocker(t, "update", "-m", "128m", "--memory-swap", "128m", c.id)
		eventually(t, 3*time.Second, "reports the new limit", func() bool {
			m := c.report().Memory
			return *m.Container.LimitBytes == 128<<20 && *m.GoLimitBytes < 103<<20
		})
		checkGoLimit(t, c, 134217728/10*8, "container")
		if !strings.Contains(c.logs(), "GOMEMLIMIT changed") {
			t.Error("the log lacks the change")
		}
	})
}

// checkGoLimit checks that the reported limit is within 1 MiB of want.
func checkGoLimit(t *testing.T, c *container, want int64, source string) {
	t.Helper()
	m := c.report().Memory
	var got int64
	if m.GoLimitBytes != nil {
		got = *m.GoLimitBytes
	}
	if max(got-want, want-got) > 1<<20 || m.GoLimitSource != source {
		t.Errorf("goLimitBytes, goLimitSource = %d, %s, want %d, %s",
			got, m.GoLimitSource, want, source)
	}
}
