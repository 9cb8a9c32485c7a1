package probe

import (
	"context"
	"encoding/binary"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// nameserver is a DNS server that knows one SRV record and addresses names as 127.0.0.1.
type nameserver struct {
	conn    net.PacketConn
	queries atomic.Int64 // for the SRV record

	mu    sync.Mutex
	ports []int // of the record; none is no such name
}

// serveDNS runs a nameserver until the test ends. Without ports the name does not exist.
func serveDNS(t testing.TB, ports ...int) *nameserver {
	t.Helper()
	conn, err := net.ListenPacket("udp", loopback)
	if err != nil {
		t.Fatal(err)
	}
	n := &nameserver{conn: conn, ports: ports}
	var group sync.WaitGroup
	group.Go(func() {
		buffer := make([]byte, 1232)
		for {
			size, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			conn.WriteTo(n.answer(buffer[:size]), from)
		}
	})
	t.Cleanup(func() {
		conn.Close()
		group.Wait()
	})
	return n
}

func (n *nameserver) set(ports ...int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ports = ports
}

// answer makes the response of RFC 1035, section 4.1, to a query with one question.
func (n *nameserver) answer(query []byte) []byte {
	const header, a, srv = 12, 1, 33
	var labels []string
	i := header
	for query[i] != 0 {
		labels = append(labels, string(query[i+1:i+1+int(query[i])]))
		i += 1 + int(query[i])
	}
	question := query[header : i+5]
	kind := binary.BigEndian.Uint16(query[i+1:])
	n.mu.Lock()
	defer n.mu.Unlock()
	var answers [][]byte
	known := true
	switch name := strings.Join(labels, "."); {
	case kind == srv && name == "_mongodb._tcp.cluster0.test":
		n.queries.Add(1)
		known = len(n.ports) > 0
		for _, port := range n.ports {
			data := binary.BigEndian.AppendUint16([]byte{0, 0, 0, 0}, uint16(port)) // priority, weight
			answers = append(answers, append(data, "\x03db1\x08cluster0\x04test\x00"...))
		}
	case strings.HasSuffix(name, ".cluster0.test"):
		if kind == a {
			answers = append(answers, []byte{127, 0, 0, 1})
		}
	default:
		known = false
	}
	flags := uint16(0x8400) // an authoritative response
	if !known {
		flags |= 3 // NXDOMAIN
	}
	out := binary.BigEndian.AppendUint16(append([]byte{}, query[:2]...), flags)
	out = append(out, 0, 1, 0, byte(len(answers)), 0, 0, 0, 0)
	out = append(out, question...)
	for _, data := range answers {
		out = append(out, 0xc0, header) // the name of the question
		out = binary.BigEndian.AppendUint16(out, kind)
		out = append(out, 0, 1, 0, 0, 0, 60) // class, time to live
		out = binary.BigEndian.AppendUint16(out, uint16(len(data)))
		out = append(out, data...)
	}
	return out
}

func TestSRV(t *testing.T) {
	t.Parallel()
	up := serve(t, loopback, reply(len(mongoHello), string(primary.message())))
	hole := serve(t, loopback, silent)
	const url = "mongodb+srv://user:pass@cluster0.test/app?tls=false"
	dns := serveDNS(t, hole.addr().Port, up.addr().Port)
	target := mustParse(t, url)
	target.nameserver = dns.conn.LocalAddr().String()
	for range 3 {
		checkResult(t, url, target.Ask(t.Context()), "")
	}
	if got := dns.queries.Load(); got != 1 {
		t.Errorf("queries = %d, want 1: the record is kept for a minute", got)
	}

	// A failure has the record looked up again, and so has the end of the minute.
	dns.set()
	target.record.forget()
	checkResult(t, url, target.Ask(t.Context()), NoSuchHost)
	dns.set(up.addr().Port)
	checkResult(t, url, target.Ask(t.Context()), "")
	if got := dns.queries.Load(); got != 3 {
		t.Errorf("queries = %d, want 3", got)
	}
	target.record.expires = time.Now().Add(-time.Second)
	checkResult(t, url, target.Ask(t.Context()), "")
	if got := dns.queries.Load(); got != 4 {
		t.Errorf("queries = %d, want 4", got)
	}
}

// TestSRVMoved has the host of the record fail, and the record name another one then.
func TestSRVMoved(t *testing.T) {
	t.Parallel()
	up := serve(t, loopback, reply(len(mongoHello), string(primary.message())))
	closes := serve(t, loopback, func(net.Conn) {})
	const url = "mongodb+srv://cluster0.test/?tls=false"
	dns := serveDNS(t, closes.addr().Port)
	target := mustParse(t, url)
	target.nameserver = dns.conn.LocalAddr().String()
	checkResult(t, url, target.Ask(t.Context()), Closed)
	dns.set(up.addr().Port)
	checkResult(t, url, target.Ask(t.Context()), "")
}

func TestNameResolution(t *testing.T) {
	t.Parallel()
	dns := serveDNS(t)
	for _, url := range []string{
		"http://nowhere.test", "redis://nowhere.test", "mongodb://a.nowhere.test,b.nowhere.test",
		"mongodb+srv://nowhere.test",
	} {
		target := mustParse(t, url)
		target.nameserver = dns.conn.LocalAddr().String()
		checkResult(t, url, target.Ask(t.Context()), NoSuchHost)
		target.nameserver = refused(t)
		checkResult(t, url, target.Ask(t.Context()), ResolutionFailed)
	}
	// A name that the server knows.
	up := serve(t, loopback, reply(len(redisPing), "+PONG\r\n"))
	url := "redis://db1.cluster0.test:" + up.port()
	target := mustParse(t, url)
	target.nameserver = dns.conn.LocalAddr().String()
	checkResult(t, url, target.Ask(t.Context()), "")
}

// TestNameResolutionStops: the end of the context ends a query that nobody answers, which
// Go's resolver by itself would await until the deadline.
func TestNameResolutionStops(t *testing.T) {
	t.Parallel()
	resolver, err := net.ListenPacket("udp", loopback)
	if err != nil {
		t.Fatal(err)
	}
	defer resolver.Close()
	for _, url := range []string{"redis://db.test", "mongodb+srv://cluster0.test"} {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(100*time.Millisecond, cancel)
		target := mustParse(t, url)
		target.nameserver = resolver.LocalAddr().String()
		got := target.Ask(ctx)
		checkResult(t, url, got, ResolutionFailed)
		if got.Duration > Timeout/2 {
			t.Errorf("Ask(%q) took %v after its context ended at 100ms", url, got.Duration)
		}
	}
}
