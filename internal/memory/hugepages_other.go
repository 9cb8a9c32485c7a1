//go:build !linux

package memory

// RefuseHugePages does nothing: only Linux has transparent huge pages.
func RefuseHugePages() {}
