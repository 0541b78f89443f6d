package durable

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
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

// IsTemp reports whether name is that of a temporary file of Create, which
// only a crash leaves behind.
func IsTemp(name string) bool {
	name = filepath.Base(name)
	return strings.HasPrefix(name, tempPrefix) && strings.HasSuffix(name, tempSuffix)
}
