package boards_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"lander/lib/boards"
	"lander/lib/job"
	"lander/lib/provision"
	"lander/lib/store"
)

// A release that is assigned to many boards is the one that had the name when
// that was asked for, whatever becomes of the tree meanwhile.
func TestAssignToMany(t *testing.T) {
	st := store.NewMemory()
	put := func(key string, v any) {
		t.Helper()
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		e, _ := st.Get(t.Context(), key)
		if _, err := st.Put(t.Context(), key, b, e.Rev); err != nil {
			t.Fatal(err)
		}
	}
	serve := func(chk string) {
		put("offers/tree", []provision.Offer{{Chk: chk, Name: "1.4", Manifests: []string{provision.DefaultName}, Files: 1}})
		put("release/"+chk, map[string]any{"name": "1.4"})
	}
	board := func(id, chk string, seen time.Time) {
		put("device/"+id, provision.Device{ID: id, Chk: chk, Groups: []string{"all"}, FirstSeen: job.Time{Time: seen}, LastSeen: job.Time{Time: seen}})
	}
	in := provision.Inventory{Store: st, Clock: time.Now}
	serve("aaaa")
	for _, id := range []string{"1", "2"} {
		board(id, "old", time.Now())
	}
	g := newRig(t, store.NewMemory(), boards.NodeMCU{Stores: func(context.Context) ([]provision.Inventory, error) { return []provision.Inventory{in}, nil }})
	m := g.do("POST", "/fleet/executions", "", `{"script":"assign-release","target":{"ids":["1","2"]},"parameters":{"release":"1.4"},"max_concurrency":1}`, 202)
	assigned := func(id string) string {
		a, err := in.Assignment(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if a == nil {
			return ""
		}
		return a.Chk
	}
	g.until("the first board has its assignment", func() bool { return assigned("1") != "" })
	serve("bbbb")
	board("1", assigned("1"), time.Now().Add(time.Minute))
	g.until("the second board has its assignment", func() bool { return assigned("2") != "" })
	if one, two := assigned("1"), assigned("2"); one != "aaaa" || two != "aaaa" {
		t.Errorf("the boards are to have %s and %s", one, two)
	}
	board("2", assigned("2"), time.Now().Add(time.Minute))
	if end := g.get("/fleet/executions/" + m["id"].(string) + "?wait=30s"); end["status"] != "completed" {
		t.Errorf("it ended as %v", end)
	}
}

// A name that means another release for another board stays a name.
func TestAssignByManifest(t *testing.T) {
	st := store.NewMemory()
	in := provision.Inventory{Store: st, Clock: time.Now}
	for _, c := range []struct {
		offers []provision.Offer
		want   string
	}{
		{[]provision.Offer{{Chk: "a", Name: "1.4", Manifests: []string{"ESP-1.json"}}, {Chk: "b", Name: "1.4", Manifests: []string{provision.DefaultName}}}, "1.4"},
		{[]provision.Offer{{Chk: "a", Name: "1.4"}, {Chk: "b", Name: "1.4", Manifests: []string{provision.DefaultName}}}, "b"},
		{[]provision.Offer{{Chk: "a", Name: "1.4"}, {Chk: "b", Name: "1.4", Manifests: []string{"ESP-1.json"}}}, "1.4"},
		{[]provision.Offer{{Chk: "a", Name: "1.4"}, {Chk: "b", Name: "1.3"}}, "a"},
		{nil, "1.4"},
	} {
		b, err := json.Marshal(c.offers)
		if err != nil {
			t.Fatal(err)
		}
		e, _ := st.Get(t.Context(), "offers/tree")
		if _, err := st.Put(t.Context(), "offers/tree", b, e.Rev); err != nil {
			t.Fatal(err)
		}
		n := boards.NodeMCU{Stores: func(context.Context) ([]provision.Inventory, error) { return []provision.Inventory{in}, nil }}
		got, err := n.Pin(t.Context(), boards.AssignRelease, json.RawMessage(`{"release":"1.4"}`))
		if want := `{"release":"` + c.want + `"}`; err != nil || string(got) != want {
			t.Errorf("%+v: %s, %v, want %s", c.offers, got, err, want)
		}
	}
}
