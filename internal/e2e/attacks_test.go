//go:build e2e && linux

package e2e

import (
	"io"
	"net"
	"strings"
)

// The uses in this file aim at what a server spends on a single connection: memory that
// outlives it, and processor time before a handler runs.

// sends returns a use that sends a request and neither reads an answer nor closes.
func sends(request string) func(*flood, net.Conn) {
	b := []byte(request)
	return func(_ *flood, conn net.Conn) { conn.Write(b) }
}

// untilAnswered returns a use that sends a request and waits for the first byte of the
// answer, at which the flood resets the connection.
func untilAnswered(request string) func(*flood, net.Conn) {
	b := []byte(request)
	return func(_ *flood, conn net.Conn) {
		if _, err := conn.Write(b); err == nil {
			conn.Read(make([]byte, 1))
		}
	}
}

// endlessly returns a use that sends one piece after another, once it has sent a start.
func endlessly(start, piece string) func(*flood, net.Conn) {
	first, next := []byte(start), []byte(strings.Repeat(piece, 4096))
	return func(_ *flood, conn net.Conn) {
		go io.Copy(io.Discard, conn)
		for _, err := conn.Write(first); err == nil; {
			_, err = conn.Write(next)
		}
	}
}

// getAsBrowser is a browser's request for a path.
func getAsBrowser(path string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\n\r\n"
}

// unreadBody is a request that no server of documents reads the body of. Its header is no
// longer than an honest one could be.
func unreadBody() string {
	return "POST / HTTP/1.1\r\nHost: x\r\n" + distinctLines(250) + "Content-Length: 1000000\r\n\r\n"
}

// longHeader is a header over any server's limit but the default one of net/http.
func longHeader() string {
	return "GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("x", 12500) + "\r\n\r\n"
}

// redirect is a request for a path that http.ServeMux cleans, and so answers with its
// own idea of the path: three times as long, escaped. A body ends in 1,000 trailers,
// which net/http reads into the request.
func redirect(length int) string {
	return "GET //" + strings.Repeat("<", length) + " HTTP/1.1\r\nHost: x\r\n" + distinctLines(250) +
		"Transfer-Encoding: chunked\r\n\r\n0\r\n" + distinctLines(800) + "\r\n"
}

// headerLines is a header of many short lines and without its end.
func headerLines() string { return "POST / HTTP/1.1\r\nHost: x\r\n" + distinctLines(2000) }

// distinctLines are the shortest header lines with names of their own.
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

// halfClose sends a request, says at once that no other will follow, and reads the answer.
func halfClose(_ *flood, conn net.Conn) {
	if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); err == nil {
		conn.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, conn)
	}
}
