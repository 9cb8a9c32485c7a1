//go:build e2e && linux

package e2e

import (
	"io"
	"net"
	"strings"
	"time"

	"github.com/halobuzz/healthd/internal/report"
)

// held sends one request, reads the response and stays open. It does not wait long for a
// server that hangs, because the next connection waits for this one.
func held(_ *flood, conn net.Conn) {
	newClient(conn).get("/healthz", time.Second)
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

// slowBody sends one byte per second of a body of the largest size that net/http waits for.
func slowBody(_ *flood, conn net.Conn) {
	go func() {
		const header = "POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n"
		if _, err := io.WriteString(conn, header); err != nil {
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

// pipeline requests the monitoring document again and again, and never reads.
func pipeline(_ *flood, conn net.Conn) {
	go func() {
		batch := strings.Repeat("GET "+report.MonitoringPath+" HTTP/1.1\r\nHost: x\r\n\r\n", 64)
		for {
			if _, err := io.WriteString(conn, batch); err != nil {
				return
			}
		}
	}()
}

// poll requests the monitoring document as fast as it can, on one connection.
func poll(f *flood, conn net.Conn) {
	go func() {
		c := newClient(conn)
		for {
			code, _, err := c.get(report.MonitoringPath, f.Length+openWithin)
			if err != nil {
				return
			}
			f.answers.Add(1)
			if code >= 500 {
				f.errors.Add(1)
			}
		}
	}()
}
