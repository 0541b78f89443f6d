package durable

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
)

const (
	tempPrefix = ".lander-"
	tempSuffix = ".tmp"
)

// createTemp is os.CreateTemp with the wanted mode from the start, so that no
// chmod is needed and the umask applies as it does for a plain create.
func createTemp(dir string, perm fs.FileMode) (*os.File, error) {
	for range 100 {
		name := filepath.Join(dir, tempPrefix+strconv.FormatUint(rand.Uint64(), 36)+tempSuffix)
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, perm)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		return f, err
	}
	return nil, &fs.PathError{Op: "create a temporary file in", Path: dir, Err: fs.ErrExist}
}
