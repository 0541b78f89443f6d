// Package storetest is the conformance suite of store.Store.
//
//	func TestMine(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) store.Store { return openMine(t) })
//	}
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"lander/lib/store"
)

// Run checks all that a Store promises. It calls open for an empty store for
// each check, and closes it.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	tests := []struct {
		name string
		test func(t *testing.T, s store.Store)
	}{
		{"life of a key", life},
		{"conflicts", conflicts},
		{"values", values},
		{"keys", keys},
		{"list", list},
		{"list while it changes", listChanging},
		{"one winner", oneWinner},
		{"counter", counter},
		{"watch", watch},
		{"watch slowly", watchSlow},
		{"watch while it changes", watchChanging},
		{"end of a watch", watchEnds},
		{"context", contexts},
		{"close", closing},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t)
			defer s.Close()
			tt.test(t, s)
		})
	}
}

func put(t *testing.T, s store.Store, key, value string, rev store.Revision) store.Revision {
	t.Helper()
	next, err := s.Put(t.Context(), key, []byte(value), rev)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: error %v, want %v", what, err, want)
	}
}

func life(t *testing.T, s store.Store) {
	_, err := s.Get(t.Context(), "a/b")
	wantErr(t, "get before", err, store.ErrNotFound)
	old := store.Revision(0)
	for _, value := range []string{"one", "", "three"} {
		rev := put(t, s, "a/b", value, old)
		if rev <= old {
			t.Errorf("revision %d after %d", rev, old)
		}
		e, err := s.Get(t.Context(), "a/b")
		if err != nil || e.Key != "a/b" || string(e.Value) != value || e.Rev != rev {
			t.Errorf("got %+v, %v, want %q at %d", e, err, value, rev)
		}
		old = rev
	}
	if err := s.Delete(t.Context(), "a/b", old); err != nil {
		t.Fatal(err)
	}
	_, err = s.Get(t.Context(), "a/b")
	wantErr(t, "get after", err, store.ErrNotFound)
	wantErr(t, "delete again", s.Delete(t.Context(), "a/b", old), store.ErrNotFound)
	if rev := put(t, s, "a/b", "new", 0); rev == old {
		t.Errorf("revision %d came twice", rev)
	}
}

func conflicts(t *testing.T, s store.Store) {
	_, err := s.Put(t.Context(), "k", nil, 7)
	wantErr(t, "put over nothing", err, store.ErrConflict)
	first := put(t, s, "k", "first", 0)
	_, err = s.Put(t.Context(), "k", []byte("x"), 0)
	wantErr(t, "put as new", err, store.ErrConflict)
	second := put(t, s, "k", "second", first)
	for _, rev := range []store.Revision{first, second + 1, 0} {
		_, err = s.Put(t.Context(), "k", []byte("x"), rev)
		wantErr(t, fmt.Sprintf("put at %d", rev), err, store.ErrConflict)
		wantErr(t, fmt.Sprintf("delete at %d", rev), s.Delete(t.Context(), "k", rev), store.ErrConflict)
	}
	wantErr(t, "delete nothing", s.Delete(t.Context(), "other", 0), store.ErrNotFound)
	if e, err := s.Get(t.Context(), "k"); err != nil || string(e.Value) != "second" || e.Rev != second {
		t.Errorf("got %+v, %v", e, err)
	}
	// A revision from before a deletion is worth nothing after it.
	if err := s.Delete(t.Context(), "k", second); err != nil {
		t.Fatal(err)
	}
	put(t, s, "k", "again", 0)
	_, err = s.Put(t.Context(), "k", []byte("x"), second)
	wantErr(t, "put at a revision of the deleted key", err, store.ErrConflict)
}

func values(t *testing.T, s store.Store) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for _, v := range [][]byte{nil, {}, []byte("\n"), all, bytes.Repeat(all, store.MaxValue/256)} {
		key := fmt.Sprintf("v/%d", len(v))
		e, err := s.Get(t.Context(), key)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Fatal(err)
		}
		if _, err := s.Put(t.Context(), key, v, e.Rev); err != nil {
			t.Fatal(err)
		}
		if e, err := s.Get(t.Context(), key); err != nil || !bytes.Equal(e.Value, v) {
			t.Errorf("%d bytes came back as %d, %v", len(v), len(e.Value), err)
		}
	}
	_, err := s.Put(t.Context(), "big", make([]byte, store.MaxValue+1), 0)
	wantErr(t, "put over the limit", err, store.ErrTooLarge)

	// Neither side's slice is the store's.
	mine := []byte("mine")
	if _, err := s.Put(t.Context(), "k", mine, 0); err != nil {
		t.Fatal(err)
	}
	mine[0] = 'X'
	e, err := s.Get(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	e.Value[1] = 'X'
	if e, err := s.Get(t.Context(), "k"); err != nil || string(e.Value) != "mine" {
		t.Errorf("got %q, %v", e.Value, err)
	}
}

// Keys that differ are different records, however odd.
func keys(t *testing.T, s store.Store) {
	good := []string{"a", "A", "a/b", "a/B", "A/b", "a/b/c", "a.b", "a=b", "a==b", "=a", "=A", "a-b_c", "con", "nul/aux.txt", "0", "locks", "locks/00",
		"c-a", "h-a", "k-", strings.Repeat("Q", store.MaxWord), strings.Repeat("q", store.MaxWord), "x/" + strings.Repeat("Q", store.MaxWord),
		strings.Repeat("Z", store.MaxWord) + "/" + strings.Repeat("Q", store.MaxWord), strings.Repeat("w/", store.MaxWords-1) + "w"}
	for _, k := range good {
		put(t, s, k, "value of "+k, 0)
	}
	for _, k := range good {
		if e, err := s.Get(t.Context(), k); err != nil || e.Key != k || string(e.Value) != "value of "+k {
			t.Errorf("%q: got %q %q, %v", k, e.Key, e.Value, err)
		}
	}
	want := slices.Sorted(slices.Values(good))
	if got := listed(t, s, ""); !slices.Equal(got, want) {
		t.Errorf("listed %q, want %q", got, want)
	}
	for _, k := range []string{"", "/", "/a", "a/", "a//b", ".", "..", "a/..", "../a", ".a", "a.", "a..b", "a b", "a\x00", "a\nb", "a\\b", "ä", "a:b", "a+b",
		strings.Repeat("q", store.MaxWord+1), strings.Repeat("w/", store.MaxWords) + "w", strings.Repeat("ab/", 300) + "c"} {
		_, err := s.Get(t.Context(), k)
		wantErr(t, fmt.Sprintf("get %q", k), err, store.ErrKey)
		_, err = s.Put(t.Context(), k, nil, 0)
		wantErr(t, fmt.Sprintf("put %q", k), err, store.ErrKey)
		wantErr(t, fmt.Sprintf("delete %q", k), s.Delete(t.Context(), k, 1), store.ErrKey)
		if k != "" {
			for _, err := range s.List(t.Context(), k) {
				wantErr(t, fmt.Sprintf("list %q", k), err, store.ErrKey)
			}
		}
	}
}

func listed(t *testing.T, s store.Store, prefix string) []string {
	t.Helper()
	var got []string
	for e, err := range s.List(t.Context(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e.Key)
	}
	return got
}

func list(t *testing.T, s store.Store) {
	all := []string{"a", "a-b/c", "a/b", "a/b-c", "a/b/c", "a/b/d/e", "ab", "b/a"}
	revs := map[string]store.Revision{}
	for _, k := range []string{"b/a", "a/b/d/e", "a", "ab", "a/b/c", "a-b/c", "a/b", "a/b-c"} {
		revs[k] = put(t, s, k, "of "+k, 0)
	}
	tests := []struct {
		prefix string
		want   []string
	}{
		{"", all},
		{"a", []string{"a", "a/b", "a/b-c", "a/b/c", "a/b/d/e"}},
		{"a/b", []string{"a/b", "a/b/c", "a/b/d/e"}},
		{"a/b/d", []string{"a/b/d/e"}},
		{"a/b/d/e", []string{"a/b/d/e"}},
		{"c", nil},
		{"a/b/d/e/f", nil},
	}
	for _, tt := range tests {
		if got := listed(t, s, tt.prefix); !slices.Equal(got, tt.want) {
			t.Errorf("list %q: %q, want %q", tt.prefix, got, tt.want)
		}
	}
	for e, err := range s.List(t.Context(), "a") {
		if err != nil || string(e.Value) != "of "+e.Key || e.Rev != revs[e.Key] {
			t.Errorf("listed %+v, %v", e, err)
		}
	}
	for range s.List(t.Context(), "") {
		break // must not go on
	}
}

// An entry that goes before it is reached is left out; one that changes is
// yielded as it is then.
func listChanging(t *testing.T, s store.Store) {
	gone := put(t, s, "k/2", "x", 0)
	changed := put(t, s, "k/3", "old", 0)
	put(t, s, "k/1", "x", 0)
	got := map[string]string{}
	for e, err := range s.List(t.Context(), "k") {
		if err != nil {
			t.Fatal(err)
		}
		if len(got) == 0 {
			if err := s.Delete(t.Context(), "k/2", gone); err != nil {
				t.Fatal(err)
			}
			put(t, s, "k/3", "new", changed)
		}
		got[e.Key] = string(e.Value)
	}
	if want := map[string]string{"k/1": "x", "k/3": "new"}; !maps.Equal(got, want) {
		t.Errorf("listed %v, want %v", got, want)
	}
}

// Of many that put at one revision exactly one wins, for new keys and old.
func oneWinner(t *testing.T, s store.Store) {
	rev := store.Revision(0)
	for round := range 5 {
		var mu sync.Mutex
		var winners []string
		next := rev
		start := make(chan struct{})
		var wg sync.WaitGroup
		for g := range 16 {
			wg.Go(func() {
				mine := fmt.Sprint(round, " ", g)
				<-start
				r, err := s.Put(t.Context(), "race", []byte(mine), rev)
				switch {
				case err == nil:
					mu.Lock()
					defer mu.Unlock()
					winners = append(winners, mine)
					next = r
				case !errors.Is(err, store.ErrConflict):
					t.Error(err)
				}
			})
		}
		close(start)
		wg.Wait()
		e, err := s.Get(t.Context(), "race")
		if err != nil || len(winners) != 1 || string(e.Value) != winners[0] || e.Rev != next {
			t.Fatalf("winners %q, then %q at %d, %v", winners, e.Value, e.Rev, err)
		}
		rev = next
	}
}

// Add adds one to the number at key, as often as it takes.
func Add(ctx context.Context, s store.Store, key string) (int, error) {
	for {
		e, err := s.Get(ctx, key)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return 0, err
		}
		n := 0
		if len(e.Value) > 0 {
			if _, err := fmt.Sscan(string(e.Value), &n); err != nil {
				return 0, err
			}
		}
		n++
		_, err = s.Put(ctx, key, fmt.Append(nil, n), e.Rev)
		if !errors.Is(err, store.ErrConflict) {
			return n, err
		}
	}
}

// No addition is lost.
func counter(t *testing.T, s store.Store) {
	const goroutines, each = 8, 10
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for range each {
				if _, err := Add(t.Context(), s, "n/sum"); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if n, err := Add(t.Context(), s, "n/sum"); err != nil || n != goroutines*each+1 {
		t.Errorf("sum %d, %v, want %d", n, err, goroutines*each+1)
	}
}

func contexts(t *testing.T, s store.Store) {
	rev := put(t, s, "k", "v", 0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Get(ctx, "k")
	wantErr(t, "get", err, context.Canceled)
	_, err = s.Put(ctx, "k", nil, rev)
	wantErr(t, "put", err, context.Canceled)
	wantErr(t, "delete", s.Delete(ctx, "k", rev), context.Canceled)
	for e, err := range s.List(ctx, "") {
		if err == nil {
			t.Errorf("listed %+v", e)
			continue
		}
		wantErr(t, "list", err, context.Canceled)
	}
	if e, err := s.Get(t.Context(), "k"); err != nil || string(e.Value) != "v" {
		t.Errorf("got %+v, %v", e, err)
	}
}

func closing(t *testing.T, s store.Store) {
	rev := put(t, s, "k", "v", 0)
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.Get(t.Context(), "k")
	wantErr(t, "get", err, store.ErrClosed)
	_, err = s.Put(t.Context(), "k", nil, rev)
	wantErr(t, "put", err, store.ErrClosed)
	wantErr(t, "delete", s.Delete(t.Context(), "k", rev), store.ErrClosed)
	n := 0
	for _, err := range s.List(t.Context(), "") {
		n++
		wantErr(t, "list", err, store.ErrClosed)
	}
	if n != 1 {
		t.Errorf("list yielded %d times after Close, want the error once", n)
	}
}
