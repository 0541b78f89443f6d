package sovd

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"lander/lib/job"
	"lander/lib/store"
)

// Several gateways may keep their executions in one store. Each execution has
// an owner, the gateway that runs it, and the life of the owner in which it
// does: a lease. Whoever else is there shows it from its record, asks for its
// stop by a word in the record, and ends the record when the owner is dead.
// All that is written to a record that is there is written at its revision,
// so that each has one end.

// The messages of executions whose owner lost the store, or its life.
const (
	causeLease = "The gateway lost touch with the others while the script was running"
	causeDead  = "The gateway that ran the script is gone"
)

// errLost is a start that is not made because others take us for dead.
var errLost = Errorf(KindUnavailable, "The gateway has lost touch with the others")

// shared reports whether other gateways use the store.
func (f *Files) shared() bool { return f.o.Presence != nil }

// lease is ours; its life names it in records.
func (f *Files) lease() store.Lease {
	if !f.shared() {
		return store.Lease{}
	}
	return f.o.Presence.Lease()
}

func life(l store.Lease) string {
	if l.Name == "" {
		return ""
	}
	return l.ID()
}

// held says with an error that we may start nothing, because others take us
// for dead.
func (f *Files) held() error {
	if f.shared() && !f.o.Presence.Held() {
		return errLost
	}
	return nil
}

// share follows the others until ctx ends.
func (f *Files) share(ctx context.Context) {
	f.spool.Go(func() { f.follow(ctx) })
	f.spool.Go(func() { f.keepLease(ctx) })
}

// follow takes in what the others write. A store that cannot be reached is
// asked again.
func (f *Files) follow(ctx context.Context) {
	for first := true; ctx.Err() == nil; first = false {
		seen := map[string]bool{}
		for c, err := range f.o.Store.Watch(ctx, "executions") {
			switch {
			case errors.Is(err, store.ErrDamaged):
			case err != nil:
				if ctx.Err() == nil {
					f.o.Log.Error("following the executions of the other gateways", "error", err)
				}
			case c.Kind == store.Caught:
				if !first {
					f.dropUnseen(seen)
				}
				seen = nil
			case c.Kind == store.Deleted:
				f.gone(strings.TrimPrefix(c.Key, "executions/"))
			default:
				if seen != nil {
					seen[c.Key] = true
				}
				f.see(ctx, c.Entry)
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(f.o.Lease / 5):
		}
	}
}

// parseRecord reads a record and checks that it stands where it belongs.
func (f *Files) parseRecord(e store.Entry) (rec record, ok bool) {
	if err := json.Unmarshal(e.Value, &rec); err != nil || recordKey(rec.ID) != e.Key {
		f.o.Log.Error("a record of an execution is damaged", "key", e.Key, "error", err)
		return record{}, false
	}
	return rec, true
}

// see takes in a record as it stands in the store, and returns the execution
// when it is another gateway's.
func (f *Files) see(ctx context.Context, e store.Entry) *execution {
	rec, ok := f.parseRecord(e)
	if !ok {
		return nil
	}
	if rec.Owner == f.o.Owner {
		f.seeOwn(ctx, rec, e.Rev)
		return nil
	}
	f.mu.Lock()
	x := f.execs[rec.ID]
	if x == nil {
		x = newExecution(rec)
		x.foreign, x.rev = true, e.Rev
		x.mark()
		if rec.Status.Final() {
			close(x.done)
		}
		f.execs[rec.ID] = x
		f.know(x)
		f.mu.Unlock()
		return x
	}
	f.mu.Unlock()
	x.mu.Lock()
	defer x.mu.Unlock()
	if e.Rev <= x.rev {
		return x
	}
	ended := rec.Status.Final() && !x.rec.Status.Final()
	x.rec, x.rev, x.raw = rec, e.Rev, nil
	if ended {
		if out := x.out; out != nil {
			x.out = nil
			f.spool.Go(func() { f.fill(out, rec) })
		}
		close(x.done)
	}
	return x
}

// know remembers the Idempotency-Key of an execution that is there. The
// caller holds mu.
func (f *Files) know(x *execution) {
	if x.key != "" && f.keys[x.key] == nil {
		k := &keyed{digest: x.rec.Digest, ready: make(chan struct{}), x: x}
		close(k.ready)
		f.keys[x.key] = k
	}
}

// fill gives those who follow an execution of another gateway its output when
// it has ended: while it runs only the owner has it.
func (f *Files) fill(to *job.Output, rec record) {
	defer to.Close()
	out, err := f.stored(rec)
	if err != nil {
		f.o.Log.Error("reading the output of another gateway's script", "execution", rec.ID, "error", err)
		return
	}
	to.Take(out)
}

// seeOwn takes in what others have written into a record of ours: that it is
// to stop, or, taking us for dead, its end.
func (f *Files) seeOwn(ctx context.Context, rec record, rev store.Revision) {
	f.mu.RLock()
	x := f.execs[rec.ID]
	f.mu.RUnlock()
	if x == nil {
		if !rec.Status.Final() && rec.Life == life(f.lease()) {
			f.settleLost(ctx, rec.ID)
		}
		return
	}
	x.mu.Lock()
	if rev <= x.rev {
		x.mu.Unlock()
		return
	}
	running := !x.rec.Status.Final()
	switch {
	case !rec.Status.Final():
		x.rev = rev
	case !running:
		// What is in the store counts, also where our own end was not
		// written in time.
		x.rec, x.rev, x.raw, x.out = rec, rev, nil, nil
	default: // our own end must find theirs, and not take its place
	}
	x.mu.Unlock()
	switch {
	case running && rec.Status.Final():
		x.blame(rec.Message)
		x.kill()
	case running:
		f.obey(x, Action(rec.Control))
	}
}

func (f *Files) obey(x *execution, a Action) {
	switch a {
	case ActionStop:
		x.blame(a.Cause())
		x.stop()
	case ActionForced:
		x.blame(a.Cause())
		x.kill()
	}
}

// settleLost ends the record of a start whose caller was told that it had
// failed, because it was not known that the record was written.
func (f *Files) settleLost(ctx context.Context, id string) {
	e, err := f.o.Store.Get(ctx, recordKey(id))
	if err != nil {
		return // gone, or seen again
	}
	rec, ok := f.parseRecord(e)
	f.mu.RLock()
	x := f.execs[id]
	f.mu.RUnlock()
	if !ok || x != nil || rec.Status.Final() {
		return
	}
	rec.cut("Script could not be run", f.now())
	if _, err := f.o.Store.Put(ctx, e.Key, rec.append(nil), e.Rev); err == nil {
		f.o.Audit.add(rec.endLine())
	}
}

// gone takes an execution out of sight whose record was deleted elsewhere.
func (f *Files) gone(id string) {
	f.mu.Lock()
	x := f.execs[id]
	if x == nil || !x.foreign && !x.status().Final() {
		f.mu.Unlock()
		return
	}
	f.unknow(x)
	f.mu.Unlock()
	f.history.Remove(id)
	if !x.foreign {
		f.removeOutput(x)
	}
}

// unknow takes an execution out of sight. The caller holds mu.
func (f *Files) unknow(x *execution) {
	delete(f.execs, x.id)
	if k := f.keys[x.key]; k != nil && k.x == x {
		delete(f.keys, x.key)
	}
}

// dropUnseen forgets what was deleted while the store could not be reached.
func (f *Files) dropUnseen(seen map[string]bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, x := range f.execs {
		if x.foreign && !seen[recordKey(id)] {
			f.unknow(x)
		}
	}
}

// fetch reads an execution that another gateway runs, or may have run, from
// the store.
func (f *Files) fetch(ctx context.Context, id string) (*execution, error) {
	e, err := f.o.Store.Get(ctx, recordKey(id))
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrKey) {
		return nil, Errorf(KindNotFound, "Execution not found: %s", id)
	}
	if err != nil {
		return nil, err
	}
	if x := f.see(ctx, e); x != nil {
		return x, nil
	}
	return nil, Errorf(KindNotFound, "Execution not found: %s", id)
}
