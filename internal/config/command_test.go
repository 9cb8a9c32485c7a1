package config

import (
	"maps"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/halobuzz/healthd/internal/probe"
)

// appEnvironment is the environment of an app that uses names of healthd's keys.
func appEnvironment() map[string]string {
	return map[string]string{
		"LOG_LEVEL": "http", "HOST": "api.example.com", "MAX_CONNECTIONS": "10",
		"PORT": "/run/app.sock", "SHUTDOWN_TIMEOUT": "30000", "GOGC": "off", "GOMEMLIMIT": "200MiB",
		"MONITORING_TOKEN": secret, "DEPENDENCIES": "a,b", "APP_CHECK": "on", "STOP_PERCENT": "x",
	}
}

// TestCommandEnvironment: nothing of the app's environment or of its .env changes the Config.
func TestCommandEnvironment(t *testing.T) {
	t.Parallel()
	values := appEnvironment()
	values["HEALTHD_PORT"] = "4040"
	want := commandDefaults()
	want.Listen.Port = 4040
	want.Warnings = []string{"MONITORING_TOKEN is the command's: anyone may see details, unless " +
		"HEALTHD_MONITORING_TOKEN is set"}
	for _, dotenv := range []string{
		"",
		"SECRET=\"" + secret + "\n",
		"no equals sign\n",
		"HEALTHD_LOG_LEVEL=debug\nHEALTHD_PORT=1\nHEALTHD_STOP_PERCENT=x\nLOG_FORMAT=json\n",
	} {
		got, err := Load(env(values), writeDotenv(t, dotenv), true)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("Load(.env %q) = %+v, %v, want %+v", dotenv, got, err, want)
		}
	}
	directory := noDotenv(t)
	if err := os.Mkdir(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	if got, err := Load(env(values), directory, true); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Load(.env is a directory) = %+v, %v, want %+v", got, err, want)
	}
	// The same input must be able to fail.
	_, err := Load(env(values), writeDotenv(t, "SECRET=\""+secret+"\n"), false)
	wantLines(t, err, ".env: ", "HOST: ", "LOG_LEVEL: ", "SHUTDOWN_TIMEOUT: ", "DEPENDENCIES: ")
}

func TestCommandSettings(t *testing.T) {
	t.Parallel()
	target := func(url string) *probe.Target {
		target, err := probe.Parse(url)
		if err != nil {
			t.Fatal(err)
		}
		return &target
	}
	for _, tt := range []struct {
		name  string
		env   map[string]string
		check *probe.Target
		set   bool
		stop  int
	}{
		{"no PORT", nil, nil, false, 0},
		{"PORT", map[string]string{"PORT": "3000"}, target("tcp://127.0.0.1:3000"), false, 0},
		{"a socket", map[string]string{"PORT": "/run/app.sock"}, nil, false, 0},
		{"PORT over range", map[string]string{"PORT": "65536"}, nil, false, 0},
		{"PORT with a space", map[string]string{"PORT": "3000 "}, nil, false, 0},
		{"MySQL's port", map[string]string{"PORT": "3306"}, nil, false, 0},
		{"off", map[string]string{"PORT": "3000", "HEALTHD_APP_CHECK": "off"}, nil, false, 0},
		{"HTTP", map[string]string{"PORT": "3000", "HEALTHD_APP_CHECK": "http://127.0.0.1:3000/up?key=1"},
			target("http://127.0.0.1:3000/up?key=1"), true, 0},
		{"TCP", map[string]string{"HEALTHD_APP_CHECK": "tcp://localhost:9"},
			target("tcp://localhost:9"), true, 0},
		{"Redis", map[string]string{"HEALTHD_APP_CHECK": "redis://:hunter2@localhost"},
			target("redis://:hunter2@localhost"), true, 0},
		{"as the default", map[string]string{"PORT": "3000", "HEALTHD_APP_CHECK": "tcp://127.0.0.1:3000"},
			target("tcp://127.0.0.1:3000"), true, 0},
		{"never stop", map[string]string{"HEALTHD_STOP_PERCENT": "0"}, nil, false, 0},
		{"lowest", map[string]string{"HEALTHD_STOP_PERCENT": "6"}, nil, false, 6},
		{"highest", map[string]string{"HEALTHD_STOP_PERCENT": "100"}, nil, false, 100},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			want := commandDefaults()
			want.AppCheck, want.AppCheckSet, want.StopPercent = tt.check, tt.set, tt.stop
			values := map[string]string{"HEALTHD_PORT": "4000"}
			maps.Copy(values, tt.env)
			got, err := Load(env(values), noDotenv(t), true)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("Load() = %+v, %v, want %+v", got, err, want)
			}
		})
	}
}

func TestCommandInvalid(t *testing.T) {
	t.Parallel()
	const (
		missing = "HEALTHD_PORT: must be set to a port, because PORT is the command's"
		scheme  = "HEALTHD_APP_CHECK: the URL must start with http://, https://, tcp://, redis://, " +
			"rediss://, mongodb:// or mongodb+srv://"
		percent = " is not 0 or a whole percentage (6-100)"
	)
	for _, tt := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"HEALTHD_PORT": ""}, missing},
		{map[string]string{"HEALTHD_PORT": "", "PORT": "4000"}, missing},
		{map[string]string{"PORT": "4040"}, `HEALTHD_PORT: "4040" ` +
			`is the command's PORT, too; choose another`},
		{map[string]string{"HEALTHD_PORT": "x", "PORT": "x"},
			`HEALTHD_PORT: "x" is not a port (1-65535)`},
		{map[string]string{"HEALTHD_APP_CHECK": "hunter2"}, scheme},
		{map[string]string{"HEALTHD_APP_CHECK": "127.0.0.1:3000/hunter2"}, scheme},
		{map[string]string{"HEALTHD_APP_CHECK": "x=http://app/hunter2"}, scheme},
		{map[string]string{"HEALTHD_APP_CHECK": "http://app/hunter2\n"}, "HEALTHD_APP_CHECK: " +
			"the path and query must contain only printable ASCII characters and no spaces"},
		{map[string]string{"HEALTHD_APP_CHECK": "http://u:hunter2@app"},
			"HEALTHD_APP_CHECK: a URL of this scheme must not have a user or password"},
		{map[string]string{"HEALTHD_APP_CHECK": "tcp://hunter2"},
			"HEALTHD_APP_CHECK: a tcp URL must have a port"},
		{map[string]string{"HEALTHD_STOP_PERCENT": "5"}, `HEALTHD_STOP_PERCENT: "5"` + percent},
		{map[string]string{"HEALTHD_STOP_PERCENT": "101"}, `HEALTHD_STOP_PERCENT: "101"` + percent},
		{map[string]string{"HEALTHD_STOP_PERCENT": "85%"}, `HEALTHD_STOP_PERCENT: "85%"` + percent},
		{map[string]string{"HEALTHD_STOP_PERCENT": "-0"}, `HEALTHD_STOP_PERCENT: "-0"` + percent},
		{map[string]string{"HEALTHD_MEMORY_WARN_PERCENT": "95"}, `HEALTHD_MEMORY_WARN_PERCENT: "95" ` +
			`is not less than HEALTHD_MEMORY_FAIL_PERCENT (90, the default)`},
		{map[string]string{"HEALTHD_MONITORING_TOKEN": "hunter2 "}, "HEALTHD_MONITORING_TOKEN: " +
			"must be at most 4096 printable ASCII characters without spaces (value hidden)"},
		{map[string]string{"HEALTHD_REQUIRED_DEPENDENCIES": "HUNTER2_URL"},
			"HEALTHD_REQUIRED_DEPENDENCIES: entry 1: the variable is not set; set it or remove the entry"},
		{map[string]string{"HEALTHD_DEPENDENCIES": "a=tcp://a:1 a=tcp://hunter2:1"},
			"HEALTHD_DEPENDENCIES: entry 2 (a): another entry has the same name; " +
				"choose another with NAME=URL or NAME=VARIABLE"},
	} {
		values := map[string]string{"HEALTHD_PORT": "4040"}
		maps.Copy(values, tt.env)
		_, err := Load(env(values), noDotenv(t), true)
		if err == nil || err.Error() != tt.want {
			t.Errorf("Load(%v) = %v, want %s", tt.env, err, tt.want)
		}
	}
}

// TestServiceLink has the variable that Kubernetes sets for a Service with the name healthd.
func TestServiceLink(t *testing.T) {
	t.Parallel()
	values := map[string]string{"HEALTHD_PORT": "tcp://10.0.0.7:4000", "PORT": "4001"}
	got, err := Load(env(values), noDotenv(t), false)
	if err != nil || got.Listen.Port != 4001 {
		t.Errorf("Load() = port %d, %v, want 4001", got.Listen.Port, err)
	}
	address, err := LoadAddress(env(values), noDotenv(t))
	if err != nil || address.Port != 4001 {
		t.Errorf("LoadAddress() = port %d, %v, want 4001", address.Port, err)
	}
	_, err = Load(env(values), noDotenv(t), true)
	wantLines(t, err, "HEALTHD_PORT: must be set to a port")
}

// TestCommandMissing sets the keys that go with a command, in both places, without one.
func TestCommandMissing(t *testing.T) {
	t.Parallel()
	for _, key := range commandKeys() {
		want := key + ": needs a command (healthd -- COMMAND)"
		for _, value := range []string{"0", "http://app/hunter2", "a\nb"} {
			_, err := Load(env(map[string]string{key: value}), noDotenv(t), false)
			if err == nil || err.Error() != want {
				t.Errorf("Load(%s=%q) = %v, want %s", key, value, err, want)
			}
			_, err = Load(env(nil), writeDotenv(t, key+"='"+value+"'\n"), false)
			if err == nil || err.Error() != want {
				t.Errorf("Load(.env %s=%q) = %v, want %s", key, value, err, want)
			}
		}
		// The name without the prefix is nobody's.
		bare := strings.TrimPrefix(key, prefix)
		got, err := Load(env(map[string]string{bare: "x"}), writeDotenv(t, bare+"=x\n"), false)
		if err != nil || !reflect.DeepEqual(got, defaults()) {
			t.Errorf("Load(%s=x) = %+v, %v, want %+v", bare, got, err, defaults())
		}
	}
}

// TestCommandDependencies: a variable that a dependency names comes from the environment, else
// from the app's .env.
func TestCommandDependencies(t *testing.T) {
	t.Parallel()
	const lostQuote = "SECRET=\"" + secret + "\nREDIS_URL=redis://cache\n"
	const ignored = "HEALTHD_DEPENDENCIES: entry 2: not watched, because the variable is not in the " +
		"environment; .env: "
	for _, tt := range []struct {
		name, entries string
		env           string // REDIS_URL
		dotenv        string
		want          []probe.Dependency
		warning       string
	}{
		{"in the environment", "REDIS_URL", "redis://a", "REDIS_URL=redis://b\n",
			dependencies("redis=redis://a"), ""},
		{"in .env", "REDIS_URL", "", "HEALTHD_DEPENDENCIES=x\nREDIS_URL=redis://b\n",
			dependencies("redis=redis://b"), ""},
		{"in the environment, beside a lost quote", "REDIS_URL", "redis://a", lostQuote,
			dependencies("redis=redis://a"), ""},
		{"behind a lost quote", "a=tcp://a:1 REDIS_URL b=tcp://b:1", "", lostQuote,
			dependencies("a=tcp://a:1", "b=tcp://b:1"), ignored + "is not a list of KEY=value lines"},
		{"beside a line without =", "a=tcp://a:1 x=REDIS_URL", "", "=" + secret + "\nA=1\n",
			dependencies("a=tcp://a:1"), ignored + "has a line without a key or without ="},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			values := map[string]string{
				"HEALTHD_PORT": "4040", "HEALTHD_DEPENDENCIES": tt.entries, "REDIS_URL": tt.env,
			}
			got, err := Load(env(values), writeDotenv(t, tt.dotenv), true)
			warnings := strings.Join(got.Warnings, "\n")
			if err != nil || !reflect.DeepEqual(got.Dependencies, tt.want) || warnings != tt.warning {
				t.Errorf("Load() = %v, %q, %v, want %v, %q",
					got.Dependencies, warnings, err, tt.want, tt.warning)
			}
		})
	}
}
