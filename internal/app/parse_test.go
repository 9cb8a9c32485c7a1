package app

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParseStatm(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, statm      string
		resident, shared int64
		ok               bool
	}{
		{"captured", "283413 15274 11236 5620 0 41217 0\n", 15274, 11236, true},
		{"zombie", "0 0 0 0 0 0 0\n", 0, 0, true},
		{"more shared than resident", "9 1 2 0 0 0 0\n", 1, 2, true},
		{"empty", "", 0, 0, false},
		{"one field", "660\n", 0, 0, false},
		{"cut in the second field", "660 33", 0, 0, false},
		{"cut in the third field", "660 331 30", 0, 0, false},
		{"negative", "660 -331 305 0\n", 0, 0, false},
		{"letters", "660 331 3x5 0\n", 0, 0, false},
		{"too many pages", "1 99999999999999 1 0\n", 0, 0, false},
		{"overflow", "1 99999999999999999999 1 0\n", 0, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			resident, shared, ok := parseStatm([]byte(tt.statm))
			if resident != tt.resident || shared != tt.shared || ok != tt.ok {
				t.Errorf("parseStatm(%q) = %d, %d, %t, want %d, %d, %t",
					tt.statm, resident, shared, ok, tt.resident, tt.shared, tt.ok)
			}
		})
	}
}

func TestParseStat(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, stat    string
		parent, group int
		ok            bool
	}{
		{"captured", "28 (node) S 7 14 1 34816 1 4194304 1 0\n", 7, 14, true},
		{"comm with a space", "28 (tmux: server) S 7 14 1 0\n", 7, 14, true},
		{"comm like a stat line", "28 (a) S 9 () R 7 14 1 0\n", 7, 14, true},
		{"comm with parentheses", "28 ((sd-pam)) S 7 14 1 0\n", 7, 14, true},
		{"init", "1 (init) S 0 1 1 0\n", 0, 1, true},
		{"empty", "", 0, 0, false},
		{"no comm", "28 node S 7 14\n", 0, 0, false},
		{"ends after the comm", "28 (node)", 0, 0, false},
		{"ends after the state", "28 (node) S", 0, 0, false},
		{"ends in the parent", "28 (node) S 7", 0, 0, false},
		{"ends in the group", "28 (node) S 7 1", 0, 0, false},
		{"negative parent", "28 (node) S -7 14 1\n", 0, 0, false},
		{"negative group", "28 (node) S 7 -14 1\n", 0, 0, false},
		{"huge parent", "28 (node) S 2147483648 14 1\n", 0, 0, false},
		{"huge group", "28 (node) S 7 2147483648 1\n", 0, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			parent, group, ok := parseStat([]byte(tt.stat))
			if parent != tt.parent || group != tt.group || ok != tt.ok {
				t.Errorf("parseStat(%q) = %d, %d, %t, want %d, %d, %t",
					tt.stat, parent, group, ok, tt.parent, tt.group, tt.ok)
			}
		})
	}
}

func TestDisplayName(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, argument, want string }{
		{"command", "node", "node"},
		{"path", "/usr/local/bin/node", "node"},
		{"relative path", "../bin/app", "app"},
		{"login shell", "-bash", "-bash"},
		{"title", "npm run start", "npm run start"},
		{"title with a path", "nginx: master process /usr/sbin/nginx -g x",
			"nginx: master process /usr/sbin/"},
		{"path and options", "/usr/sbin/nginx -c /etc/x", "nginx -c /etc/x"},
		{"ends with a slash", "bin/", ""},
		{"empty", "", ""},
		{"32 bytes", strings.Repeat("a", 32), strings.Repeat("a", 32)},
		{"33 bytes", strings.Repeat("a", 33), strings.Repeat("a", 32)},
		{"cut before a rune", strings.Repeat("a", 31) + "é", strings.Repeat("a", 31)},
		{"not UTF-8", "a\xff\xfeb", "a??b"},
		{"control characters", "a\x1b[2J\nb", "a?[2J?b"},
		{"spaces at the end", "node   ", "node"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := displayName([]byte(tt.argument)); got != tt.want {
				t.Errorf("displayName(%q) = %q, want %q", tt.argument, got, tt.want)
			}
		})
	}
}

func FuzzParseStatm(f *testing.F) {
	for _, seed := range []string{
		"283413 15274 11236 5620 0 41217 0\n", "0 0 0 0\n", "", " ", "1 2 3", "1 -2 3 4",
		"1 9223372036854775807 9223372036854775807 0", "1 2kB 3kB 4",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, statm []byte) {
		resident, shared, ok := parseStatm(statm)
		if resident < 0 || shared < 0 || !ok && (resident != 0 || shared != 0) {
			t.Errorf("parseStatm(%q) = %d, %d, %t", statm, resident, shared, ok)
		}
		if resident*65536 < resident {
			t.Errorf("parseStatm(%q) = %d pages, which overflow as bytes", statm, resident)
		}
	})
}

func FuzzParseStat(f *testing.F) {
	for _, seed := range []string{
		"28 (node) S 7 1 1 34816 1\n", "28 (a) S 9 () R 7 1\n", "1 (init) S 0 1\n", "", ") ",
		"1 () S 99999999999999999999 1", "1 () S -1 1", "1 ) S",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, stat []byte) {
		parent, group, ok := parseStat(stat)
		if parent < 0 || group < 0 || !ok && (parent != 0 || group != 0) {
			t.Errorf("parseStat(%q) = %d, %d, %t", stat, parent, group, ok)
		}
	})
}

func FuzzDisplayName(f *testing.F) {
	for _, seed := range []string{
		"node\x00app.js\x00", "/usr/bin/node\x00", "", "\x00", "\xff\xff", "a/b c/d", "/",
		strings.Repeat("é", 40), strings.Repeat("\xf0\x9f\x98\x80", 40),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, cmdline []byte) {
		got := displayName(firstArgument(cmdline))
		if !utf8.ValidString(got) || len(got) > maxName || strings.ContainsAny(got, "\x00\n\x1b") {
			t.Errorf("displayName(%q) = %q", cmdline, got)
		}
	})
}
