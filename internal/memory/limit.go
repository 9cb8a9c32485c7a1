package memory

import "runtime/debug"

// GoLimit is the Go memory limit in effect.
type GoLimit struct {
	Size   // unknown if there is no limit
	Source GoLimitSource
}

// GoLimitSource says where the Go memory limit comes from.
type GoLimitSource string

// The sources of the Go memory limit.
const (
	ConfiguredLimit GoLimitSource = "GOMEMLIMIT" // as configured
	ContainerLimit  GoLimitSource = "container"  // 80% of the container's limit
	LimitOff        GoLimitSource = "off"        // configured to have none
	NoLimit         GoLimitSource = "none"       // neither configured nor in a limited container
)

// LimitSetter keeps the runtime's memory limit at the configured one and within the
// container.
type LimitSetter struct {
	configured int64
	applied    int64
}

// NewLimitSetter returns a LimitSetter for a configured limit in bytes. Zero means that none
// is configured, and math.MaxInt64 that the limit is off.
func NewLimitSetter(configured int64) *LimitSetter { return &LimitSetter{configured: configured} }

// Apply sets the runtime's limit for a container of the given size if it has changed, and
// returns the limit that the runtime reports afterwards.
func (l *LimitSetter) Apply(container Size) GoLimit {
	bytes, source := goLimit(l.configured, container)
	if bytes != l.applied {
		debug.SetMemoryLimit(bytes)
		l.applied = bytes
	}
	limit := GoLimit{Source: source}
	if inEffect := debug.SetMemoryLimit(-1); inEffect < noLimit { // -1 changes nothing
		limit.Size = Size{inEffect, true}
	}
	return limit
}

// goLimit returns the limit for the runtime. It leaves a fifth of the container to memory
// that GOMEMLIMIT does not cover: the binary, kernel memory, socket buffers, page cache.
func goLimit(configured int64, container Size) (bytes int64, source GoLimitSource) {
	share := container.Bytes / 5 * 4
	switch {
	case configured == noLimit:
		return noLimit, LimitOff
	case container.Known && (configured == 0 || configured > share):
		return share, ContainerLimit
	case configured == 0:
		return noLimit, NoLimit
	}
	return configured, ConfiguredLimit
}
