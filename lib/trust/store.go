package trust

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	policyFile = "policy.toml"
	maxFile    = 1 << 20 // of a .pub file, policy.toml or key list
)

// Store is a trust store as read at one moment: a directory of minisign .pub
// files and an optional policy.toml. It does not change after OpenStore.
type Store struct {
	dir    string
	keys   map[string]PublicKey
	files  map[string][]string // key id -> names of the files that hold it
	policy Policy
}

// OpenStore reads the directory. A directory that does not exist is an empty
// store, which refuses everything. A file in it that is malformed is an error
// that wraps ErrInvalid: half a store is not used.
func OpenStore(dir string) (*Store, error) {
	s := &Store{dir: dir, keys: map[string]PublicKey{}, files: map[string][]string{}}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the trust store: %w", err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch {
		case e.Name() == policyFile:
			text, err := readSmall(path)
			if err != nil {
				return nil, err
			}
			if s.policy, err = ParsePolicy(path, text); err != nil {
				return nil, err
			}
		case strings.HasSuffix(e.Name(), ".pub"):
			text, err := readSmall(path)
			if err != nil {
				return nil, err
			}
			key, err := ParsePublicKey(text)
			if err != nil {
				return nil, invalidf("%s: %w", path, err)
			}
			if have, dup := s.keys[key.ID()]; dup && have.Line() != key.Line() {
				return nil, invalidf("%s and %s hold two different keys with the id %s", path, s.files[key.ID()][0], key.ID())
			}
			s.keys[key.ID()] = key
			s.files[key.ID()] = append(s.files[key.ID()], e.Name())
		}
	}
	return s, nil
}

func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the trust store: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading the trust store: %w", err)
	}
	if len(b) > maxFile {
		return nil, invalidf("%s is larger than %d bytes", path, maxFile)
	}
	return b, nil
}

// WithPolicy returns the store with another policy in place of its own.
func (s *Store) WithPolicy(p Policy) *Store {
	c := *s
	c.policy = p
	return &c
}

// Dir is the directory that was read.
func (s *Store) Dir() string { return s.dir }

// KeyInfo is one key of the store.
type KeyInfo struct {
	ID     string
	File   string // name of the .pub file in the directory, the first of several
	Key    PublicKey
	Policy KeyPolicy
}

// Has reports whether a key is in the store and not revoked.
func (s *Store) Has(id string) bool {
	for _, k := range s.Keys() {
		if k.ID == id {
			return !k.Policy.Revoked
		}
	}
	return false
}

// Keys lists the keys, ordered by id.
func (s *Store) Keys() []KeyInfo {
	var out []KeyInfo
	for _, id := range slices.Sorted(maps.Keys(s.keys)) {
		out = append(out, KeyInfo{id, s.files[id][0], s.keys[id], s.policy.For(id)})
	}
	return out
}
