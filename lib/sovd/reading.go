package sovd

import (
	"os"
	"sync"
	"time"
)

// The bounds of what a reading keeps.
const (
	maxKept     = 256
	maxKeptSize = 64 << 10
)

// settledAfter is how old a change must be before it is sure that another one
// shows: the clock of a file system goes in steps.
const settledAfter = time.Second

// reading keeps small scripts that were read, as long as their files are what
// they were. A script is read for each run otherwise.
type reading struct {
	mu   sync.Mutex
	kept map[string]readFile // by path
}

type readFile struct {
	id      fileID
	payload []byte
	sha256  string
}

// get returns the bytes of a regular file and their digest. open opens it,
// stat looks at it.
func (r *reading) get(path string, limit int64, stat func(string) (os.FileInfo, error), open func(string) (*os.File, error)) ([]byte, string, error) {
	st, err := stat(path)
	if err == nil {
		err = mustBeRegular(st)
	}
	if err != nil {
		return nil, "", err
	}
	id, ok := identify(st)
	if ok {
		r.mu.Lock()
		k, there := r.kept[path]
		r.mu.Unlock()
		if there && k.id == id && st.Size() <= limit {
			return k.payload, k.sha256, nil
		}
	}
	file, err := open(path)
	if err != nil {
		return nil, "", err
	}
	defer file.Close()
	b, err := readRegular(file, limit)
	if err != nil {
		return nil, "", err
	}
	sum := digest(b)
	if ok && len(b) <= maxKeptSize && time.Since(id.changed()) > settledAfter {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.kept == nil || len(r.kept) >= maxKept {
			r.kept = map[string]readFile{}
		}
		r.kept[path] = readFile{id, b, sum}
	}
	return b, sum, nil
}
