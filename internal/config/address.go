package config

import (
	"fmt"
	"net/netip"
)

// Address is where the service listens.
type Address struct {
	Host netip.Addr // the zero Addr stands for all addresses, IPv4 and IPv6
	Port uint16
}

// Network returns the network for net.Listen, which would take 0.0.0.0 for all addresses of both
// families.
func (a Address) Network() string {
	if a.Host.Is4() {
		return "tcp4"
	}
	return "tcp"
}

// String returns the address for net.Listen.
func (a Address) String() string {
	if !a.Host.IsValid() {
		return fmt.Sprintf(":%d", a.Port)
	}
	return netip.AddrPortFrom(a.Host, a.Port).String()
}

// URL returns the address as a link.
func (a Address) URL() string {
	host := a.Host
	if !host.IsValid() {
		host = netip.IPv4Unspecified()
	}
	return "http://" + netip.AddrPortFrom(host, a.Port).String()
}

// Local returns the addresses at which a process on the same machine reaches the service, in the
// order to try. For all addresses these are 127.0.0.1, because ::1 and the name localhost may be
// missing in a container, and then ::1, because a machine may have no IPv4.
func (a Address) Local() []netip.AddrPort {
	ipv4 := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), a.Port)
	ipv6 := netip.AddrPortFrom(netip.IPv6Loopback(), a.Port)
	switch a.Host {
	case netip.Addr{}, netip.IPv6Unspecified():
		return []netip.AddrPort{ipv4, ipv6}
	case netip.IPv4Unspecified():
		return []netip.AddrPort{ipv4}
	}
	return []netip.AddrPort{netip.AddrPortFrom(a.Host, a.Port)}
}
