package config

import (
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
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

// askedKeys are the keys that Load looks up, in its order.
func askedKeys(t testing.TB) []string {
	t.Helper()
	var keys []string
	lookup := func(key string) string {
		keys = append(keys, key)
		return ""
	}
	if _, err := Load(lookup, noDotenv(t)); err != nil {
		t.Fatal(err)
	}
	return keys
}

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
			if got, err := Load(env(tt.env), tt.dotenv); err != nil || !reflect.DeepEqual(got, defaults()) {
				t.Errorf("Load() = %+v, %v, want %+v", got, err, defaults())
			}
		})
	}
}

// TestLoadValues sets each key alone, in the process environment and in .env.
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
			got, err := Load(env(map[string]string{tt.key: tt.value}), noDotenv(t))
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("Load(environment) = %+v, %v, want %+v", got, err, want)
			}
			got, err = Load(env(nil), writeDotenv(t, tt.key+"="+tt.value+"\n"))
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("Load(.env) = %+v, %v, want %+v", got, err, want)
			}
		})
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
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			want := defaults()
			want.Listen.Port = tt.want
			got, err := Load(env(map[string]string{"PORT": tt.process}), writeDotenv(t, tt.dotenv))
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
				writeDotenv(t, "MEMORY_FAIL_PERCENT="+tt.fail+"\n"))
			if err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("Load(warn %q, fail %q) = %q, want %q", tt.warn, tt.fail, got, tt.want)
			}
		})
	}
}

func TestAddress(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, host         string
		listen, url, local string
	}{
		{"every address", "", ":4000", "http://0.0.0.0:4000", "[127.0.0.1:4000 [::1]:4000]"},
		{"every IPv4 address", "0.0.0.0", "0.0.0.0:4000", "http://0.0.0.0:4000", "[127.0.0.1:4000]"},
		{"every IPv6 address", "::", "[::]:4000", "http://[::]:4000", "[127.0.0.1:4000 [::1]:4000]"},
		{"IPv4 loopback", "127.0.0.1", "127.0.0.1:4000", "http://127.0.0.1:4000", "[127.0.0.1:4000]"},
		{"IPv6 loopback", "::1", "[::1]:4000", "http://[::1]:4000", "[[::1]:4000]"},
		{"localhost", "localhost", "127.0.0.1:4000", "http://127.0.0.1:4000", "[127.0.0.1:4000]"},
		{"one address", "192.0.2.7", "192.0.2.7:4000", "http://192.0.2.7:4000", "[192.0.2.7:4000]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a, err := LoadAddress(env(map[string]string{"HOST": tt.host}), noDotenv(t))
			if err != nil {
				t.Fatal(err)
			}
			if got := a.String(); got != tt.listen {
				t.Errorf("String() = %q, want %q", got, tt.listen)
			}
			if got := a.URL(); got != tt.url {
				t.Errorf("URL() = %q, want %q", got, tt.url)
			}
			if got := fmt.Sprint(a.Local()); got != tt.local {
				t.Errorf("Local() = %q, want %q", got, tt.local)
			}
		})
	}
}

// TestLoadAddress breaks every other key: the self-probe must not fail for them.
func TestLoadAddress(t *testing.T) {
	t.Parallel()
	broken, file := map[string]string{}, "HOST=::1\nPORT=4001\n"
	for _, key := range askedKeys(t) {
		if key != "HOST" && key != "PORT" {
			broken[key] = "\x00 broken"
			file += key + "=broken\n"
		}
	}
	want := Address{Host: netip.IPv6Loopback(), Port: 4001}

	var asked []string
	lookup := func(key string) string {
		asked = append(asked, key)
		return broken[key]
	}
	got, err := LoadAddress(lookup, writeDotenv(t, file))
	if err != nil || got != want {
		t.Errorf("LoadAddress() = %v, %v, want %v", got, err, want)
	}
	slices.Sort(asked)
	if want := []string{"HOST", "PORT"}; !slices.Equal(asked, want) {
		t.Errorf("LoadAddress asked for %q, want %q", asked, want)
	}
	// The same input must be able to fail.
	if _, err := Load(env(broken), writeDotenv(t, file)); err == nil {
		t.Error("Load() with every other key broken = nil, want an error")
	}

	_, err = LoadAddress(env(map[string]string{"HOST": "nowhere", "PORT": "http"}), noDotenv(t))
	wantLines(t, err, `HOST: "nowhere" is not `, `PORT: "http" is not `)
}
