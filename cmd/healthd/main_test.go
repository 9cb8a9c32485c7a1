package main

import (
	"io"
	"slices"
	"strings"
	"testing"
)

func TestParseArgs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args       []string
		subcommand string
		operands   []string
		err        string
	}{
		{nil, "serve", nil, ""},
		{[]string{"serve"}, "serve", nil, ""},
		{[]string{"probe"}, "probe", nil, ""},
		{[]string{"probe", "/readyz"}, "probe", []string{"/readyz"}, ""},

		{[]string{"--", "node"}, "serve", []string{"node"}, ""},
		{[]string{"serve", "--", "node"}, "serve", []string{"node"}, ""},
		{[]string{"--", "node", "-h", "--version"}, "serve", []string{"node", "-h", "--version"}, ""},
		{[]string{"--", "npm", "start", "--", "-p", "80"}, "serve",
			[]string{"npm", "start", "--", "-p", "80"}, ""},
		{[]string{"--", "--"}, "serve", []string{"--"}, ""},
		{[]string{"--", "sh", "-c", "a b; c", ""}, "serve", []string{"sh", "-c", "a b; c", ""}, ""},
		{[]string{"--", ""}, "serve", []string{""}, ""},

		{[]string{"--"}, "", nil, `a command must follow "--"`},
		{[]string{"serve", "--"}, "", nil, `a command must follow "--"`},
		{[]string{"probe", "--", "/readyz"}, "", nil, `unexpected argument "--" for probe`},
		{[]string{"probe", "/readyz", "--"}, "", nil, `unexpected argument "--" for probe`},
		{[]string{"version", "--", "x"}, "", nil, `unexpected argument "--" for version`},
		{[]string{"-v", "--"}, "", nil, `unexpected argument "--" for version`},
		{[]string{"help", "--"}, "", nil, `unexpected argument "--" for help`},
		{[]string{"serve", "-h", "--", "x"}, "", nil, `unexpected argument "--" for help`},
		{[]string{"serve", "node", "--", "x"}, "", nil, `unexpected argument "node"`},
		{[]string{"-x", "--", "node"}, "", nil, `unknown option "-x"`},
		{[]string{"node", "--", "x"}, "", nil, `unknown command "node"`},
	} {
		subcommand, operands, err := parseArgs(tt.args)
		if tt.err != "" {
			if err == nil || err.Error() != tt.err {
				t.Errorf("parseArgs(%q) = %v, want %s", tt.args, err, tt.err)
			}
			continue
		}
		if err != nil || subcommand != tt.subcommand || !slices.Equal(operands, tt.operands) {
			t.Errorf("parseArgs(%q) = %q, %q, %v, want %q, %q",
				tt.args, subcommand, operands, err, tt.subcommand, tt.operands)
		}
	}
}

// TestRunCommand shows that run tells serve about the command, which makes HEALTHD_PORT required.
// Without a command, PORT would be refused.
func TestRunCommand(t *testing.T) {
	t.Parallel()
	getenv := func(key string) string { return map[string]string{"PORT": "x"}[key] }
	for _, args := range [][]string{{"--", "true"}, {"serve", "--", "true"}} {
		var stderr strings.Builder
		code := run(args, getenv, io.Discard, &stderr)
		if !strings.HasPrefix(stderr.String(), "HEALTHD_PORT: ") || code != exitUsage {
			t.Errorf("run(%q) = %d, stderr %q, want %d and HEALTHD_PORT", args, code, &stderr, exitUsage)
		}
	}
	var stderr strings.Builder
	code := run([]string{"--"}, getenv, io.Discard, &stderr)
	const want = "healthd: a command must follow \"--\"; see healthd -h\n"
	if code != exitUsage || stderr.String() != want {
		t.Errorf("run(--) = %d, stderr %q, want %d, %q", code, &stderr, exitUsage, want)
	}
}
