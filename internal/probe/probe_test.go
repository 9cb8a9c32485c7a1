package probe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unicode"
)

// loopback is any free port on 127.0.0.1.
const loopback = "127.0.0.1:0"

// serve answers each connection on address with handle, whose connection is closed for
// it, and waits for all of them when the test ends. The count is of connections accepted.
func serve(t *testing.T, address string, handle func(net.Conn)) (netip.AddrPort, *atomic.Int64) {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	var accepted atomic.Int64
	var group sync.WaitGroup
	group.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			accepted.Add(1)
			group.Go(func() {
				defer conn.Close()
				// A probe that never returns must fail its test, not hold it here.
				defer context.AfterFunc(t.Context(), func() { conn.Close() })()
				handle(conn)
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		group.Wait()
	})
	return listener.Addr().(*net.TCPAddr).AddrPort(), &accepted
}

// answer reads the whole request first: closing with bytes unread resets the connection.
func answer(text string) func(net.Conn) {
	return func(conn net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
			return
		}
		io.WriteString(conn, text)
	}
}

func TestGet(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, answer string
		want         string // the status; empty is an error
		wantErr      string // within the error
	}{
		{"200", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200 OK", ""},
		{"204", "HTTP/1.1 204 No Content\r\n\r\n", "204 No Content", ""},
		{"299", "HTTP/1.1 299 \r\n\r\n", "299 ", ""},
		{"no phrase", "HTTP/1.1 200\r\n\r\n", "200", ""},
		{"HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\n", "200 OK", ""},
		{"bare newline", "HTTP/1.1 200 OK\n\n", "200 OK", ""},
		{"status line alone", "HTTP/1.1 200 OK\r\n", "200 OK", ""},
		{"100", "HTTP/1.1 100 Continue\r\n\r\n", "", "100 Continue"},
		{"301", "HTTP/1.1 301 Moved Permanently\r\nLocation: /\r\n\r\n", "", "301 Moved Permanently"},
		{"404", "HTTP/1.1 404 Not Found\r\n\r\n", "", "404 Not Found"},
		{"503", "HTTP/1.1 503 Service Unavailable\r\n\r\n", "", "503 Service Unavailable"},
		{"999", "HTTP/1.1 999 ?\r\n\r\n", "", "999 ?"},
		{"empty", "", "", `"" is not an HTTP answer`},
		{"newline", "\n", "", "is not an HTTP answer"},
		{"another protocol", "SSH-2.0-OpenSSH_9.6\r\n", "", `"SSH-2.0-OpenSSH_9.6\r\n" is not an HTTP answer`},
		{"TLS alert", "\x15\x03\x01\x00\x02\x02\x46", "", "is not an HTTP answer"},
		{"HTTP/2", "HTTP/2 200 OK\r\n", "", "is not an HTTP answer"},
		{"HTTP/0.9", "<html>ok</html>\n", "", "is not an HTTP answer"},
		{"cut in the code", "HTTP/1.1 20", "", "is not an HTTP answer"},
		{"cut before the newline", "HTTP/1.1 200 OK", "", "is not an HTTP answer"},
		{"code of two digits", "HTTP/1.1 20 OK\r\n", "", "is not an HTTP answer"},
		{"code of four digits", "HTTP/1.1 2000 OK\r\n", "", "is not an HTTP answer"},
		{"code under 100", "HTTP/1.1 099 OK\r\n", "", "is not an HTTP answer"},
		{"signed code", "HTTP/1.1 +20 OK\r\n", "", "is not an HTTP answer"},
		{"garbage on several lines", "\x1b[31mno\r\x00\nHTTP/1.1 200 OK\r\n", "", "is not an HTTP answer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			addr, accepted := serve(t, loopback, answer(tt.answer))
			got, err := Get("/healthz", addr)
			if got != tt.want || (err == nil) != (tt.wantErr == "") {
				t.Errorf("Get() = %q, %v, want %q and an error that holds %q", got, err, tt.want, tt.wantErr)
			}
			if err != nil && !strings.Contains(err.Error(), tt.wantErr) {
				t.Errorf("Get() = %v, want an error that holds %q", err, tt.wantErr)
			}
			if err != nil && strings.ContainsFunc(err.Error(), unicode.IsControl) {
				t.Errorf("Get() = %q, want one line without control characters", err)
			}
			// A redirect is not followed, and nothing is tried twice.
			if got := accepted.Load(); got != 1 {
				t.Errorf("connections = %d, want 1", got)
			}
		})
	}
}

// TestGetFromServer has net/http judge the request.
func TestGetFromServer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, address, path string }{
		{"IPv4", loopback, "/healthz"},
		{"IPv6", "[::1]:0", "/healthz"},
		{"root", loopback, "/"},
		{"with a query", loopback, "/api/v1/monitoring/health?a=b&c=%20"},
		{"two slashes", loopback, "//healthz"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			listener, err := net.Listen("tcp", tt.address)
			if err != nil && tt.name == "IPv6" {
				t.Skipf("this machine has no IPv6 loopback: %v", err)
			}
			if err != nil {
				t.Fatal(err)
			}
			asked := make(chan *http.Request, 1)
			server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked <- r
				w.WriteHeader(http.StatusNoContent)
			})}
			var group sync.WaitGroup
			group.Go(func() { server.Serve(listener) })
			t.Cleanup(func() {
				server.Close()
				group.Wait()
			})

			addr := listener.Addr().(*net.TCPAddr).AddrPort()
			if got, err := Get(tt.path, addr); got != "204 No Content" || err != nil {
				t.Fatalf("Get(%q) = %q, %v, want 204 No Content", tt.path, got, err)
			}
			r := <-asked
			if got, want := r.Method+" "+r.RequestURI+" "+r.Proto, "GET "+tt.path+" HTTP/1.1"; got != want {
				t.Errorf("request line = %q, want %q", got, want)
			}
			if got, want := r.Host, addr.String(); got != want {
				t.Errorf("Host = %q, want %q", got, want)
			}
			if !r.Close {
				t.Error("Connection: close is missing, want the server to keep nothing")
			}
			if got := r.UserAgent(); got == "" {
				t.Errorf("User-Agent = %q, want one that the log can tell apart", got)
			}
		})
	}
}

// TestGetTimeout runs against servers that hold the probe for as long as it lets them.
func TestGetTimeout(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		handle func(net.Conn)
	}{
		// Both return when the probe closes its end.
		{"never answers", func(conn net.Conn) { io.Copy(io.Discard, conn) }},
		// A deadline on each read alone would never end this one.
		{"answers byte by byte", func(conn net.Conn) {
			ticker := time.NewTicker(50 * time.Millisecond)
			defer ticker.Stop()
			for range ticker.C {
				if _, err := io.WriteString(conn, "H"); err != nil {
					return
				}
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			addr, _ := serve(t, loopback, tt.handle)
			type result struct {
				status string
				err    error
				took   time.Duration
			}
			done := make(chan result, 1)
			start := time.Now()
			go func() {
				status, err := Get("/healthz", addr)
				done <- result{status, err, time.Since(start)}
			}()
			select {
			case got := <-done:
				if got.status != "" || !errors.Is(got.err, os.ErrDeadlineExceeded) {
					t.Errorf("Get() = %q, %v, want %v", got.status, got.err, os.ErrDeadlineExceeded)
				}
				if got.took < Timeout {
					t.Errorf("Get() took %v, want %v or more", got.took, Timeout)
				}
			case <-time.After(Timeout + 5*time.Second):
				t.Fatalf("Get() has not returned after %v, want it after %v", time.Since(start), Timeout)
			}
		})
	}
}

func TestGetRefused(t *testing.T) {
	t.Parallel()
	addr, _ := serve(t, loopback, func(conn net.Conn) { io.Copy(io.Discard, conn) })
	// A client's own port is taken, so no parallel test can get it, and nobody listens there.
	conn, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got, err := Get("/healthz", conn.LocalAddr().(*net.TCPAddr).AddrPort()); got != "" || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("Get(a port without a listener) = %q, %v, want %v", got, err, syscall.ECONNREFUSED)
	}
}

// TestGetSeveralAddresses asks the first address that accepts, and no other.
func TestGetSeveralAddresses(t *testing.T) {
	t.Parallel()
	addr, accepted := serve(t, loopback, answer("HTTP/1.1 200 OK\r\n\r\n"))
	failing, _ := serve(t, loopback, answer("HTTP/1.1 503 Service Unavailable\r\n\r\n"))
	conn, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	refusing := conn.LocalAddr().(*net.TCPAddr).AddrPort()
	for _, tt := range []struct {
		name    string
		addrs   []netip.AddrPort
		want    string
		wantErr string // within the error
	}{
		{"the first accepts", []netip.AddrPort{addr, failing}, "200 OK", ""},
		{"the first refuses", []netip.AddrPort{refusing, addr}, "200 OK", ""},
		{"the first answers 503", []netip.AddrPort{failing, addr}, "", "503 Service Unavailable"},
		{"all refuse", []netip.AddrPort{refusing, netip.AddrPortFrom(netip.IPv6Loopback(), refusing.Port())}, "", "127.0.0.1"},
	} {
		got, err := Get("/healthz", tt.addrs...)
		if got != tt.want || (err == nil) != (tt.wantErr == "") {
			t.Errorf("%s: Get() = %q, %v, want %q and an error that holds %q", tt.name, got, err, tt.want, tt.wantErr)
		}
		if err != nil && (!strings.Contains(err.Error(), tt.wantErr) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%s: Get() = %v, want one line that holds %q", tt.name, err, tt.wantErr)
		}
	}
	if got := accepted.Load(); got != 3 {
		t.Errorf("connections = %d, want 3: the test's own and one for each success", got)
	}
}

func TestGetReset(t *testing.T) {
	t.Parallel()
	addr, _ := serve(t, loopback, func(conn net.Conn) {
		if err := conn.(*net.TCPConn).SetLinger(0); err != nil {
			t.Error(err)
		}
	})
	if got, err := Get("/healthz", addr); got != "" || err == nil {
		t.Errorf("Get(a server that resets) = %q, %v, want an error", got, err)
	}
}

func TestGetPath(t *testing.T) {
	t.Parallel()
	addr, accepted := serve(t, loopback, answer("HTTP/1.1 200 OK\r\n\r\n"))
	for _, tt := range []struct{ name, path string }{
		{"empty", ""},
		{"no leading slash", "healthz"},
		{"a URL", "http://127.0.0.1/healthz"},
		{"an option", "-h"},
		{"asterisk", "*"},
		{"leading space", " /healthz"},
		{"trailing space", "/healthz "},
		{"a space inside", "/health z"},
		{"another protocol behind", "/ HTTP/0.9"},
		{"tab", "/\thealthz"},
		{"newline", "/healthz\n"},
		{"carriage return", "/healthz\r"},
		{"a header behind", "/ HTTP/1.1\r\nX-Injected: 1\r\nX: "},
		{"a request behind", "/\r\n\r\nDELETE / HTTP/1.1"},
		{"NUL", "/\x00"},
		{"escape", "/\x1b[2J"},
		{"delete", "/\x7f"},
		{"non-ASCII", "/gesundheit/ä"},
		{"no-break space", "/\u00a0"},
		{"next line", "/\u0085"},
		{"line separator", "/\u2028"},
		{"invalid UTF-8", "/\xff"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Get(tt.path, addr)
			if want := fmt.Sprintf("%q is not a path such as /healthz", tt.path); got != "" || err == nil || err.Error() != want {
				t.Errorf("Get(%q) = %q, %v, want %s", tt.path, got, err, want)
			}
		})
	}
	// Connections arrive in order: this one is the first.
	if _, err := Get("/healthz", addr); err != nil {
		t.Errorf("Get(/healthz) = %v, want none", err)
	}
	if got := accepted.Load(); got != 1 {
		t.Errorf("connections = %d, want 1: no bad path may reach the server", got)
	}
}

// TestGetIgnoresProxy sets every proxy variable to a port where nobody listens. It is not
// parallel: it changes the process environment.
func TestGetIgnoresProxy(t *testing.T) {
	held, _ := serve(t, loopback, func(conn net.Conn) { io.Copy(io.Discard, conn) })
	conn, err := net.Dial("tcp", held.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, key := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"} {
		t.Setenv(key, "http://"+conn.LocalAddr().String())
		t.Setenv(strings.ToLower(key), "http://"+conn.LocalAddr().String())
	}
	t.Setenv("NO_PROXY", "")
	t.Setenv("no_proxy", "")

	for _, tt := range []struct{ name, address string }{
		{"loopback", loopback},
		// HOST may name one. net/http exempts loopback from proxies by itself, but not this.
		{"an interface's address", outward(t)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.address == "" {
				t.Skip("this machine has no IPv4 address but loopback")
			}
			addr, _ := serve(t, tt.address, answer("HTTP/1.1 200 OK\r\n\r\n"))
			if got, err := Get("/healthz", addr); got != "200 OK" || err != nil {
				t.Errorf("Get(%v) = %q, %v, want 200 OK", addr, got, err)
			}
			if tt.address == loopback {
				return
			}
			// The same must be able to fail: an http.Client goes to the proxy.
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr.String()+"/healthz", nil)
			if err != nil {
				t.Fatal(err)
			}
			if proxy, err := http.ProxyFromEnvironment(request); proxy == nil || err != nil {
				t.Errorf("ProxyFromEnvironment(%v) = %v, %v, want the proxy", addr, proxy, err)
			}
		})
	}
}

// outward is a free port on an IPv4 address of this machine that is not loopback, or empty.
func outward(t *testing.T) string {
	t.Helper()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && n.IP.IsGlobalUnicast() {
			return net.JoinHostPort(n.IP.String(), "0")
		}
	}
	return ""
}

// TestGetReadsLittle answers with a line far over what is read.
func TestGetReadsLittle(t *testing.T) {
	t.Parallel()
	const prefix = "HTTP/1.1 200 "
	const size = 64 << 20 // over what two socket buffers hold
	written := make(chan int, 1)
	addr, _ := serve(t, loopback, func(conn net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
			t.Error(err)
		}
		n, _ := io.WriteString(conn, prefix)
		chunk := strings.Repeat("A", 64<<10)
		for n < size {
			m, err := io.WriteString(conn, chunk)
			n += m
			if err != nil {
				break
			}
		}
		written <- n
	})
	got, err := Get("/healthz", addr)
	if got != "" || err == nil {
		t.Fatalf("Get() = %d bytes, %v, want an error", len(got), err)
	}
	if got, want := strings.Count(err.Error(), "A"), maxStatusLine-len(prefix); got != want {
		t.Errorf("bytes of the line read = %d, want %d", got, want)
	}
	if got := <-written; got >= size {
		t.Errorf("bytes that the server got rid of = %d, want under %d", got, size)
	}
}

func FuzzParseStatusLine(f *testing.F) {
	for _, seed := range []string{
		"", "\n", "\r\n", " ", " \n", "HTTP/1.1\n", "HTTP/1.1 \n", "HTTP/1.1  200 OK\n",
		"HTTP/1.1 200 OK\r\n", "HTTP/1.0 204 No Content\n", "HTTP/1.1 200\r\n", "HTTP/1.1 200 \r\n", "HTTP/1.1 200 OK",
		"HTTP/1.1 100 Continue\n", "HTTP/1.1 999 x\n", "HTTP/1.1 099 x\n", "HTTP/1.1 000 x\n", "HTTP/1.1 1000 x\n", "HTTP/1.1 20 x\n",
		"HTTP/1.1 +20 x\n", "HTTP/1.1 -20 x\n", "HTTP/1.1 -200 x\n", "HTTP/1.1 +999 x\n", "HTTP/1.1 2_0 x\n", "HTTP/1.1 0x2 x\n",
		"HTTP/1.1 ２００ OK\n", "HTTP/1.1 200\tOK\n", "HTTP/1.1\t200 OK\n", "HTTP/1.1 200\x00\n", "HTTP/1.1 200 \xff\n",
		"HTTP/2 200\n", "http/1.1 200 OK\n", " HTTP/1.1 200 OK\n", "ICY 200 OK\n", "HTTP/1.1 200 OK\r\r\n", "HTTP/1.1 200 OK\n\n",
		"HTTP/1.1 99999999999999999999 x\n", "HTTP/1.1 200 " + strings.Repeat("A", maxStatusLine) + "\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		code, status, ok := parseStatusLine(line)
		if !ok {
			return
		}
		if code < 100 || code > 999 {
			t.Errorf("parseStatusLine(%q) = code %d, want 100-999", line, code)
		}
		if rest, found := strings.CutPrefix(status, strconv.Itoa(code)); !found || rest != "" && rest[0] != ' ' {
			t.Errorf("parseStatusLine(%q) = status %q, want it to start with %d", line, status, code)
		}
		if !strings.HasPrefix(line, "HTTP/1.") || !strings.HasSuffix(line, "\n") {
			t.Errorf("parseStatusLine(%q) = ok, want only a whole line of HTTP/1", line)
		}
		if !strings.Contains(line, " "+status) || len(status) >= len(line) {
			t.Errorf("parseStatusLine(%q) = status %q, want a part of the line", line, status)
		}
	})
}
