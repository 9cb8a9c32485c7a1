package config

import (
	"log/slog"
	"maps"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// env is a process environment that holds only these values.
func env(values map[string]string) func(string) string {
	return func(key string) string { return values[key] }
}

// noDotenv is the path of a .env file that does not exist.
func noDotenv(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), ".env")
}

// writeDotenv is the path of a .env file with this content.
func writeDotenv(t testing.TB, content string) string {
	t.Helper()
	path := noDotenv(t)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// askedKeys are the keys that Load looks up, in its order, without the prefix that each may have.
// The last two go with a command alone, and only with the prefix.
func askedKeys(t testing.TB) []string {
	t.Helper()
	var asked []string
	lookup := func(key string) string {
		asked = append(asked, key)
		return ""
	}
	if _, err := Load(lookup, noDotenv(t), false); err != nil {
		t.Fatal(err)
	}
	var keys []string
	for i, key := range asked {
		bare, prefixed := strings.CutPrefix(key, "HEALTHD_")
		switch {
		case prefixed && !slices.Contains(asked, bare):
			keys = append(keys, key)
		case !prefixed && !slices.Contains(keys, key):
			keys = append(keys, key)
			if i == 0 || asked[i-1] != "HEALTHD_"+key {
				t.Fatalf("Load asked for %s without HEALTHD_%s before it", key, key)
			}
		}
	}
	if last := keys[len(keys)-2:]; !slices.Equal(last, commandKeys()) {
		t.Fatalf("the last two keys are %q, want %q", last, commandKeys())
	}
	return keys
}

// commandKeys are the keys that are errors without a command.
func commandKeys() []string { return []string{"HEALTHD_APP_CHECK", "HEALTHD_STOP_PERCENT"} }

// wantEveryKey holds the keys with a row in a table to those that Load looks up.
func wantEveryKey(t *testing.T, tested map[string]bool) {
	t.Helper()
	got, want := slices.Sorted(maps.Keys(tested)), slices.Sorted(slices.Values(askedKeys(t)))
	if !slices.Equal(got, want) {
		t.Errorf("keys with a row = %q, want all that Load reads, %q", got, want)
	}
}

// defaults is DESIGN's table, written out: Load must not be its own witness.
func defaults() Config {
	return Config{
		Listen:          Address{Port: 4000},
		ServiceName:     "healthd",
		Environment:     "production",
		WarnPercent:     80,
		FailPercent:     90,
		MemoryInterval:  30 * time.Second,
		DrainDelay:      3 * time.Second,
		ShutdownTimeout: 5 * time.Second,
		LogLevel:        slog.LevelInfo,
	}
}

// commandDefaults are the defaults with a command and HEALTHD_PORT=4000.
func commandDefaults() Config {
	c := defaults()
	c.MemoryLimit = 32 << 20
	c.MaxConnections = 64
	c.ShutdownTimeout = 25 * time.Second
	return c
}

func TestLoadDefaults(t *testing.T) {
	t.Parallel()
	empty := map[string]string{}
	for _, key := range askedKeys(t) {
		empty[key] = ""
	}
	for _, tt := range []struct {
		name   string
		env    map[string]string
		dotenv string
	}{
		{"no .env", nil, noDotenv(t)},
		{"every key empty", empty, noDotenv(t)},
		{"empty .env", nil, writeDotenv(t, "")},
		{"blank .env", nil, writeDotenv(t, "\n \t\n\r\n")},
		{"only comments", nil, writeDotenv(t, "# PORT=1\n  # HOST=nowhere\n#")},
		{"only unknown keys", nil, writeDotenv(t, "DATABASE_URL=postgres://u:p@db/x\n")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := Load(env(tt.env), tt.dotenv, false)
			if err != nil || !reflect.DeepEqual(got, defaults()) {
				t.Errorf("Load() = %+v, %v, want %+v", got, err, defaults())
			}
		})
	}
}

// TestLoadValues sets each key alone, in the process environment and in .env, and with the prefix
// beside another value without it, which must not count.
func TestLoadValues(t *testing.T) {
	t.Parallel()
	tested := map[string]bool{}
	for _, tt := range []struct {
		key, value string
		set        func(*Config)
	}{
		{"PORT", "1", func(c *Config) { c.Listen.Port = 1 }},
		{"PORT", "65535", func(c *Config) { c.Listen.Port = 65535 }},
		{"HOST", "0.0.0.0", func(c *Config) { c.Listen.Host = netip.IPv4Unspecified() }},
		{"HOST", "::", func(c *Config) { c.Listen.Host = netip.IPv6Unspecified() }},
		{"HOST", "192.0.2.7", func(c *Config) { c.Listen.Host = netip.MustParseAddr("192.0.2.7") }},
		{"HOST", "fe80::1%eth0", func(c *Config) { c.Listen.Host = netip.MustParseAddr("fe80::1%eth0") }},
		{"HOST", "localhost", func(c *Config) { c.Listen.Host = netip.MustParseAddr("127.0.0.1") }},
		{"SERVICE_NAME", "api", func(c *Config) { c.ServiceName = "api" }},
		{"SERVICE_NAME", "Größe 8 ✓", func(c *Config) { c.ServiceName = "Größe 8 ✓" }},
		{"ENVIRONMENT", "staging", func(c *Config) { c.Environment = "staging" }},
		{"GOMEMLIMIT", "200MiB", func(c *Config) { c.MemoryLimit = 200 << 20 }},
		{"GOMEMLIMIT", "1MiB", func(c *Config) { c.MemoryLimit = 1 << 20 }},
		{"GOMEMLIMIT", "off", func(c *Config) { c.MemoryLimit = math.MaxInt64 }},
		{"MAX_CONNECTIONS", "auto", func(c *Config) { c.MaxConnections = 0 }},
		{"MAX_CONNECTIONS", "4", func(c *Config) { c.MaxConnections = 4 }},
		{"MAX_CONNECTIONS", "100000", func(c *Config) { c.MaxConnections = 100_000 }},
		{"MEMORY_WARN_PERCENT", "6", func(c *Config) { c.WarnPercent = 6 }},
		{"MEMORY_WARN_PERCENT", "89", func(c *Config) { c.WarnPercent = 89 }},
		{"MEMORY_FAIL_PERCENT", "81", func(c *Config) { c.FailPercent = 81 }},
		{"MEMORY_FAIL_PERCENT", "100", func(c *Config) { c.FailPercent = 100 }},
		{"MEMORY_LOG_INTERVAL", "0", func(c *Config) { c.MemoryInterval = 0 }},
		{"MEMORY_LOG_INTERVAL", "0s", func(c *Config) { c.MemoryInterval = 0 }},
		{"MEMORY_LOG_INTERVAL", "2m", func(c *Config) { c.MemoryInterval = 2 * time.Minute }},
		{"DRAIN_DELAY", "0", func(c *Config) { c.DrainDelay = 0 }},
		{"DRAIN_DELAY", "1m30s", func(c *Config) { c.DrainDelay = 90 * time.Second }},
		{"SHUTDOWN_TIMEOUT", "250ms", func(c *Config) { c.ShutdownTimeout = 250 * time.Millisecond }},
		{"MONITORING_TOKEN", "hunter2", func(c *Config) { c.MonitoringToken = "hunter2" }},
		{"MONITORING_TOKEN", "a+/=_-~.!", func(c *Config) { c.MonitoringToken = "a+/=_-~.!" }},
		{"LOG_FORMAT", "text", func(c *Config) { c.LogJSON = false }},
		{"LOG_FORMAT", "json", func(c *Config) { c.LogJSON = true }},
		{"LOG_LEVEL", "debug", func(c *Config) { c.LogLevel = slog.LevelDebug }},
		{"LOG_LEVEL", "info", func(c *Config) { c.LogLevel = slog.LevelInfo }},
		{"LOG_LEVEL", "warn", func(c *Config) { c.LogLevel = slog.LevelWarn }},
		{"LOG_LEVEL", "error", func(c *Config) { c.LogLevel = slog.LevelError }},
		{"DEPENDENCIES", "redis=redis://cache", func(c *Config) {
			c.Dependencies = dependencies("redis=redis://cache")
		}},
		{"REQUIRED_DEPENDENCIES", "db=mongodb://db", func(c *Config) {
			c.Dependencies = dependencies("db!=mongodb://db")
		}},
	} {
		tested[tt.key] = true
		want := defaults()
		tt.set(&want)
		t.Run(tt.key+"="+tt.value, func(t *testing.T) {
			t.Parallel()
			got, err := Load(env(map[string]string{tt.key: tt.value}), noDotenv(t), false)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("Load(environment) = %+v, %v, want %+v", got, err, want)
			}
			got, err = Load(env(nil), writeDotenv(t, tt.key+"="+tt.value+"\n"), false)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("Load(.env) = %+v, %v, want %+v", got, err, want)
			}

			both := map[string]string{"HEALTHD_" + tt.key: tt.value, tt.key: "\x00 broken"}
			got, err = Load(env(both), writeDotenv(t, "HEALTHD_"+tt.key+"=broken\n"), false)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("Load(HEALTHD_%s) = %+v, %v, want %+v", tt.key, got, err, want)
			}
			other := map[string]string{tt.key: "\x00 broken"}
			got, err = Load(env(other), writeDotenv(t, "HEALTHD_"+tt.key+"="+tt.value+"\n"), false)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("Load(.env HEALTHD_%s) = %+v, %v, want %+v", tt.key, got, err, want)
			}

			want := commandDefaults()
			tt.set(&want)
			if tt.value == "auto" {
				want.MaxConnections = 64
			}
			command := map[string]string{"HEALTHD_PORT": "4000", tt.key: "\x00 broken"}
			command["HEALTHD_"+tt.key] = tt.value
			got, err = Load(env(command), writeDotenv(t, "HEALTHD_LOG_LEVEL=debug\nLOG_FORMAT=json\n"), true)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("Load(HEALTHD_%s, command) = %+v, %v, want %+v", tt.key, got, err, want)
			}
		})
	}
	for _, key := range commandKeys() {
		tested[key] = true // TestCommandSettings
	}
	wantEveryKey(t, tested)
}

func TestLoadPrecedence(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		process string
		dotenv  string
		want    uint16
	}{
		{"neither", "", "", 4000},
		{"process alone", "4001", "", 4001},
		{".env alone", "", "PORT=4002\n", 4002},
		{"process over .env", "4001", "PORT=4002\n", 4001},
		{"empty in both", "", "PORT=\n", 4000},
		{"empty in quotes", "", "PORT=\"\"\n", 4000},
		{"process over an empty .env value", "4001", "PORT=\n", 4001},
		{"process hides what is wrong in .env", "4001", "PORT=http\n", 4001},
		{"prefix in .env over process", "4001", "HEALTHD_PORT=4002\n", 4002},
		{"prefix over none in .env", "", "PORT=4001\nHEALTHD_PORT=4002\n", 4002},
		{"empty with the prefix", "4001", "HEALTHD_PORT=\n", 4001},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			want := defaults()
			want.Listen.Port = tt.want
			got, err := Load(env(map[string]string{"PORT": tt.process}), writeDotenv(t, tt.dotenv), false)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("Load(PORT=%q, .env %q) = %+v, %v, want %+v", tt.process, tt.dotenv, got, err, want)
			}
		})
	}
}

// TestLoadThresholdOrder takes the two thresholds from different places.
func TestLoadThresholdOrder(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, warn, fail string
		want             string // the error; empty is none
	}{
		{"one apart", "89", "90", ""},
		{"widest", "6", "100", ""},
		{"equal", "50", "50", `MEMORY_WARN_PERCENT: "50" is not less than MEMORY_FAIL_PERCENT (50)`},
		{"reversed", "90", "80", `MEMORY_WARN_PERCENT: "90" is not less than MEMORY_FAIL_PERCENT (80)`},
		{"warn over the default of fail", "95", "",
			`MEMORY_WARN_PERCENT: "95" is not less than MEMORY_FAIL_PERCENT (90, the default)`},
		{"fail under the default of warn", "", "70",
			`MEMORY_WARN_PERCENT: "80" (the default) is not less than MEMORY_FAIL_PERCENT (70)`},
		{"both set, one to its default", "80", "70",
			`MEMORY_WARN_PERCENT: "80" is not less than MEMORY_FAIL_PERCENT (70)`},
		{"one of them unreadable is one problem", "95", "x",
			`MEMORY_FAIL_PERCENT: "x" is not a whole percentage (6-100)`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := ""
			_, err := Load(env(map[string]string{"MEMORY_WARN_PERCENT": tt.warn}),
				writeDotenv(t, "MEMORY_FAIL_PERCENT="+tt.fail+"\n"), false)
			if err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("Load(warn %q, fail %q) = %q, want %q", tt.warn, tt.fail, got, tt.want)
			}
		})
	}
}
