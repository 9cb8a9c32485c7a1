//go:build e2e && linux

package e2e

import (
	"io"
	"net"
	"strings"
)

// The uses in this file aim at what a single connection can make a server spend: memory
// that outlives the connection, and processor time before a handler runs.

const (
	shortGet    = "GET / HTTP/1.1\r\nHost: x\r\n" // without the empty line at its end
	chunkedPost = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
)

// sends returns a use that sends a request, reads no answer and does not close.
func sends(request string) func(*flood, net.Conn) {
	b := []byte(request)
	return func(_ *flood, conn net.Conn) { conn.Write(b) }
}

// untilAnswered returns a use that sends a request and returns at the first byte of the
// answer. The flood then resets the connection while net/http waits for the client to leave.
func untilAnswered(request string) func(*flood, net.Conn) {
	b := []byte(request)
	return func(_ *flood, conn net.Conn) {
		if _, err := conn.Write(b); err == nil {
			conn.Read(make([]byte, 1))
		}
	}
}

// endlessly returns a use that sends start, and then piece again and again.
func endlessly(start, piece string) func(*flood, net.Conn) {
	first, next := []byte(start), []byte(strings.Repeat(piece, 4096))
	return func(_ *flood, conn net.Conn) {
		go io.Copy(io.Discard, conn)
		for _, err := conn.Write(first); err == nil; {
			_, err = conn.Write(next)
		}
	}
}

// getAsBrowser returns the request of a browser for path.
func getAsBrowser(path string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\n\r\n"
}

// askOften returns 16 requests for a monitoring document, which is small while the process
// is young: one answer would fit the smallest receive buffer.
func askOften(document string) string {
	return strings.Repeat(getAsBrowser("/api/v1/monitoring/"+document), 16)
}

// unreadBody returns a request whose body is too large for net/http to read it after the
// answer. The server keeps the map of its header lines until the connection is closed.
func unreadBody() string {
	return "POST / HTTP/1.1\r\nHost: x\r\n" + distinctLines(250) + "Content-Length: 1000000\r\n\r\n"
}

// longHeader returns a request that draws a 431 where headers are limited to 8 KiB, to which
// net/http adds 4.
func longHeader() string {
	return shortGet + "X-Long: " + strings.Repeat("x", 12500) + "\r\n\r\n"
}

// redirect returns a request for a path of the given length that http.ServeMux redirects.
// The answer contains the path twice, escaped to three times its length. The body is empty
// but for 800 trailers, the most that net/http's buffer of 4 KiB holds: net/http reads them
// into the request before it answers.
func redirect(length int) string {
	return "GET //" + strings.Repeat("<", length) + " HTTP/1.1\r\nHost: x\r\n" + distinctLines(250) +
		"Transfer-Encoding: chunked\r\n\r\n0\r\n" + distinctLines(800) + "\r\n"
}

// headerLines returns a header of 2,000 short lines, without the empty line at its end.
func headerLines() string { return "POST / HTTP/1.1\r\nHost: x\r\n" + distinctLines(2000) }

// distinctLines returns n short header lines, at most 2,601, each with a name of its own.
// Names in both cases would be the same once they are canonical.
func distinctLines(n int) string {
	const name = "abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~"
	var b strings.Builder
	for i := range n {
		b.Write([]byte{name[i/len(name)], name[i%len(name)], ':', '\r', '\n'})
	}
	return b.String()
}

// pipelineOnce returns a use that sends 10,000 requests at once and reads the answers.
func pipelineOnce(request string) func(*flood, net.Conn) {
	b := []byte(strings.Repeat(request, 10_000))
	return func(_ *flood, conn net.Conn) {
		go conn.Write(b)
		io.Copy(io.Discard, conn)
	}
}

// paddedGet returns a request that is long enough for net/http's buffer of 4 KiB to hold fewer
// than 300 lines of them. Its response, a 404, is cheap to make.
func paddedGet() string {
	return "GET /nope HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 24) + "\r\n\r\n"
}

// halfClose sends a request, closes its own direction at once and reads the answer.
func halfClose(_ *flood, conn net.Conn) {
	if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); err == nil {
		conn.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, conn)
	}
}
