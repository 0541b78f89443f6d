package durable

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

func lockFile(f *os.File, wait bool) error {
	flags := uint32(windows.LOCKFILE_EXCLUSIVE_LOCK)
	if !wait {
		flags |= windows.LOCKFILE_FAIL_IMMEDIATELY
	}
	err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, &windows.Overlapped{})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return ErrLocked
	}
	return err
}

func unlockFile(f *os.File) error {
	return windows.UnlockFileEx(windows.Handle(f.Fd()), 0, 1, 0, &windows.Overlapped{})
}

// removed reports false: what is open stays where it is.
func removed(*os.File) bool { return false }

// removeHeld closes a file and removes it: what is open stays where it is.
func removeHeld(f *os.File) error {
	f.Close()
	return os.Remove(f.Name())
}

// moveOpen closes a file and gives it its final name: what is open is not
// renamed.
func moveOpen(f *os.File, to string, move func(from, to string) error) (moved bool, err error) {
	if err := f.Close(); err != nil {
		return false, err
	}
	err = move(f.Name(), to)
	return err == nil, err
}

// dirSync does nothing: Windows has no sync of a directory.
type dirSync struct{}

func openDirSync(string) (dirSync, error) { return dirSync{}, nil }
func (dirSync) Sync() error               { return nil }
func (dirSync) Close() error              { return nil }

// SyncDir does nothing: Windows has no sync of a directory.
func SyncDir(string) error { return nil }
