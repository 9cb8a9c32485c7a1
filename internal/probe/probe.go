// Package probe asks a running service for its health, as an image without a shell
// and without curl must do itself.
package probe

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Timeout bounds a whole probe, connecting included.
const Timeout = 2 * time.Second

// maxStatusLine is the longest status line that is read, in bytes.
const maxStatusLine = 1 << 10

// Get requests path and returns the status line's code and phrase. Any answer but 2xx is an
// error. Get asks the first of addrs that accepts a connection. A raw connection knows no proxy settings and starts in a
// fraction of the memory that an http.Client takes from the container.
func Get(path string, addrs ...netip.AddrPort) (status string, err error) {
	if !validPath(path) {
		return "", fmt.Errorf("%q is not a path such as /healthz", path)
	}
	deadline := time.Now().Add(Timeout)
	conn, err := dial(deadline, addrs)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(deadline); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: healthd-probe\r\nConnection: close\r\n\r\n", path, conn.RemoteAddr()); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(io.LimitReader(conn, maxStatusLine)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	code, status, ok := parseStatusLine(line)
	if !ok {
		return "", fmt.Errorf("%q is not an HTTP answer", line)
	}
	if code < 200 || code > 299 {
		return "", errors.New(status)
	}
	return status, nil
}

// dial connects to the first of addrs that accepts. If none does, the error is the first
// one's. An address that does not answer at all takes the time of those behind it: to cut it
// short would fail a probe whose first packet was lost.
func dial(deadline time.Time, addrs []netip.AddrPort) (net.Conn, error) {
	dialer := net.Dialer{Deadline: deadline}
	var first error
	for _, addr := range addrs {
		conn, err := dialer.Dial("tcp", addr.String())
		if err == nil {
			return conn, nil
		}
		first = cmp.Or(first, err)
	}
	return nil, first
}

// parseStatusLine splits "HTTP/1.1 200 OK\r\n" into 200 and "200 OK".
func parseStatusLine(line string) (code int, status string, ok bool) {
	line, terminated := strings.CutSuffix(line, "\n")
	protocol, status, _ := strings.Cut(strings.TrimSuffix(line, "\r"), " ")
	digits, _, _ := strings.Cut(status, " ")
	code, err := strconv.Atoi(digits)
	ok = terminated && strings.HasPrefix(protocol, "HTTP/1.") && err == nil && len(digits) == 3 && code >= 100
	return code, status, ok
}

// validPath refuses what would end the request line early.
func validPath(path string) bool {
	return strings.HasPrefix(path, "/") && !strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}
