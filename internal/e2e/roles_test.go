//go:build e2e && linux

package e2e

import (
	"encoding/json"
	"log"
	"os"
	"testing"
)

// roles are the programs that the test binary can be instead, in a process of its own. The
// name is that of the environment variable that holds the specification, as JSON.
var roles = map[string]func(spec []byte) error{
	"APP": playApp, "FLOOD": playFlood, "HOG": playHog, "LEAK": playLeak,
}

func TestMain(m *testing.M) {
	for name, play := range roles {
		if spec := os.Getenv(name); spec != "" {
			if err := play([]byte(spec)); err != nil {
				log.Fatal(err)
			}
			return
		}
	}
	os.Exit(m.Run())
}

// role returns the environment variable that makes the test binary play a role.
func role(t *testing.T, name string, spec any) string {
	t.Helper()
	b, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	return name + "=" + string(b)
}

// self returns the path of the test binary.
func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
