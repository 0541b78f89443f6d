package fleet

import (
	"context"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"lander/lib/job"
	"lander/lib/store"
)

// join makes the fleet one of those that share the store.
func (f *Fleet) join(ctx context.Context) error {
	f.members = f.o.Presence
	if f.members == nil {
		name := "fleet_" + strings.TrimPrefix(job.NewID(f.o.Clock(), f.o.Random), "exec_")
		var err error
		if f.members, err = store.Join(ctx, f.o.Store, store.JoinOptions{Name: name, Log: f.o.Log}); err != nil {
			return err
		}
	}
	f.me = f.members.Lease().ID()
	return nil
}

// leaveOthers ends what join began.
func (f *Fleet) leaveOthers() error {
	if f.members == nil || f.members == f.o.Presence {
		return nil
	}
	if err := f.members.Close(); err != nil {
		return fmt.Errorf("leaving the others on the store: %w", err)
	}
	return nil
}

// attend records our sessions under our next lease when one was lost.
func (f *Fleet) attend() {
	for {
		changed := f.members.Changed()
		lease := f.members.Lease()
		f.mu.Lock()
		anew := lease.ID() != f.me
		f.me = lease.ID()
		var here []*device
		for _, d := range f.devices {
			if anew && d.conn != nil {
				here = append(here, d)
			}
		}
		f.mu.Unlock()
		for _, d := range here {
			f.save(d)
		}
		select {
		case <-changed:
		case <-f.ctx.Done():
			return
		}
	}
}

// turn is how long this gateway leaves something to the others that are alive:
// each has its place, another one for each id.
func (f *Fleet) turn(id string) time.Duration { return time.Duration(f.place(id)) * turnTime }

// turnTime is what each gateway has for itself.
const turnTime = 3 * time.Second

// first reports whether this gateway is the first of those that are alive.
func (f *Fleet) first(id string) bool { return f.place(id) == 0 }

func (f *Fleet) place(id string) int {
	weight := func(name string) uint64 {
		h := fnv.New64a()
		h.Write([]byte(name))
		h.Write([]byte{0})
		h.Write([]byte(id))
		return h.Sum64()
	}
	own := f.members.Lease().Name
	mine, place := weight(own), 0
	for _, m := range f.members.Members() {
		if m.Name != own && weight(m.Name) < mine {
			place++
		}
	}
	return place
}
