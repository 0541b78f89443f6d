package luavm

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
	"unicode"

	"lander/lib/capability"
)

// files is what a run may touch of the file system: the directories and
// files of its fs words. Each is opened as an os.Root, so that neither ..
// nor symbolic links lead out of it.
type files struct {
	granted capability.Set
	roots   []root
}

type root struct {
	path     string // clean and absolute, as in the word
	writable bool
	dir      *os.Root // opened when first used
	err      error
}

func newFiles(granted capability.Set) *files {
	f := &files{granted: granted}
	for _, w := range granted {
		if p, ok := strings.CutPrefix(w, "fs:"); ok {
			p, ro := strings.CutSuffix(p, ":ro")
			f.roots = append(f.roots, root{path: p, writable: !ro})
		}
	}
	return f
}

func (f *files) close() {
	for i := range f.roots {
		if d := f.roots[i].dir; d != nil {
			d.Close()
		}
	}
}

// absolute gives the absolute form of a script's path: relative paths count
// from the first directory granted.
func (f *files) absolute(name string) string {
	if !path.IsAbs(name) && len(f.roots) > 0 {
		name = f.roots[0].path + "/" + name
	}
	return path.Clean("/" + name)
}

// resolve finds the narrowest word that grants a path, and the path in its
// root. The error names the word that is missing.
func (f *files) resolve(name string, write bool) (*os.Root, string, error) {
	if strings.IndexByte(name, 0) >= 0 {
		return nil, "", syscall.EINVAL
	}
	if len(f.roots) == 0 {
		return nil, "", denied("fs:" + name)
	}
	abs := f.absolute(name)
	best := -1
	for i, r := range f.roots {
		word := "fs:" + r.path
		if (r.writable || !write) && capability.Covers(word, "fs:"+abs) && (best < 0 || len(r.path) > len(f.roots[best].path)) {
			best = i
		}
	}
	if best < 0 {
		return nil, "", denied("fs:" + abs)
	}
	r := &f.roots[best]
	inner := strings.TrimPrefix(strings.TrimPrefix(abs, r.path), "/")
	if r.dir == nil && r.err == nil {
		r.dir, r.err = os.OpenRoot(r.path)
	}
	if r.err != nil {
		// The word names a file: its directory is the root, and it alone is
		// in reach.
		if abs == r.path && isNotDir(r.err) {
			dir, err := os.OpenRoot(path.Dir(abs))
			if err != nil {
				return nil, "", err
			}
			r.dir = dir
			return r.dir, path.Base(abs), nil
		}
		return nil, "", r.err
	}
	if inner == "" {
		inner = "."
		if abs == r.path && r.dir.Name() != r.path {
			inner = path.Base(abs)
		}
	}
	return r.dir, inner, nil
}

func isNotDir(err error) bool {
	return errors.Is(err, syscall.ENOTDIR) || errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), "not a directory")
}

// open opens a file with the flags of os.OpenFile.
func (f *files) open(name string, flag int) (*os.File, error) {
	dir, inner, err := f.resolve(name, flag&(os.O_WRONLY|os.O_RDWR) != 0)
	if err != nil {
		return nil, err
	}
	return dir.OpenFile(inner, flag, 0o666)
}

func (f *files) remove(name string) error {
	dir, inner, err := f.resolve(name, true)
	if err != nil {
		return err
	}
	return dir.Remove(inner)
}

func (f *files) rename(from, to string) error {
	dir, a, err := f.resolve(from, true)
	if err != nil {
		return err
	}
	other, b, err := f.resolve(to, true)
	if err != nil {
		return err
	}
	if dir != other {
		return syscall.EXDEV
	}
	return dir.Rename(a, b)
}

// temporary returns a directory for new names.
func (f *files) temporary() (string, error) {
	for _, r := range f.roots {
		if r.writable {
			return r.path, nil
		}
	}
	return "", denied("fs:/tmp")
}

// errno words an error of the file system as C does, with its number.
func errno(err error) (string, int) {
	var no syscall.Errno
	if errors.As(err, &no) {
		s := []rune(no.Error())
		s[0] = unicode.ToUpper(s[0])
		return string(s), int(no)
	}
	if strings.Contains(err.Error(), "path escapes") {
		return "Permission denied", int(syscall.EACCES)
	}
	return err.Error(), 0
}
