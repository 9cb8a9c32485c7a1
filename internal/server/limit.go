package server

// The bounds of the automatic limit on connections.
const (
	bytesPerConnection = 512 << 10 // of the container's limit
	minAutoConnections = 64
	maxAutoConnections = 512
)

// minConnections is the lowest limit: a probe, a readiness probe, a scraper and a person.
const minConnections = 4

// The file descriptors kept for everything but connections: those that are open when the limit
// is decided, and a few for later, such as the listener; at least minReserved in all. Each
// cgroup that the process is nested in takes up to five.
const (
	spareFiles  = 8
	minReserved = 32
)

// ConnectionLimit returns how many connections may be open. That is the configured number, or
// for 0 a number that suits a container of the given size in bytes, of which 0 is unknown. It
// is lowered if the process may not open that many files beside those that it has open.
func ConnectionLimit(
	configured int, containerBytes int64, maxFiles uint64, openFiles int,
) (limit int, lowered bool) {
	limit = configured
	if configured == 0 {
		limit = maxAutoConnections
		if containerBytes > 0 {
			limit = int(min(max(containerBytes/bytesPerConnection, minAutoConnections), maxAutoConnections))
		}
	}
	reserved := max(openFiles+spareFiles, minReserved)
	if maxFiles < uint64(limit)+uint64(reserved) {
		return max(int(maxFiles)-reserved, minConnections), true
	}
	return limit, false
}
