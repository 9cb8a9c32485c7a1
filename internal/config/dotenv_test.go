package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// secret stands for what a .env file holds besides our keys.
const secret = "hunter2-planted"

// TestDotenvGrammar pins what the parser makes of a file, as far as it decides PORT.
func TestDotenvGrammar(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, content string }{
		{"plain", "PORT=4001\n"},
		{"no newline at the end", "PORT=4001"},
		{"CRLF", "SERVICE_NAME=a\r\nPORT=4001\r\n\r\nENVIRONMENT=b\r\n"},
		{"CRLF in quotes", "PORT=\"4001\"\r\n"},
		{"double quotes", "PORT=\"4001\"\n"},
		{"single quotes", "PORT='4001'\n"},
		{"spaces around", "  PORT =  4001  \n"},
		{"export", "export PORT=4001\n"},
		{"colon", "PORT: 4001\n"},
		{"comment behind", "PORT=4001 # as the proxy has it\n"},
		{"the last one counts", "PORT=1\nPORT=4001\n"},
		{"a reference backwards", "P=4001\nPORT=$P\n"},
		{"a reference in braces", "P=400\nPORT=${P}1\n"},
		{"a reference forwards is empty", "PORT=4001$P\nP=2\n"},
		{"a reference never reaches the process environment", "PORT=4001$HOME$PATH\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := LoadAddress(env(nil), writeDotenv(t, tt.content))
			if err != nil || got.Port != 4001 {
				t.Errorf("LoadAddress(.env %q) = port %d, %v, want 4001", tt.content, got.Port, err)
			}
		})
	}
}

// TestDotenvMalformed holds every message to one line that names the file and
// quotes nothing from it.
func TestDotenvMalformed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, content string }{
		{"unterminated double quote", "SECRET=\"" + secret + "\n"},
		{"unterminated single quote", "SECRET='" + secret + "\nPORT=4001\n"},
		{"unterminated quote after a bad value", "PORT=http\nSECRET=\"" + secret + "\n"},
		{"byte order mark", "\ufeffSECRET=" + secret + "\n"},
		{"UTF-16", "\xff\xfeP\x00O\x00R\x00T\x00=\x004\x00"},
		{"no equals sign", "SECRET=x\n" + secret + "\n"},
		{"no equals sign on the last line", "SECRET=" + secret + "\nPORT"},
		{"no key", "=x"},
		{"no key, with a newline", "=" + secret + "\n"},
		{"no key, with a token", "MONITORING_TOKEN=$X\n=" + secret + "\n"},
		{"no key but export", "export =" + secret + "\n"},
		{"a dash in a key", "MY-SECRET=" + secret + "\n"},
		{"binary", "\x7fELF\x00\x00=" + secret},
		// The quote that PORT lacks is found two lines on. With it the secret is in PORT's value.
		{"a quote that swallows the secret, then no key",
			"PORT='4001\nSECRET=" + secret + "\nHOST='::1'\n"},
		{"a quote that swallows the secret, then garbage", "PORT=\"4001\nSECRET=\"" + secret + "\"\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := Load(env(nil), writeDotenv(t, tt.content), false)
			wantLines(t, err, ".env: ")
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("Load(.env %q) = %q, want it without the secret", tt.content, err)
			}
			// The self-probe reads the same file by the same rule.
			_, err = LoadAddress(env(nil), writeDotenv(t, tt.content))
			wantLines(t, err, ".env: ")
		})
	}
}

func TestDotenvUnreadable(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		place func(t *testing.T, path string) error
		want  string
	}{
		{"directory", func(t *testing.T, path string) error {
			return os.Mkdir(path, 0o700)
		}, ".env: is a directory"},
		{"link to itself", func(t *testing.T, path string) error {
			return os.Symlink(path, path)
		}, ".env: too many levels of symbolic links"},
		{"no permission", func(t *testing.T, path string) error {
			if os.Geteuid() == 0 {
				t.Skip("root reads a file of any mode (CAP_DAC_OVERRIDE), so there is no error to see")
			}
			return os.WriteFile(path, []byte("PORT=4001\n"), 0)
		}, ".env: " + "permission denied"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := noDotenv(t)
			if err := tt.place(t, path); err != nil {
				t.Fatal(err)
			}
			_, err := Load(env(nil), path, false)
			wantLines(t, err, ".env: ")
			if err != nil && err.Error() != tt.want {
				t.Errorf("Load() = %q, want %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), filepath.Dir(path)) {
				t.Errorf("Load() = %q, want it without the directory", err)
			}
		})
	}
}

// TestDotenvStaysInside: what the file sets is read, not exported to the process.
func TestDotenvStaysInside(t *testing.T) {
	t.Parallel()
	const key = "HEALTHD_TEST_DOTENV_STAYS_INSIDE"
	if _, err := Load(env(nil), writeDotenv(t, key+"=1\n"), false); err != nil {
		t.Fatal(err)
	}
	if got, set := os.LookupEnv(key); set {
		t.Errorf("after Load the process environment has %s=%q, want it unset", key, got)
	}
}
