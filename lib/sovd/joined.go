package sovd

import (
	"context"
	"iter"
	"slices"
	"sort"
)

// Joined are Devices from several sources. Of an id that two of them have the
// first one's counts. A source that is FleetRuns starts scripts on many of its
// own devices.
type Joined struct {
	Sources []DeviceSource
	// Mixed takes the starts that no source does alone.
	Mixed FleetRuns
}

// of is the source of an entity, nil when none has it.
func (j Joined) of(id string) DeviceSource {
	for _, d := range j.Sources {
		if d.Entity(id) != nil {
			return d
		}
	}
	return nil
}

// Entity implements Devices.
func (j Joined) Entity(id string) *Entity {
	for _, d := range j.Sources {
		if e := d.Entity(id); e != nil {
			return e
		}
	}
	return nil
}

// Entities implements Devices.
func (j Joined) Entities() iter.Seq[*Entity] {
	return func(yield func(*Entity) bool) {
		for i, d := range j.Sources {
			for e := range d.Entities() {
				if slices.ContainsFunc(j.Sources[:i], func(o DeviceSource) bool { return o.Entity(e.ID) != nil }) {
					continue
				}
				if !yield(e) {
					return
				}
			}
		}
	}
}

// Payload implements Devices.
func (j Joined) Payload(token string) ([]byte, bool) {
	for _, d := range j.Sources {
		if b, ok := d.Payload(token); ok {
			return b, true
		}
	}
	return nil, false
}

// Data implements Devices.
func (j Joined) Data(e Ref) ([]Datum, bool) {
	for _, d := range j.Sources {
		if all, ok := d.Data(e); ok {
			return all, true
		}
	}
	return nil, false
}

// History implements Devices.
func (j Joined) History(e Ref, id string) []Datum {
	if d := j.of(e.ID); d != nil {
		return d.History(e, id)
	}
	return nil
}

// Follow implements Devices.
func (j Joined) Follow(e Ref) (<-chan Datum, func()) {
	if d := j.of(e.ID); d != nil {
		return d.Follow(e)
	}
	c := make(chan Datum)
	close(c)
	return c, func() {}
}

// has reports whether a source has something of a target.
func (t ManyTarget) has(d DeviceSource) bool {
	for _, id := range t.IDs {
		if e := d.Entity(id); e != nil && e.Kind == Components {
			return true
		}
	}
	if t.Group == "" && t.Filter == "" {
		return false
	}
	for e := range d.Entities() {
		if e.Kind == Components && t.Matches(e) {
			return true
		}
	}
	return false
}

// Matches reports whether a target means a component by its groups or its id.
func (t ManyTarget) Matches(e *Entity) bool {
	return t.Group == "*" || t.Group != "" && slices.Contains(e.Tags, t.Group) || t.Filter != "" && MatchEntity(t.Filter, e.Kind, e.ID) || slices.Contains(t.IDs, e.ID)
}

// runs are those that know starts on many devices.
func (j Joined) runs() []FleetRuns {
	var out []FleetRuns
	for _, d := range j.Sources {
		if r, ok := d.(FleetRuns); ok {
			out = append(out, r)
		}
	}
	return append(out, j.Mixed)
}

// StartMany implements FleetRuns: the source that has all the devices does it,
// if it can.
func (j Joined) StartMany(ctx context.Context, s ManyStart) (Many, error) {
	var with []DeviceSource
	for _, d := range j.Sources {
		if s.Target.has(d) {
			with = append(with, d)
		}
	}
	if len(with) == 1 {
		if r, ok := with[0].(FleetRuns); ok {
			return r.StartMany(ctx, s)
		}
	}
	return j.Mixed.StartMany(ctx, s)
}

// anyOf calls f with each that knows starts on many, until one knows this.
func anyOf[T any](j Joined, f func(FleetRuns) (T, error)) (T, error) {
	var none T
	var err error = Errorf(KindNotFound, "Execution not found")
	for _, r := range j.runs() {
		v, e := f(r)
		if e == nil || kindOf(e) != KindNotFound {
			return v, e
		}
		err = e
	}
	return none, err
}

// GetMany implements FleetRuns.
func (j Joined) GetMany(ctx context.Context, id string) (Many, error) {
	return anyOf(j, func(r FleetRuns) (Many, error) { return r.GetMany(ctx, id) })
}

// ManyResults implements FleetRuns.
func (j Joined) ManyResults(ctx context.Context, id string) ([]ManyResult, error) {
	return anyOf(j, func(r FleetRuns) ([]ManyResult, error) { return r.ManyResults(ctx, id) })
}

// WaitMany implements FleetRuns.
func (j Joined) WaitMany(ctx context.Context, id string) (Many, error) {
	return anyOf(j, func(r FleetRuns) (Many, error) { return r.WaitMany(ctx, id) })
}

// StopMany implements FleetRuns.
func (j Joined) StopMany(ctx context.Context, id string, a Action) (Many, error) {
	return anyOf(j, func(r FleetRuns) (Many, error) { return r.StopMany(ctx, id, a) })
}

// RetryFailed implements FleetRuns.
func (j Joined) RetryFailed(ctx context.Context, id, actor string) (Many, error) {
	return anyOf(j, func(r FleetRuns) (Many, error) { return r.RetryFailed(ctx, id, actor) })
}

// ListMany implements FleetRuns.
func (j Joined) ListMany(ctx context.Context) ([]Many, error) {
	var out []Many
	for _, r := range j.runs() {
		some, err := r.ListMany(ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, some...)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].StartedAt.After(out[j].StartedAt.Time) })
	return out, nil
}
