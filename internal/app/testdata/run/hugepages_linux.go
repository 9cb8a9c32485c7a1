package main

import "syscall"

// refuseHugePages is what healthd does once the command was started.
func refuseHugePages() {
	const prSetTHPDisable = 41
	syscall.RawSyscall6(syscall.SYS_PRCTL, prSetTHPDisable, 1, 0, 0, 0, 0)
}
