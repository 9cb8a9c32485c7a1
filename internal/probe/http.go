package probe

import (
	"bufio"
	"errors"
	"io"
	"net/netip"
	"strconv"
	"strings"
)

var (
	httpProtocol  = &protocol{kind: "component", defaultPort: "80", read: readHTTP}
	httpsProtocol = &protocol{kind: "component", defaultPort: "443", verify: true, read: readHTTP}
	tcpProtocol   = &protocol{kind: "component"}
)

// Self returns the target for path on a service that listens on addr. It does what the
// target of an http URL does.
func Self(addr netip.AddrPort, path string) (Target, error) {
	if !validPath(path) {
		return Target{}, errors.New("a path must start with / and contain only printable ASCII " +
			"characters and no spaces")
	}
	a := address{addr.Addr().String(), strconv.Itoa(int(addr.Port()))}
	return newHTTP(httpProtocol, a, path), nil
}

// newHTTP returns the target for a path, with its query if it has one.
func newHTTP(p *protocol, a address, path string) Target {
	return Target{
		protocol:  p,
		addresses: []address{a},
		tls:       p == httpsProtocol,
		request: "GET " + path + " HTTP/1.1\r\nHost: " + a.hostHeader(p.defaultPort) +
			"\r\nUser-Agent: healthd-probe\r\nConnection: close\r\n\r\n",
	}
}

// validPath reports whether path can stand in a request line: spaces and control
// characters would end it early.
func validPath(path string) bool {
	return strings.HasPrefix(path, "/") && printable(path)
}

// readHTTP reads the status line of a response, after any informational ones. 200-399 is
// a pass, as it is for the probes of Kubernetes and Northflank; no redirect is followed.
func readHTTP(r *bufio.Reader) (code int, err error) {
	for {
		line, err := readLine(r)
		if err != nil {
			return 0, err
		}
		code, ok := parseStatusLine(line)
		switch {
		case !ok:
			return 0, OtherProtocol
		case code >= 200 && code <= 399:
			return code, nil
		case code >= 200 || code == 101: // 101 ends HTTP on this connection
			return code, answered(code)
		}
		for line != "\n" && line != "\r\n" {
			line, err = readLine(r)
			if errors.Is(err, Closed) {
				return 0, OtherProtocol
			}
			if err != nil {
				return 0, err
			}
		}
	}
}

// parseStatusLine returns the 200 of "HTTP/1.1 200 OK\r\n".
func parseStatusLine(line string) (code int, ok bool) {
	protocol, status, _ := strings.Cut(strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"), " ")
	digits, _, _ := strings.Cut(status, " ")
	if !strings.HasPrefix(protocol, "HTTP/1.") || len(digits) != 3 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || n < 100 {
		return 0, false
	}
	return int(n), true
}

// readLine reads up to and including a newline. It returns [Closed] if the reply has
// ended, and [OtherProtocol] if it ends, or reaches maxReply, within the line.
func readLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	switch {
	case err == nil:
		return line, nil
	case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return "", err
	case line == "":
		return "", Closed
	}
	return "", OtherProtocol
}
