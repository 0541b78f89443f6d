package durable

import (
	"context"
	"errors"
	"time"
)

// AcquireContext waits for the lock on path until ctx ends. It polls, since
// no system call that waits for a lock ends with a context: every 50 µs at
// first, every millisecond later.
func AcquireContext(ctx context.Context, path string) (*Lock, error) {
	for wait := 50 * time.Microsecond; ; wait = min(2*wait, time.Millisecond) {
		l, err := TryLock(path)
		if err == nil || !errors.Is(err, ErrLocked) {
			return l, err
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return nil, ctx.Err()
		case <-t.C:
		}
	}
}
