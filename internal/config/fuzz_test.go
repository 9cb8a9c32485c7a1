package config

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// checkConfig holds what Load accepts to the ranges that the rest relies on.
func checkConfig(t *testing.T, c Config) {
	t.Helper()
	switch {
	case c.Listen.Port == 0,
		c.ServiceName == "",
		c.Environment == "",
		c.MemoryLimit != 0 && c.MemoryLimit < 1<<20,
		c.MaxConnections < 0 || c.MaxConnections > 0 && c.MaxConnections < 4,
		c.WarnPercent < 6 || c.WarnPercent >= c.FailPercent || c.FailPercent > 100,
		c.StopPercent != 0 && (c.StopPercent < 6 || c.StopPercent > 100),
		c.MemoryInterval < 0 || c.DrainDelay < 0 || c.ShutdownTimeout < 0:
		t.Errorf("Load() = %+v, want every value in its range", c)
	}
	for _, local := range c.Listen.Local() {
		addr := local.Addr()
		if !addr.IsValid() || addr == netip.IPv4Unspecified() || addr == netip.IPv6Unspecified() {
			t.Errorf("Local() of %v has %v, want addresses to connect to", c.Listen, local)
		}
	}
}

// FuzzLoad reads a .env file that has a secret between two parts that the fuzzer writes.
func FuzzLoad(f *testing.F) {
	for _, seed := range []struct{ before, after string }{
		{"", ""},
		{"PORT=4001", "HOST=::1"},
		{"PORT=http", "GOMEMLIMIT=1G\nLOG_LEVEL=\x1b"},
		{"PORT=", "PORT=$SECRET"},
		{"", "PORT=${SECRET}\nHOST=\\$SECRET\nLOG_LEVEL=$(SECRET)"},
		{"PORT='4001", "HOST='::1'"},
		{"PORT=\"4001", "\""},
		{"PORT='", "'\n=x"},
		{"A=\"", ""},
		{"\ufeff", ""},
		{"=x", "A"},
		{"# PORT=1", "#"},
		{"DEPENDENCIES=SECRET x=SECRET $SECRET", "REQUIRED_DEPENDENCIES='a=redis://a b=tcp://a:1'"},
		{"export PORT=1", "export"},
		{"A: b\r\nPORT: 4001\r\n", "\r"},
		{"MEMORY_WARN_PERCENT=90", "MEMORY_FAIL_PERCENT=80"},
		{"SERVICE_NAME=\"a\\nb\"", "DRAIN_DELAY=\"1\\n2\""},
		{"MONITORING_TOKEN=$SECRET # it's shared", "A=$B"},
		{"A=$B", "MONITORING_TOKEN=\"a$SECRET'b\""},
		{"MONITORING_TOKEN='$A", "$B'"},
		{"HEALTHD_PORT=4001\nPORT=http", "HEALTHD_HOST=::1\nHOST=x"},
		{"HEALTHD_PORT=$SECRET\nPORT=4001", "HEALTHD_MONITORING_TOKEN=$X"},
		{"HEALTHD_APP_CHECK=http://app/?SECRET", "HEALTHD_STOP_PERCENT=85"},
		{strings.Repeat("PORT=1\n", 1000), strings.Repeat("x", 10_000)},
	} {
		f.Add(seed.before, seed.after)
	}
	keys := askedKeys(f)
	f.Fuzz(func(t *testing.T, before, after string) {
		content := before + "\nSECRET=" + secret + "\n" + after
		dotenv := writeDotenv(t, content)
		checkCommand(t, dotenv)
		c, err := Load(env(nil), dotenv, false)
		if err == nil {
			checkConfig(t, c)
			return
		}
		lines := strings.Split(err.Error(), "\n")
		malformed := false
		for _, line := range lines {
			key, rest, _ := strings.Cut(line, ": ")
			bare := strings.TrimPrefix(key, "HEALTHD_")
			known := slices.Contains(keys, bare)
			begins := func(prefix string) bool { return strings.HasPrefix(rest, prefix) }
			switch {
			case key == ".env" && rest != "":
				malformed = true
			case known && begins(`"`) && strings.Contains(rest, `" is not `):
			case known && rest == "its value in .env is more than one line":
			case known && begins("its value in .env (hidden "):
			case rest == "contains $; put it in single quotes in .env":
			case slices.Contains(commandKeys(), key) && begins("needs a command "):
			case bare == "MONITORING_TOKEN" && begins("must be at most 4096 printable ASCII characters "):
			case bare == "MEMORY_WARN_PERCENT" && strings.Contains(rest, " is not less than "):
			case strings.HasSuffix(key, "DEPENDENCIES") && (begins("entry ") || begins("it has ")):
			default:
				t.Errorf("Load(.env %q) says %q, want a line that begins with a key or .env", content, line)
			}
			if strings.ContainsFunc(line, unicode.IsControl) {
				t.Errorf("Load(.env %q) says %q, want no control characters", content, line)
			}
		}
		// In a file that parses, PORT=$SECRET is a value like any other and is quoted.
		if malformed && (len(lines) != 1 || strings.Contains(err.Error(), secret)) {
			t.Errorf("Load(.env %q) = %q, want one line and no secret", content, err)
		}
	})
}

// checkCommand loads a configuration whose .env belongs to a command.
func checkCommand(t *testing.T, dotenv string) {
	t.Helper()
	want := commandDefaults()
	got, err := Load(env(map[string]string{"HEALTHD_PORT": "4000"}), dotenv, true)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Load(command) = %+v, %v, want %+v", got, err, want)
	}
	got, err = Load(env(map[string]string{
		"HEALTHD_PORT": "4000", "HEALTHD_DEPENDENCIES": "SECRET x=A",
	}), dotenv, true)
	lines := got.Warnings
	if err != nil {
		lines = append(lines, strings.Split(err.Error(), "\n")...)
	}
	for _, line := range lines {
		if !strings.HasPrefix(line, "HEALTHD_DEPENDENCIES: entry ") || strings.Contains(line, secret) ||
			strings.ContainsFunc(line, unicode.IsControl) {
			t.Errorf("Load(command, dependencies) says %q, want a line that quotes nothing", line)
		}
	}
}

// FuzzLoadValue gives one key one value, as the process environment does, in every form in which
// the key may be written.
func FuzzLoadValue(f *testing.F) {
	keys := askedKeys(f)
	for i := range keys {
		for _, value := range []string{
			"", "0", "-1", "+5", "4", "80", "99", "101", "9223372036854775808",
			"0s", "-0s", "5s", "30", "1d", "1h-1s", ".5s", ".s",
			"off", "auto", "json", "warn",
			"localhost", "0.0.0.0", "::", "::ffff:0.0.0.0", "fe80::1%eth0", "::1%]\n",
			" ", "a\nb", "a\r", "\"", "`", "\x00", "\xff", "\u2028", "１", strings.Repeat("9", 1000),
		} {
			f.Add(uint8(i), value)
		}
	}
	dotenv := noDotenv(f)
	f.Fuzz(func(t *testing.T, i uint8, value string) {
		key := keys[int(i)%len(keys)]
		if strings.HasSuffix(key, "DEPENDENCIES") {
			return // FuzzDependencies
		}
		if strings.HasPrefix(key, "HEALTHD_") {
			checkValue(t, key, value, dotenv, true)
			return
		}
		checkValue(t, key, value, dotenv, false)
		checkValue(t, "HEALTHD_"+key, value, dotenv, false)
		checkValue(t, "HEALTHD_"+key, value, dotenv, true)
	})
}

func checkValue(t *testing.T, key, value, dotenv string, command bool) {
	t.Helper()
	values := map[string]string{}
	if command {
		values["HEALTHD_PORT"] = "4040"
	}
	values[key] = value
	c, err := Load(env(values), dotenv, command)
	if err == nil {
		checkConfig(t, c)
		return
	}
	got := err.Error()
	order := strings.Contains(got, `MEMORY_WARN_PERCENT: "`) &&
		strings.Contains(got, `MEMORY_FAIL_PERCENT (`) && strings.Contains(got, ` is not less than `) &&
		(strings.HasSuffix(key, "MEMORY_WARN_PERCENT") || strings.HasSuffix(key, "MEMORY_FAIL_PERCENT"))
	want := fmt.Sprintf("%s: %q is not ", key, value)
	switch {
	case strings.HasSuffix(key, "MONITORING_TOKEN"):
		want = key + ": must be at most 4096 printable ASCII characters "
	case key == "HEALTHD_APP_CHECK":
		want = key + ": "
		if len(value) > 40 && strings.Contains(got, value) {
			t.Errorf("Load(%s=%q) = %q, want no part of the value", key, value, got)
		}
	case key == "HEALTHD_PORT" && value == "":
		want = key + ": must be set"
	}
	if !strings.HasPrefix(got, want) && !order {
		t.Errorf("Load(%s=%q) = %q, want it to begin %q", key, value, got, want)
	}
	if strings.ContainsFunc(got, unicode.IsControl) {
		t.Errorf("Load(%s=%q) = %q, want one line without control characters", key, value, got)
	}
}
