package sovd

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"time"

	"lander/lib/job"
	"lander/lib/store"
	"lander/lib/store/storetest"
)

// sharing is one of several gateways on a store in this process.
func sharing(t *testing.T, st store.Store, name string) *Files {
	t.Helper()
	p, err := store.Join(t.Context(), st, store.JoinOptions{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	f, err := OpenFiles(t.Context(), FilesOptions{
		Dir: t.TempDir(), State: t.TempDir(), Store: st, Owner: name, Presence: p, Runners: map[string]job.Runner{}, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close(t.Context()) })
	return f
}

// A key whose gateway died before the record of its execution was there is
// taken by the next; one with a record is not.
func TestClaim(t *testing.T) {
	st := store.NewMemory()
	a, b := sharing(t, st, "a"), sharing(t, st, "b")
	start := func(f *Files, id, digest, life string) *execution {
		x := newExecution(record{ID: id, Entity: Ref{Components, "c"}, Script: "s", Owner: f.o.Owner, Key: "k", Digest: digest, Life: life, Status: job.Running})
		x.first = x.rec
		return x
	}
	dead := start(a, "exec_1", "same", "a.gone")
	if err := a.claim(t.Context(), dead); err != nil {
		t.Fatal(err)
	}
	next := start(b, "exec_2", "same", life(b.lease()))
	if err := b.claim(t.Context(), next); err != nil {
		t.Fatalf("after a dead one: %v", err)
	}
	if err := b.put(next, next.rec); err != nil {
		t.Fatal(err)
	}
	err := a.claim(t.Context(), start(a, "exec_3", "same", life(a.lease())))
	if r, ok := errors.AsType[replayOf](err); !ok || r.id != "exec_2" {
		t.Errorf("again: %v", err)
	}
	if err := a.claim(t.Context(), start(a, "exec_4", "other", life(a.lease()))); kindOf(err) != KindReused {
		t.Errorf("another request: %v", err)
	}
	if err := a.unclaim(t.Context(), dead); err != nil {
		t.Fatal(err)
	}
	if _, err := st.Get(t.Context(), claimKey("k")); err != nil {
		t.Errorf("a claim was given back by who had it no more: %v", err)
	}
	if err := b.unclaim(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	if err := a.claim(t.Context(), start(a, "exec_5", "other", life(a.lease()))); err != nil {
		t.Errorf("a key that was given back: %v", err)
	}
}

// A gateway that has just come, and of which another has not heard yet, keeps
// the key of what it is about to start.
func TestClaimOfTheNew(t *testing.T) {
	st := store.NewMemory()
	a := sharing(t, storetest.Deaf{Store: st}, "a")
	b := sharing(t, st, "b")
	start := func(f *Files, id string) *execution {
		x := newExecution(record{ID: id, Key: "k", Life: life(f.lease())})
		x.first = x.rec
		return x
	}
	if err := b.claim(t.Context(), start(b, "exec_1")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := a.claim(ctx, start(a, "exec_2")); err == nil {
		t.Error("the key was taken from who is alive")
	}
}
