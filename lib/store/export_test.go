package store

import (
	"time"

	"lander/lib/durable"
)

// SetTry sets how long one try of an operation takes.
func (s *NATS) SetTry(d time.Duration) { s.try = d }

// SetLeave sets how long an operation takes when its opener has ended.
func (s *NATS) SetLeave(d time.Duration) { s.leave = d }

// SetReplace sets what puts a log that was written anew into its place.
func (s *Files) SetReplace(f func(*durable.File) error) { s.replace = f }
