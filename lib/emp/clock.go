package emp

import "time"

// Clock is time as a Peer sees it.
type Clock interface {
	// Now is the current time; only differences count.
	Now() time.Time
	// AfterFunc calls f on a goroutine of its own after d.
	AfterFunc(d time.Duration, f func()) Timer
}

// Timer is what AfterFunc returns. *time.Timer is one.
type Timer interface {
	// Stop prevents the call and reports whether it came in time.
	Stop() bool
}

type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

func (systemClock) AfterFunc(d time.Duration, f func()) Timer { return time.AfterFunc(d, f) }
