package config

import (
	"net/netip"
	"strconv"
	"time"
)

// The functions below parse values.

func text(s string) (string, bool) { return s, true }

func port(s string) (uint16, bool) {
	n, err := strconv.ParseUint(s, 10, 16)
	return uint16(n), err == nil && n > 0
}

// host parses an address to listen on. It refuses multicast and broadcast addresses, which Linux
// binds a TCP socket to although no connection can arrive there.
func host(s string) (netip.Addr, bool) {
	if s == "localhost" {
		s = "127.0.0.1" // a container may have no resolver
	}
	addr, err := netip.ParseAddr(s)
	broadcast := netip.AddrFrom4([4]byte{255, 255, 255, 255})
	if err != nil || addr.IsMulticast() || addr.Unmap() == broadcast {
		return netip.Addr{}, false
	}
	return addr, true
}

// memoryLimit parses GOMEMLIMIT. Less than 1 MiB is a number whose unit was forgotten: with
// "200", which is 200 bytes, the collector would never stop.
func memoryLimit(s string) (bytes int64, ok bool) {
	bytes, ok = ParseMemoryLimit(s)
	return bytes, ok && bytes >= 1<<20
}

func connections(s string) (int, bool) {
	if s == "auto" {
		return 0, true
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 4
}

func percent(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 6 || n > 100 {
		return 0, false
	}
	return n, true
}

func duration(s string) (time.Duration, bool) {
	if s != "0" && s[len(s)-1] >= '0' && s[len(s)-1] <= '9' {
		return 0, false // time.ParseDuration accepts "+0" and "-0"
	}
	d, err := time.ParseDuration(s)
	return d, err == nil && d >= 0
}

// optional returns a parser that also accepts the empty string, as the zero value.
func optional[T any](parse func(string) (T, bool)) func(string) (T, bool) {
	return func(s string) (T, bool) {
		if s == "" {
			var zero T
			return zero, true
		}
		return parse(s)
	}
}

// zeroOr returns a parser that also accepts "0".
func zeroOr(parse func(string) (int, bool)) func(string) (int, bool) {
	return func(s string) (int, bool) {
		if s == "0" {
			return 0, true
		}
		return parse(s)
	}
}

// oneOf returns a parser of the given values.
func oneOf[T any](values map[string]T) func(string) (T, bool) {
	return func(s string) (T, bool) {
		v, ok := values[s]
		return v, ok
	}
}
