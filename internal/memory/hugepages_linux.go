package memory

import "syscall"

// RefuseHugePages turns off transparent huge pages for this process. Where they are always on,
// khugepaged fills the holes that a release of memory has left, and takes back 10 MB within
// 15 s. The runtime does not turn them off itself (go.dev/issue/64332).
func RefuseHugePages() {
	const prSetTHPDisable = 41 // prctl(2)
	// Some sandboxes refuse the call, which is no reason not to run.
	syscall.RawSyscall6(syscall.SYS_PRCTL, prSetTHPDisable, 1, 0, 0, 0, 0)
}
