//go:build e2e && linux

package e2e

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// held sends one request, reads the answer and stays.
func held(_ *flood, conn net.Conn) {
	if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return
	}
	conn.SetReadDeadline(time.Now().Add(time.Second)) // the next one must not wait for a server that hangs
	if resp, err := http.ReadResponse(bufio.NewReaderSize(conn, 512), nil); err == nil {
		io.Copy(io.Discard, resp.Body)
	}
}

// halfHeader stops in the middle of a header.
func halfHeader(_ *flood, conn net.Conn) {
	io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Half: ")
}

// slowHeader feeds a header of 1 MB, 4 KB at a time.
func slowHeader(_ *flood, conn net.Conn) {
	go func() {
		line := "X-Slow: " + strings.Repeat("x", 4086) + "\r\n"
		if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\n"); err != nil {
			return
		}
		for range 256 {
			if _, err := io.WriteString(conn, line); err != nil {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
	}()
}

// slowBody sends a body of the largest size that net/http still waits for, a byte a second.
func slowBody(_ *flood, conn net.Conn) {
	go func() {
		if _, err := io.WriteString(conn, "POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n"); err != nil {
			return
		}
		for {
			time.Sleep(time.Second)
			if _, err := io.WriteString(conn, "x"); err != nil {
				return
			}
		}
	}()
}

// pipeline asks for the monitoring document again and again and never reads.
func pipeline(_ *flood, conn net.Conn) {
	go func() {
		batch := strings.Repeat("GET /api/v1/monitoring/health HTTP/1.1\r\nHost: x\r\n\r\n", 64)
		for {
			if _, err := io.WriteString(conn, batch); err != nil {
				return
			}
		}
	}()
}

// poll asks for the monitoring document as fast as it can, on a connection that it keeps.
func poll(f *flood, conn net.Conn) {
	go func() {
		r := bufio.NewReader(conn)
		for {
			if _, err := io.WriteString(conn, "GET /api/v1/monitoring/health HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				return
			}
			resp, err := http.ReadResponse(r, nil)
			if err != nil {
				return
			}
			io.Copy(io.Discard, resp.Body)
			f.answers.Add(1)
			if resp.StatusCode >= 500 {
				f.errors.Add(1)
			}
		}
	}()
}
