package probe

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

// newCertificate returns a self-signed certificate for 127.0.0.1 and localhost, after edit
// has changed it.
func newCertificate(t testing.TB, edit func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "healthd test"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		DNSNames:              []string{"localhost"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	if edit != nil {
		edit(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// serveTLS is serve with TLS.
func serveTLS(t testing.TB, config *tls.Config, handle func(net.Conn)) *stub {
	t.Helper()
	listener, err := net.Listen("tcp", loopback)
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, tls.NewListener(listener, config), handle)
}

// TestTLSTooLong has a server with 64 KB of names in its certificate.
func TestTLSTooLong(t *testing.T) {
	t.Parallel()
	large := newCertificate(t, func(c *x509.Certificate) {
		for i := range 1000 {
			c.DNSNames = append(c.DNSNames, strings.Repeat("x", 60)+strconv.Itoa(i)+".example.org")
		}
	})
	s := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{large}}, silent)
	target := mustParse(t, "https://"+s.Addr().String())
	target.roots = x509.NewCertPool()
	target.roots.AddCert(large.Leaf)
	if got := target.Ask(t.Context()); got.Passed || got.Reason != TLSFailed {
		t.Errorf("Ask(large certificate) = %+v, want %q", got, TLSFailed)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	const ok = "HTTP/1.1 200 OK\r\n\r\n"
	good := newCertificate(t, nil)
	expired := newCertificate(t,
		func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	future := newCertificate(t,
		func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) })
	elsewhere := newCertificate(t, func(c *x509.Certificate) {
		c.DNSNames, c.IPAddresses = []string{"example.org"}, nil
	})
	client := newCertificate(t,
		func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
	pool := func(certificates ...tls.Certificate) *x509.CertPool {
		p := x509.NewCertPool()
		for _, c := range certificates {
			p.AddCert(c.Leaf)
		}
		return p
	}
	with := func(c tls.Certificate) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{c}}
	}
	tls12, tls11 := with(good), with(good)
	tls12.MaxVersion = tls.VersionTLS12
	tls11.MinVersion, tls11.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	none := &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return nil, io.EOF
	}}
	for _, tt := range []struct {
		name   string
		config *tls.Config
		roots  *x509.CertPool
		want   Reason
	}{
		{"good", with(good), pool(good), ""},
		{"TLS 1.2", tls12, pool(good), ""},
		{"expired", with(expired), pool(expired), Expired},
		{"not yet valid", with(future), pool(future), Expired},
		{"wrong name", with(elsewhere), pool(elsewhere), WrongHost},
		{"unknown CA", with(good), pool(elsewhere), UnknownCA},
		{"no CA certificates", with(good), pool(), NoCACertificates},
		{"for clients", with(client), pool(client), NotValid},
		{"TLS 1.1", tls11, pool(good), TLSFailed},
		{"no certificate", none, pool(good), TLSFailed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url := serveTLS(t, tt.config, httpReply(ok)).url("https", "/x")
			target := mustParse(t, url)
			target.roots = tt.roots
			checkResult(t, url, target.Ask(t.Context()), tt.want)
		})
	}
	t.Run("no TLS", func(t *testing.T) {
		t.Parallel()
		// net/http answers a handshake with "HTTP/1.0 400 Bad Request" in plain text.
		url := serve(t, loopback, reply(5, "HTTP/1.0 400 Bad Request\r\n\r\n")).url("https", "")
		checkResult(t, url, mustParse(t, url).Ask(t.Context()), OtherProtocol)
	})
	t.Run("closes", func(t *testing.T) {
		t.Parallel()
		url := serve(t, loopback, reply(1, "")).url("https", "")
		checkResult(t, url, mustParse(t, url).Ask(t.Context()), Closed)
	})
}

// TestTLSDatabases: a database's certificate is not verified, for nothing secret is sent.
func TestTLSDatabases(t *testing.T) {
	t.Parallel()
	bad := newCertificate(t, func(c *x509.Certificate) {
		c.NotAfter = time.Now().Add(-time.Minute)
		c.DNSNames, c.IPAddresses = nil, nil
	})
	config := &tls.Config{Certificates: []tls.Certificate{bad}}
	redis := serveTLS(t, config, reply(len(redisPing), "+PONG\r\n"))
	mongo := serveTLS(t, config, reply(len(mongoHello), string(primary.message())))
	for _, url := range []string{
		redis.url("rediss", ""), redis.url("redis", "?tls=true"), redis.url("redis", "/0?a=b&ssl=true"),
		mongo.url("mongodb", "/?tls=true"), mongo.url("mongodb", "/?replicaSet=rs0&SSL=true#x"),
	} {
		checkResult(t, url, mustParse(t, url).Ask(t.Context()), "")
	}
	url := mongo.url("mongodb", "")
	if got := mustParse(t, url).Ask(t.Context()); got.Passed {
		t.Errorf("Ask(%q) without TLS = %+v, want a failure: the server speaks TLS only", url, got)
	}
	config = config.Clone()
	config.ClientAuth = tls.RequireAnyClientCert
	required := serveTLS(t, config, reply(len(redisPing), "+PONG\r\n"))
	url = required.url("rediss", "")
	checkResult(t, url, mustParse(t, url).Ask(t.Context()), TLSFailed)
}
