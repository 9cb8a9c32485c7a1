package app

import (
	"os/signal"
	"syscall"
	"unsafe"
)

// stdin is the descriptor on which the terminal is looked for.
const stdin = 0

// ownsTerminal reports whether standard input is the controlling terminal and this process's
// group is its foreground group. Only then is the terminal healthd's to give: a background
// job that took it would stop the shell's foreground job.
func ownsTerminal() bool {
	var group int32
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, stdin, syscall.TIOCGPGRP,
		uintptr(unsafe.Pointer(&group)))
	return errno == 0 && int(group) == syscall.Getpgrp()
}

// keepRunningInBackground ignores SIGTTOU. After the command was given the terminal, healthd
// is in a background group: the signal would stop it when it takes the terminal back, and on
// a terminal with "stty tostop" at the next line of its log. It must be called after the
// command was started, because exec hands ignored signals down.
func keepRunningInBackground() { signal.Ignore(syscall.SIGTTOU) }

// takeTerminal makes this process's group the foreground group again, for the shell that
// reads from the terminal next.
func takeTerminal() {
	group := int32(syscall.Getpgrp())
	syscall.Syscall(syscall.SYS_IOCTL, stdin, syscall.TIOCSPGRP, uintptr(unsafe.Pointer(&group)))
}
