package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"lander/lib/durable"
)

// staleTemp is the age at which a temporary file belongs to no writer any
// more.
const staleTemp = time.Hour

// List implements Store. It holds the keys that it will yield in memory, and
// one value.
func (s *Files) List(ctx context.Context, prefix string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		fail := func(err error) { yield(Entry{}, fmt.Errorf("listing %q: %w", prefix, err)) }
		if err := checkPrefix(prefix); err != nil {
			fail(err)
			return
		}
		if s.closed.Load() {
			fail(ErrClosed)
			return
		}
		keys, nameless, err := s.keys(ctx, prefix)
		if err != nil {
			fail(err)
			return
		}
		for _, err := range nameless {
			if !yield(Entry{}, fmt.Errorf("listing %q: %w", prefix, err)) {
				return
			}
		}
		for _, key := range keys {
			if err := ctx.Err(); err != nil {
				fail(err)
				return
			}
			e, err := s.read(key)
			switch {
			case errors.Is(err, ErrNotFound): // deleted meanwhile
				continue
			case errors.Is(err, ErrDamaged):
				err = fmt.Errorf("listing %q: %w", prefix, err)
				e.Key = key
			case err != nil:
				fail(err)
				return
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// keys lists the keys under prefix in order, by the names of the files.
// Nameless are the damaged records whose key is not known.
func (s *Files) keys(ctx context.Context, prefix string) (keys []string, nameless []error, err error) {
	first, rest, _ := strings.Cut(prefix, "/")
	second, _, _ := strings.Cut(rest, "/")
	collections := []string{collectionOf(first)}
	if prefix == "" {
		if collections, err = names(s.root); err != nil {
			return nil, nil, err
		}
	}
	for _, c := range collections {
		if !strings.HasPrefix(c, "c-") && !strings.HasPrefix(c, "h-") {
			continue
		}
		buckets := []string{bucketOf(first, second)}
		if second == "" {
			if buckets, err = names(filepath.Join(s.root, c)); err != nil {
				return nil, nil, err
			}
		}
		for _, b := range buckets {
			if err := ctx.Err(); err != nil {
				return nil, nil, err
			}
			found, bad, err := s.bucket(c, b)
			if err != nil {
				return nil, nil, err
			}
			nameless = append(nameless, bad...)
			for _, key := range found {
				if under(key, prefix) {
					keys = append(keys, key)
				}
			}
		}
	}
	slices.Sort(keys)
	return keys, nameless, nil
}

// bucket lists the keys of one directory of records.
func (s *Files) bucket(collection, bucket string) (keys []string, nameless []error, err error) {
	dir := filepath.Join(s.root, collection, bucket)
	files, err := names(dir)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range files {
		if durable.IsTemp(name) {
			removeStale(filepath.Join(dir, name))
			continue
		}
		key, ok := keyOf(collection, name)
		if !ok {
			e, err := s.head(filepath.Join(dir, name))
			if errors.Is(err, ErrDamaged) {
				nameless = append(nameless, err)
				continue
			}
			if err != nil {
				return nil, nil, err
			}
			key = e.Key
		}
		if key != "" && recordPath(s.root, key) == filepath.Join(dir, name) {
			keys = append(keys, key)
		}
	}
	return keys, nameless, nil
}

// removeStale drops what a writer left behind when it was killed.
func removeStale(path string) {
	if st, err := os.Lstat(path); err == nil && time.Since(st.ModTime()) > staleTemp {
		os.Remove(path)
	}
}

// names lists a directory, unordered; one that is not there is empty.
func names(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdirnames(-1)
}
