package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"lander/lib/durable"
	"lander/lib/store"
)

func logOf(dir string) string { return filepath.Join(dir, "store.log") }

// content is the log without the zeros that lie ready behind its records.
func content(t testing.TB, dir string) []byte {
	t.Helper()
	b, err := os.ReadFile(logOf(dir))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.TrimRight(b, "\x00")
}

func mustPut(t testing.TB, s store.Store, key, value string, rev store.Revision) store.Revision {
	t.Helper()
	rev, err := s.Put(t.Context(), key, []byte(value), rev)
	if err != nil {
		t.Fatal(err)
	}
	return rev
}

func wantValue(t testing.TB, s store.Store, key, value string) {
	t.Helper()
	if e, err := s.Get(t.Context(), key); err != nil || string(e.Value) != value {
		t.Errorf("%s is %.40q, %v, want %.40q", key, e.Value, err, value)
	}
}

func TestModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("this system has no file modes")
	}
	dir := filepath.Join(t.TempDir(), "store")
	mustPut(t, openFiles(t, dir), "a/b", "", 0)
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

// What a dying writer leaves at the end does not count, wherever it is cut,
// and the next writer goes on behind the last whole record.
func TestTornEnd(t *testing.T) {
	dir := t.TempDir()
	s := openFiles(t, dir)
	rev := mustPut(t, s, "a", "first", 0)
	whole := content(t, dir)
	mustPut(t, s, "a", "second", rev)
	s.Close()
	longer := content(t, dir)
	for cut := len(whole); cut < len(longer); cut++ {
		if err := os.WriteFile(logOf(dir), longer[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		s, other := openFiles(t, dir), openFiles(t, dir)
		wantValue(t, s, "a", "first")
		mustPut(t, s, "b", "next", 0)
		wantValue(t, other, "b", "next")
		wantValue(t, openFiles(t, dir), "a", "first")
		if _, err := os.Stat(filepath.Join(dir, "store.damaged")); err == nil {
			t.Fatalf("cut at %d: a torn end was taken for damage", cut)
		}
	}
}

// Damage inside costs the record that it hit; the rest stays, and the damaged
// log is kept.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	s := openFiles(t, dir)
	mustPut(t, s, "a", "one", 0)
	before := content(t, dir)
	mustPut(t, s, "b", strings.Repeat("two", 100), 0)
	middle := content(t, dir)
	mustPut(t, s, "c", "three", 0)
	whole := content(t, dir)
	// Under a running store the damaged record is named.
	harm := func(at int) []byte {
		b := bytes.Clone(whole)
		b[at] ^= 0x10
		return b
	}
	if err := os.WriteFile(logOf(dir), harm(len(middle)-1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), "b"); !errors.Is(err, store.ErrDamaged) || !strings.Contains(err.Error(), logOf(dir)) {
		t.Errorf("get: %v, want ErrDamaged naming the log", err)
	}
	fine, damaged := 0, 0
	for _, err := range s.List(t.Context(), "") {
		switch {
		case errors.Is(err, store.ErrDamaged):
			damaged++
		case err == nil:
			fine++
		default:
			t.Error(err)
		}
	}
	if fine != 2 || damaged != 1 {
		t.Errorf("%d fine and %d damaged entries", fine, damaged)
	}
	s.Close()
	for at := len(before); at < len(middle); at++ {
		os.Remove(filepath.Join(dir, "store.damaged"))
		if err := os.WriteFile(logOf(dir), harm(at), 0o600); err != nil {
			t.Fatal(err)
		}
		s, other := openFiles(t, dir), openFiles(t, dir)
		wantValue(t, s, "a", "one")
		wantValue(t, s, "c", "three")
		if e, err := s.Get(t.Context(), "b"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("damaged at %d: %+v, %v", at, e, err)
		}
		mustPut(t, s, "d", "four", 0)
		for k, v := range map[string]string{"a": "one", "c": "three", "d": "four"} {
			wantValue(t, other, k, v)
			wantValue(t, openFiles(t, dir), k, v)
		}
		if kept, err := os.ReadFile(filepath.Join(dir, "store.damaged")); err != nil || !bytes.Equal(kept, harm(at)) {
			t.Errorf("damaged at %d: the log was not kept: %v", at, err)
		}
	}
	if err := os.WriteFile(logOf(dir), []byte("something else\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.OpenFiles(dir); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("a file that is no log: %v", err)
	}
}

// A log that has outgrown its records is written anew, under all who have it
// open, and revisions go on.
func TestOutgrown(t *testing.T) {
	dir := t.TempDir()
	s, other := openFiles(t, dir), openFiles(t, dir)
	value := strings.Repeat("v", 100_000)
	gone := mustPut(t, s, "gone", "x", 0)
	if err := s.Delete(t.Context(), "gone", gone); err != nil {
		t.Fatal(err)
	}
	var rev, last store.Revision
	for i := range 60 {
		last = rev
		if rev = mustPut(t, s, "big", fmt.Sprint(i, value), rev); rev <= last {
			t.Fatalf("revision %d after %d", rev, last)
		}
		if i%10 == 0 {
			wantValue(t, other, "big", fmt.Sprint(i, value))
		}
	}
	if st, err := os.Stat(logOf(dir)); err != nil || st.Size() > 2<<20 {
		t.Errorf("the log has %d bytes, %v", st.Size(), err)
	}
	wantValue(t, other, "big", "59"+value)
	wantValue(t, openFiles(t, dir), "big", "59"+value)
	if again := mustPut(t, other, "gone", "y", 0); again <= rev {
		t.Errorf("revision %d after %d", again, rev)
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 2 {
		t.Errorf("left there: %v, %v", names, err)
	}
}

// Many writers share few fsyncs, and each sees its own value at once.
func TestManyWriters(t *testing.T) {
	s := openFiles(t, t.TempDir())
	var wg sync.WaitGroup
	for w := range 32 {
		wg.Go(func() {
			var rev store.Revision
			for i := range 20 {
				key, value := fmt.Sprintf("w/%d", w), fmt.Sprint(i)
				next, err := s.Put(t.Context(), key, []byte(value), rev)
				if err != nil {
					t.Error(err)
					return
				}
				rev = next
				if e, err := s.Get(t.Context(), key); err != nil || string(e.Value) != value || e.Rev != rev {
					t.Errorf("%s: %+v, %v, want %s at %d", key, e, err, value, rev)
				}
			}
		})
	}
	wg.Wait()
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	dir := t.TempDir()
	s := openFiles(t, dir)
	rev := mustPut(t, s, "k", "", 0)
	other, err := durable.Acquire(filepath.Join(dir, "store.lock"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error)
	for range 2 {
		go func() {
			_, err := s.Put(ctx, "k", nil, rev)
			errs <- err
		}()
	}
	// Readers do not wait for writers.
	wantValue(t, s, "k", "")
	cancel()
	for range 2 {
		if err := <-errs; !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want Canceled", err)
		}
	}
	// What was given up is not written later.
	other.Release()
	mustPut(t, s, "k", "now", rev)
	// Close does not wait for another process either.
	if other, err = durable.Acquire(filepath.Join(dir, "store.lock")); err != nil {
		t.Fatal(err)
	}
	defer other.Release()
	go func() { errs <- s.Delete(t.Context(), "k", rev) }()
	s.Close()
	if err := <-errs; !errors.Is(err, store.ErrClosed) {
		t.Errorf("error %v, want ErrClosed", err)
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

func BenchmarkGet(b *testing.B) {
	s := openFiles(b, b.TempDir())
	mustPut(b, s, "devices/one", strings.Repeat("v", 200), 0)
	for b.Loop() {
		if _, err := s.Get(b.Context(), "devices/one"); err != nil {
			b.Fatal(err)
		}
	}
}
