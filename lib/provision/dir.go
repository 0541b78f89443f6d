package provision

import (
	"errors"
	"io/fs"
	"os"
	"sync"
)

// Dir is the file system of a directory from which nothing leads out. When
// another directory has its name by now, because a new one was renamed to it or
// a symbolic link leads elsewhere, that is gone over to where a reading begins:
// with the "." of a walk or a listing.
type Dir struct {
	path string

	mu   sync.Mutex
	root *os.Root
}

// OpenDir opens a directory.
func OpenDir(path string) (*Dir, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return &Dir{path: path, root: root}, nil
}

// Close closes the directory; files that are open stay so.
func (d *Dir) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.root.Close()
}

// now is the file system of the directory that has the name.
func (d *Dir) now(name string) (fs.FS, error) {
	if name != "." {
		return d.root.FS(), nil
	}
	is, err := os.Stat(d.path)
	if err != nil {
		return nil, err
	}
	was, err := d.root.Stat(".")
	if err == nil && os.SameFile(is, was) {
		return d.root.FS(), nil
	}
	if errors.Is(err, os.ErrClosed) {
		return nil, err
	}
	root, err := os.OpenRoot(d.path)
	if err != nil {
		return nil, err
	}
	d.root.Close()
	d.root = root
	return root.FS(), nil
}

// Open implements fs.FS.
func (d *Dir) Open(name string) (fs.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fsys, err := d.now(name)
	if err != nil {
		return nil, err
	}
	return fsys.Open(name)
}

// Stat implements fs.StatFS.
func (d *Dir) Stat(name string) (fs.FileInfo, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fsys, err := d.now(name)
	if err != nil {
		return nil, err
	}
	return fs.Stat(fsys, name)
}

// ReadDir implements fs.ReadDirFS.
func (d *Dir) ReadDir(name string) ([]fs.DirEntry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fsys, err := d.now(name)
	if err != nil {
		return nil, err
	}
	return fs.ReadDir(fsys, name)
}

// ReadFile implements fs.ReadFileFS.
func (d *Dir) ReadFile(name string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return fs.ReadFile(d.root.FS(), name)
}
