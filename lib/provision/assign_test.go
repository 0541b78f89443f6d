package provision_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"lander/lib/provision"
	"lander/lib/store"
)

func (r *rig) inventory() provision.Inventory {
	return provision.Inventory{Store: r.store, Clock: r.clock.now}
}

// assign assigns a release to a board.
func (r *rig) assign(device, release, by string) {
	r.t.Helper()
	o, err := r.inventory().Find(r.t.Context(), device, release)
	if err == nil {
		err = r.inventory().Assign(r.t.Context(), device, o, by)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) stage(device string) provision.Stage {
	r.t.Helper()
	a, err := r.inventory().Assignment(r.t.Context(), device)
	if err != nil || a == nil {
		r.t.Fatalf("the assignment of %s: %v, %v", device, a, err)
	}
	d, err := r.inventory().Board(r.t.Context(), device)
	if err != nil {
		r.t.Fatal(err)
	}
	s, _ := a.Stage(d)
	return s
}

// full is a store that takes nothing any more.
type full struct{ store.Store }

var errFull = errors.New("the disk is full")

func (full) Put(context.Context, string, []byte, store.Revision) (store.Revision, error) {
	return 0, errFull
}
func (full) Delete(context.Context, string, store.Revision) error { return errFull }

// What could not be recorded is not assigned, nor withdrawn.
func TestAssignSaysWhatLasts(t *testing.T) {
	r := newRig(t, small("1"), nil)
	r.settle(5, board("s3cret"))
	r.assign("5", "1", "x1")
	v := r.inventory()
	v.Store = full{r.store}
	if err := v.Assign(t.Context(), "5", provision.Offer{Chk: "x", Name: "2"}, "x2"); !errors.Is(err, errFull) {
		t.Errorf("assigning: %v", err)
	}
	if was, err := v.Withdraw(t.Context(), "5", ""); was || !errors.Is(err, errFull) {
		t.Errorf("withdrawing: %t, %v", was, err)
	}
	if a, err := r.inventory().Assignment(t.Context(), "5"); err != nil || a == nil || a.By != "x1" {
		t.Errorf("%+v, %v", a, err)
	}
}

// A board gets the release that it is assigned, also one that the tree has no
// more, keeps it while the tree moves on, and follows the tree again when the
// assignment is withdrawn. Shares and groups are for the tree's releases.
func TestAssign(t *testing.T) {
	r := newRig(t, small("1"), nil)
	flash := board("s3cret")
	r.settle(5, flash)
	other := func(o *provision.Options) { o.Percent = 0 }
	r.retree(small("2"), nil)
	r.settle(5, flash)
	if got := flash.Files()["a.txt"]; got != "content 2" {
		t.Fatalf("the board has %q", got)
	}
	r.stop()
	r.start(other)
	r.assign("5", "1", "x1")
	if s := r.stage("5"); s != provision.Waiting {
		t.Errorf("it is %s", s)
	}
	plans, err := provision.Plans(t.Context(), r.svc.Tree(), provision.Options{Store: r.store})
	if err != nil || len(plans) != 1 || plans[0].Release != "1" {
		t.Errorf("the plan is %+v, %v", plans, err)
	}
	r.boot(5, flash, nil)
	if s := r.stage("5"); s != provision.Underway {
		t.Errorf("after the session it is %s", s)
	}
	r.settle(5, flash)
	if got := flash.Files()["a.txt"]; got != "content 1" {
		t.Errorf("the board has %q", got)
	}
	if s := r.stage("5"); s != provision.There {
		t.Errorf("after the boot it is %s: %+v", s, r.device(5))
	}
	// The tree moves on, and the board stays.
	r.retree(small("3"), nil)
	r.settle(5, flash)
	if got := flash.Files()["a.txt"]; got != "content 1" {
		t.Errorf("the board has %q", got)
	}
	if was, err := r.inventory().Withdraw(t.Context(), "5", "another"); was || err != nil {
		t.Errorf("another withdrew it: %v", err)
	}
	if was, err := r.inventory().Withdraw(t.Context(), "5", "x1"); !was || err != nil {
		t.Errorf("withdrawing: %t, %v", was, err)
	}
	r.settle(5, flash)
	if got := flash.Files()["a.txt"]; got != "content 3" {
		t.Errorf("the board has %q", got)
	}
}

func TestAssignNames(t *testing.T) {
	r := newRig(t, map[string]string{
		"default.json": `{` + secretLine + `,"release":"1","files":["a.txt"]}`, "a.txt": "a",
		"ESP-7.json": `{` + secretLine + `,"release":"1","files":["b.txt"]}`, "b.txt": "b",
		"ESP-8.json": `{` + secretLine + `,"release":"eight","files":["b.txt","a.txt"]}`,
		"ESP-9.json": `{` + secretLine + `,"release":"broken","files":["none.txt"]}`,
	}, nil)
	for _, id := range []int64{5, 7} {
		r.settle(id, board("s3cret"))
	}
	v := r.inventory()
	chk := map[string]string{}
	for _, device := range []string{"5", "7"} {
		o, err := v.Find(t.Context(), device, "1")
		if err != nil {
			t.Fatal(err)
		}
		chk[device] = o.Chk
	}
	tree := r.svc.Tree()
	if chk["5"] != tree.Default.Chk || chk["7"] != tree.Releases[7].Chk {
		t.Errorf("the name means %v", chk)
	}
	if o, err := v.Find(t.Context(), "5", tree.Releases[8].Chk); err != nil || o.Name != "eight" || o.Files != 2 {
		t.Errorf("by its fingerprint: %+v, %v", o, err)
	}
	for _, tc := range []struct {
		device, release string
		want            error
	}{{"6", "1", provision.ErrNoBoard}, {"x", "1", provision.ErrNoBoard}, {"05", "1", provision.ErrNoBoard}, {"5", "none", provision.ErrNoRelease}, {"5", "broken", provision.ErrNoRelease}} {
		if _, err := v.Find(t.Context(), tc.device, tc.release); !errors.Is(err, tc.want) {
			t.Errorf("%s on %s: %v", tc.release, tc.device, err)
		}
	}
	all, err := v.Offers(t.Context())
	if err != nil || len(all) != 3 || !slices.ContainsFunc(all, func(o provision.Offer) bool {
		return o.Name == "eight" && slices.Equal(o.Manifests, []string{"ESP-8.json"})
	}) {
		t.Errorf("offers %+v, %v", all, err)
	}
}

// What cannot be obeyed is refused on record, and the board goes by its
// manifest.
func TestAssignRefused(t *testing.T) {
	r := newRig(t, map[string]string{
		"default.json": `{` + secretLine + `,"release":"1","files":["a.txt"]}`, "a.txt": "a",
		"ESP-8.json": `{` + secretLine + `,"release":"eight","files":["b.txt"]}`, "b.txt": "b",
	}, nil)
	flash := board("s3cret")
	r.settle(5, flash)
	r.assign("5", "eight", "x1")
	// The release leaves the tree before any board had it.
	r.retree(map[string]string{"ESP-8.json": `{` + secretLine + `,"release":"nine","files":["a.txt","b.txt"]}`}, nil)
	r.settle(5, flash)
	if s := r.stage("5"); s != provision.Refused {
		t.Errorf("it is %s", s)
	}
	if d := r.device(5); d.Release != "1" || d.Result != provision.ResultCurrent {
		t.Errorf("the board: %+v", d)
	}
	// One that does not run: the board comes up again and again.
	r.assign("5", "nine", "x2")
	r.settle(5, flash)
	for range 4 {
		r.boot(5, flash, nil)
	}
	a, err := r.inventory().Assignment(context.Background(), "5")
	if err != nil || a.By != "x2" || !strings.Contains(a.Refused, "did not run") {
		t.Errorf("%+v, %v", a, err)
	}
	r.settle(5, flash)
	if got := flash.Files(); got["b.txt"] != "" || got["a.txt"] != "a" {
		t.Errorf("the board has %q", got)
	}
	if _, err := r.inventory().Find(t.Context(), "5", "nine"); !errors.Is(err, provision.ErrNotTaken) {
		t.Errorf("again: %v", err)
	}
}
