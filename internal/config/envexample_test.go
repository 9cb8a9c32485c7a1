package config

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestEnvExample holds the repository's .env.example to the code: it names exactly
// the keys that Load reads, each with its default.
func TestEnvExample(t *testing.T) {
	t.Parallel()
	path := filepath.Join("..", "..", ".env.example")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// Read as docker run --env-file reads it: raw, so that quotes and comments behind a
	// value would be part of it.
	var keys []string
	values := map[string]string{}
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || strings.HasPrefix(line, "# ") {
			continue
		}
		// A key that is commented out has no space behind the #.
		line = strings.TrimPrefix(line, "#")
		key, value, found := strings.Cut(line, "=")
		if !found {
			t.Errorf("line %q has no =", line)
		}
		keys = append(keys, key)
		values[key] = value
	}

	got, want := slices.Sorted(slices.Values(keys)), slices.Sorted(slices.Values(askedKeys(t)))
	if !slices.Equal(got, want) {
		t.Errorf(".env.example has the keys %q, want %q", got, want)
	}
	// An empty value would pass the comparison below for any key.
	emptyByDefault := []string{
		"HOST", "GOMEMLIMIT", "MONITORING_TOKEN", "DEPENDENCIES", "REQUIRED_DEPENDENCIES",
		"HEALTHD_APP_CHECK",
	}
	for _, key := range keys {
		if empty := values[key] == ""; empty != slices.Contains(emptyByDefault, key) {
			t.Errorf(".env.example has %s=%q, want its default", key, values[key])
		}
	}
	if c, err := Load(env(nil), path, false); err != nil || !reflect.DeepEqual(c, defaults()) {
		t.Errorf("Load(.env.example as .env) = %+v, %v, want %+v", c, err, defaults())
	}
	// The keys that go with a command are commented out, because they are errors without one.
	withCommand := map[string]string{"HEALTHD_PORT": "4000"}
	for _, key := range commandKeys() {
		withCommand[key] = values[key]
		delete(values, key)
	}
	if c, err := Load(env(withCommand), noDotenv(t), true); err != nil ||
		!reflect.DeepEqual(c, commandDefaults()) {
		t.Errorf("Load(%v, command) = %+v, %v, want %+v", withCommand, c, err, commandDefaults())
	}
	if c, err := Load(env(values), noDotenv(t), false); err != nil ||
		!reflect.DeepEqual(c, defaults()) {
		t.Errorf("Load(.env.example as environment) = %+v, %v, want %+v", c, err, defaults())
	}
	// Appended to a file that has a token, it must not open the details to anyone.
	c, err := Load(env(nil), writeDotenv(t, "MONITORING_TOKEN=hunter2\n"+string(content)), false)
	if err != nil || c.MonitoringToken != "hunter2" {
		t.Errorf("Load(a token, then .env.example) = token %q, %v, want hunter2", c.MonitoringToken, err)
	}
}
