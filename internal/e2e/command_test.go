package e2e

import (
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/halobuzz/healthd/internal/report"
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
		{"help", 0, report.MonitoringPath + "   full report (JSON)\n", ""},
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
		{"probe redis://:my hunter2@cache", 2, "", `unexpected argument (hidden`},
		{"redis://:hunter2@cache", 2, "", `unknown command (hidden`},
		{"probe -https://u:hunter2@h", 2, "", `unknown option (hidden`},
	} {
		t.Run(tt.args, func(t *testing.T) {
			t.Parallel()
			r := finish(t, command(t, nil, strings.Fields(tt.args)...))
			if r.code != tt.code || !strings.Contains(r.stdout, tt.stdout) ||
				!strings.Contains(r.stderr, tt.stderr) {
				t.Errorf("healthd %s = %+v, want %+v", tt.args, r, tt)
			}
			if tt.code == 0 && r.stderr != "" || tt.code != 0 && r.stdout != "" {
				t.Errorf("healthd %s = %+v, want one of stdout and stderr empty", tt.args, r)
			}
			if lines := strings.Count(r.stderr, "\n"); tt.stderr != "" && lines != 1 {
				t.Errorf("healthd %s prints %d lines, want 1: %s", tt.args, lines, r.stderr)
			}
		})
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
		{"bad path", []string{port}, []string{"nope"}, result{1, "",
			"probe: a path must start with / and contain only printable ASCII characters and no spaces\n"}},
		{"URL", nil, []string{s.url("/readyz?hunter2")}, result{0, "200 OK\n", ""}},
		{"URL not found", nil, []string{s.url("/hunter2")}, result{1, "", "probe: 404 Not Found\n"}},
		{"URL with another key broken", []string{"PORT=x"}, []string{s.url("/healthz")},
			result{0, "200 OK\n", ""}},
		{"another protocol", nil, []string{"redis://:hunter2@127.0.0.1:" + strconv.Itoa(s.port)},
			result{1, "", "probe: answered in another protocol\n"}},
		{"bad URL", nil, []string{"redis://hunter2:hunter2"},
			result{1, "", "probe: the port must be a number from 1 to 65535\n"}},
		{"unknown scheme", nil, []string{"hunter2://hunter2"}, result{1, "",
			"probe: the URL must start with http://, https://, tcp://, redis://, rediss://, " +
				"mongodb:// or mongodb+srv://\n"}},
		{"no proxy", []string{port, "HTTP_PROXY=http://127.0.0.1:1"}, nil,
			result{0, "200 OK\n", ""}},
		{"other keys do not matter", []string{port, "LOG_LEVEL=x", "GOMEMLIMIT=0", "DRAIN_DELAY=x"},
			nil, result{0, "200 OK\n", ""}},
		{"every address", []string{port, "HOST=::"}, nil, result{0, "200 OK\n", ""}},
		{"one address", []string{port, "HOST=::1"}, nil, result{0, "200 OK\n", ""}},
		{"bad port", []string{"PORT=x"}, nil, result{1, "", "PORT: \"x\" is not a port (1-65535)\n"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := finish(t, command(t, tt.env, append([]string{"probe"}, tt.args...)...))
			if got != tt.want {
				t.Errorf("healthd probe %s = %+v, want %+v", tt.args, got, tt.want)
			}
		})
	}
	t.Run("on IPv6 alone", func(t *testing.T) {
		needIPv6(t)
		ln, err := net.Listen("tcp6", "[::1]:0")
		if err != nil {
			t.Fatal(err)
		}
		ok := func(http.ResponseWriter, *http.Request) {}
		fake := httptest.NewUnstartedServer(http.HandlerFunc(ok))
		fake.Listener.Close()
		fake.Listener = ln
		fake.Start()
		defer fake.Close()
		port := "PORT=" + strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)
		got := finish(t, command(t, []string{port}, "probe"))
		if want := (result{0, "200 OK\n", ""}); got != want {
			t.Errorf("healthd probe = %+v, want %+v", got, want)
		}
	})
	t.Run("TCP", func(t *testing.T) {
		got := finish(t, command(t, nil, "probe", "tcp://127.0.0.1:"+strconv.Itoa(s.port)))
		passed := regexp.MustCompile(`^passed in \d+\.\d ms\n$`)
		if !passed.MatchString(got.stdout) || got.code != 0 || got.stderr != "" {
			t.Errorf("healthd probe tcp:// = %+v, want exit 0 and how long it took", got)
		}
	})
	t.Run("nothing listens", func(t *testing.T) {
		r := finish(t, command(t, []string{"PORT=" + strconv.Itoa(freePort(t))}, "probe"))
		if r.code != 1 || !strings.Contains(r.stderr, "connection refused") ||
			strings.Count(r.stderr, "\n") != 1 {
			t.Errorf("healthd probe = %+v, want exit code 1 and one line", r)
		}
	})
	t.Run(".env", func(t *testing.T) {
		cmd := command(t, nil, "probe")
		writeFile(t, filepath.Join(cmd.Dir, ".env"), port+"\n")
		if r := finish(t, cmd); r.code != 0 {
			t.Errorf("healthd probe = %+v, want the port from .env", r)
		}
	})
}
