package link

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// listenUnix binds below a directory of its own and moves the socket to path
// when it has its mode: so nobody connects before, and what stood at path is
// replaced in one step.
func listenUnix(ctx context.Context, path string, mode fs.FileMode) (*net.UnixListener, func() error, error) {
	dir := filepath.Dir(path)
	unlock, err := lockDir(ctx, dir)
	if err != nil {
		return nil, nil, err
	}
	defer unlock()
	if err := checkStale(ctx, path); err != nil {
		return nil, nil, err
	}
	temp, err := socketDir(dir)
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(temp)
	bound := filepath.Join(temp, "s")
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "unix", bound)
	if err != nil {
		return nil, nil, err
	}
	ul := ln.(*net.UnixListener)
	ul.SetUnlinkOnClose(false)
	var mine fs.FileInfo
	if err = os.Chmod(bound, mode); err == nil {
		if err = os.Rename(bound, path); err == nil {
			mine, err = os.Lstat(path)
		}
	}
	if err != nil {
		ul.Close()
		return nil, nil, err
	}
	cleanup := func() error {
		// Another server may have taken the place meanwhile.
		if st, err := os.Lstat(path); err != nil || !os.SameFile(st, mine) {
			return nil
		}
		return os.Remove(path)
	}
	return ul, cleanup, nil
}

// checkStale passes when nothing is at path, or a socket where nobody answers.
// A socket of another type than it is asked with is alive too.
func checkStale(ctx context.Context, path string) error {
	st, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if st.Mode().Type() != fs.ModeSocket {
		return errors.New("the path exists and is not a socket")
	}
	d := net.Dialer{Timeout: DefaultDialTimeout}
	c, err := d.DialContext(ctx, probeNetwork, path)
	switch {
	case err == nil:
		c.Close()
		return ErrInUse
	case isOtherType(err):
		return ErrInUse
	case isRefused(err), errors.Is(err, fs.ErrNotExist):
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return fmt.Errorf("cannot tell whether the socket there is in use: %w", cause(err))
}

// socketDir makes a directory in dir that only this user enters. Its name is
// short, since the path of a socket must be. The first name is always the same:
// a listener that was killed has left it, and whoever holds the lock of dir
// clears it.
func socketDir(dir string) (string, error) {
	first := filepath.Join(dir, ".lsock")
	if dirsLock {
		os.Remove(filepath.Join(first, "s"))
		os.Remove(first)
	}
	if err := os.Mkdir(first, 0o700); err == nil || !errors.Is(err, fs.ErrExist) {
		return first, err
	}
	for range 100 {
		name := filepath.Join(dir, ".l"+strconv.FormatUint(rand.Uint64N(36*36*36*36), 36))
		err := os.Mkdir(name, 0o700)
		if err == nil || !errors.Is(err, fs.ErrExist) {
			return name, err
		}
	}
	return "", errors.New("no name is left for a temporary directory")
}
