// Package probe asks services whether they are up, each time over a new connection: the
// service itself, as an image without a shell and without curl must do, and the
// databases and services that it depends on.
//
// It sends no user and no password, but the path and query of an HTTP URL unchanged. URLs may
// contain secrets, so that no error and no result contains any part of a URL or any text of the
// operating system or of a server.
package probe

import (
	"bufio"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"sync"
	"time"
)

const (
	// Timeout bounds one Ask, including name resolution.
	Timeout = 3 * time.Second

	// maxReply is the number of bytes that are read of a reply.
	maxReply = 4 << 10
)

// Target is what a URL names: where to connect, what to send, and how to read the reply.
// Make one with [Parse] or [Self].
type Target struct {
	protocol  *protocol
	addresses []address
	record    *srvRecord // if not nil, has the addresses
	tls       bool
	request   string

	// Set by tests. The zero values are the system's.
	dial       func(ctx context.Context, network, address string) (net.Conn, error)
	nameserver string // its address
	roots      *x509.CertPool
}

// protocol describes the exchange over a connection.
type protocol struct {
	kind        string
	defaultPort string // empty if the URL must have one
	verify      bool   // whether TLS certificates are verified

	// read reads a reply. A nil error is a pass; a [Reason] or an error of the connection
	// is a failure. Only HTTP has a code. If read is nil, an open connection is a pass.
	read func(*bufio.Reader) (code int, err error)
}

// Result is the outcome of one Ask.
type Result struct {
	Time     time.Time // when it ended; zero if the target was never asked
	Duration time.Duration
	Passed   bool
	Reason   Reason // why it failed; empty if it passed
	Code     int    // the status code of an HTTP response; 0 if there was none
}

// Kind returns the target's component type: datastore for a database, else component.
func (t Target) Kind() string { return t.protocol.kind }

// Files returns how many file descriptors one Ask has open at most: for each address, a
// connection and a name resolution.
func (t Target) Files() int {
	if t.record != nil {
		return 2 * maxAddresses
	}
	return 2 * len(t.addresses)
}

// Format writes the target's kind whatever the verb, so that printing a structure that
// holds a target does not reveal its host or its path.
func (t Target) Format(f fmt.State, _ rune) {
	if t.protocol != nil {
		io.WriteString(f, t.protocol.kind)
	}
}

// Ask connects to the target and returns how it answered. It takes at most [Timeout], and
// returns at once when ctx ends.
func (t Target) Ask(ctx context.Context) Result {
	result, _ := t.ask(ctx)
	return result
}

// ask is Ask that also returns the cause of a failure.
func (t Target) ask(ctx context.Context) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	start := time.Now()
	code, err := t.askAll(ctx)
	end := time.Now()
	result := Result{Time: end, Duration: end.Sub(start), Passed: err == nil, Code: code}
	if err != nil {
		result.Reason = reasonOf(ctx, err)
	}
	return result, err
}

// askAll asks all addresses at once, and returns when one has passed or all have failed.
func (t Target) askAll(ctx context.Context) (code int, err error) {
	addresses := t.addresses
	if t.record != nil {
		if addresses, err = t.record.lookup(ctx, t.resolver()); err != nil {
			return 0, err
		}
		defer func() {
			if err != nil {
				t.record.forget()
			}
		}()
	}
	if len(addresses) == 0 {
		return 0, NoSuchHost
	}
	type answer struct {
		code int
		err  error
	}
	answers := make(chan answer, len(addresses))
	var group sync.WaitGroup
	defer group.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // before the Wait, so that no slow address delays a pass
	for _, a := range addresses {
		group.Go(func() {
			code, err := t.askOne(ctx, a)
			if _, ok := errors.AsType[*panicError](err); err != nil && !ok {
				err = reasonOf(ctx, err) // now, because later ctx may have ended as well
			}
			answers <- answer{code, err}
		})
	}
	var first answer
	for range addresses {
		a := <-answers
		if a.err == nil {
			return a.code, nil
		}
		// A server that says why it does not pass tells more than a silent one, and a panic
		// must not get lost.
		_, panicked := errors.AsType[*panicError](a.err)
		if first.err == nil || errors.Is(a.err, NotReady) || panicked {
			first = a
		}
	}
	return first.code, first.err
}

// askOne asks one address. A panic while it reads the reply is a failure: healthd must
// survive anything that another program sends.
func (t Target) askOne(ctx context.Context, a address) (code int, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &panicError{value, debug.Stack()}
		}
	}()
	tcp, err := t.connect(ctx, a)
	if err != nil {
		return 0, err
	}
	defer tcp.Close()
	defer context.AfterFunc(ctx, func() { tcp.Close() })()
	conn := tcp
	if t.tls {
		secure, err := t.handshake(ctx, tcp, a.host)
		if err != nil {
			return 0, err
		}
		defer secure.Close() // tells the server, which would log an error otherwise
		conn = secure
	}
	if t.protocol.read == nil {
		return 0, nil
	}
	if _, err := io.WriteString(conn, t.request); err != nil {
		return 0, err
	}
	return t.protocol.read(bufio.NewReader(io.LimitReader(conn, maxReply)))
}

// panicError is a panic that was recovered.
type panicError struct {
	value any
	stack []byte
}

func (*panicError) Error() string { return string(Internal) }

func (t Target) connect(ctx context.Context, a address) (net.Conn, error) {
	if t.dial != nil {
		return t.dial(ctx, "tcp", a.String())
	}
	return (&net.Dialer{Resolver: t.resolver(), KeepAlive: -1}).DialContext(ctx, "tcp", a.String())
}

// resolver returns a resolver whose queries end with their context. Go's own resolver
// reads until its timeout of 5 s; one that uses libc would hold a thread for each query.
func (t Target) resolver() *net.Resolver {
	dial := func(ctx context.Context, network, server string) (net.Conn, error) {
		if t.nameserver != "" {
			server = t.nameserver
		}
		conn, err := (&net.Dialer{}).DialContext(ctx, network, server)
		if err == nil {
			context.AfterFunc(ctx, func() { conn.Close() })
		}
		return conn, err
	}
	return &net.Resolver{PreferGo: true, Dial: dial}
}
