package proc

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// RemoveAll is os.RemoveAll for the directories of runs, also where a script
// locked something: a directory that its owner may not read or write keeps
// what is in it from everybody but root. What was left running may still turn names into links,
// so nothing is touched that is not below the directory.
func RemoveAll(dir string) error {
	err := os.RemoveAll(dir)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	root, rerr := os.OpenRoot(filepath.Dir(dir))
	if rerr != nil {
		return err
	}
	defer root.Close()
	name := filepath.Base(dir)
	if root.Chmod(name, 0o700) != nil {
		return err
	}
	inside, rerr := root.OpenRoot(name)
	if rerr != nil {
		return err
	}
	defer inside.Close()
	fs.WalkDir(inside.FS(), ".", func(path string, d fs.DirEntry, werr error) error {
		if werr == nil && d.IsDir() {
			inside.Chmod(path, 0o700)
		}
		return nil
	})
	return os.RemoveAll(dir)
}
