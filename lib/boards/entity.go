package boards

import (
	"context"
	"iter"
	"slices"
	"time"

	"lander/lib/sovd"
	"lander/lib/store"
)

// entity makes the component of a board.
func (b *Boards) entity(d *Board) *sovd.Entity {
	e := &sovd.Entity{Kind: sovd.Components, ID: d.ID, Name: d.Name, Description: d.About}
	if m := b.manifest.Load().Entities[d.ID]; m != nil && m.Kind == sovd.Components {
		c := *m
		e = &c
	}
	e.Type, e.Source, e.Online, e.Detail = d.Kind, d.Kind, d.Online, d.Detail
	e.Tags = slices.Compact(slices.Sorted(slices.Values(d.Groups)))
	return e
}

// glance is how long a request may wait to learn which boards there are: what
// else it asks for is answered when the store is gone.
const glance = 2 * time.Second

func (b *Boards) brief() context.Context { return store.WithPatience(b.ctx, glance) }

// Entity implements sovd.Devices.
func (b *Boards) Entity(id string) *sovd.Entity {
	d, _, err := b.find(b.brief(), id)
	if err != nil {
		b.o.Log.Error("looking for a board", "board", id, "error", err)
	}
	if d == nil {
		return nil
	}
	return b.entity(d)
}

// Entities implements sovd.Devices.
func (b *Boards) Entities() iter.Seq[*sovd.Entity] {
	return func(yield func(*sovd.Entity) bool) {
		for d := range b.all() {
			if !yield(b.entity(d)) {
				return
			}
		}
	}
}

// all yields the boards, each once.
func (b *Boards) all() iter.Seq[*Board] {
	return func(yield func(*Board) bool) {
		seen := map[string]bool{}
		for _, s := range b.o.Sources {
			list, err := s.Boards(b.brief())
			if err != nil {
				b.o.Log.Error("listing the boards", "error", err)
			}
			for _, d := range list {
				if seen[d.ID] {
					continue
				}
				seen[d.ID] = true
				b.group(d)
				if !yield(d) {
					return
				}
			}
		}
	}
}

// Payload implements sovd.Devices: boards fetch nothing.
func (b *Boards) Payload(string) ([]byte, bool) { return nil, false }

// Data implements sovd.Devices.
func (b *Boards) Data(e sovd.Ref) ([]sovd.Datum, bool) {
	d, _, err := b.find(b.brief(), e.ID)
	if err != nil || d == nil || e.Kind != sovd.Components {
		return nil, false
	}
	return d.Data, true
}

// History implements sovd.Devices.
func (b *Boards) History(e sovd.Ref, id string) []sovd.Datum {
	d, s, err := b.find(b.brief(), e.ID)
	if err != nil || d == nil {
		return nil
	}
	return s.History(e.ID, id)
}

// Follow implements sovd.Devices.
func (b *Boards) Follow(e sovd.Ref) (<-chan sovd.Datum, func()) {
	d, s, err := b.find(b.brief(), e.ID)
	if err != nil || d == nil {
		c := make(chan sovd.Datum)
		close(c)
		return c, func() {}
	}
	return s.Follow(e.ID)
}
