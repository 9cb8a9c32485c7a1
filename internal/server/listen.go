package server

import (
	"context"
	"net"
	"syscall"
)

// socketBuffer is each connection's buffer in the kernel, one per direction, in bytes.
// cgroup v2 charges them to the container (sock in memory.stat): with the kernel's own
// sizes, 1,500 clients that send requests and read no answers fill 64 MiB. What a
// prober asks for fits.
const socketBuffer = 8 << 10

// Listen binds an address of a TCP network. The connections that it accepts have small buffers.
func Listen(network, address string) (net.Listener, error) {
	// Every state of a connection has a timeout of http.Server's, all shorter than what TCP
	// keep-alive would take to find a dead peer; setting it up is 4 of the 13 system calls
	// that a connection costs in a flood, with the next probe waiting behind it.
	config := net.ListenConfig{KeepAlive: -1, Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		control := func(fd uintptr) {
			// Accepted sockets inherit both; set before listen, they also bound the
			// window that is offered to a client.
			if err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_SNDBUF, socketBuffer); err == nil {
				err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, socketBuffer)
			}
		}
		if cerr := c.Control(control); cerr != nil {
			return cerr
		}
		return err
	}}
	return config.Listen(context.Background(), network, address)
}

// listener hands out connections that the table bounds.
type listener struct {
	net.Listener
	table *Connections
}

// Accept waits for the next TCP connection.
func (l listener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{TCPConn: accepted.(*net.TCPConn), table: l.table}, nil
}
