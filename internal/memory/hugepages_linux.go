package memory

import "syscall"

// RefuseHugePages tells the kernel not to back this process with transparent huge pages.
// Where they are always on, khugepaged makes whole the pages that Release has punched
// holes in, and takes the memory back: 10 MB of it, 15 s after. The runtime no longer
// says anything about them by itself (go.dev/issue/64332).
func RefuseHugePages() {
	const prSetTHPDisable = 41 // prctl(2)
	// Refused in some sandboxes, which is no reason not to run.
	syscall.RawSyscall6(syscall.SYS_PRCTL, prSetTHPDisable, 1, 0, 0, 0, 0)
}
