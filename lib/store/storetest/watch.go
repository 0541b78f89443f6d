package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"lander/lib/store"
)

// patience is how long a Watch may take to tell what it must.
const patience = 30 * time.Second

// watching is what a Watch tells, as it comes.
type watching struct {
	t    *testing.T
	c    chan store.Change
	err  chan error
	stop context.CancelFunc
}

// watched begins a Watch of its own.
func watched(t *testing.T, s store.Store, prefix string) *watching {
	ctx, cancel := context.WithCancel(t.Context())
	w := &watching{t: t, c: make(chan store.Change), err: make(chan error, 1), stop: cancel}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for c, err := range s.Watch(ctx, prefix) {
			if err != nil {
				w.err <- err
				return
			}
			select {
			case w.c <- c:
			case <-ctx.Done():
				return
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return w
}

func (w *watching) next() store.Change {
	w.t.Helper()
	select {
	case c := <-w.c:
		return c
	case err := <-w.err:
		w.t.Fatal(err)
	case <-time.After(patience):
		w.t.Fatal("the watch tells nothing")
	}
	return store.Change{}
}

func (w *watching) want(kind store.ChangeKind, key, value string, rev store.Revision) {
	w.t.Helper()
	c := w.next()
	if c.Kind != kind || c.Key != key || string(c.Value) != value || kind == store.Wrote && c.Rev != rev || kind == store.Deleted && c.Rev < rev {
		w.t.Fatalf("told %d %q %q at %d, want %d %q %q at %d", c.Kind, c.Key, c.Value, c.Rev, kind, key, value, rev)
	}
}

func watch(t *testing.T, s store.Store) {
	old := put(t, s, "k/old", "1", 0)
	gone := put(t, s, "k/gone", "1", 0)
	put(t, s, "other/key", "1", 0)
	if err := s.Delete(t.Context(), "k/gone", gone); err != nil {
		t.Fatal(err)
	}
	w := watched(t, s, "k")
	w.want(store.Wrote, "k/old", "1", old)
	w.want(store.Caught, "", "", 0)
	put(t, s, "k-other", "1", 0)
	put(t, s, "other/key2", "1", 0)
	mine := put(t, s, "k", "of k", 0)
	w.want(store.Wrote, "k", "of k", mine)
	next := put(t, s, "k/old", "2", old)
	w.want(store.Wrote, "k/old", "2", next)
	if err := s.Delete(t.Context(), "k/old", next); err != nil {
		t.Fatal(err)
	}
	c := w.next()
	if c.Kind != store.Deleted || c.Key != "k/old" || c.Rev < next {
		t.Fatalf("told %+v, want that k/old is gone", c)
	}
	again := put(t, s, "k/old", "3", 0)
	w.want(store.Wrote, "k/old", "3", again)
	if again <= c.Rev {
		t.Errorf("the key was made at %d after it had gone at %d", again, c.Rev)
	}
	nothing := watched(t, s, "x")
	nothing.want(store.Caught, "", "", 0)
	all := watched(t, s, "")
	n := 0
	for c := all.next(); c.Kind != store.Caught; c = all.next() {
		n++
	}
	if n != 5 {
		t.Errorf("%d entries before the mark, want 5", n)
	}
}

// Who is slow misses versions, and nothing else.
func watchSlow(t *testing.T, s store.Store) {
	w := watched(t, s, "k")
	w.want(store.Caught, "", "", 0)
	rev := store.Revision(0)
	for i := range 500 {
		rev = put(t, s, "k/a", fmt.Sprint(i), rev)
	}
	var last store.Revision
	for last != rev {
		c := w.next()
		if c.Kind != store.Wrote || c.Rev < last || c.Rev == rev && string(c.Value) != "499" {
			t.Fatalf("told %+v after %d", c, last)
		}
		last = c.Rev
	}
}

// Whatever is changed, and by whom, in the end a watch has told what is there.
func watchChanging(t *testing.T, s store.Store) {
	for i := range 10 {
		put(t, s, fmt.Sprint("k/", i), "first", 0)
	}
	w := watched(t, s, "k")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 60 {
				change(t, s, fmt.Sprint("k/", rand.IntN(20)))
			}
		})
	}
	told := map[string]string{}
	revs := map[string]store.Revision{}
	caught := false
	take := func(c store.Change) {
		if c.Kind == store.Caught {
			caught = true
			return
		}
		if c.Rev < revs[c.Key] {
			t.Errorf("%s: told of %d after %d", c.Key, c.Rev, revs[c.Key])
		}
		revs[c.Key] = c.Rev
		if delete(told, c.Key); c.Kind == store.Wrote {
			told[c.Key] = string(c.Value)
		}
	}
	end := make(chan struct{})
	go func() {
		wg.Wait()
		if _, err := s.Put(t.Context(), "k/end", nil, 0); err != nil {
			t.Error(err)
		}
		close(end)
	}()
	defer func() { <-end }()
	for !caught || revs["k/end"] == 0 {
		take(w.next())
	}
	want := map[string]string{}
	for e, err := range s.List(t.Context(), "k") {
		if err != nil {
			t.Fatal(err)
		}
		want[e.Key] = string(e.Value)
	}
	for deadline := time.Now().Add(patience); !maps.Equal(told, want); {
		if time.Now().After(deadline) {
			t.Fatalf("told %v, want %v", told, want)
		}
		take(w.next())
	}
}

// change writes or deletes a key, unless another is faster.
func change(t *testing.T, s store.Store, key string) {
	e, err := s.Get(t.Context(), key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	if err == nil && rand.IntN(3) == 0 {
		err = s.Delete(t.Context(), key, e.Rev)
	} else {
		_, err = s.Put(t.Context(), key, fmt.Append(nil, rand.IntN(1000)), e.Rev)
	}
	if err != nil && !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
}

func watchEnds(t *testing.T, s store.Store) {
	rev := put(t, s, "k", "v", 0)
	for range s.Watch(t.Context(), "k") {
		break // must not go on
	}
	for c, err := range s.Watch(t.Context(), "k/") {
		if !errors.Is(err, store.ErrKey) {
			t.Errorf("watching what is no key: %+v, %v", c, err)
		}
	}
	ends := func(what string, w *watching, want error) {
		t.Helper()
		for {
			select {
			case <-w.c:
			case err := <-w.err:
				wantErr(t, what, err, want)
				return
			case <-time.After(patience):
				t.Fatalf("%s: it goes on", what)
			}
		}
	}
	w := watched(t, s, "k")
	w.want(store.Wrote, "k", "v", rev)
	w.want(store.Caught, "", "", 0)
	w.stop()
	ends("the context has ended", w, context.Canceled)
	w = watched(t, s, "k")
	w.next()
	w.next()
	s.Close()
	ends("the store is closed", w, store.ErrClosed)
	ends("the store was closed before", watched(t, s, "k"), store.ErrClosed)
}
