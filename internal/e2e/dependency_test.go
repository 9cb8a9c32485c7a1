//go:build e2e && linux

package e2e

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/halobuzz/healthd/internal/probe"
)

// redisServer is a running redis-server.
type redisServer struct {
	cmd  *exec.Cmd
	done chan struct{}
}

// startRedis runs redis-server with these arguments until the test ends, and waits until
// it listens on port.
func startRedis(t *testing.T, port int, args ...string) *redisServer {
	t.Helper()
	var log bytes.Buffer
	args = append([]string{"--save", "", "--bind", "127.0.0.1"}, args...)
	cmd := exec.Command("redis-server", args...)
	cmd.Dir = t.TempDir()
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := &redisServer{cmd, make(chan struct{})}
	go func() {
		defer close(r.done)
		cmd.Wait()
	}()
	t.Cleanup(func() {
		r.stop()
		if t.Failed() {
			t.Logf("redis-server:\n%s", log.String())
		}
	})
	eventually(t, 10*time.Second, "listens", func() bool {
		conn, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			return false
		}
		conn.Close()
		return true
	})
	return r
}

func (r *redisServer) stop() {
	r.cmd.Process.Kill()
	<-r.done
}

// writeKeyPair writes a self-signed certificate for another host, and its key.
func writeKeyPair(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "redis.example.org"},
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certificate, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeFile(t, certificate, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	writeFile(t, key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})))
	return certificate, key
}

// TestDependencyRedis asks real servers by hand. It needs redis-server.
func TestDependencyRedis(t *testing.T) {
	t.Parallel()
	certificate, key := writeKeyPair(t)
	for _, tt := range []struct {
		name, scheme string
		args         []string
		stderr       string // empty for a pass; alternatives are separated by |
	}{
		{"open", "redis", nil, ""},
		{"with a password", "redis", []string{"--requirepass", "hunter3"}, ""},
		{"with users", "redis",
			[]string{"--user", "default", "off", "--user", "app", "on", ">hunter3", "+@all"}, ""},
		{"no permissions", "redis", []string{"--user", "default", "on", "nopass", "-@all"}, ""},
		{"TLS", "rediss", []string{"--tls-auth-clients", "no"}, ""},
		{"TLS by option", "tls", []string{"--tls-auth-clients", "no", "--requirepass", "hunter3"}, ""},
		// Redis closes with the PING unread, so that a reset may overtake its alert.
		{"TLS, client certificate", "rediss", nil,
			"probe: TLS handshake failed\n|probe: closed without an answer\n"},
		{"TLS at a plain port", "plain", nil, "probe: timed out\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			port := freePort(t)
			args := append([]string{"--port", strconv.Itoa(port)}, tt.args...)
			address := "hunter2:hun/ter2@127.0.0.1:" + strconv.Itoa(port) + "/0"
			url := "redis://" + address
			switch tt.scheme {
			case "rediss", "tls":
				args = append(args, "--port", "0", "--tls-port", strconv.Itoa(port),
					"--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", certificate)
				url = "rediss://" + address
				if tt.scheme == "tls" {
					url = "redis://" + address + "?tls=true"
				}
			case "plain":
				url = "rediss://" + address
			}
			startRedis(t, port, args...)
			r := finish(t, command(t, nil, "probe", url))
			want := result{1, "", tt.stderr}
			if slices.Contains(strings.Split(tt.stderr, "|"), r.stderr) {
				want.stderr = r.stderr
			}
			if tt.stderr == "" {
				want = result{0, r.stdout, ""}
			}
			if r != want || r.code == 0 && !strings.HasPrefix(r.stdout, "passed in ") {
				t.Errorf("probe: %+v, want %+v", r, want)
			}
		})
	}
}

// TestDependencyRedisFull asks a server that has as many clients as it takes.
func TestDependencyRedisFull(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	address := "127.0.0.1:" + strconv.Itoa(port)
	startRedis(t, port, "--port", strconv.Itoa(port), "--maxclients", "1")
	// The connection that startRedis has closed may still count.
	eventually(t, 5*time.Second, "takes a client", func() bool {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if _, err := conn.Write([]byte("PING\r\n")); err != nil {
			return false
		}
		reply := make([]byte, len("+PONG"))
		_, err = io.ReadFull(conn, reply)
		return err == nil && string(reply) == "+PONG"
	})
	r := finish(t, command(t, nil, "probe", "redis://"+address))
	if want := (result{1, "", "probe: not ready\n"}); r != want {
		t.Errorf("probe: %+v, want %+v", r, want)
	}
}

// TestDependencyWatch stops, continues and restarts a real server that is watched. It needs
// redis-server.
func TestDependencyWatch(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	server := startRedis(t, port, "--port", strconv.Itoa(port))
	target, err := probe.Parse("redis://:hunter2@127.0.0.1:" + strconv.Itoa(port))
	if err != nil {
		t.Fatal(err)
	}
	w := probe.NewWatcher([]probe.Dependency{{Name: "redis", Target: target, Required: true}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Run(ctx)
	}()
	defer func() {
		cancel()
		<-done
	}()
	wait := func(within time.Duration, what string, ok func(probe.Record) bool) {
		t.Helper()
		start := time.Now()
		eventually(t, within, what, func() bool { return ok(w.Records()[0]) })
		t.Logf("%s after %.1f s", what, time.Since(start).Seconds())
	}
	passes := func(r probe.Record) bool { return r.Passed && !r.Failed() && r.Failures == 0 }
	fails := func(reason probe.Reason) func(probe.Record) bool {
		return func(r probe.Record) bool { return r.Failed() && r.Last.Reason == reason }
	}
	wait(2*time.Second, "passes", passes)
	for _, signal := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
		if err := server.cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if signal == syscall.SIGSTOP {
			wait(18500*time.Millisecond, "fails when stopped", fails(probe.TimedOut))
		} else {
			wait(8500*time.Millisecond, "passes when continued", passes)
		}
	}
	server.stop()
	wait(18500*time.Millisecond, "fails when ended", fails(probe.Refused))
	startRedis(t, port, "--port", strconv.Itoa(port))
	wait(8500*time.Millisecond, "passes when restarted", passes)
}

// TestDependencyCertificates has other CA certificates than the machine's, or none, as in an
// image without the package ca-certificates.
func TestDependencyCertificates(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	own := filepath.Join(t.TempDir(), "own.pem")
	block := pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
	writeFile(t, own, string(pem.EncodeToMemory(&block)))
	other, _ := writeKeyPair(t)
	for _, tt := range []struct{ name, file, stderr string }{
		{"its own", own, "probe: 404 Not Found\n"},
		{"another", other, "probe: certificate not valid: unknown authority\n"},
		{"none", os.DevNull, "probe: this image has no CA certificates\n"},
		{"no file", "/does/not/exist", "probe: this image has no CA certificates\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			env := []string{"SSL_CERT_FILE=" + tt.file, "SSL_CERT_DIR=/does/not/exist"}
			r := finish(t, command(t, env, "probe", server.URL+"/hunter2"))
			if want := (result{1, "", tt.stderr}); r != want {
				t.Errorf("probe: %+v, want %+v", r, want)
			}
		})
	}
}
