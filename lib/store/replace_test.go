package store_test

import (
	"errors"
	"runtime"
	"strconv"
	"testing"

	"lander/lib/durable"
	"lander/lib/store"
)

// A log that was written anew and stands in its place, though its directory
// could not be synced, is the log: what comes is written there and nowhere
// else.
func TestReplacedButNotSynced(t *testing.T) {
	dir := t.TempDir()
	s, err := store.OpenFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	bad := errors.New("the directory cannot be synced")
	failures := 0
	s.SetReplace(func(f *durable.File) error {
		if err := f.Commit(); err != nil {
			return err
		}
		failures++
		return bad
	})
	var rev store.Revision
	for i := 0; failures == 0 && i < 100; i++ {
		next, err := s.Put(t.Context(), "key", make([]byte, 256<<10), rev)
		switch {
		case err == nil:
			rev = next
		case !errors.Is(err, bad):
			t.Fatal(err)
		}
	}
	if failures == 0 {
		t.Fatal("the log was never written anew")
	}
	if rev, err = s.Put(t.Context(), "key", []byte("last"), rev); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, err = store.OpenFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if e, err := s.Get(t.Context(), "key"); err != nil || string(e.Value) != "last" || e.Rev != rev {
		t.Errorf("%.10q revision %d, %v; want that of revision %d", e.Value, e.Rev, err, rev)
	}
}

// What is live is not held in memory while the log is written anew.
func TestRewriteHoldsNothing(t *testing.T) {
	s, err := store.OpenFiles(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	value, revs := make([]byte, 64<<10), make([]store.Revision, 64)
	live := len(value) * len(revs)
	var most uint64
	for round := range 3 {
		for i := range revs {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if revs[i], err = s.Put(t.Context(), "a/"+strconv.Itoa(i), value, revs[i]); err != nil {
				t.Fatal(err)
			}
			runtime.ReadMemStats(&after)
			if n := after.TotalAlloc - before.TotalAlloc; round > 0 {
				most = max(most, n)
			}
		}
	}
	if most < 1<<20 || most > uint64(live) {
		t.Errorf("one put took %d bytes; a log of %d was to be written anew", most, live)
	}
}
