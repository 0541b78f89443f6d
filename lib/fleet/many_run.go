package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"lander/lib/job"
	"lander/lib/sovd"
)

// allowed is how many devices may fail before no more are begun.
func allowed(text string, total int) (int, error) { return sovd.MaxErrors(text, total) }

// tally counts what became of the devices. mu is held.
func (m *many) tally() (counts map[job.Status]int, running, bad int) {
	counts = map[job.Status]int{}
	for _, x := range m.children {
		select {
		case <-x.done:
			// It does not change any more.
			counts[x.last]++
			if x.last != job.Completed {
				bad++
			}
			continue
		default:
		}
		running++
		counts[job.Running]++
	}
	if n := len(m.rec.Devices) - len(m.children); n > 0 {
		counts[job.Prepared] = n
	}
	return counts, running, bad
}

// drive begins the executions of a record, as many at once as it says, until
// all have ended.
func (f *Fleet) drive(m *many) {
	for f.ctx.Err() == nil {
		f.mu.Lock()
		if m.rec.Status.Final() {
			f.mu.Unlock()
			return
		}
		counts, running, bad := m.tally()
		limit, _ := allowed(m.rec.MaxErrors, len(m.rec.Devices))
		common := m.rec.Common
		common.Parent = m.id
		var next []*device
		halt := m.rec.Stop != "" || bad > limit
		for _, id := range m.rec.Devices {
			if halt || m.rec.MaxConcurrency > 0 && running+len(next) >= m.rec.MaxConcurrency || len(next) == atOnce {
				break
			}
			if d := f.devices[id]; d != nil && m.children[id] == nil {
				next = append(next, d)
			}
		}
		f.mu.Unlock()
		if len(next) == 0 && running == 0 {
			f.closeMany(m, counts, bad, limit)
			return
		}
		if f.beginAll(m, next, common) {
			continue
		}
		var again <-chan time.Time
		if len(next) > 0 {
			again = time.After(tendEvery) // the store has refused
		}
		select {
		case <-m.wake:
		case <-again:
		case <-f.ctx.Done():
		}
	}
}

// atOnce is how many executions are begun side by side: their records share
// the syncs of the store.
const atOnce = 256

// beginAll begins one execution on each device; false when there was none.
func (f *Fleet) beginAll(m *many, devices []*device, common record) bool {
	var wg sync.WaitGroup
	for _, d := range devices {
		wg.Go(func() {
			x, _, err := f.begin(d, common)
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
func (f *Fleet) closeMany(m *many, counts map[job.Status]int, bad, limit int) {
	now := f.now()
	f.edit(m, func(r *manyRecord) {
		r.Completed, r.Status = &now, job.Completed
		switch {
		case r.Stop != "":
			r.Status, r.Message = job.Terminated, causeOf(r.Stop)
		case bad > limit && counts[job.Prepared] > 0:
			r.Status, r.Message = job.Failed, fmt.Sprintf("Stopped after %d failures: %d devices were not begun", bad, counts[job.Prepared])
		case counts[job.Completed] < len(r.Devices):
			r.Status = job.Failed
		}
	})
	close(m.done)
	f.mu.Lock()
	f.evict(m.late)
	m.late = nil
	f.mu.Unlock()
}

// edit changes a record and makes it durable.
func (f *Fleet) edit(m *many, change func(*manyRecord)) {
	m.saving.Lock()
	defer m.saving.Unlock()
	f.mu.Lock()
	change(&m.rec)
	rec := m.rec
	f.mu.Unlock()
	rev, err := f.put(manyKey(m.id), rec, m.rev)
	if err != nil {
		f.o.Log.Error("recording a start on many devices", "record", m.id, "error", err)
		return
	}
	m.rev = rev
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
		if err := f.o.Store.Delete(context.WithoutCancel(f.ctx), manyKey(m.id), m.rev); err != nil {
			f.o.Log.Error("forgetting a start on many devices", "record", m.id, "error", err)
		}
	}
}

// recoverMany reads the records and finds their executions.
func (f *Fleet) recoverMany(ctx context.Context) error {
	for e, err := range f.o.Store.List(ctx, "fleet/many") {
		if err != nil {
			return fmt.Errorf("reading the starts on many devices: %w", err)
		}
		var rec manyRecord
		if err := json.Unmarshal(e.Value, &rec); err != nil || manyKey(rec.ID) != e.Key {
			f.o.Log.Error("the record of a start on many devices is damaged", "key", e.Key, "error", err)
			continue
		}
		m := newMany(rec)
		m.rev = e.Rev
		f.records[m.id] = m
		if rec.Status.Final() {
			close(m.done)
		}
	}
	return nil
}
