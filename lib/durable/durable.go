// Package durable writes files so that a reader finds either the old content
// or the new one, whatever dies in between, and locks files between processes.
//
// It is the one place that knows how: temporary file beside the target,
// write, fsync, rename, fsync of the directory. The temporary file of NAME is
// .lander-NAME.tmp; what a killed writer left there makes way for the next one.
package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrExists is returned by Commit of a file made with NoReplace when the
// target exists.
var ErrExists = fs.ErrExist

// Option changes how Create works.
type Option int

const (
	// NoSync leaves out the fsyncs: the rename is still atomic against
	// readers and crashes of this process, not against power loss.
	NoSync Option = iota + 1
	// NoReplace makes Commit fail with ErrExists instead of replacing; after
	// any error of it there is no file at the path that was not there before.
	NoReplace
)

// File is a file on its way. Nothing stands at its path before Commit.
type File struct {
	*os.File
	path               string
	noSync, noReplace  bool
	committed, removed bool
}

// Create opens a temporary file in the directory of path. The caller ends it
// with Commit or Abort; Abort after Commit does nothing, so it can be deferred.
func Create(path string, perm fs.FileMode, opts ...Option) (*File, error) {
	f := &File{path: path}
	for _, o := range opts {
		switch o {
		case NoSync:
			f.noSync = true
		case NoReplace:
			f.noReplace = true
		}
	}
	tmp, err := createTemp(path, perm)
	if err != nil {
		// The temporary name says nothing to anybody.
		if pe, ok := errors.AsType[*fs.PathError](err); ok {
			err = &fs.PathError{Op: "create", Path: path, Err: pe.Err}
		}
		return nil, err
	}
	f.File = tmp
	return f, nil
}

// Commit renames the temporary file into place and closes it. When the
// directory cannot be synced after that the new content stands at the path,
// unless NoReplace was given; it is open whether it survives a power loss.
func (f *File) Commit() error {
	if err := f.commit(); err != nil {
		f.Abort()
		return fmt.Errorf("writing %s: %w", f.path, Cause(err))
	}
	return nil
}

func (f *File) commit() error {
	var dir dirSync
	if !f.noSync {
		if err := f.Sync(); err != nil {
			return err
		}
		// Opened first: nothing but the sync itself may fail once the file has
		// its name.
		var err error
		if dir, err = openDirSync(filepath.Dir(f.path)); err != nil {
			return err
		}
		defer dir.Close()
	}
	move := os.Rename
	if f.noReplace {
		move = renameNoReplace
	}
	var err error
	if f.committed, err = moveOpen(f.File, f.path, move); err == nil && !f.noSync {
		err = dir.Sync()
	}
	if err != nil && f.committed && f.noReplace {
		os.Remove(f.path)
	}
	return err
}

// Abort drops the temporary file.
func (f *File) Abort() {
	if f.committed || f.removed {
		return
	}
	f.removed = true
	removeHeld(f.File)
	f.Close()
}

// WriteFile replaces path by data, durably.
func WriteFile(path string, data []byte, perm fs.FileMode, opts ...Option) error {
	f, err := Create(path, perm, opts...)
	if err != nil {
		return err
	}
	defer f.Abort()
	if _, err := f.Write(data); err != nil {
		return fmt.Errorf("writing %s: %w", path, Cause(err))
	}
	return f.Commit()
}

// Cause strips the operation and the name, which say nothing new to a
// reader who knows the path that was meant.
func Cause(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	if le, ok := errors.AsType[*os.LinkError](err); ok {
		return le.Err
	}
	return err
}

// MkdirAll makes the directory and its parents, and syncs the parent of each
// one that it made.
func MkdirAll(dir string, perm fs.FileMode) error {
	if st, err := os.Stat(dir); err == nil {
		if !st.IsDir() {
			return fmt.Errorf("%s is not a directory", dir)
		}
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := MkdirAll(parent, perm); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, perm); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return SyncDir(parent)
}
