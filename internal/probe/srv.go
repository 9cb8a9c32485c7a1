package probe

import (
	"context"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// srvLifetime is how long the addresses of an SRV record are used before it is looked up
// again, as drivers do.
const srvLifetime = time.Minute

// srvRecord holds the addresses of a mongodb+srv URL.
type srvRecord struct {
	domain string

	mu        sync.Mutex
	addresses []address
	expires   time.Time
}

// lookup returns the addresses, from the last lookup if it is recent.
func (s *srvRecord) lookup(ctx context.Context, resolver *net.Resolver) ([]address, error) {
	s.mu.Lock()
	addresses, expires := s.addresses, s.expires
	s.mu.Unlock()
	if time.Now().Before(expires) {
		return addresses, nil
	}
	// The dot at the end keeps the search domains of resolv.conf out, as drivers do.
	_, records, err := resolver.LookupSRV(ctx, "mongodb", "tcp", s.domain+".")
	if err != nil && len(records) == 0 { // an error beside records is about others that are malformed
		return nil, err
	}
	addresses = nil
	for _, r := range records[:min(len(records), maxAddresses)] {
		host := strings.TrimSuffix(r.Target, ".")
		if host != "" { // "." means that there is no such service (RFC 2782)
			addresses = append(addresses, address{host, strconv.Itoa(int(r.Port))})
		}
	}
	s.mu.Lock()
	s.addresses, s.expires = addresses, time.Now().Add(srvLifetime)
	s.mu.Unlock()
	return addresses, nil
}

// forget makes the next lookup ask again.
func (s *srvRecord) forget() {
	s.mu.Lock()
	s.expires = time.Time{}
	s.mu.Unlock()
}
