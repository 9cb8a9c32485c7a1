//go:build !linux

package server

// unacknowledged returns 0: only on Linux are a container's connections charged to it.
func unacknowledged(uintptr) int { return 0 }
