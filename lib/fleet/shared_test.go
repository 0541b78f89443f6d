package fleet

import (
	"errors"
	"slices"
	"testing"
	"time"

	"lander/lib/job"
	"lander/lib/sovd"
	"lander/lib/store"
)

// waitFor waits for what the fleet does by itself.
func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waiting: %s", what)
		}
	}
}

// known waits until a device is.
func (h *hall) known(id string) sovd.Ref {
	h.t.Helper()
	if _, err := h.store.Put(h.t.Context(), deviceKey(id), []byte(`{"id":"`+id+`"}`), 0); err != nil && !errors.Is(err, store.ErrConflict) {
		h.t.Fatal(err)
	}
	waitFor(h.t, id+" is known", func() bool { return h.fleet.Entity(id) != nil })
	return sovd.Ref{Kind: sovd.Components, ID: id}
}

// A gateway has claimed an idempotency key and died before the execution was
// on record: the next one makes it, under the id that was claimed.
func TestClaimOfTheDead(t *testing.T) {
	h := newHall(t, store.NewMemory())
	e := h.known("dev")
	first, err := h.fleet.StartExecution(t.Context(), e, "s", sovd.Start{Key: "k", Digest: "d"})
	if err != nil {
		t.Fatal(err)
	}
	claim := ""
	for c, err := range h.store.List(t.Context(), "fleet/keys") {
		if err != nil {
			t.Fatal(err)
		}
		claim = string(c.Value)
		// The same for another key, whose execution was never recorded.
		dead := job.NewID(h.now, h.fleet.o.Random)
		if err := h.store.Delete(t.Context(), c.Key, c.Rev); err != nil {
			t.Fatal(err)
		}
		if _, err := h.store.Put(t.Context(), c.Key, []byte(dead), 0); err != nil {
			t.Fatal(err)
		}
		other := newHall(t, store.NewMemory())
		oe := other.known("dev")
		if _, err := other.store.Put(t.Context(), c.Key, []byte(dead), 0); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			x, err := other.fleet.StartExecution(t.Context(), oe, "s", sovd.Start{Key: "k", Digest: "d"})
			if err != nil || x.ID != dead {
				t.Errorf("started %s, %v, want the claimed %s", x.ID, err, dead)
			}
		}
	}
	if claim != first.ID {
		t.Errorf("claimed %q, started %q", claim, first.ID)
	}
}

// Two gateways on one store agree on each execution, and on its end; one that
// is too late is ended by either, once.
func TestTwoFleetsAgree(t *testing.T) {
	st := store.NewMemory()
	a, b := newHall(t, st), newHall(t, st)
	e := a.known("dev")
	b.known("dev")
	x, err := a.fleet.StartExecution(t.Context(), e, "s", sovd.Start{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.fleet.GetExecution(t.Context(), e, "s", x.ID); err != nil {
		t.Errorf("not to be seen at once: %v", err)
	}
	if _, err := b.fleet.GetExecution(t.Context(), e, "s", "exec_none"); err == nil {
		t.Error("what is not there is found")
	}
	b.pass(2 * time.Hour) // only one has noticed
	waitFor(t, "the late one is ended", func() bool {
		v, err := a.fleet.GetExecution(t.Context(), e, "s", x.ID)
		return err == nil && v.Status == job.Terminated
	})
	if err := a.fleet.DeleteExecution(t.Context(), e, "s", x.ID); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "it is gone at the other", func() bool {
		_, err := b.fleet.GetExecution(t.Context(), e, "s", x.ID)
		return err != nil
	})
}

// A payload that nothing needs goes after a while, and not when another
// gateway has begun to need it meanwhile.
func TestPayloadsAreSwept(t *testing.T) {
	st := store.NewMemory()
	a, b := newHall(t, st), newHall(t, st)
	e := a.known("dev")
	b.known("dev")
	start := func(h *hall) sovd.Execution {
		t.Helper()
		x, err := h.fleet.StartExecution(t.Context(), e, "s", sovd.Start{})
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	end := func(h *hall, x sovd.Execution) {
		t.Helper()
		if _, err := h.fleet.ControlExecution(t.Context(), e, "s", x.ID, sovd.ActionStop); err != nil {
			t.Fatal(err)
		}
	}
	count := func(prefix string) (n int) {
		for _, err := range st.List(t.Context(), prefix) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		return n
	}
	end(a, start(a))
	a.pass(payloadLooked)
	waitFor(t, "the mark", func() bool { return count("fleet/unused") == 1 })
	// The other one needs it: the mark goes, and the payload stays.
	x := start(b)
	if count("fleet/unused") != 0 || count("fleet/payloads") != 1 {
		t.Fatalf("%d marks, %d payloads", count("fleet/unused"), count("fleet/payloads"))
	}
	a.pass(payloadGrace + payloadLooked)
	x2 := start(b)
	end(b, x)
	if count("fleet/payloads") != 1 {
		t.Fatal("a payload that is needed is gone")
	}
	end(b, x2)
	waitFor(t, "the end of it", func() bool {
		a.pass(payloadLooked)
		return count("fleet/payloads") == 0 && count("fleet/unused") == 0
	})
}

// What the manifest says of a device's groups can change while it is there.
func TestDescribe(t *testing.T) {
	h := newHall(t, store.NewMemory())
	e := h.known("dev")
	m, err := sovd.ParseManifest([]byte(`{manifest_version: "1.0", components: [{id: dev, name: Device, tags: [north]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		manifest *sovd.Manifest
		name     string
		groups   []string
	}{
		{nil, "dev", nil},
		{m, "Device", []string{"north"}},
		{nil, "dev", nil},
	} {
		h.fleet.Describe(tt.manifest)
		if x := h.fleet.Entity("dev"); x.Name != tt.name || !slices.Equal(x.Tags, tt.groups) {
			t.Errorf("%s %v, want %s %v", x.Name, x.Tags, tt.name, tt.groups)
		}
		if got := slices.Contains(h.fleet.Names(e), "group:north"); got != (tt.groups != nil) {
			t.Errorf("names %v", h.fleet.Names(e))
		}
	}
}
