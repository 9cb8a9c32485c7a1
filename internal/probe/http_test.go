package probe

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestHTTP(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, reply string
		code        int
		want        Reason
	}{
		{"200", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, ""},
		{"204", "HTTP/1.1 204 No Content\r\n\r\n", 204, ""},
		{"302", "HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", 302, ""},
		{"399", "HTTP/1.1 399 \r\n\r\n", 399, ""},
		{"no phrase", "HTTP/1.1 200\r\n\r\n", 200, ""},
		{"HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\n", 200, ""},
		{"bare newline", "HTTP/1.1 200 OK\n\n", 200, ""},
		{"status line alone", "HTTP/1.1 200 OK\r\n", 200, ""},
		{"103 first", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", 200, ""},
		{"100, 102 and 103 first",
			"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 x\n\nHTTP/1.1 103 x\r\nA: HTTP/1.1 200 OK\r\n\r\n" +
				"HTTP/1.1 503 x\r\n", 503, "answered 503"},
		{"100 alone", "HTTP/1.1 100 Continue\r\n\r\n", 0, Closed},
		{"101", "HTTP/1.1 101 Switching Protocols\r\n\r\n", 101, "answered 101"},
		{"404", "HTTP/1.1 404 Not Found\r\n\r\n", 404, "answered 404"},
		{"400", "HTTP/1.1 400 Bad Request\r\n\r\n", 400, "answered 400"},
		{"500", "HTTP/1.1 500 Internal Server Error\r\n\r\n", 500, "answered 500"},
		{"503", "HTTP/1.1 503 \x1b[2J\r\n\r\n", 503, "answered 503"},
		{"999", "HTTP/1.1 999 ?\r\n\r\n", 999, "answered 999"},
		{"endless headers of a 103",
			"HTTP/1.1 103 x\r\n" + strings.Repeat("Link: </a>\r\n", 1000), 0, OtherProtocol},
		{"a 103 cut short", "HTTP/1.1 103 x\r\nLink", 0, OtherProtocol},
		{"empty", "", 0, Closed},
		{"newline", "\n", 0, OtherProtocol},
		{"another protocol", "SSH-2.0-OpenSSH_9.6\r\n", 0, OtherProtocol},
		{"TLS alert", "\x15\x03\x01\x00\x02\x02\x46", 0, OtherProtocol},
		{"HTTP/2", "HTTP/2 200 OK\r\n", 0, OtherProtocol},
		{"HTTP/0.9", "<html>ok</html>\n", 0, OtherProtocol},
		{"cut in the code", "HTTP/1.1 20", 0, OtherProtocol},
		{"cut before the newline", "HTTP/1.1 200 OK", 0, OtherProtocol},
		{"line over the limit",
			"HTTP/1.1 200 " + strings.Repeat("A", maxReply) + "\r\n", 0, OtherProtocol},
		{"code of two digits", "HTTP/1.1 20 OK\r\n", 0, OtherProtocol},
		{"code of four digits", "HTTP/1.1 2000 OK\r\n", 0, OtherProtocol},
		{"code under 100", "HTTP/1.1 099 OK\r\n", 0, OtherProtocol},
		{"signed code", "HTTP/1.1 +20 OK\r\n", 0, OtherProtocol},
		{"no code", "HTTP/1.1 OK\r\n", 0, OtherProtocol},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := serve(t, loopback, httpReply(tt.reply))
			url := server.url("http", "/healthz")
			got := mustParse(t, url).Ask(t.Context())
			checkResult(t, url, got, tt.want)
			if got.Code != tt.code {
				t.Errorf("Ask() = code %d, want %d", got.Code, tt.code)
			}
			// A redirect is not followed, and nothing is tried twice.
			if got := server.accepted.Load(); got != 1 {
				t.Errorf("connections = %d, want 1", got)
			}
		})
	}
}

// TestHTTPEndless asks servers that write until the connection is closed. The result must
// come from the status line, and most of what they write must stay with them.
func TestHTTPEndless(t *testing.T) {
	t.Parallel()
	const size = 1 << 30
	for _, tt := range []struct {
		name, start, repeat string
		want                Reason
	}{
		{"body", "HTTP/1.1 200 OK\r\n\r\n", strings.Repeat("x", 64<<10), ""},
		{"headers", "HTTP/1.1 200 OK\r\n", strings.Repeat("X-A: b\r\n", 8<<10), ""},
		{"1 GB", "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n",
			strings.Repeat("x", 64<<10), ""},
		{"status line", "HTTP/1.1 200 ", strings.Repeat("x", 64<<10), OtherProtocol},
		{"headers of a 103", "HTTP/1.1 103 x\r\n", strings.Repeat("X-A: b\r\n", 8<<10), OtherProtocol},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			written := make(chan int, 1)
			server := serve(t, loopback, func(conn net.Conn) {
				n := 0
				defer func() { written <- n }()
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
					return
				}
				io.WriteString(conn, tt.start)
				for n < size {
					m, err := io.WriteString(conn, tt.repeat)
					if n += m; err != nil {
						return
					}
				}
			})
			url := server.url("http", "/")
			checkResult(t, url, mustParse(t, url).Ask(t.Context()), tt.want)
			if got, limit := <-written, 64<<20; got >= limit {
				t.Errorf("bytes that the server could write = %d, want under %d", got, limit)
			}
		})
	}
}

// TestTimeout asks servers that hold the probe for as long as it lets them.
func TestTimeout(t *testing.T) {
	t.Parallel()
	byteByByte := func(conn net.Conn) {
		for {
			if _, err := io.WriteString(conn, "H"); err != nil {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	for _, scheme := range []string{"http", "https", "redis", "rediss", "mongodb"} {
		t.Run(scheme+" never answers", func(t *testing.T) {
			t.Parallel()
			testTimeout(t, serve(t, loopback, silent).url(scheme, ""))
		})
	}
	t.Run("byte by byte", func(t *testing.T) {
		t.Parallel()
		// A timeout for each read alone would never end this one.
		url := serve(t, loopback, byteByByte).url("http", "")
		got := mustParse(t, url).Ask(t.Context())
		checkResult(t, url, got, TimedOut)
		if got.Duration < Timeout {
			t.Errorf("Ask(%q) took %v, want %v or more", url, got.Duration, Timeout)
		}
	})
	t.Run("handshake only", func(t *testing.T) {
		t.Parallel()
		listener, err := net.Listen("tcp", loopback)
		if err != nil {
			t.Fatal(err)
		}
		config := &tls.Config{Certificates: []tls.Certificate{newCertificate(t, nil)}}
		testTimeout(t, serveOn(t, tls.NewListener(listener, config), silent).url("rediss", ""))
	})
}

// testTimeout asks with less time than it takes, as when a service stops.
func testTimeout(t *testing.T, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	got := mustParse(t, url).Ask(ctx)
	checkResult(t, url, got, TimedOut)
	if got.Duration > Timeout/2 {
		t.Errorf("Ask(%q) took %v after its context ended at 100ms", url, got.Duration)
	}
}

// TestSelf has net/http judge the request.
func TestSelf(t *testing.T) {
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
			asked := make(chan *http.Request, 2)
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
			self, err := Self(addr, tt.path)
			if err != nil {
				t.Fatalf("Self(%q) = %v, want no error", tt.path, err)
			}
			// A path of the service and the same as a URL are one thing.
			for _, target := range []Target{self, mustParse(t, "http://"+addr.String()+tt.path)} {
				got := target.Ask(t.Context())
				checkResult(t, tt.path, got, "")
				if got.Code != http.StatusNoContent {
					t.Fatalf("Ask(%q) = code %d, want 204", tt.path, got.Code)
				}
				checkRequest(t, <-asked, addr, tt.path)
			}
		})
	}
}

func checkRequest(t *testing.T, r *http.Request, addr netip.AddrPort, path string) {
	t.Helper()
	if got, want := r.Method+" "+r.RequestURI+" "+r.Proto, "GET "+path+" HTTP/1.1"; got != want {
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
}

func TestSelfPath(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		"", "healthz", "http://127.0.0.1/healthz", "-h", "*", " /healthz", "/healthz ", "/health z",
		"/ HTTP/0.9", "/\thealthz", "/healthz\n", "/healthz\r", "/ HTTP/1.1\r\nX-Injected: 1\r\nX: ",
		"/\r\n\r\nDELETE / HTTP/1.1", "/\x00", "/\x1b[2J", "/\x7f", "/gesundheit/ä", "/\u00a0",
		"/\u0085", "/\u2028", "/\xff",
	} {
		if _, err := Self(netip.MustParseAddrPort("127.0.0.1:4000"), path); err == nil {
			t.Errorf("Self(%q) = nil, want an error", path)
		}
	}
}

func FuzzParseStatusLine(f *testing.F) {
	for _, seed := range []string{
		"", "\n", "\r\n", " ", " \n", "HTTP/1.1\n", "HTTP/1.1 \n", "HTTP/1.1  200 OK\n",
		"HTTP/1.1 200 OK\r\n", "HTTP/1.0 204 No Content\n", "HTTP/1.1 200\r\n",
		"HTTP/1.1 100 Continue\n", "HTTP/1.1 099 x\n", "HTTP/1.1 1000 x\n", "HTTP/1.1 +20 x\n",
		"HTTP/1.1 -20 x\n", "HTTP/1.1 2_0 x\n", "HTTP/1.1 0x2 x\n", "HTTP/1.1 ２００ OK\n",
		"HTTP/1.1 200\tOK\n", "HTTP/1.1\t200 OK\n", "HTTP/2 200\n", "http/1.1 200 OK\n",
		"ICY 200 OK\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		code, ok := parseStatusLine(line)
		if ok && (code < 100 || code > 999 || !strings.HasPrefix(line, "HTTP/1.")) {
			t.Errorf("parseStatusLine(%q) = %d, want a code of 100-999 of HTTP/1", line, code)
		}
		if !ok && code != 0 {
			t.Errorf("parseStatusLine(%q) = %d, want no code", line, code)
		}
	})
}

func FuzzReadHTTP(f *testing.F) {
	f.Add("HTTP/1.1 200 OK\r\n\r\n")
	f.Add("HTTP/1.1 103 x\r\nA: b\r\n\r\nHTTP/1.1 404 x\r\n")
	f.Add("HTTP/1.1 100 x\n\nHTTP/1.1 100 x\n\n")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		code, err := readHTTP(bufio.NewReader(strings.NewReader(text)))
		switch reason := isReason(err); {
		case err == nil && code >= 200 && code <= 399:
		case reason == Closed && code == 0, reason == OtherProtocol && code == 0:
		case (code == 101 || code >= 400) && reason == answered(code):
		default:
			t.Errorf("readHTTP(%q) = %d, %v, want a pass or a reason", text, code, err)
		}
	})
}
