//go:build unix

package durable

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

func lockFile(f *os.File, wait bool) error {
	how := unix.LOCK_EX
	if !wait {
		how |= unix.LOCK_NB
	}
	for {
		err := unix.Flock(int(f.Fd()), how)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EWOULDBLOCK):
			return ErrLocked
		}
		return err
	}
}

func unlockFile(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_UN)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// removed reports whether a file has no name any more: whoever comes next
// locks another one.
func removed(f *os.File) bool {
	var st unix.Stat_t
	return unix.Fstat(int(f.Fd()), &st) == nil && st.Nlink == 0
}

// removeHeld removes a file whose lock we hold, and keeps the lock: nobody can
// have put another one at its name.
func removeHeld(f *os.File) error { return os.Remove(f.Name()) }

// moveOpen gives a file its final name and closes it. The lock is held until
// the temporary name is gone.
func moveOpen(f *os.File, to string, move func(from, to string) error) (moved bool, err error) {
	if err := move(f.Name(), to); err != nil {
		return false, err
	}
	return true, f.Close()
}

// dirSync is a directory that is to be synced.
type dirSync struct{ *os.File }

func openDirSync(dir string) (dirSync, error) {
	d, err := os.Open(dir)
	return dirSync{d}, err
}

// Sync makes renames and creations in the directory durable.
func (d dirSync) Sync() error {
	// Some filesystems cannot sync a directory; their renames are as durable
	// as they get.
	if err := d.File.Sync(); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOTSUP) {
		return err
	}
	return nil
}

// SyncDir makes renames and creations in dir durable.
func SyncDir(dir string) error {
	d, err := openDirSync(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
