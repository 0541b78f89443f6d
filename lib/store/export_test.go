package store

import "time"

// SetTry sets how long one try of an operation takes.
func (s *NATS) SetTry(d time.Duration) { s.try = d }
