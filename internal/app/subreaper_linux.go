package app

import (
	"os"
	"syscall"
)

// becomeSubreaper makes orphaned descendants children of this process, as they are where it
// is PID 1. It is refused in some sandboxes, where the system's init reaps them.
func becomeSubreaper() {
	if os.Getpid() == 1 {
		return
	}
	const prSetChildSubreaper = 36 // prctl(2)
	syscall.RawSyscall6(syscall.SYS_PRCTL, prSetChildSubreaper, 1, 0, 0, 0, 0)
}
