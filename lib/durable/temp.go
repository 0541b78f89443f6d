package durable

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	tempPrefix = ".lander-"
	tempSuffix = ".tmp"
	// maxTempBase is the longest name, in bytes, that a temporary name spells
	// out; file systems allow 255.
	maxTempBase = 200
	// maxWriters of one file at a time.
	maxWriters = 100
)

// tempName is the nth temporary name of the file at path. The first is the one
// that every writer tries, so that it finds what one that was killed left.
func tempName(path string, n int) string {
	dir, base := filepath.Split(path)
	if len(base) > maxTempBase {
		h := fnv.New64a()
		h.Write([]byte(base))
		base = fmt.Sprintf("%016x", h.Sum64())
	}
	if n > 0 {
		base = fmt.Sprintf("%s-%d", base, n)
	}
	return filepath.Join(dir, tempPrefix+base+tempSuffix)
}

// createTemp makes a temporary file for path and holds its lock, which says
// that somebody is writing it. One that nobody holds was left by a writer that
// was killed, and makes way. The file has the wanted mode from the start, so
// that no chmod is needed and the umask applies as it does for a plain create.
func createTemp(path string, perm fs.FileMode) (*os.File, error) {
	for n := range maxWriters {
		name := tempName(path, n)
		for range 3 {
			f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, perm)
			if err == nil {
				if hold(f) {
					return f, nil
				}
				f.Close() // another took it for left behind
			} else if !errors.Is(err, fs.ErrExist) {
				return nil, err
			} else if !clearLeft(name) {
				break
			}
		}
	}
	return nil, &fs.PathError{Op: "create a temporary file for", Path: path, Err: fs.ErrExist}
}

// hold locks a file that was just made. It is false when somebody has removed
// it meanwhile. Where there are no locks nobody takes one for a sign either.
func hold(f *os.File) bool {
	err := lockFile(f, false)
	return !errors.Is(err, ErrLocked) && !removed(f)
}

// clearLeft removes the temporary file at name if nobody is writing it.
func clearLeft(name string) bool {
	st, err := os.Lstat(name)
	if err != nil || !st.Mode().IsRegular() {
		return false
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	return clearOpen(f)
}

// clearOpen is clearLeft for a file that was opened by its temporary name.
// Its writer may have given it another name since, and the next writer's file
// stands there.
func clearOpen(f *os.File) bool {
	if lockFile(f, false) != nil || removed(f) {
		return false
	}
	here, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(f.Name())
	if err != nil || !os.SameFile(here, there) {
		return false
	}
	return removeHeld(f) == nil
}
