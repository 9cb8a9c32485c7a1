package probe

import (
	"net"
	"net/http"
	"strings"
	"testing"
)

// TestIgnoresProxy sets every proxy variable to a port where nobody listens. It is not
// parallel: it changes the process environment.
func TestIgnoresProxy(t *testing.T) {
	proxy := "http://" + refused(t)
	for _, key := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"} {
		t.Setenv(key, proxy)
		t.Setenv(strings.ToLower(key), proxy)
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
			url := serve(t, tt.address, httpReply("HTTP/1.1 200 OK\r\n\r\n")).url("http", "/healthz")
			checkResult(t, url, mustParse(t, url).Ask(t.Context()), "")
			if tt.address == loopback {
				return
			}
			// The same must be able to fail: an http.Client goes to the proxy.
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := http.ProxyFromEnvironment(request); got == nil || err != nil {
				t.Errorf("ProxyFromEnvironment(%q) = %v, %v, want the proxy", url, got, err)
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
