//go:build !linux

package main

func refuseHugePages() {}
