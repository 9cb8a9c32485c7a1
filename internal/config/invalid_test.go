package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// wantLines holds an error to one line for each prefix, in any order, each with
// something after it.
func wantLines(t *testing.T, err error, prefixes ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("error = nil, want lines that begin %q", prefixes)
		return
	}
	lines := strings.Split(err.Error(), "\n")
	for _, prefix := range prefixes {
		i := slices.IndexFunc(lines, func(line string) bool {
			return strings.HasPrefix(line, prefix) && line != prefix
		})
		if i < 0 {
			t.Errorf("error = %q, want a line that begins %q", err, prefix)
			continue
		}
		lines = slices.Delete(lines, i, i+1)
	}
	if len(lines) > 0 {
		t.Errorf("error also says %q, want only lines that begin %q", lines, prefixes)
	}
	control := func(r rune) bool { return r != '\n' && unicode.IsControl(r) }
	if strings.ContainsFunc(err.Error(), control) {
		t.Errorf("error = %q, want no control characters", err)
	}
}

func TestLoadInvalid(t *testing.T) {
	t.Parallel()
	tested := map[string]bool{}
	for _, tt := range []struct{ name, key, value string }{
		{"a word", "PORT", "http"},
		{"zero", "PORT", "0"},
		{"negative", "PORT", "-1"},
		{"over range", "PORT", "65536"},
		{"over 64 bits", "PORT", "99999999999999999999"},
		{"signed", "PORT", "+80"},
		{"a fraction", "PORT", "80.0"},
		{"hexadecimal", "PORT", "0x50"},
		{"grouped digits", "PORT", "4_000"},
		{"other digits", "PORT", "４０００"},
		{"leading space", "PORT", " 4000"},
		{"trailing space", "PORT", "4000 "},
		{"only a space", "PORT", " "},
		{"trailing newline", "PORT", "4000\n"},
		{"newline and another key", "PORT", "4000\nHOST: \"x\" is not real"},
		{"carriage return", "PORT", "4000\r"},
		{"terminal escape", "PORT", "\x1b[2J"},
		{"quoted", "PORT", `"4000"`},
		{"invalid UTF-8", "PORT", "\xff"},

		{"a name", "HOST", "example.com"},
		{"upper case", "HOST", "LOCALHOST"},
		{"with a port", "HOST", "127.0.0.1:4000"},
		{"in brackets", "HOST", "[::1]"},
		{"short IPv4", "HOST", "127.1"},
		{"octet over range", "HOST", "256.0.0.1"},
		{"leading zero, once octal", "HOST", "127.0.0.010"},
		{"a prefix", "HOST", "10.0.0.0/8"},
		{"a wildcard", "HOST", "*"},
		{"leading space", "HOST", " 127.0.0.1"},
		{"trailing space", "HOST", "localhost "},
		{"multicast", "HOST", "224.0.0.1"},
		{"the last multicast address", "HOST", "239.255.255.255"},
		{"multicast mapped to IPv6", "HOST", "::ffff:224.0.0.1"},
		{"multicast of IPv6", "HOST", "ff02::1"},
		{"multicast with a zone", "HOST", "ff02::1%lo"},
		{"broadcast", "HOST", "255.255.255.255"},
		{"broadcast mapped to IPv6", "HOST", "::ffff:255.255.255.255"},

		{"a word", "GOMEMLIMIT", "lots"},
		{"short unit", "GOMEMLIMIT", "256M"},
		{"decimal unit", "GOMEMLIMIT", "256MB"},
		{"fraction", "GOMEMLIMIT", "1.5GiB"},
		{"a share", "GOMEMLIMIT", "80%"},
		{"zero", "GOMEMLIMIT", "0"},
		{"zero with a unit", "GOMEMLIMIT", "0MiB"},
		{"a unit forgotten", "GOMEMLIMIT", "200"},
		{"a byte under range", "GOMEMLIMIT", "1048575"},
		{"a small unit", "GOMEMLIMIT", "1023KiB"},
		{"negative", "GOMEMLIMIT", "-1"},
		{"over range", "GOMEMLIMIT", "8388608TiB"},
		{"leading space", "GOMEMLIMIT", " 1GiB"},
		{"trailing space", "GOMEMLIMIT", "1GiB "},
		{"quotes kept by docker run --env-file", "GOMEMLIMIT", `"200MiB"`},

		{"a word", "MAX_CONNECTIONS", "many"},
		{"upper case", "MAX_CONNECTIONS", "AUTO"},
		{"zero", "MAX_CONNECTIONS", "0"},
		{"negative", "MAX_CONNECTIONS", "-1"},
		{"under range", "MAX_CONNECTIONS", "3"},
		{"over 64 bits", "MAX_CONNECTIONS", "9223372036854775808"},
		{"with a unit", "MAX_CONNECTIONS", "1k"},
		{"exponent", "MAX_CONNECTIONS", "1e3"},
		{"leading space", "MAX_CONNECTIONS", " 64"},
		{"trailing space", "MAX_CONNECTIONS", "auto "},

		{"a word", "MEMORY_WARN_PERCENT", "high"},
		{"with a sign", "MEMORY_WARN_PERCENT", "80%"},
		{"zero", "MEMORY_WARN_PERCENT", "0"},
		{"negative", "MEMORY_WARN_PERCENT", "-80"},
		{"under range", "MEMORY_WARN_PERCENT", "5"},
		{"over range", "MEMORY_WARN_PERCENT", "101"},
		{"a fraction", "MEMORY_WARN_PERCENT", "0.8"},
		{"leading space", "MEMORY_WARN_PERCENT", " 80"},
		{"trailing space", "MEMORY_WARN_PERCENT", "80 "},
		{"a word", "MEMORY_FAIL_PERCENT", "full"},
		{"negative", "MEMORY_FAIL_PERCENT", "-1"},
		{"under range", "MEMORY_FAIL_PERCENT", "5"},
		{"over range", "MEMORY_FAIL_PERCENT", "101"},
		{"trailing space", "MEMORY_FAIL_PERCENT", "90 "},

		{"a word", "MEMORY_LOG_INTERVAL", "never"},
		{"bare number", "MEMORY_LOG_INTERVAL", "30"},
		{"signed zero", "MEMORY_LOG_INTERVAL", "-0"},
		{"doubled zero", "MEMORY_LOG_INTERVAL", "00"},
		{"a bare number after a unit", "MEMORY_LOG_INTERVAL", "1m30"},
		{"negative", "MEMORY_LOG_INTERVAL", "-30s"},
		{"wrong unit", "MEMORY_LOG_INTERVAL", "1d"},
		{"upper case", "MEMORY_LOG_INTERVAL", "30S"},
		{"a space inside", "MEMORY_LOG_INTERVAL", "30 s"},
		{"leading space", "MEMORY_LOG_INTERVAL", " 30s"},
		{"trailing space", "MEMORY_LOG_INTERVAL", "30s "},
		{"over range", "MEMORY_LOG_INTERVAL", "2562048h"},
		{"only a unit", "MEMORY_LOG_INTERVAL", "s"},
		{"bare number", "DRAIN_DELAY", "3"},
		{"negative", "DRAIN_DELAY", "-1ns"},
		{"wrong unit", "DRAIN_DELAY", "3sec"},
		{"bare number", "SHUTDOWN_TIMEOUT", "5"},
		{"negative", "SHUTDOWN_TIMEOUT", "-5s"},
		{"wrong unit", "SHUTDOWN_TIMEOUT", "5 seconds"},

		{"another format", "LOG_FORMAT", "logfmt"},
		{"upper case", "LOG_FORMAT", "JSON"},
		{"trailing space", "LOG_FORMAT", "json "},
		{"another level", "LOG_LEVEL", "trace"},
		{"upper case", "LOG_LEVEL", "INFO"},
		{"a number", "LOG_LEVEL", "-4"},
		{"leading space", "LOG_LEVEL", " info"},
	} {
		tested[tt.key] = true
		t.Run(fmt.Sprintf("%s/%s", tt.key, tt.name), func(t *testing.T) {
			t.Parallel()
			want := fmt.Sprintf("%s: %q is not ", tt.key, tt.value)
			_, err := Load(env(map[string]string{tt.key: tt.value}), noDotenv(t), false)
			wantLines(t, err, want)
			// Single quotes hold a value as it is, except that the parser makes \r\n of lines \n.
			_, err = Load(env(nil), writeDotenv(t, tt.key+"='"+tt.value+"'\n"), false)
			if strings.ContainsAny(tt.value, "\r\n") {
				// Two lost quotes look like this, with a secret between them.
				want = tt.key + ": its value in .env is "
			}
			wantLines(t, err, want)
			// With the prefix, the message says so.
			want = fmt.Sprintf("HEALTHD_%s: %q is not ", tt.key, tt.value)
			values := map[string]string{"HEALTHD_PORT": "4040", tt.key: "ignored"}
			values["HEALTHD_"+tt.key] = tt.value
			for _, command := range []bool{false, true} {
				_, err = Load(env(values), noDotenv(t), command)
				wantLines(t, err, want)
			}
		})
	}
	// Any text is a name: two keys have no bad input. Secrets have tests of their own.
	for _, key := range []string{
		"SERVICE_NAME", "ENVIRONMENT", "MONITORING_TOKEN", "DEPENDENCIES", "REQUIRED_DEPENDENCIES",
		"HEALTHD_APP_CHECK", "HEALTHD_STOP_PERCENT",
	} {
		tested[key] = true
	}
	wantEveryKey(t, tested)
}

func TestLoadInvalidText(t *testing.T) {
	t.Parallel()
	_, err := Load(env(map[string]string{"PORT": "abc"}), noDotenv(t), false)
	if want := `PORT: "abc" is not a port (1-65535)`; err == nil || err.Error() != want {
		t.Errorf("Load(PORT=abc) = %v, want %s", err, want)
	}
}

// TestLoadInvalidToken: a secret is told without its value.
func TestLoadInvalidToken(t *testing.T) {
	t.Parallel()
	const want = "MONITORING_TOKEN: must be at most 4096 printable ASCII characters " +
		"without spaces (value hidden)"
	for _, token := range []string{
		"hunter2 ", " hunter2", "hun ter2", "hunter2\n", "hunter2\r", "hunter2\x00", "hunter2\x7f",
		"hünter2", "hunter2\xff", strings.Repeat("hunter2", 600),
	} {
		_, err := Load(env(map[string]string{"MONITORING_TOKEN": token}), noDotenv(t), false)
		if err == nil || err.Error() != want {
			t.Errorf("Load(MONITORING_TOKEN=%q) = %v, want %s", token, err, want)
		}
	}
	_, err := Load(env(nil), writeDotenv(t, "MONITORING_TOKEN='hunter2 '\n"), false)
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("Load(.env) = %v, want an error without the value", err)
	}
}

// TestLoadExpandedToken sets the token in .env, where the parser replaces references.
func TestLoadExpandedToken(t *testing.T) {
	t.Parallel()
	const refused = "MONITORING_TOKEN: contains $; put it in single quotes in .env"
	for _, tt := range []struct{ name, dotenv, want, wantErr string }{
		{"an unknown variable", "MONITORING_TOKEN=$HUNTER2", "", refused},
		{"a part of the value", `export MONITORING_TOKEN="hunter2$X"`, "", refused},
		{"braces", "MONITORING_TOKEN: hun${T}er2", "", refused},
		{"a known variable", "X=hunter2\nMONITORING_TOKEN=$X", "", refused},
		{"parentheses", "MONITORING_TOKEN=$(HUNTER2)", "", refused},
		{"an apostrophe in the comment", "MONITORING_TOKEN=$SECRET # it's shared", "", refused},
		{"an apostrophe in the value", `MONITORING_TOKEN="abc$XYZ'def"`, "", refused},
		{"in two lines' quotes", "A=\"\nB\"\nMONITORING_TOKEN=a$B", "", refused},
		{"the last one counts", "MONITORING_TOKEN='$A'\nMONITORING_TOKEN=$A", "", refused},

		{"the prefix", "HEALTHD_MONITORING_TOKEN=$X\nMONITORING_TOKEN=hunter2", "", "HEALTHD_" + refused},
		{"both", "HEALTHD_MONITORING_TOKEN=hunter2\nMONITORING_TOKEN=$X", "hunter2", ""},

		{"single quotes", "MONITORING_TOKEN='$HUNTER2'", "$HUNTER2", ""},
		{"lower case, which the parser keeps", "MONITORING_TOKEN=$hunter2", "$hunter2", ""},
		{"lower case in parentheses", "MONITORING_TOKEN=$(hunter2)", "$(hunter2)", ""},
		{"lower case in braces", "MONITORING_TOKEN=${hunter2}", "${hunter2}", ""},
		{"a $ at the end", "MONITORING_TOKEN=hunter2$", "hunter2$", ""},
		{"escaped", `MONITORING_TOKEN="hun\$TER2"`, "hun$TER2", ""},
		{"a comment of its own", "# MONITORING_TOKEN=$X\nMONITORING_TOKEN=hunter2", "hunter2", ""},
		{"a comment behind it", "MONITORING_TOKEN=hunter2 # not $HOME", "hunter2", ""},
		{"another key", "MONITORING_TOKEN=hunter2\nOTHER=$X", "hunter2", ""},
		{"a comment of another key",
			"MONITORING_TOKEN=hunter2\nSERVICE_NAME=api # MONITORING_TOKEN is set in $HOME",
			"hunter2", ""},
		{"a name that ends alike", "MONITORING_TOKEN=hunter2\nOLD_MONITORING_TOKEN=$X", "hunter2", ""},
		{"not set", "SERVICE_NAME=api # MONITORING_TOKEN is set in $HOME", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := Load(env(nil), writeDotenv(t, tt.dotenv+"\n"), false)
			if tt.wantErr != "" {
				if err == nil || err.Error() != tt.wantErr {
					t.Errorf("Load(.env %q) = %v, want %s", tt.dotenv, err, tt.wantErr)
				}
				// The process environment hides what the file has.
				process := env(map[string]string{"HEALTHD_MONITORING_TOKEN": "hunter2"})
				c, err = Load(process, writeDotenv(t, tt.dotenv+"\n"), false)
				tt.want = "hunter2"
			}
			if err != nil || c.MonitoringToken != tt.want {
				t.Errorf("Load(.env %q) = token %q, %v, want %q", tt.dotenv, c.MonitoringToken, err, tt.want)
			}
		})
	}
}

// TestLoadLostNewline has a token that became a part of another value.
func TestLoadLostNewline(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"LOG_LEVEL", "HEALTHD_LOG_LEVEL"} {
		_, err := Load(env(nil), writeDotenv(t, key+"=info MONITORING_TOKEN=hunter2\n"), false)
		want := key + ": its value in .env (hidden because it contains =) is not " +
			"debug, info, warn or error"
		if err == nil || err.Error() != want {
			t.Errorf("Load(.env) = %v, want %s", err, want)
		}
	}
}

// TestLoadTellsEverything has something wrong with every key that can be wrong.
func TestLoadTellsEverything(t *testing.T) {
	t.Parallel()
	values := map[string]string{
		"PORT": "http", "HOST": "a\nb", "GOMEMLIMIT": "1G", "MAX_CONNECTIONS": "3",
		"MEMORY_WARN_PERCENT": "x", "MEMORY_FAIL_PERCENT": "101", "MEMORY_LOG_INTERVAL": "30",
		"DRAIN_DELAY": "-1s", "SHUTDOWN_TIMEOUT": "5", "LOG_FORMAT": "xml", "LOG_LEVEL": "loud",
	}
	var want []string
	for key, value := range values {
		want = append(want, fmt.Sprintf("%s: %q is not ", key, value))
	}
	_, err := Load(env(values), noDotenv(t), false)
	wantLines(t, err, want...)

	// A file that cannot be read does not hide what is wrong in the process environment.
	_, err = Load(env(values), writeDotenv(t, "no equals sign\n"), false)
	wantLines(t, err, append(want, ".env: ")...)
}
