package provision

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"

	"lander/lib/luaota"
	"lander/lib/luaota/record"
	"lander/lib/store"
)

// Plans says what each known board, and each board with a manifest of its own,
// would get now. No board is asked: what the store says of it is taken as true.
func Plans(ctx context.Context, t *Tree, s store.Store) ([]Plan, error) {
	ids := slices.Collect(maps.Keys(t.Releases))
	known, err := Devices(ctx, s)
	if err != nil {
		return nil, err
	}
	for _, d := range known {
		if id, err := strconv.ParseInt(d.ID, 10, 64); err == nil {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	var out []Plan
	for _, id := range slices.Compact(ids) {
		d, err := loadDevice(ctx, s, id)
		if err != nil {
			return out, err
		}
		own := t.For(id)
		if a, err := loadAssignment(ctx, s, d.ID); err != nil {
			return out, err
		} else if a != nil && own != nil && a.Refused == "" && !slices.Contains(d.Bad, a.Chk) {
			r, _, err := a.release(ctx, t, s, own)
			if err != nil {
				return out, err
			}
			if r != nil {
				own = r
			}
		}
		out = append(out, planFor(t, own, d, id))
	}
	return out, nil
}

func planFor(t *Tree, r *Release, d *Device, id int64) Plan {
	none := Plan{Device: d.ID, Action: ActionHold, Steps: []Step{}}
	switch {
	case r == nil:
		none.Reason = "there is no manifest for it"
	case r.Broken:
		none.Release, none.Reason = r.Name, "the release is broken"
	case slices.Contains(d.Bad, r.Chk):
		none.Release, none.Chk, none.Reason = r.Name, r.Chk, "the release did not run on it"
	default:
		chk := d.Chk
		if d.Pending != nil {
			chk = d.Pending.Chk
		}
		h := luaota.Hello{ID: id, Chk: d.Chk, Fields: record.Object{}}
		have, old := has(t, r, d, h)
		if d.Pending != nil {
			have = d.Pending.Have
		}
		p := makePlan(r, about{dev: d, chk: chk, have: have, old: old, strong: d.Strong})
		if t.signed != nil {
			if err := t.signed.Allowed(id, t.GroupsOf(id, r)); err != nil {
				none.Release, none.Chk, none.Reason = r.Name, r.Chk, err.Error()
				return none
			}
		}
		return p
	}
	return none
}

// Prepare reads and verifies a tree for Plans, and for checks of it alone.
func Prepare(o Options) (*Tree, error) {
	s := Service{o: o}
	return s.load()
}

// ErrBroken says that a tree has releases that may not reach a board.
var ErrBroken = errors.New("the tree is broken")
