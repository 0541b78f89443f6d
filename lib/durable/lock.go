package durable

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// Lock is an advisory lock on a file, held between processes and between
// holders in one process.
type Lock struct{ f *os.File }

// ErrLocked is returned by TryLock when another holds the lock.
var ErrLocked = errors.New("locked by another process")

// Acquire waits for the lock on path, making the file when it is not there.
func Acquire(path string) (*Lock, error) { return openLock(path, true) }

// TryLock takes the lock on path or fails at once with ErrLocked.
func TryLock(path string) (*Lock, error) { return openLock(path, false) }

func openLock(path string, wait bool) (*Lock, error) {
	f, err := openLockFile(path)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f, wait); err != nil {
		f.Close()
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return &Lock{f}, nil
}

func openLockFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
}

// Release gives the lock back. The file stays: removing it would let two
// holders lock two files of the same name.
func (l *Lock) Release() error {
	// Closing alone would not do: a program that is just being started may
	// have the descriptor for a moment longer.
	err := unlockFile(l.f)
	return errors.Join(err, l.f.Close())
}

// Turn is a Lock that is taken often: its file stays open meanwhile.
type Turn struct {
	path  string
	token chan struct{} // held by whoever has the lock, or asks for it
	f     *os.File
}

// NewTurn returns the lock on path, which nobody holds yet.
func NewTurn(path string) *Turn { return &Turn{path: path, token: make(chan struct{}, 1)} }

// Acquire waits for the lock until ctx ends. It polls, since no system call
// that waits for a lock ends with a context: every 50 µs at first, every
// millisecond later.
func (t *Turn) Acquire(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case t.token <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	for wait := 50 * time.Microsecond; ; wait = min(2*wait, time.Millisecond) {
		err := t.try()
		if err == nil {
			return nil
		}
		if !errors.Is(err, ErrLocked) {
			t.drop()
			<-t.token
			return fmt.Errorf("locking %s: %w", t.path, err)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			<-t.token
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// try takes the lock on the file that is at the path now.
func (t *Turn) try() error {
	for range 2 {
		if t.f == nil {
			f, err := openLockFile(t.path)
			if err != nil {
				return err
			}
			t.f = f
		}
		if err := lockFile(t.f, false); err != nil {
			return err
		}
		if !removed(t.f) {
			return nil
		}
		t.drop()
	}
	return ErrLocked // it is removed as fast as it is made
}

func (t *Turn) drop() {
	if t.f != nil {
		t.f.Close()
		t.f = nil
	}
}

// Release gives the lock back.
func (t *Turn) Release() error {
	err := unlockFile(t.f)
	if err != nil {
		t.drop() // which gives it back too
	}
	<-t.token
	return err
}

// Close closes the file, once nobody holds the lock. The Turn can be used
// again.
func (t *Turn) Close() {
	t.token <- struct{}{}
	t.drop()
	<-t.token
}

// AcquireContext waits for the lock on path until ctx ends.
func AcquireContext(ctx context.Context, path string) (*Lock, error) {
	t := NewTurn(path)
	if err := t.Acquire(ctx); err != nil {
		t.Close()
		return nil, err
	}
	return &Lock{t.f}, nil
}
