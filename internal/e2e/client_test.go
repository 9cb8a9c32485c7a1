package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/halobuzz/healthd/internal/report"
)

// endpoint is a server that listens on this machine.
type endpoint struct {
	t    *testing.T
	port int
}

func (e endpoint) url(path string) string {
	return fmt.Sprintf("http://127.0.0.1:%d%s", e.port, path)
}

// serves reports whether the server is alive.
func (e endpoint) serves() bool {
	resp, _, err := fetch("GET", e.url("/healthz"), nil)
	return err == nil && resp.StatusCode == http.StatusOK
}

// report returns the monitoring document.
func (e endpoint) report() document {
	e.t.Helper()
	_, body := get(e.t, e.url(report.MonitoringPath))
	d, err := decode(body)
	if err != nil {
		e.t.Fatal(err)
	}
	return d
}

// dial opens a connection that the test closes at its end.
func (e endpoint) dial() net.Conn {
	e.t.Helper()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", e.port))
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { conn.Close() })
	return conn
}

// document is the monitoring document as a client decodes it.
type document struct {
	report.Monitoring
	Checks map[string][]report.Check `json:"checks"`
}

// decode decodes a monitoring document without unknown fields.
func decode(body string) (document, error) {
	var d document
	decoder := json.NewDecoder(strings.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		return document{}, fmt.Errorf("%w in %s", err, body)
	}
	return d, nil
}

// httpClient is the client of all tests but those to which single connections matter.
var httpClient = &http.Client{Timeout: 5 * time.Second}

// fetch sends a request and returns the response and its body.
func fetch(method, url string, header http.Header) (*http.Response, string, error) {
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		return nil, "", err
	}
	req.Header = header
	resp, err := httpClient.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, string(body), err
}

// get fetches a document that must be there.
func get(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	resp, body, err := fetch("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return resp, body
}

// client is a client on a single connection. Unlike httpClient it never sends a request
// twice, so that a lost request shows.
type client struct {
	net.Conn
	reader *bufio.Reader
}

func newClient(conn net.Conn) *client { return &client{conn, bufio.NewReader(conn)} }

// get returns the status code of the response, and whether it is the last one on the
// connection. Header lines have no line end.
func (c *client) get(
	path string, within time.Duration, header ...string,
) (code int, last bool, err error) {
	c.SetDeadline(time.Now().Add(within))
	lines := strings.Join(append(header, "Host: x"), "\r\n")
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\n%s\r\n\r\n", path, lines); err != nil {
		return 0, false, err
	}
	resp, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return 0, false, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, resp.Close, err
}
