//go:build !linux

package app

// becomeSubreaper does nothing: orphans belong to the system's init here.
func becomeSubreaper() {}
