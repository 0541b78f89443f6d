//go:build unix

package link

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// probeNetwork asks a socket whether anybody is there by a datagram: a stream
// socket that lives answers that it is of another type, and its server sees no
// connection come and go.
const probeNetwork = "unixgram"

func isInUse(err error) bool   { return errors.Is(err, unix.EADDRINUSE) || errors.Is(err, ErrInUse) }
func isRefused(err error) bool { return errors.Is(err, unix.ECONNREFUSED) }

// isOtherType is what a datagram socket is told that connects to a stream's.
func isOtherType(err error) bool { return errors.Is(err, unix.EPROTOTYPE) }

// dirsLock says whether lockDir keeps others out.
const dirsLock = true

// lockDir lets one process at a time look at a socket's path and replace it.
// It polls, so that ctx counts.
func lockDir(ctx context.Context, dir string) (unlock func(), err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	for {
		err := control(d, func(fd int) error { return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) })
		if err == nil {
			return func() { d.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			d.Close()
			return nil, err
		}
		t := time.NewTimer(time.Millisecond)
		select {
		case <-ctx.Done():
			t.Stop()
			d.Close()
			return nil, ctx.Err()
		case <-t.C:
		}
	}
}
