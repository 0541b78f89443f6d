package store

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"

	"lander/lib/durable"
)

// Files is a Store of plain files below a directory, one for each key. Any
// number of processes may share the directory, also one on a disk that only
// they mount. A crash leaves each record as it was before or after a Put.
type Files struct {
	root    string
	stripes [256]chan struct{} // held while this process writes a key of the stripe
	closed  atomic.Bool
}

// OpenFiles opens the store below root and makes the directory, with mode
// 0700, when it is not there.
func OpenFiles(root string) (*Files, error) {
	s := &Files{root: root}
	for i := range s.stripes {
		s.stripes[i] = make(chan struct{}, 1)
	}
	if err := durable.MkdirAll(s.lockDir(), 0o700); err != nil {
		return nil, fmt.Errorf("opening the store %s: %w", root, durable.Cause(err))
	}
	return s, nil
}

func (s *Files) lockDir() string { return filepath.Join(s.root, "locks") }

// begin checks what every method checks.
func (s *Files) begin(ctx context.Context, doing, key string) error {
	if err := CheckKey(key); err != nil {
		return fmt.Errorf("%s a key: %w", doing, err)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s %s: %w", doing, key, err)
	}
	if s.closed.Load() {
		return fmt.Errorf("%s %s: %w", doing, key, ErrClosed)
	}
	return nil
}

// lock holds off the other writers of key: those of this process first, which
// then do not queue up in the kernel, then those of other processes.
func (s *Files) lock(ctx context.Context, key string) (release func(), err error) {
	sum := sha256.Sum256([]byte(key))
	stripe := s.stripes[sum[0]]
	select {
	case stripe <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	l, err := durable.AcquireContext(ctx, filepath.Join(s.lockDir(), hex.EncodeToString(sum[:1])))
	if err != nil {
		<-stripe
		return nil, err
	}
	return func() { l.Release(); <-stripe }, nil
}

// Get implements Store.
func (s *Files) Get(ctx context.Context, key string) (Entry, error) {
	if err := s.begin(ctx, "getting", key); err != nil {
		return Entry{}, err
	}
	e, err := s.read(key)
	if err != nil {
		return Entry{}, fmt.Errorf("getting %s: %w", key, err)
	}
	return e, nil
}

// read needs no lock: a rename puts a whole record in place of a whole one.
func (s *Files) read(key string) (Entry, error) {
	path := recordPath(s.root, key)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Entry{}, ErrNotFound
	}
	if err != nil {
		return Entry{}, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, int64(maxRecordHead+MaxValue+1)))
	if err != nil {
		return Entry{}, err
	}
	e, err := parseRecord(b)
	if err == nil && e.Key != key {
		err = fmt.Errorf("%w: it is that of %s", ErrDamaged, e.Key)
	}
	if err != nil {
		return Entry{}, fmt.Errorf("%s: %w", path, err)
	}
	return e, nil
}

// head reads the first line of a record; the zero Entry when there is none.
func (s *Files) head(path string) (Entry, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Entry{}, nil
	}
	if err != nil {
		return Entry{}, err
	}
	defer f.Close()
	line, err := bufio.NewReaderSize(f, maxRecordHead).ReadSlice('\n')
	if err != nil {
		return Entry{}, fmt.Errorf("%s: %w: it has no first line", path, ErrDamaged)
	}
	e, _, _, err := parseHead(line[:len(line)-1])
	if err != nil {
		return Entry{}, fmt.Errorf("%s: %w", path, err)
	}
	return e, nil
}

// Put implements Store.
func (s *Files) Put(ctx context.Context, key string, value []byte, rev Revision) (Revision, error) {
	if err := s.begin(ctx, "putting", key); err != nil {
		return 0, err
	}
	if len(value) > MaxValue {
		return 0, fmt.Errorf("putting %s: %w: %d bytes, at most %d are allowed", key, ErrTooLarge, len(value), MaxValue)
	}
	release, err := s.lock(ctx, key)
	if err != nil {
		return 0, fmt.Errorf("putting %s: %w", key, err)
	}
	defer release()
	path := recordPath(s.root, key)
	have, err := s.head(path)
	if err != nil {
		return 0, fmt.Errorf("putting %s: %w", key, err)
	}
	if have.Rev != rev {
		return 0, conflict("putting", key, have.Rev, rev)
	}
	next := rev + 1
	if rev == 0 {
		// A random start: whoever remembers a revision from before the key
		// was deleted does not meet it again.
		next = Revision(1 + rand.Uint64N(1<<52))
	}
	if err := durable.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return 0, fmt.Errorf("putting %s: %w", key, err)
	}
	if err := durable.WriteFile(path, appendRecord(nil, Entry{Key: key, Value: value, Rev: next}), 0o600); err != nil {
		return 0, fmt.Errorf("putting %s: %w", key, err)
	}
	return next, nil
}

// Delete implements Store.
func (s *Files) Delete(ctx context.Context, key string, rev Revision) error {
	if err := s.begin(ctx, "deleting", key); err != nil {
		return err
	}
	release, err := s.lock(ctx, key)
	if err != nil {
		return fmt.Errorf("deleting %s: %w", key, err)
	}
	defer release()
	path := recordPath(s.root, key)
	have, err := s.head(path)
	switch {
	case err != nil:
		return fmt.Errorf("deleting %s: %w", key, err)
	case have.Rev == 0:
		return fmt.Errorf("deleting %s: %w", key, ErrNotFound)
	case have.Rev != rev:
		return conflict("deleting", key, have.Rev, rev)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("deleting %s: %w", key, err)
	}
	if err := durable.SyncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("deleting %s: %w", key, err)
	}
	return nil
}

// Close implements Store.
func (s *Files) Close() error {
	s.closed.Store(true)
	return nil
}
