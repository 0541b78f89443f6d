package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"
)

// The defaults of Redial.
const (
	DefaultMinDelay = 500 * time.Millisecond
	DefaultMaxDelay = time.Minute
)

// Redial opens a stream again and again: each failure doubles the delay before
// the next try, and a connection that did not last counts as one. It is for
// one goroutine.
type Redial struct {
	Dial func(ctx context.Context) (Conn, error) // one try

	Min    time.Duration // first delay; 0: DefaultMinDelay
	Max    time.Duration // longest delay; 0: DefaultMaxDelay
	Stable time.Duration // how long a connection must have been there to begin at Min again; 0: Max

	Log   *slog.Logger                                     // each failure; nil: none
	Clock func() time.Time                                 // nil: time.Now
	Sleep func(ctx context.Context, d time.Duration) error // nil: a timer; ends with ctx's error
	Rand  func() float64                                   // 0 to 1; nil: math/rand/v2

	failures  int
	connected time.Time // when the last connection was made; zero: the last try failed
}

// Next returns the next connection. It tries until one is there, ctx ends, or
// an error comes that no waiting mends; when ctx ends the error is also that
// of the last try.
func (r *Redial) Next(ctx context.Context) (Conn, error) {
	if !r.connected.IsZero() {
		if r.now().Sub(r.connected) >= r.stable() {
			r.failures = 0
		} else {
			r.failures++
		}
		r.connected = time.Time{}
	}
	var last error
	for {
		if r.failures > 0 {
			if err := r.sleep(ctx, r.delay()); err != nil {
				return nil, ended(err, last)
			}
		}
		c, err := r.Dial(ctx)
		if err == nil {
			r.connected = r.now()
			return c, nil
		}
		if ctx.Err() != nil {
			if last == nil {
				last = err
			}
			return nil, ended(ctx.Err(), last)
		}
		if errors.Is(err, ErrAddress) || errors.Is(err, ErrScheme) || errors.Is(err, ErrNotSerial) {
			return nil, err
		}
		last = err
		r.failures++
		if r.Log != nil {
			r.Log.Info("not connected", "error", err, "failures", r.failures)
		}
	}
}

func ended(err, last error) error {
	switch {
	case last == nil:
		return fmt.Errorf("connecting: %w", err)
	case errors.Is(last, err):
		return last
	}
	return fmt.Errorf("%w (%w)", last, err)
}

// delay doubles from Min to Max; between half and all of it is waited, so that
// many who lost the same server do not come back at once.
func (r *Redial) delay() time.Duration {
	d, most := r.Min, r.longest()
	if d <= 0 {
		d = DefaultMinDelay
	}
	for i := 1; i < r.failures && d < most; i++ {
		d *= 2
	}
	d = min(d, most)
	random := rand.Float64
	if r.Rand != nil {
		random = r.Rand
	}
	return d/2 + time.Duration(random()*float64(d/2))
}

func (r *Redial) longest() time.Duration {
	if r.Max > 0 {
		return r.Max
	}
	return DefaultMaxDelay
}

func (r *Redial) stable() time.Duration {
	if r.Stable > 0 {
		return r.Stable
	}
	return r.longest()
}

func (r *Redial) now() time.Time {
	if r.Clock != nil {
		return r.Clock()
	}
	return time.Now()
}

func (r *Redial) sleep(ctx context.Context, d time.Duration) error {
	if r.Sleep != nil {
		return r.Sleep(ctx, d)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
