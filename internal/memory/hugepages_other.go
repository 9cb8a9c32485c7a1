//go:build !linux

package memory

// RefuseHugePages does nothing where there are none.
func RefuseHugePages() {}
