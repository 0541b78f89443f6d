package provision

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	"lander/lib/job"
	"lander/lib/store"
)

// What Assign fails with, beside faults of the store.
var (
	ErrNoBoard   = errors.New("no such board")
	ErrNoRelease = errors.New("no such release")
	ErrAmbiguous = errors.New("several releases have the name")
	ErrNotTaken  = errors.New("the release did not run on the board before")
)

// Inventory is the boards and releases of a store, for those who do not serve
// them: what is known of each board, and which release it is to have.
type Inventory struct {
	Store store.Store
	Clock func() time.Time
}

// Board is what is known of a board, ErrNoBoard when that is nothing.
func (v Inventory) Board(ctx context.Context, device string) (Device, error) {
	id, ok := parseID(device)
	if !ok {
		return Device{}, fmt.Errorf("%w: %.40s", ErrNoBoard, device)
	}
	d, err := loadDevice(ctx, v.Store, id)
	if err != nil {
		return Device{}, err
	}
	if d.rev == 0 {
		return Device{}, fmt.Errorf("%w: %s", ErrNoBoard, device)
	}
	return *d, nil
}

// Boards are all that are known, as Devices gives them.
func (v Inventory) Boards(ctx context.Context) ([]Device, error) { return Devices(ctx, v.Store) }

// Assignment is that of a board, nil when it goes by its manifest.
func (v Inventory) Assignment(ctx context.Context, device string) (*Assignment, error) {
	return loadAssignment(ctx, v.Store, device)
}

// Offers are the releases that may be assigned: those of the trees that are or
// were served last, and those that boards were given before. They are sorted by
// name and fingerprint.
func (v Inventory) Offers(ctx context.Context) ([]Offer, error) {
	var out []Offer
	have := map[string]int{}
	for e, err := range v.Store.List(ctx, "offers") {
		var some []Offer
		if err == nil {
			err = json.Unmarshal(e.Value, &some)
		}
		if err != nil {
			return nil, fmt.Errorf("reading the releases: %w", err)
		}
		for _, o := range some {
			if i, ok := have[o.Chk]; ok {
				out[i].Manifests = slices.Compact(slices.Sorted(slices.Values(append(out[i].Manifests, o.Manifests...))))
				continue
			}
			have[o.Chk] = len(out)
			out = append(out, o)
		}
	}
	for e, err := range v.Store.List(ctx, "release") {
		var k keptRelease
		if err == nil {
			err = json.Unmarshal(e.Value, &k)
		}
		if err != nil {
			return nil, fmt.Errorf("reading the releases: %w", err)
		}
		chk := e.Key[len("release/"):]
		if _, ok := have[chk]; !ok {
			out = append(out, Offer{Chk: chk, Name: k.Name, Files: len(k.Items)})
		}
	}
	sort.Slice(out, func(i, j int) bool {
		return cmp.Or(cmp.Compare(out[i].Name, out[j].Name), cmp.Compare(out[i].Chk, out[j].Chk)) < 0
	})
	return out, nil
}

// offer finds the release that a name or a fingerprint means for a board: of
// several with one name that of the board's own manifest, then that of the
// default, then what the board had before.
func (v Inventory) offer(ctx context.Context, d Device, text string) (Offer, error) {
	all, err := v.Offers(ctx)
	if err != nil {
		return Offer{}, err
	}
	var named []Offer
	for _, o := range all {
		if o.Chk == text {
			return o, nil
		}
		if o.Name == text {
			named = append(named, o)
		}
	}
	for _, is := range []func(Offer) bool{
		func(o Offer) bool { return slices.Contains(o.Manifests, "ESP-"+d.ID+".json") },
		func(o Offer) bool { return slices.Contains(o.Manifests, DefaultName) },
		func(o Offer) bool { return o.Chk == d.Chk || o.Chk == d.Previous },
		func(Offer) bool { return true },
	} {
		var left []Offer
		for _, o := range named {
			if is(o) {
				left = append(left, o)
			}
		}
		if len(left) == 1 {
			return left[0], nil
		}
		if len(left) > 1 {
			var chks []string
			for _, o := range left {
				chks = append(chks, o.Chk)
			}
			return Offer{}, fmt.Errorf("%w %s: %v", ErrAmbiguous, text, chks)
		}
	}
	return Offer{}, fmt.Errorf("%w: %.100s", ErrNoRelease, text)
}

// Only is the fingerprint of the release that a name means for whatever board,
// "" when there is none of that name; clear is false when it depends on the
// board.
func (v Inventory) Only(ctx context.Context, name string) (chk string, clear bool, err error) {
	all, err := v.Offers(ctx)
	known, served, whole := 0, 0, ""
	for i := range all {
		o := &all[i]
		if o.Name != name {
			continue
		}
		known, chk = known+1, o.Chk
		if len(o.Manifests) > 0 {
			served++
		}
		if slices.Contains(o.Manifests, DefaultName) {
			whole = o.Chk
		}
	}
	if known > 1 {
		return whole, served == 1 && whole != "", err
	}
	return chk, true, err
}

// Find says which release Assign would assign.
func (v Inventory) Find(ctx context.Context, device, release string) (Offer, error) {
	d, err := v.Board(ctx, device)
	if err != nil {
		return Offer{}, err
	}
	o, err := v.offer(ctx, d, release)
	if err == nil && slices.Contains(d.Bad, o.Chk) {
		err = fmt.Errorf("%w: %s", ErrNotTaken, o.Name)
	}
	return o, err
}

// Assign says that a board is to have a release, from its next HI on, in place
// of whatever it was to have. By is what asks for it.
func (v Inventory) Assign(ctx context.Context, device string, o Offer, by string) error {
	for {
		old, err := loadAssignment(ctx, v.Store, device)
		if err != nil {
			return err
		}
		a := Assignment{Device: device, Chk: o.Chk, Release: o.Name, By: by, At: job.Time{Time: v.Clock()}}
		if old != nil {
			a.rev = old.rev
		}
		if err := a.save(ctx, v.Store); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

// Withdraw takes the assignment away that by has made, or any when by is "":
// the board goes by its manifest again. It reports whether there was one.
func (v Inventory) Withdraw(ctx context.Context, device, by string) (bool, error) {
	for {
		a, err := loadAssignment(ctx, v.Store, device)
		if err != nil || a == nil || by != "" && a.By != by {
			return false, err
		}
		switch err := v.Store.Delete(ctx, assignKey(device), a.rev); {
		case err == nil:
			return true, nil
		case errors.Is(err, store.ErrNotFound):
			return false, nil
		case !errors.Is(err, store.ErrConflict):
			return false, fmt.Errorf("withdrawing the assignment of %s: %w", device, err)
		}
	}
}

// Stage is how far an assignment has come.
type Stage string

// The stages of an assignment.
const (
	Waiting  Stage = "waiting"  // the board has not been seen since, or has to wait
	Underway Stage = "underway" // part of it is on the board, or all of it and the board boots
	There    Stage = "there"    // the board has said that it has it
	Refused  Stage = "refused"  // it will not get it
)

// Stage compares an assignment with what is known of its board. why says why
// it is refused, or what it waits for.
func (a *Assignment) Stage(d Device) (s Stage, why string) {
	seen := d.LastSeen.After(a.At.Time)
	switch {
	case a.Refused != "":
		return Refused, a.Refused
	case d.Chk == a.Chk && d.Pending == nil && len(d.Staged) == 0 && len(d.Dirty) == 0:
		return There, ""
	case d.Pending != nil && d.Pending.Chk == a.Chk, seen && len(d.Staged) > 0:
		return Underway, d.Reason
	case seen:
		return Waiting, d.Reason
	}
	return Waiting, ""
}
