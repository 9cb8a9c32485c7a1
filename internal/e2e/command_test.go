package e2e

import (
	"cmp"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

func TestCommands(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args   string
		code   int
		stdout string // a part of it
		stderr string
	}{
		{"version", 0, "healthd ", ""},
		{"version", 0, runtime.GOOS + "/" + runtime.GOARCH, ""},
		{"-h", 0, "Usage:", ""},
		{"--help", 0, "DRAIN_DELAY=3s", ""},
		{"help", 0, "Exit codes:", ""},
		{"-h extra", 0, "Usage:", ""},
		{"serve -h", 0, "Usage:", ""},
		{"serve --help", 0, "Usage:", ""},
		{"probe -h", 0, "Usage:", ""},
		{"probe /healthz -h", 0, "Usage:", ""},
		{"-v", 0, "healthd ", ""},
		{"--version", 0, "healthd ", ""},
		{"sevre", 2, "", `healthd: unknown command "sevre"; see healthd -h`},
		{"sevre now", 2, "", `unknown command "sevre"`},
		{"-p 80", 2, "", `unknown option "-p": set PORT`},
		{"--port=80", 2, "", `unknown option "--port=80": set PORT`},
		{"serve -p 80", 2, "", `unknown option "-p": set PORT`},
		{"probe -p 80", 2, "", `unknown option "-p": set PORT`},
		{"--verbose", 2, "", `unknown option "--verbose"; see healthd -h`},
		{"serve now", 2, "", `unexpected argument "now"`},
		{"serve now later", 2, "", `unexpected argument "now"`},
		{"version x", 2, "", `unexpected argument "x"`},
		{"--version x", 2, "", `unexpected argument "x"`},
		{"probe /a /b", 2, "", `unexpected argument "/b"`},
	} {
		t.Run(tt.args, func(t *testing.T) {
			t.Parallel()
			r := finish(t, command(t, nil, strings.Fields(tt.args)...))
			if r.code != tt.code || !strings.Contains(r.stdout, tt.stdout) || !strings.Contains(r.stderr, tt.stderr) {
				t.Errorf("healthd %s = %+v, want %+v", tt.args, r, tt)
			}
			if tt.code == 0 && r.stderr != "" || tt.code != 0 && r.stdout != "" {
				t.Errorf("healthd %s = %+v, want one of stdout and stderr empty", tt.args, r)
			}
			if lines := strings.Count(r.stderr, "\n"); tt.stderr != "" && lines != 1 {
				t.Errorf("healthd %s says %d lines, want 1: %s", tt.args, lines, r.stderr)
			}
		})
	}
}

// TestBadInput starts the service with one thing wrong. The parsers' own tables are in
// internal/config; here each key shows that it reaches the operator.
func TestBadInput(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		env    string
		dotenv string
		want   string // how the line starts
		code   int    // 0 for 2
	}{
		{"port garbage", "PORT=http", "", `PORT: "http" is not a port`, 0},
		{"port negative", "PORT=-1", "", `PORT: "-1" is not`, 0},
		{"port zero", "PORT=0", "", `PORT: "0" is not`, 0},
		{"port over range", "PORT=65536", "", `PORT: "65536" is not`, 0},
		{"port space", "PORT= 4000", "", `PORT: " 4000" is not`, 0},
		{"port in .env", "", "PORT=x\n", `PORT: "x" is not`, 0},
		{"host name", "HOST=example.org", "", `HOST: "example.org" is not`, 0},
		{"host with port", "HOST=127.0.0.1:80", "", `HOST: "127.0.0.1:80" is not`, 0},
		{"host elsewhere", "HOST=192.0.2.1", "", `HOST: "192.0.2.1" is not`, 1},
		{"host without its zone", "HOST=fe80::1", "", `HOST: "fe80::1" is not`, 1},
		{"host multicast", "HOST=224.0.0.1", "", `HOST: "224.0.0.1" is not an IP address to listen on or localhost`, 0},
		{"host multicast of IPv6", "HOST=ff02::1", "", `HOST: "ff02::1" is not`, 0},
		{"host broadcast", "HOST=255.255.255.255", "", `HOST: "255.255.255.255" is not`, 0},
		{"limit without its unit", "GOMEMLIMIT=200", "", `GOMEMLIMIT: "200" is not a memory limit of at least 1MiB`, 0},
		{"limit without its unit in .env", "", "GOMEMLIMIT=200\n", `GOMEMLIMIT: "200" is not a memory limit of at least 1MiB`, 0},
		{"limit zero", "GOMEMLIMIT=0", "", `GOMEMLIMIT: "0" is not`, 0},
		{"limit zero in .env", "", "GOMEMLIMIT=0\n", `GOMEMLIMIT: "0" is not`, 0},
		{"limit unit in .env", "", "GOMEMLIMIT=200MB\n", `GOMEMLIMIT: "200MB" is not`, 0},
		{"limit negative in .env", "", "GOMEMLIMIT=-1\n", `GOMEMLIMIT: "-1" is not`, 0},
		{"connections garbage", "MAX_CONNECTIONS=many", "", `MAX_CONNECTIONS: "many" is not`, 0},
		{"connections negative", "MAX_CONNECTIONS=-5", "", `MAX_CONNECTIONS: "-5" is not`, 0},
		{"connections zero", "MAX_CONNECTIONS=0", "", `MAX_CONNECTIONS: "0" is not`, 0},
		{"connections over range", "MAX_CONNECTIONS=99999999999999999999", "", `MAX_CONNECTIONS: "99999999999999999999" is not`, 0},
		{"warn garbage", "MEMORY_WARN_PERCENT=80%", "", `MEMORY_WARN_PERCENT: "80%" is not`, 0},
		{"warn under range", "MEMORY_WARN_PERCENT=5", "", `MEMORY_WARN_PERCENT: "5" is not`, 0},
		{"fail over range", "MEMORY_FAIL_PERCENT=101", "", `MEMORY_FAIL_PERCENT: "101" is not`, 0},
		{"fail negative", "MEMORY_FAIL_PERCENT=-90", "", `MEMORY_FAIL_PERCENT: "-90" is not`, 0},
		{"warn over fail", "MEMORY_WARN_PERCENT=95", "", `MEMORY_WARN_PERCENT: "95" is not less than MEMORY_FAIL_PERCENT (90, the default)`, 0},
		{"fail under the default of warn", "MEMORY_FAIL_PERCENT=70", "", `MEMORY_WARN_PERCENT: "80" (the default) is not less than MEMORY_FAIL_PERCENT (70)`, 0},
		{"warn equals fail", "MEMORY_WARN_PERCENT=90", "", `MEMORY_WARN_PERCENT: "90" is not less than`, 0},
		{"interval bare number", "MEMORY_LOG_INTERVAL=30", "", `MEMORY_LOG_INTERVAL: "30" is not`, 0},
		{"interval wrong unit", "MEMORY_LOG_INTERVAL=30sec", "", `MEMORY_LOG_INTERVAL: "30sec" is not`, 0},
		{"drain negative", "DRAIN_DELAY=-3s", "", `DRAIN_DELAY: "-3s" is not`, 0},
		{"drain space", "DRAIN_DELAY=3 s", "", `DRAIN_DELAY: "3 s" is not`, 0},
		{"shutdown over range", "SHUTDOWN_TIMEOUT=9999999h", "", `SHUTDOWN_TIMEOUT: "9999999h" is not`, 0},
		{"token with a $ and an apostrophe behind it", "", "MONITORING_TOKEN=$SECRET # it's shared\n", "MONITORING_TOKEN: contains $; put it in single quotes in .env", 0},
		{"token with a space", "MONITORING_TOKEN=hunter2 ", "", "MONITORING_TOKEN: its value (not shown) is not", 0},
		{"token with a newline", "MONITORING_TOKEN=hunter2\n", "", "MONITORING_TOKEN: its value (not shown) is not", 0},
		{"token in .env", "", "MONITORING_TOKEN='hunter2 hunter2'\n", "MONITORING_TOKEN: its value (not shown) is not", 0},
		{"format", "LOG_FORMAT=xml", "", `LOG_FORMAT: "xml" is not`, 0},
		{"level", "LOG_LEVEL=verbose", "", `LOG_LEVEL: "verbose" is not`, 0},
		{"newline", "LOG_LEVEL=a\nb", "", `LOG_LEVEL: "a\nb" is not`, 0},
		{"unterminated quote", "", "TOKEN=\"hunter2\nPORT=4000\n", ".env: ", 0},
		{"byte order mark", "", "\ufeffPORT=4000\nTOKEN=hunter2\n", ".env: ", 0},
		{"no key", "", "=hunter2\n", ".env: ", 0},
		{"two lost quotes in an old file", "", "SERVICE_NAME='a\rTOKEN=hunter2\rOTHER='\n", "SERVICE_NAME: its value in .env is more than one line", 0},
		{"two lost quotes", "", "SERVICE_NAME='a\nTOKEN=hunter2\nOTHER='\n", "SERVICE_NAME: its value in .env is more than one line", 0},
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
			refused(t, finish(t, cmd), tt.want, cmp.Or(tt.code, 2))
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
		refused(t, finish(t, command(t, []string{"PORT=" + port})), `PORT: "`+port+`" is not free`, 1)
	})
	t.Run("several at once", func(t *testing.T) {
		t.Parallel()
		r := finish(t, command(t, []string{"PORT=x", "LOG_LEVEL=y", "DRAIN_DELAY=z"}))
		if lines := strings.Count(r.stderr, "\n"); r.code != 2 || lines != 3 {
			t.Errorf("exit %d with %d lines, want 2 with 3: %s", r.code, lines, r.stderr)
		}
	})
	t.Run("malformed in the process environment", func(t *testing.T) {
		t.Parallel()
		r := finish(t, command(t, []string{"GOMEMLIMIT=200MB"}))
		if r.code != 2 || !strings.Contains(r.stderr, "GOMEMLIMIT=200MB") || r.stdout != "" {
			t.Errorf("%+v, want the runtime's own message and exit 2", r)
		}
	})
}

// refused checks that the service said one line on stderr, started nothing and ended.
func refused(t *testing.T, r result, want string, code int) {
	t.Helper()
	if r.code != code || !strings.HasPrefix(r.stderr, want) || strings.Count(r.stderr, "\n") != 1 || r.stdout != "" {
		t.Errorf("%+v, want exit %d and the one line %s…", r, code, want)
	}
	if strings.Contains(r.stderr, "hunter2") {
		t.Errorf("a secret got out: %s", r.stderr)
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	s := start(t)
	port := "PORT=" + strconv.Itoa(s.port)
	for _, tt := range []struct {
		name string
		env  []string
		args []string
		want result
	}{
		{"default", []string{port}, nil, result{0, "200 OK\n", ""}},
		{"path", []string{port}, []string{"/readyz"}, result{0, "200 OK\n", ""}},
		{"not found", []string{port}, []string{"/nope"}, result{1, "", "probe: 404 Not Found\n"}},
		{"bad path", []string{port}, []string{"nope"}, result{1, "", "probe: \"nope\" is not a path such as /healthz\n"}},
		{"no proxy", []string{port, "HTTP_PROXY=http://127.0.0.1:1"}, nil, result{0, "200 OK\n", ""}},
		{"other keys do not matter", []string{port, "LOG_LEVEL=x", "GOMEMLIMIT=0", "DRAIN_DELAY=x"}, nil, result{0, "200 OK\n", ""}},
		{"every address", []string{port, "HOST=::"}, nil, result{0, "200 OK\n", ""}},
		{"one address", []string{port, "HOST=::1"}, nil, result{0, "200 OK\n", ""}},
		{"bad port", []string{"PORT=x"}, nil, result{1, "", "PORT: \"x\" is not a port (1-65535)\n"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := finish(t, command(t, tt.env, append([]string{"probe"}, tt.args...)...)); got != tt.want {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
	t.Run("on IPv6 alone", func(t *testing.T) {
		needIPv6(t)
		ln, err := net.Listen("tcp6", "[::1]:0")
		if err != nil {
			t.Fatal(err)
		}
		service := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
		go service.Serve(ln)
		defer service.Close()
		port := "PORT=" + strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)
		r := finish(t, command(t, []string{port}, "probe"))
		if want := (result{0, "200 OK\n", ""}); r != want {
			t.Errorf("%+v, want %+v", r, want)
		}
	})
	t.Run("nobody there", func(t *testing.T) {
		r := finish(t, command(t, []string{"PORT=" + strconv.Itoa(freePort(t))}, "probe"))
		if r.code != 1 || !strings.Contains(r.stderr, "connection refused") || strings.Count(r.stderr, "\n") != 1 {
			t.Errorf("%+v, want exit 1 and one line", r)
		}
	})
	t.Run(".env", func(t *testing.T) {
		cmd := command(t, nil, "probe")
		writeFile(t, filepath.Join(cmd.Dir, ".env"), port+"\n")
		if r := finish(t, cmd); r.code != 0 {
			t.Errorf("%+v, want the port from .env", r)
		}
	})
}
