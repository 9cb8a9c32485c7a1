package server

import (
	"encoding/binary"
	"syscall"
	"unsafe"
)

// tcpClose is the state of a connection that the client has reset (TCP_CLOSE in the kernel's
// include/net/tcp_states.h).
const tcpClose = 7

// unacknowledged returns how many bytes the client has not acknowledged, whether they were sent
// or not (SIOCOUTQ in tcp(7)). The end of the data counts as one.
func unacknowledged(fd uintptr) int {
	var n int32
	syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TIOCOUTQ, uintptr(unsafe.Pointer(&n)))
	if n == 0 {
		return 0
	}
	// The first byte of struct tcp_info is the state. After a reset the kernel has freed the
	// data, but still counts it.
	info, err := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_INFO)
	var b [4]byte
	binary.NativeEndian.PutUint32(b[:], uint32(info))
	if err == nil && b[0] == tcpClose {
		return 0
	}
	return int(n)
}
