package health

// Ring holds the newest values, up to a fixed number.
type Ring[T any] struct {
	slots      []T
	first, len int
}

func newRing[T any](size int) Ring[T] { return Ring[T]{slots: make([]T, size)} }

// Len returns the number of values.
func (r *Ring[T]) Len() int { return r.len }

// At returns the value at i, from 0 for the oldest.
func (r *Ring[T]) At(i int) *T { return &r.slots[(r.first+i)%len(r.slots)] }

func (r *Ring[T]) push(v T) {
	if r.len == len(r.slots) {
		r.dropOldest()
	}
	r.len++
	*r.At(r.len - 1) = v
}

func (r *Ring[T]) dropOldest() {
	r.first = (r.first + 1) % len(r.slots)
	r.len--
}

func (r *Ring[T]) dropNewest() { r.len-- }
