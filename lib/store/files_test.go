package store_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"lander/lib/durable"
	"lander/lib/store"
)

// records finds the files of all records below dir.
func records(t testing.TB, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "[ch]-*", "*", "[kh]-*"))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func TestModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("this system has no file modes")
	}
	dir := filepath.Join(t.TempDir(), "store")
	if _, err := openFiles(t, dir).Put(t.Context(), "a/b", nil, 0); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		st, err := d.Info()
		if err == nil && st.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, st.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestDamagedRecords(t *testing.T) {
	long := strings.Repeat("Q", store.MaxWord)
	for _, harm := range []func(b []byte) []byte{
		func(b []byte) []byte { return nil },
		func(b []byte) []byte { return b[:len(b)-1] },
		func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		func(b []byte) []byte { return append(b, 0) },
		func(b []byte) []byte { return make([]byte, 2<<20) },
	} {
		for _, key := range []string{"a/damaged", "a/" + long, long + "/a"} {
			dir := t.TempDir()
			s := openFiles(t, dir)
			if _, err := s.Put(t.Context(), key, []byte("value"), 0); err != nil {
				t.Fatal(err)
			}
			path := records(t, dir)[0]
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, harm(b), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Get(t.Context(), key); !errors.Is(err, store.ErrDamaged) || !strings.Contains(err.Error(), path) {
				t.Errorf("get: %v, want ErrDamaged naming %s", err, path)
			}
			// A Put does not take a damaged record for none.
			if _, err := s.Put(t.Context(), key, nil, 0); err == nil || !errors.Is(err, store.ErrDamaged) && !errors.Is(err, store.ErrConflict) {
				t.Errorf("put as new: %v", err)
			}
			if _, err := s.Put(t.Context(), "a/fine", []byte("fine"), 0); err != nil {
				t.Fatal(err)
			}
			damaged, fine := 0, 0
			for e, err := range s.List(t.Context(), "") {
				switch {
				case errors.Is(err, store.ErrDamaged):
					damaged++
				case err == nil && e.Key == "a/fine":
					fine++
				default:
					t.Errorf("listed %+v, %v", e, err)
				}
			}
			if damaged != 1 || fine != 1 {
				t.Errorf("%.9s: %d damaged and %d fine entries listed", key, damaged, fine)
			}
		}
	}
}

// A record that was copied to another key's place is not that key's.
func TestMisplacedRecord(t *testing.T) {
	dir := t.TempDir()
	s := openFiles(t, dir)
	for _, k := range []string{"a/one", "a/two"} {
		if _, err := s.Put(t.Context(), k, []byte(k), 0); err != nil {
			t.Fatal(err)
		}
	}
	paths := records(t, dir)
	b, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(paths[1], b, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err1 := s.Get(t.Context(), "a/one")
	_, err2 := s.Get(t.Context(), "a/two")
	if errors.Is(err1, store.ErrDamaged) == errors.Is(err2, store.ErrDamaged) {
		t.Errorf("errors %v and %v, want one damaged", err1, err2)
	}
}

// What a killed writer leaves is swept away by a List, but not what a live one
// may still need.
func TestStaleTemporaries(t *testing.T) {
	dir := t.TempDir()
	s := openFiles(t, dir)
	if _, err := s.Put(t.Context(), "a/b", nil, 0); err != nil {
		t.Fatal(err)
	}
	bucket := filepath.Dir(records(t, dir)[0])
	var names []string
	for range 2 {
		f, err := durable.Create(filepath.Join(bucket, "x"), 0o600)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		names = append(names, f.Name())
	}
	old := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(names[0], old, old); err != nil {
		t.Fatal(err)
	}
	n := 0
	for e, err := range s.List(t.Context(), "a") {
		if n++; err != nil || e.Key != "a/b" {
			t.Errorf("listed %+v, %v", e, err)
		}
	}
	if _, err := os.Stat(names[0]); !errors.Is(err, fs.ErrNotExist) || n != 1 {
		t.Errorf("old one: %v; %d entries listed", err, n)
	}
	if _, err := os.Stat(names[1]); err != nil {
		t.Errorf("young one: %v", err)
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	dir := t.TempDir()
	s := openFiles(t, dir)
	rev, err := s.Put(t.Context(), "k", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	locks, err := filepath.Glob(filepath.Join(dir, "locks", "*"))
	if err != nil || len(locks) != 1 {
		t.Fatal(locks, err)
	}
	other, err := durable.Acquire(locks[0])
	if err != nil {
		t.Fatal(err)
	}
	defer other.Release()
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error)
	for range 2 {
		go func() {
			_, err := s.Put(ctx, "k", nil, rev)
			errs <- err
		}()
	}
	// Readers do not wait for writers.
	if _, err := s.Get(t.Context(), "k"); err != nil {
		t.Error(err)
	}
	cancel()
	for range 2 {
		if err := <-errs; !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want Canceled", err)
		}
	}
}

func TestUnusableDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := store.OpenFiles(file); err == nil || !strings.Contains(err.Error(), file) || s != nil {
		t.Errorf("%v, %v", s, err)
	}
}

func BenchmarkFiles(b *testing.B) {
	s := openFiles(b, b.TempDir())
	value := []byte(strings.Repeat("v", 200))
	rev, err := s.Put(b.Context(), "devices/one", value, 0)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("Put", func(b *testing.B) {
		for b.Loop() {
			if rev, err = s.Put(b.Context(), "devices/one", value, rev); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Get", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Get(b.Context(), "devices/one"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("RawWriteSyncRename", func(b *testing.B) {
		path := filepath.Join(b.TempDir(), "raw")
		for b.Loop() {
			if err := durable.WriteFile(path, value, 0o600); err != nil {
				b.Fatal(err)
			}
		}
	})
}
