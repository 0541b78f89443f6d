package link

import (
	"context"
	"errors"

	"golang.org/x/sys/windows"
)

// probeNetwork is the only one that Windows has with a path.
const probeNetwork = "unix"

func isInUse(err error) bool {
	return errors.Is(err, windows.WSAEADDRINUSE) || errors.Is(err, ErrInUse)
}
func isRefused(err error) bool { return errors.Is(err, windows.WSAECONNREFUSED) }

func isOtherType(error) bool { return false }

// dirsLock says whether lockDir keeps others out.
const dirsLock = false

// lockDir does nothing: Windows does not lock directories.
func lockDir(context.Context, string) (unlock func(), err error) { return func() {}, nil }
