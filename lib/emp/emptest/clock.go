// Package emptest is the other side of an EMP connection for tests: clients
// that behave as the original Lua and C libraries do, an agent of the
// original's habits, all of them strict about what they are sent, and a clock
// that moves when it is told to. They are written from the protocol's
// description and share with package emp the frame codec alone.
package emptest

import (
	"slices"
	"sync"
	"time"

	"lander/lib/emp"
)

// Clock is an emp.Clock that stands still until Advance.
type Clock struct {
	mu     sync.Mutex
	now    time.Time
	timers []*timer
}

type timer struct {
	clock *Clock
	at    time.Time
	f     func()
}

// NewClock starts at the given time.
func NewClock(now time.Time) *Clock { return &Clock{now: now} }

// Now implements emp.Clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// AfterFunc implements emp.Clock.
func (c *Clock) AfterFunc(d time.Duration, f func()) emp.Timer {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &timer{c, c.now.Add(d), f}
	c.timers = append(c.timers, t)
	return t
}

func (t *timer) Stop() bool {
	c := t.clock
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.Index(c.timers, t)
	if i < 0 {
		return false
	}
	c.timers = slices.Delete(c.timers, i, i+1)
	return true
}

// Timers is the number of timers that have not fired.
func (c *Clock) Timers() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.timers)
}

// Advance moves the time and runs what is due, in order, on the caller's
// goroutine.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	end := c.now.Add(d)
	for {
		var next *timer
		for _, t := range c.timers {
			if !t.at.After(end) && (next == nil || t.at.Before(next.at)) {
				next = t
			}
		}
		if next == nil {
			break
		}
		c.now = next.at
		c.timers = slices.Delete(c.timers, slices.Index(c.timers, next), slices.Index(c.timers, next)+1)
		c.mu.Unlock()
		next.f()
		c.mu.Lock()
	}
	c.now = end
	c.mu.Unlock()
}
