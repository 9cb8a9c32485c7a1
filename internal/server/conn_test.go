package server

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestLines sends header lines in one request, in requests that wait for their answers, and as
// chunks of a body.
func TestLines(t *testing.T) {
	t.Parallel()
	lines := func(n int) string { return strings.Repeat("a:\r\n", n) }
	get := func(more string) string {
		return "GET /healthz HTTP/1.1\r\nHost: x\r\n" + more + "\r\n"
	}
	for _, tt := range []struct {
		name    string
		sends   []string // each but the last is answered before the next
		answers bool     // to the last one
	}{
		{"300", []string{get(lines(maxLines - 3))}, true},
		{"301", []string{get(lines(maxLines - 2))}, false},
		{"200 twice", []string{get(lines(197)), get(lines(197))}, true},
		{"without an end", []string{"GET / HTTP/1.1\r\n" + lines(maxLines)}, false},
		{"as chunks", []string{
			"POST /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
			strings.Repeat("1\r\na\r\n", maxLines),
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			conn := serving(t).dial(t)
			answers := bufio.NewReader(conn)
			var err error
			for _, request := range tt.sends {
				io.WriteString(conn, request)
				var resp *http.Response
				if resp, err = http.ReadResponse(answers, nil); err == nil {
					_, err = io.Copy(io.Discard, resp.Body)
				}
			}
			if answers := err == nil; answers != tt.answers {
				t.Errorf("%s: %v, want an answer: %v", tt.name, err, tt.answers)
			}
		})
	}
}

// TestBodyIsNotRead sends bodies that never come or never end. The answer does not wait
// for them and ends the connection.
func TestBodyIsNotRead(t *testing.T) {
	t.Parallel()
	for _, header := range []string{
		"Content-Length: 10", "Content-Length: 1000000", "Transfer-Encoding: chunked",
		"Content-Length: 10\r\nExpect: 100-continue", "Transfer-Encoding: chunked\r\nTrailer: a",
	} {
		for _, method := range []string{"GET", "POST"} {
			t.Run(method+" "+header, func(t *testing.T) {
				t.Parallel()
				conn := serving(t).dial(t)
				fmt.Fprintf(conn, "%s /healthz HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n", method, header)
				resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatal(err)
				}
				want := http.StatusOK
				if method == "POST" {
					want = http.StatusMethodNotAllowed
				}
				if resp.StatusCode != want || !resp.Close {
					t.Errorf("code %d, closes %v, want %d, true", resp.StatusCode, resp.Close, want)
				}
			})
		}
	}
}

// TestRefusedHeader holds the time that net/http keeps the buffers of a connection whose
// header it refused: 500 ms for a client that still sends, none once the table is half
// full.
func TestRefusedHeader(t *testing.T) {
	t.Parallel()
	for _, crowded := range []bool{false, true} {
		t.Run(fmt.Sprint("crowded ", crowded), func(t *testing.T) {
			t.Parallel()
			r := serving(t)
			others := 0
			if crowded {
				others = r.connections.limit / 2
			}
			for range others {
				r.dial(t)
			}
			r.waitOpen(t, others)
			conn := r.dial(t)
			began := time.Now()
			io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("x", 8<<10))
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			refused := err == nil && resp.StatusCode == http.StatusRequestHeaderFieldsTooLarge
			if !crowded && !refused {
				t.Errorf("%v, %v, want 431", resp, err)
			}
			r.waitOpen(t, others)
			if took := time.Since(began); took < 400*time.Millisecond != crowded {
				t.Errorf("the connection ended after %v", took)
			}
			if got := r.log.String(); strings.Contains(got, "panic") {
				t.Errorf("the log tells of a panic:\n%s", got)
			}
		})
	}
}

// TestBoundsAreTested holds the list in the package comment to the tests that it names.
func TestBoundsAreTested(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var tests strings.Builder
	for _, pattern := range []string{"*_test.go", "../e2e/*_test.go", "../../cmd/healthd/*_test.go"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			tests.Write(b)
		}
	}
	named := regexp.MustCompile(`Test\w+`).FindAllString(string(doc), -1)
	if len(named) < 15 {
		t.Errorf("the package comment names %d tests", len(named))
	}
	for _, name := range named {
		if !strings.Contains(tests.String(), "\nfunc "+name+"(t ") {
			t.Errorf("the package comment names %s, which does not exist", name)
		}
	}
}

// readToEnd returns how many bytes conn still delivers, and the error that ends them.
func readToEnd(conn net.Conn) (int64, error) {
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	n, err := io.Copy(io.Discard, conn)
	if errors.Is(err, syscall.ECONNRESET) {
		err = syscall.ECONNRESET
	}
	return n, err
}
