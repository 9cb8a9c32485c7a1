package server

import (
	"context"
	"net"
	"syscall"
)

// socketBuffer is the size of a connection's buffer in the kernel, per direction, in bytes.
// cgroup v2 charges the buffers to the container (sock in memory.stat). With the default sizes,
// 1,500 clients that send requests and read no responses fill 64 MiB. The responses to probes
// fit.
const socketBuffer = 8 << 10

// Listen listens on an address of a TCP network, for connections with small buffers.
func Listen(network, address string) (net.Listener, error) {
	// TCP keep-alive is off, because http.Server's timeouts find a dead client sooner. Setting
	// it up takes 4 of the 13 system calls per connection, which delay probes in a flood.
	config := net.ListenConfig{KeepAlive: -1, Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		control := func(fd uintptr) {
			// Accepted sockets inherit both. Set before listen, the receive buffer also bounds
			// the window that a client is offered.
			for _, option := range [...]int{syscall.SO_SNDBUF, syscall.SO_RCVBUF} {
				if err == nil {
					err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, option, socketBuffer)
				}
			}
		}
		if cerr := c.Control(control); cerr != nil {
			return cerr
		}
		return err
	}}
	return config.Listen(context.Background(), network, address)
}

// listener accepts connections as conns.
type listener struct {
	net.Listener
	table *connections
}

// Accept waits for the next TCP connection.
func (l listener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{TCPConn: accepted.(*net.TCPConn), table: l.table}, nil
}
