package e2e

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestBadInput starts the service with one invalid setting. The tables of all values are in
// internal/config. This one shows that each key reaches the operator.
func TestBadInput(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		env    string
		dotenv string
		want   string // the start of the line
		code   int
	}{
		{"port garbage", "PORT=http", "", `PORT: "http" is not a port`, 2},
		{"port negative", "PORT=-1", "", `PORT: "-1" is not`, 2},
		{"port zero", "PORT=0", "", `PORT: "0" is not`, 2},
		{"port over range", "PORT=65536", "", `PORT: "65536" is not`, 2},
		{"port space", "PORT= 4000", "", `PORT: " 4000" is not`, 2},
		{"port in .env", "", "PORT=x\n", `PORT: "x" is not`, 2},
		{"host name", "HOST=example.org", "", `HOST: "example.org" is not`, 2},
		{"host with port", "HOST=127.0.0.1:80", "", `HOST: "127.0.0.1:80" is not`, 2},
		{"host elsewhere", "HOST=192.0.2.1", "",
			`HOST: 192.0.2.1 is not an address of this machine`, 1},
		{"host without its zone", "HOST=fe80::1", "",
			`HOST: fe80::1 is not an address of this machine`, 1},
		{"host multicast", "HOST=224.0.0.1", "",
			`HOST: "224.0.0.1" is not an IP address to listen on or localhost`, 2},
		{"host multicast of IPv6", "HOST=ff02::1", "", `HOST: "ff02::1" is not`, 2},
		{"host broadcast", "HOST=255.255.255.255", "", `HOST: "255.255.255.255" is not`, 2},
		{"limit without its unit", "GOMEMLIMIT=200", "",
			`GOMEMLIMIT: "200" is not a memory limit of at least 1MiB`, 2},
		{"limit without its unit in .env", "", "GOMEMLIMIT=200\n",
			`GOMEMLIMIT: "200" is not a memory limit of at least 1MiB`, 2},
		{"limit zero", "GOMEMLIMIT=0", "", `GOMEMLIMIT: "0" is not`, 2},
		{"limit zero in .env", "", "GOMEMLIMIT=0\n", `GOMEMLIMIT: "0" is not`, 2},
		{"limit unit in .env", "", "GOMEMLIMIT=200MB\n", `GOMEMLIMIT: "200MB" is not`, 2},
		{"limit negative in .env", "", "GOMEMLIMIT=-1\n", `GOMEMLIMIT: "-1" is not`, 2},
		{"connections garbage", "MAX_CONNECTIONS=many", "", `MAX_CONNECTIONS: "many" is not`, 2},
		{"connections negative", "MAX_CONNECTIONS=-5", "", `MAX_CONNECTIONS: "-5" is not`, 2},
		{"connections zero", "MAX_CONNECTIONS=0", "", `MAX_CONNECTIONS: "0" is not`, 2},
		{"connections over range", "MAX_CONNECTIONS=99999999999999999999", "",
			`MAX_CONNECTIONS: "99999999999999999999" is not`, 2},
		{"warn garbage", "MEMORY_WARN_PERCENT=80%", "", `MEMORY_WARN_PERCENT: "80%" is not`, 2},
		{"warn under range", "MEMORY_WARN_PERCENT=5", "", `MEMORY_WARN_PERCENT: "5" is not`, 2},
		{"fail over range", "MEMORY_FAIL_PERCENT=101", "",
			`MEMORY_FAIL_PERCENT: "101" is not`, 2},
		{"fail negative", "MEMORY_FAIL_PERCENT=-90", "", `MEMORY_FAIL_PERCENT: "-90" is not`, 2},
		{"warn over fail", "MEMORY_WARN_PERCENT=95", "",
			`MEMORY_WARN_PERCENT: "95" is not less than MEMORY_FAIL_PERCENT (90, the default)`, 2},
		{"fail under the default of warn", "MEMORY_FAIL_PERCENT=70", "",
			`MEMORY_WARN_PERCENT: "80" (the default) is not less than MEMORY_FAIL_PERCENT (70)`, 2},
		{"warn equals fail", "MEMORY_WARN_PERCENT=90", "",
			`MEMORY_WARN_PERCENT: "90" is not less than`, 2},
		{"interval bare number", "MEMORY_LOG_INTERVAL=30", "",
			`MEMORY_LOG_INTERVAL: "30" is not`, 2},
		{"interval wrong unit", "MEMORY_LOG_INTERVAL=30sec", "",
			`MEMORY_LOG_INTERVAL: "30sec" is not`, 2},
		{"drain negative", "DRAIN_DELAY=-3s", "", `DRAIN_DELAY: "-3s" is not`, 2},
		{"drain space", "DRAIN_DELAY=3 s", "", `DRAIN_DELAY: "3 s" is not`, 2},
		{"shutdown over range", "SHUTDOWN_TIMEOUT=9999999h", "",
			`SHUTDOWN_TIMEOUT: "9999999h" is not`, 2},
		{"token with a $ and an apostrophe behind it", "", "MONITORING_TOKEN=$SECRET # it's shared\n",
			"MONITORING_TOKEN: contains $; put it in single quotes in .env", 2},
		{"token with a space", "MONITORING_TOKEN=hunter2 ", "",
			"MONITORING_TOKEN: must be at most 4096 printable ASCII characters", 2},
		{"token with a newline", "MONITORING_TOKEN=hunter2\n", "",
			"MONITORING_TOKEN: must be at most 4096 printable ASCII characters", 2},
		{"token in .env", "", "MONITORING_TOKEN='hunter2 hunter2'\n",
			"MONITORING_TOKEN: must be at most 4096 printable ASCII characters", 2},
		{"format", "LOG_FORMAT=xml", "", `LOG_FORMAT: "xml" is not`, 2},
		{"level", "LOG_LEVEL=verbose", "", `LOG_LEVEL: "verbose" is not`, 2},
		{"newline", "LOG_LEVEL=a\nb", "", `LOG_LEVEL: "a\nb" is not`, 2},
		{"unterminated quote", "", "TOKEN=\"hunter2\nPORT=4000\n", ".env: ", 2},
		{"byte order mark", "", "\ufeffPORT=4000\nTOKEN=hunter2\n", ".env: ", 2},
		{"no key", "", "=hunter2\n", ".env: ", 2},
		{"two lost quotes in an old file", "", "SERVICE_NAME='a\rTOKEN=hunter2\rOTHER='\n",
			"SERVICE_NAME: its value in .env is more than one line", 2},
		{"two lost quotes", "", "SERVICE_NAME='a\nTOKEN=hunter2\nOTHER='\n",
			"SERVICE_NAME: its value in .env is more than one line", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cmd := command(t, nil)
			if tt.env != "" {
				cmd.Env = append(cmd.Env, tt.env)
			}
			if !strings.HasPrefix(tt.env+tt.dotenv, "PORT=") {
				cmd.Env = append(cmd.Env, "PORT="+strconv.Itoa(freePort(t)))
			}
			writeFile(t, filepath.Join(cmd.Dir, ".env"), tt.dotenv)
			refused(t, finish(t, cmd), tt.want, tt.code)
		})
	}

	t.Run(".env is a directory", func(t *testing.T) {
		t.Parallel()
		cmd := command(t, nil)
		if err := os.Mkdir(filepath.Join(cmd.Dir, ".env"), 0o700); err != nil {
			t.Fatal(err)
		}
		refused(t, finish(t, cmd), ".env: is a directory", 2)
	})
	t.Run("port taken", func(t *testing.T) {
		t.Parallel()
		ln, err := net.Listen("tcp", ":0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		port := strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)
		r := finish(t, command(t, []string{"PORT=" + port}))
		refused(t, r, "PORT: "+port+" is already in use\n", 1)
	})
	t.Run("several at once", func(t *testing.T) {
		t.Parallel()
		r := finish(t, command(t, []string{"PORT=x", "LOG_LEVEL=y", "DRAIN_DELAY=z"}))
		if lines := strings.Count(r.stderr, "\n"); r.code != 2 || lines != 3 {
			t.Errorf("exit code %d with %d lines, want 2 with 3: %s", r.code, lines, r.stderr)
		}
	})
	t.Run("malformed in the process environment", func(t *testing.T) {
		t.Parallel()
		r := finish(t, command(t, []string{"GOMEMLIMIT=200MB"}))
		if r.code != 2 || !strings.Contains(r.stderr, "GOMEMLIMIT=200MB") || r.stdout != "" {
			t.Errorf("healthd = %+v, want the runtime's own message and exit code 2", r)
		}
	})
}

// refused checks that the service has printed one line on stderr and ended.
func refused(t *testing.T, r result, want string, code int) {
	t.Helper()
	if r.code != code || !strings.HasPrefix(r.stderr, want) ||
		strings.Count(r.stderr, "\n") != 1 || r.stdout != "" {
		t.Errorf("healthd = %+v, want exit code %d and one line %q...", r, code, want)
	}
	if strings.Contains(r.stderr, "hunter2") {
		t.Errorf("stderr contains a secret: %s", r.stderr)
	}
}
