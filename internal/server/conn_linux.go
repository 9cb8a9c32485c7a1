package server

import (
	"net"
	"syscall"
	"unsafe"
)

// unacknowledged returns how many bytes of c the client has not acknowledged, sent or not
// (SIOCOUTQ in tcp(7)). It returns 0 for a closed connection.
func unacknowledged(c *net.TCPConn) int {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	var n int32
	raw.Control(func(fd uintptr) {
		syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TIOCOUTQ, uintptr(unsafe.Pointer(&n)))
	})
	return int(n)
}
