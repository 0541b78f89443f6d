package store_test

import (
	"fmt"
	"testing"
	"time"

	"lander/lib/store"
)

// What another process writes is told, also when it has written the log anew.
func TestFilesWatchOthers(t *testing.T) {
	dir := t.TempDir()
	mine, other := openFiles(t, dir), openFiles(t, dir)
	gone, err := other.Put(t.Context(), "k/gone", []byte("x"), 0)
	if err != nil {
		t.Fatal(err)
	}
	changes := make(chan store.Change, 10_000)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for c, err := range mine.Watch(t.Context(), "k") {
			if err != nil {
				return
			}
			changes <- c
		}
	}()
	defer func() { mine.Close(); <-done }()
	want := func(kind store.ChangeKind, key, value string) {
		t.Helper()
		for {
			select {
			case c := <-changes:
				if c.Kind == kind && c.Key == key && string(c.Value) == value {
					return
				}
			case <-time.After(30 * time.Second):
				t.Fatalf("%d %s %q is not told", kind, key, value)
			}
		}
	}
	want(store.Caught, "", "")
	mustPut(t, other, "k/a", "1", 0)
	want(store.Wrote, "k/a", "1")
	if err := other.Delete(t.Context(), "k/gone", gone); err != nil {
		t.Fatal(err)
	}
	want(store.Deleted, "k/gone", "")
	// So much that the log is written anew, several times.
	big := make([]byte, 300<<10)
	rev := store.Revision(0)
	for i := range 30 {
		copy(big, fmt.Sprintf("%09d", i))
		if rev, err = other.Put(t.Context(), "other/big", big, rev); err != nil {
			t.Fatal(err)
		}
	}
	mustPut(t, other, "k/b", "2", 0)
	want(store.Wrote, "k/b", "2")
}
