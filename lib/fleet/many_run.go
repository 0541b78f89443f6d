package fleet

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"lander/lib/job"
	"lander/lib/sovd"
	"lander/lib/store"
)

// tally counts what became of the devices. mu is held.
func (m *many) tally() sovd.ManyTally {
	t := sovd.NewManyTally(len(m.rec.Devices))
	for _, x := range m.children {
		select {
		case <-x.done:
			t.Begun(x.last) // which does not change any more
		default:
			t.Begun(job.Running)
		}
	}
	return t
}

func (r *manyRecord) rules() sovd.ManyRules {
	return sovd.ManyRules{MaxConcurrency: r.MaxConcurrency, MaxErrors: r.MaxErrors, Total: len(r.Devices), Stop: r.Stop}
}

// oversee has a record driven until it has ended: by this gateway when it is
// its own, or when the gateway that drove it is dead and this one is the first
// to take it over.
func (f *Fleet) oversee(m *many) {
	for f.ctx.Err() == nil {
		changed := f.members.Changed()
		f.mu.Lock()
		over, owner := m.over(), m.rec.Owner
		f.mu.Unlock()
		mine := owner == f.members.Lease().ID()
		var turn <-chan time.Time
		switch {
		case over:
			return
		case mine && f.members.Held():
			f.drive(m)
			continue
		case mine:
			// Our lease is over. It is ours again, or another's, soon.
		case owner == "" || !f.members.Alive(owner):
			if f.first(m.id) {
				if f.takeOver(m, owner) == nil {
					continue
				}
			}
			turn = time.After(max(f.turn(m.id), tendEvery)) // the first may be dying
		}
		select {
		case <-changed:
		case <-m.wake:
		case <-m.done:
		case <-f.ctx.Done():
		case <-turn:
			if f.takeOver(m, owner) == nil {
				continue
			}
		}
	}
}

// takeOver makes a record ours that a gateway drove which is dead.
func (f *Fleet) takeOver(m *many, owner string) error {
	if owner != "" && f.members.Alive(owner) || !f.members.Held() {
		return errors.New("its owner is alive, or we are not")
	}
	err := f.edit(m, func(r *manyRecord) bool {
		if r.Owner != owner || r.Status.Final() {
			return false
		}
		r.Owner = f.members.Lease().ID()
		return true
	})
	if err == nil {
		f.o.Log.Info("a start on many devices is taken over", "record", m.id, "from", owner)
	}
	return err
}

// drive begins the executions of a record, as many at once as it says, until
// all have ended or it is not ours any more.
func (f *Fleet) drive(m *many) {
	for f.ctx.Err() == nil {
		lease := f.members.Lease()
		f.mu.Lock()
		if m.over() || m.rec.Owner != lease.ID() || !f.members.Held() {
			f.mu.Unlock()
			return
		}
		tally := m.tally()
		room := min(m.rec.rules().Room(tally), atOnce)
		common := m.rec.Common
		common.Parent, common.Started = m.id, m.rec.Started
		var next []*device
		stop := m.rec.Stop
		for _, id := range m.rec.Devices {
			if len(next) >= room {
				break
			}
			if d := f.devices[id]; d != nil && m.children[id] == nil {
				next = append(next, d)
			}
		}
		f.mu.Unlock()
		if stop != "" {
			// Those that were begun while it was asked for elsewhere.
			f.stopChildren(ended(f.ctx), m, stop, false)
		}
		var again <-chan time.Time
		switch {
		case len(next) == 0 && tally.Running == 0:
			if f.closeMany(m, tally) == nil {
				return
			}
			again = time.After(tendEvery)
		case f.beginAll(m, next, common):
			continue
		case len(next) > 0:
			again = time.After(tendEvery) // the store has refused
		}
		select {
		case <-m.wake:
		case <-again:
		case <-lease.Lost:
			return
		case <-f.ctx.Done():
		}
	}
}

// childID is the id of a record's execution on a device, from what they have in
// common: whoever begins it, it is begun once.
func childID(common *record, device string) string {
	sum := sha256.Sum256([]byte(common.Parent + "\x00" + device))
	return job.NewID(common.Started.Time, bytes.NewReader(sum[:]))
}

// atOnce is how many executions are begun side by side: their records share
// the syncs of the store.
const atOnce = 256

// beginAll begins one execution on each device; false when there was none.
func (f *Fleet) beginAll(m *many, devices []*device, common record) bool {
	var wg sync.WaitGroup
	for _, d := range devices {
		wg.Go(func() {
			rec := common
			rec.ID = childID(&common, d.id)
			x, _, err := f.begin(d, rec)
			if err != nil {
				f.o.Log.Error("beginning a script on one of many devices", "record", m.id, "device", d.id, "error", err)
				return
			}
			f.mu.Lock()
			m.children[d.id] = x
			f.mu.Unlock()
		})
	}
	wg.Wait()
	begun := 0
	f.mu.Lock()
	for _, d := range devices {
		if m.children[d.id] != nil {
			begun++
		}
	}
	f.mu.Unlock()
	return begun > 0
}

// closeMany ends a record.
func (f *Fleet) closeMany(m *many, t sovd.ManyTally) error {
	now := f.now()
	return f.edit(m, func(r *manyRecord) bool {
		if r.Status.Final() {
			return false
		}
		r.Completed = &now
		r.Status, r.Message = r.rules().End(t)
		return true
	})
}

// endMany does what its end brings. mu is held.
func (f *Fleet) endMany(m *many) {
	close(m.done)
	f.evict(m.late)
	m.late = nil
}

// edit changes a record and makes it durable. change reports whether there is
// anything to write; it is called again when another gateway was faster, with
// what that one wrote.
func (f *Fleet) edit(m *many, change func(*manyRecord) bool) error {
	m.saving.Lock()
	defer m.saving.Unlock()
	for {
		f.mu.Lock()
		rec := m.rec
		f.mu.Unlock()
		if !change(&rec) {
			return nil
		}
		rev, err := f.put(manyKey(m.id), rec, m.rev)
		if err == nil {
			f.adoptMany(m, rec, rev)
			return nil
		}
		if errors.Is(err, store.ErrConflict) {
			var e store.Entry
			if e, err = f.o.Store.Get(context.WithoutCancel(f.ctx), manyKey(m.id)); err == nil {
				var other manyRecord
				if err = json.Unmarshal(e.Value, &other); err == nil && e.Rev > m.rev {
					f.adoptMany(m, other, e.Rev)
					continue
				}
			}
		}
		f.o.Log.Error("recording a start on many devices", "record", m.id, "error", err)
		return fmt.Errorf("recording a start on many devices: %w", err)
	}
}

// prune forgets the oldest records.
func (f *Fleet) prune() {
	f.mu.Lock()
	var old []*many
	ids := sortedKeys(f.records)
	for _, id := range ids[:max(0, len(ids)-maxMany)] {
		if m := f.records[id]; m.rec.Status.Final() {
			delete(f.records, id)
			old = append(old, m)
		}
	}
	f.mu.Unlock()
	for _, m := range old {
		err := f.o.Store.Delete(context.WithoutCancel(f.ctx), manyKey(m.id), m.rev)
		if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrConflict) {
			f.o.Log.Error("forgetting a start on many devices", "record", m.id, "error", err)
		}
	}
}
