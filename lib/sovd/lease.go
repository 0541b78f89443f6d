package sovd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"lander/lib/job"
	"lander/lib/store"
)

// keepLease ends our runs when our lease is over, before anybody else may
// think that they have ended, and ends the records of those who are dead.
func (f *Files) keepLease(ctx context.Context) {
	tick := time.NewTicker(f.o.Lease / 10)
	defer tick.Stop()
	for {
		changed := f.o.Presence.Changed()
		lost := f.o.Presence.Lease().Lost
		f.killUnleased()
		f.judge(ctx)
		select {
		case <-lost:
			f.killUnleased()
			select {
			case <-changed:
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		case <-changed:
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// unleased reports whether the lease is over under which x runs.
func (x *execution) unleased() bool {
	select {
	case <-x.lease.Lost:
		return true
	default:
		return false
	}
}

func (f *Files) killUnleased() {
	for _, x := range f.running() {
		if x.unleased() {
			x.blame(causeLease)
			x.kill()
		}
	}
}

// judge takes over what dead gateways have left.
func (f *Files) judge(ctx context.Context) {
	f.mu.RLock()
	var running []*execution
	for _, x := range f.execs {
		if x.foreign && !x.status().Final() {
			running = append(running, x)
		}
	}
	f.mu.RUnlock()
	held := f.o.Presence.Held()
	now := time.Now()
	for _, x := range running {
		if f.dead(x, held, now) {
			if err := f.takeOver(ctx, x); err != nil && ctx.Err() == nil {
				f.o.Log.Error("ending the record of a dead gateway's script", "execution", x.id, "error", err)
			}
		}
	}
}

// dead reports whether the owner of x is dead for so long that nothing of it
// runs any more: an owner that lost its lease ends its runs at once, and
// knows it as soon as we do. One that we have never known alive may be so
// new that we have not heard of it.
func (f *Files) dead(x *execution, held bool, now time.Time) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case !held:
		// We may be the one who hears nothing.
		x.silent = time.Time{}
		return false
	case f.o.Presence.Alive(x.rec.Life):
		x.known, x.silent = true, time.Time{}
		return false
	case x.silent.IsZero():
		x.silent = now
	}
	wait := f.o.Lease
	if x.known {
		wait /= 5
	}
	return now.Sub(x.silent) >= wait
}

// takeOver ends the record of an execution whose owner is dead, unless it has
// ended, or somebody else is faster.
func (f *Files) takeOver(ctx context.Context, x *execution) error {
	e, err := f.o.Store.Get(ctx, recordKey(x.id))
	if errors.Is(err, store.ErrNotFound) {
		f.gone(x.id)
		return nil
	}
	if err != nil {
		return err
	}
	rec, ok := f.parseRecord(e)
	if !ok || rec.Status.Final() || f.o.Presence.Alive(rec.Life) {
		f.see(ctx, e)
		return nil
	}
	rec.cut(causeDead, f.now())
	rev, err := f.o.Store.Put(ctx, e.Key, rec.append(nil), e.Rev)
	if errors.Is(err, store.ErrConflict) {
		return nil
	}
	if err != nil {
		return err
	}
	f.o.Log.Warn("ended the record of a dead gateway's script", "execution", rec.ID, "gateway", rec.Owner)
	f.see(ctx, store.Entry{Key: e.Key, Value: rec.append(nil), Rev: rev})
	f.o.Audit.add(rec.endLine())
	if f.o.Ended != nil {
		if v, err := f.view(x); err == nil {
			f.o.Ended(v)
		}
	}
	return f.dropParts(ctx, rec.ID)
}

// cut ends a record whose run nobody saw end.
func (r *record) cut(message string, now job.Time) {
	r.Status, r.CompletedAt, r.Code, r.Message = job.Terminated, &now, job.CodeInterrupted, message
}

// putEnd makes the end of a run of ours durable. Another may have asked for
// its stop meanwhile; where another has ended the record, taking us for dead,
// theirs is the end, and rec becomes it.
func (f *Files) putEnd(x *execution, rec *record) (theirs bool, err error) {
	until := time.Now().Add(f.o.Lease)
	for {
		if err = f.put(x, *rec); err == nil || !f.shared() {
			return false, err
		}
		if errors.Is(err, store.ErrConflict) {
			if theirs, err = f.reread(x, rec); theirs {
				return true, nil
			} else if err == nil {
				continue
			}
		}
		if time.Now().After(until) {
			return false, err
		}
		select {
		case <-f.quit:
			return false, err
		case <-time.After(f.o.Lease / 20):
		}
	}
}

// The time between tries to record an end, where no lease says how long others
// wait.
const (
	settleEvery    = time.Second
	maxSettleEvery = time.Minute
)

// settleLater records an end that could not be recorded in time: what clients
// were told must be so after a restart. As long as we are alive nobody else
// would; the last try is when we end.
func (f *Files) settleLater(x *execution, rec record) {
	wait := settleEvery
	for last := false; !last; {
		if f.shared() {
			wait = f.o.Lease / 5
		}
		timer := time.NewTimer(wait)
		select {
		case <-f.quit:
			last = true // should it fail, the next life cuts it off, or another gateway
		case <-timer.C:
		}
		timer.Stop()
		wait = min(2*wait, maxSettleEvery)
		theirs, err := f.putEnd(x, &rec)
		switch {
		case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrConflict) && !f.shared():
			return // ended by another, or deleted, and forgotten
		case err != nil:
			continue
		case theirs:
			x.mu.Lock()
			x.rec, x.raw, x.out = rec, nil, nil
			x.mu.Unlock()
		default:
			f.o.Audit.add(rec.endLine())
		}
		return
	}
}

// reread brings the revision of x up to date; theirs says that the record has
// an end already, which rec becomes.
func (f *Files) reread(x *execution, rec *record) (theirs bool, err error) {
	e, err := f.o.Store.Get(context.Background(), recordKey(x.id))
	if err != nil {
		return false, err
	}
	have, ok := f.parseRecord(e)
	if !ok {
		return false, fmt.Errorf("the record of %s is damaged", x.id)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.rev = max(x.rev, e.Rev)
	if have.Status.Final() {
		*rec = have
		return true, nil
	}
	rec.Control = have.Control
	return false, nil
}
