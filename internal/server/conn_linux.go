package server

import (
	"encoding/binary"
	"net"
	"syscall"
	"unsafe"
)

// tcpClose is the state of a connection that the client has reset (TCP_CLOSE in the kernel's
// include/net/tcp_states.h).
const tcpClose = 7

// unacknowledged returns how many bytes of c the client has not acknowledged, whether they were
// sent or not (SIOCOUTQ in tcp(7)). It returns 0 if the connection was closed or reset.
func unacknowledged(c *net.TCPConn) int {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	var n int32
	raw.Control(func(fd uintptr) {
		syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TIOCOUTQ, uintptr(unsafe.Pointer(&n)))
		if n == 0 {
			return
		}
		// The first byte of struct tcp_info is the state. After a reset the kernel has freed
		// the data, but still counts it.
		info, err := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_INFO)
		var b [4]byte
		binary.NativeEndian.PutUint32(b[:], uint32(info))
		if err == nil && b[0] == tcpClose {
			n = 0
		}
	})
	return int(n)
}
