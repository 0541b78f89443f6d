package provision

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"lander/lib/luaota"
	"lander/lib/luaota/record"
)

// Plans says what each known board, and each board with a manifest of its own,
// would get now from a service with these options. No board is asked: what the
// store says of it is taken as true. What o.Rate would delay is not held.
func Plans(ctx context.Context, t *Tree, o Options) ([]Plan, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	var gone rollout
	if err := gone.load(ctx, o.Store); err != nil {
		return nil, err
	}
	o.Rate = 0
	ids := slices.Collect(maps.Keys(t.Releases))
	known, err := Devices(ctx, o.Store)
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
		d, err := loadDevice(ctx, o.Store, id)
		if err != nil {
			return out, err
		}
		r, mine := t.For(id), o
		if a, err := loadAssignment(ctx, o.Store, d.ID); err != nil {
			return out, err
		} else if a != nil && r != nil && a.Refused == "" && !slices.Contains(d.Bad, a.Chk) {
			given, _, err := a.release(ctx, t, o.Store, r)
			if err != nil {
				return out, err
			}
			if given != nil {
				r, mine.Groups, mine.Percent = given, nil, 100
			}
		}
		p := planFor(r, d, id)
		if p.Action == ActionUpdate {
			why := d.Tight.wait(r.Chk, o.Clock())
			if why == "" {
				why = gone.keeps(t, mine, r, d, id)
			}
			if why != "" {
				p = Plan{Device: p.Device, Release: p.Release, Chk: p.Chk, Action: ActionHold, Reason: why, Steps: []Step{}}
			}
		}
		out = append(out, p)
	}
	return out, nil
}

func planFor(r *Release, d *Device, id int64) Plan {
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
		h := luaota.Hello{ID: id, Chk: d.Chk, Fields: record.Object{}}
		have, old := has(r, d, h)
		if d.Pending != nil && d.Result == ResultUpdated { // it is expected to say so
			chk, have = d.Pending.Chk, d.Pending.Have
		}
		return makePlan(r, about{dev: d, chk: chk, have: have, old: old, strong: d.Strong})
	}
	return none
}

// Prepare reads and verifies a tree for Plans, and for checks of it alone.
func Prepare(o Options) (*Tree, error) {
	s := Service{o: o}
	t, _, err := s.load()
	return t, err
}

// ErrBroken says that a tree has releases that may not reach a board.
var ErrBroken = errors.New("the tree is broken")
