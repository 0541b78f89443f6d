package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"lander/lib/job"
	"lander/lib/store"
)

// begun reads the records and begins to follow them, and what the fleet does
// by itself. What was under way goes on.
func (f *Fleet) begun(ctx context.Context) error {
	if err := f.join(ctx); err != nil {
		return err
	}
	for _, part := range []struct {
		what, prefix string
		see          func(store.Change)
	}{
		{"devices", "fleet/devices", f.seeDevice},
		{"starts on many devices", "fleet/many", f.seeMany},
		{"executions", "fleet/executions", f.seeExecution},
	} {
		ready := make(chan error, 1)
		f.wg.Go(func() { f.follow(part.what, part.prefix, part.see, ready) })
		select {
		case err := <-ready:
			if err != nil {
				return fmt.Errorf("reading the %s: %w", part.what, err)
			}
		case <-ctx.Done():
			return fmt.Errorf("reading the %s: %w", part.what, ctx.Err())
		}
	}
	f.mu.Lock()
	f.caught = true
	slices.Sort(f.finished)
	for _, id := range f.finished {
		f.evict(f.history.Add(id))
	}
	f.finished = nil
	for _, m := range f.records {
		if !m.over() {
			f.wg.Go(func() { f.oversee(m) })
		}
	}
	f.mu.Unlock()
	f.wg.Go(f.tend)
	f.wg.Go(f.attend)
	return nil
}

// follow takes in what is below a prefix until the fleet is closed. ready is
// told once when what is there has been taken in.
func (f *Fleet) follow(what, prefix string, see func(store.Change), ready chan<- error) {
	told := false
	for f.ctx.Err() == nil {
		var failed error
		for c, err := range ahead(f.o.Store.Watch(f.ctx, prefix)) {
			switch {
			case errors.Is(err, store.ErrDamaged):
				f.o.Log.Error("a record is damaged", "of", what, "error", err)
			case err != nil:
				failed = err
			case c.Kind != store.Caught:
				see(c)
			case !told:
				told = true
				ready <- nil
			}
		}
		if !told {
			ready <- failed
			return
		}
		if f.ctx.Err() != nil || errors.Is(failed, store.ErrClosed) {
			return
		}
		f.o.Log.Error("following the records", "of", what, "error", failed)
		select {
		case <-time.After(tendEvery):
		case <-f.ctx.Done():
		}
	}
}

// ahead reads a sequence beside the caller, which takes its values in order: a
// queue of many is read and taken in at the same time. The sequence must end
// with the context that it was made with, unless it is read to its end.
func ahead[A, B any](seq iter.Seq2[A, B]) iter.Seq2[A, B] {
	type pair struct {
		a A
		b B
	}
	return func(yield func(A, B) bool) {
		read, stop := make(chan pair, 1024), make(chan struct{})
		go func() {
			defer close(read)
			for a, b := range seq {
				select {
				case read <- pair{a, b}:
				case <-stop:
					return
				}
			}
		}()
		defer func() {
			close(stop)
			for range read { // until it has ended
			}
		}()
		for p := range read {
			if !yield(p.a, p.b) {
				return
			}
		}
	}
}

// later runs f beside the caller, which must not wait.
func (f *Fleet) later(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closed {
		f.wg.Go(do)
	}
}

func (f *Fleet) readDevice(e store.Entry) (deviceRecord, bool) {
	var rec deviceRecord
	err := json.Unmarshal(e.Value, &rec)
	if err == nil && deviceKey(rec.ID) != e.Key {
		err = fmt.Errorf("it is that of %q", rec.ID)
	}
	if err != nil {
		f.o.Log.Error("the record of a device is damaged", "key", e.Key, "error", err)
		return rec, false
	}
	_, ok := f.credentials(rec.ID)
	return rec, ok // or it may not connect any more
}

// seeDevice takes in the record of a device.
func (f *Fleet) seeDevice(c store.Change) {
	if c.Kind == store.Deleted {
		return // nobody does
	}
	rec, ok := f.readDevice(c.Entry)
	if !ok {
		return
	}
	f.mu.Lock()
	d := f.add(rec.ID)
	f.mu.Unlock()
	take := func() {
		defer d.saving.Unlock()
		if c.Rev <= d.rev {
			return
		}
		d.rev = c.Rev
		f.mu.Lock()
		old := d.conn
		switch {
		case old == nil:
			d.rec = rec
		case rec.Gateway != "" && rec.Gateway != f.me && f.members.Alive(rec.Gateway):
			// It has come back there. If it has not, it comes back to us.
			d.conn, d.rec = nil, rec
		default:
			old = nil
		}
		f.mu.Unlock()
		if old != nil {
			f.o.Log.Info("a device has a session at another gateway", "device", d.id, "gateway", rec.Gateway)
			old.close()
			f.event(d, "offline")
		}
	}
	if d.saving.TryLock() {
		take()
		return
	}
	f.later(func() { d.saving.Lock(); take() })
}

// askDevice looks in the store for a device that nobody has told of yet.
func (f *Fleet) askDevice(component string) {
	if f.manifest.Load().Entities[component] != nil || componentID(component) != component || f.o.Devices != nil && f.o.Devices[AnyDevice].Registration == nil {
		return
	}
	now := f.o.Clock()
	f.mu.Lock()
	if len(f.asked) > maxAsked {
		clear(f.asked)
	}
	last, ok := f.asked[component]
	f.asked[component] = now
	f.mu.Unlock()
	if ok && now.Sub(last) < askAgain {
		return // it would have been told of
	}
	if e, err := f.ask(deviceKey(component)); err == nil {
		f.seeDevice(store.Change{Kind: store.Wrote, Entry: e})
	}
}

// Who asks for what is not there does not have the store asked each time.
const (
	askAgain = time.Second
	maxAsked = 10_000
)

// askTime bounds a look into the store for what may not be there.
const askTime = 5 * time.Second

func (f *Fleet) ask(key string) (store.Entry, error) {
	ctx, cancel := context.WithTimeout(f.ctx, askTime)
	defer cancel()
	return f.o.Store.Get(ctx, key)
}

// execution finds an execution, nil when there is none: what another gateway
// has just made may not have been told of here. An error says that nobody
// knows.
func (f *Fleet) execution(id string) (*execution, error) {
	f.mu.Lock()
	x := f.execs[id]
	f.mu.Unlock()
	if x != nil {
		return x, nil
	}
	if !strings.HasPrefix(id, "exec_") {
		return nil, nil
	}
	e, err := f.ask(executionKey(id))
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrKey):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("looking for the execution %s: %w", id, err)
	}
	return f.meet(e), nil
}

// meet takes in the record of an execution, which may be new here.
func (f *Fleet) meet(e store.Entry) *execution {
	id := strings.TrimPrefix(e.Key, executionKey(""))
	rec, rest, err := parseRecord(id, e.Value)
	if err != nil {
		f.o.Log.Error("a record of an execution is damaged", "key", e.Key, "error", err)
		return nil
	}
	f.mu.Lock()
	x := f.execs[id]
	if x != nil {
		f.mu.Unlock()
		f.update(x, e)
		return x
	}
	if f.forgotten[id] {
		f.mu.Unlock()
		return nil // it was read before it was deleted here
	}
	x = newExecution(f.add(rec.Device), rec)
	x.rev, x.raw, x.last, x.recorded = e.Rev, rest, rec.Status, f.recorded
	f.enter(x)
	if rec.Status.Final() {
		close(x.done)
		f.owe(x)
		if f.caught {
			f.evict(f.history.Add(x.id))
		} else {
			f.finished = append(f.finished, x.id)
		}
	} else {
		x.dev.open = append(x.dev.open, x)
	}
	m := f.records[x.parent]
	f.mu.Unlock()
	if m != nil {
		m.poke()
	}
	f.serve(x)
	return x
}

// enter puts an execution into the maps. mu is held.
func (f *Fleet) enter(x *execution) {
	f.execs[x.id] = x
	if x.key != "" {
		f.keys[x.key] = x
	}
	if m := f.records[x.parent]; m != nil {
		m.children[x.dev.id] = x
	}
}

// seeExecution takes in what has become of an execution.
func (f *Fleet) seeExecution(c store.Change) {
	if c.Kind != store.Deleted {
		f.meet(c.Entry)
		return
	}
	id := strings.TrimPrefix(c.Key, executionKey(""))
	f.mu.Lock()
	x := f.execs[id]
	delete(f.forgotten, id)
	f.mu.Unlock()
	if x == nil {
		return
	}
	gone := func() {
		defer x.mu.Unlock()
		if c.Rev >= x.rev && x.rev != 0 {
			f.vanish(x)
		}
	}
	if x.mu.TryLock() {
		gone()
		return
	}
	f.later(func() { x.mu.Lock(); gone() })
}

// update takes in a record of an execution that is known, unless it is old.
// The order does not matter: the revision says it.
func (f *Fleet) update(x *execution, e store.Entry) {
	take := func() {
		if x.void {
			x.mu.Unlock()
			f.meet(e) // it was recorded all the same
			return
		}
		before := x.rev
		err := f.adopt(x, e)
		news := x.rev != before && !x.rec.Status.Final()
		x.mu.Unlock()
		if err != nil {
			f.o.Log.Error("a record of an execution is damaged", "key", e.Key, "error", err)
		}
		if news {
			f.serve(x)
		}
	}
	if x.mu.TryLock() {
		take()
		return
	}
	f.later(func() { x.mu.Lock(); take() })
}

// adopt makes a record that another gateway has written ours. x.mu is held.
func (f *Fleet) adopt(x *execution, e store.Entry) error {
	if e.Rev <= x.rev {
		return nil
	}
	rec, rest, err := parseRecord(x.id, e.Value)
	if err != nil {
		return fmt.Errorf("reading the execution %s: %w", x.id, err)
	}
	over := x.rec.Status.Final() || x.lost
	x.rec, x.raw, x.rev = rec, rest, e.Rev
	if !over {
		f.noted(x)
	}
	return nil
}

// serve sends an execution, or its stop, to a device whose session is here. It
// does not wait.
func (f *Fleet) serve(x *execution) {
	f.mu.Lock()
	here := x.dev.conn != nil && x.dev.rec.Lander
	stopping := x.stopping
	f.mu.Unlock()
	switch {
	case !here:
	case stopping:
		f.later(func() { f.pushStop(x) })
	default:
		f.later(func() { f.push(x) })
	}
}

// seeMany takes in the record of a start on many devices.
func (f *Fleet) seeMany(c store.Change) {
	id := strings.TrimPrefix(c.Key, manyKey(""))
	f.mu.Lock()
	m := f.records[id]
	f.mu.Unlock()
	if c.Kind == store.Deleted {
		if m == nil {
			return
		}
		f.later(func() {
			m.saving.Lock()
			defer m.saving.Unlock()
			if c.Rev >= m.rev {
				f.mu.Lock()
				delete(f.records, id)
				f.mu.Unlock()
			}
		})
		return
	}
	var rec manyRecord
	if err := json.Unmarshal(c.Value, &rec); err != nil || manyKey(rec.ID) != c.Key {
		f.o.Log.Error("the record of a start on many devices is damaged", "key", c.Key, "error", err)
		return
	}
	if m == nil {
		m = newMany(rec)
		m.rev = c.Rev
		if rec.Status.Final() {
			close(m.done)
		}
		if !f.enterMany(m) {
			f.seeMany(c) // it has just been begun here
		}
		return
	}
	take := func() {
		defer m.saving.Unlock()
		f.adoptMany(m, rec, c.Rev)
	}
	if m.saving.TryLock() {
		take()
	} else {
		f.later(func() { m.saving.Lock(); take() })
	}
}

// enterMany puts a record into the map and has it looked after; false when it
// is there.
func (f *Fleet) enterMany(m *many) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.records[m.id] != nil {
		return false
	}
	f.records[m.id] = m
	for _, x := range f.execs {
		if x.parent == m.id {
			m.children[x.dev.id] = x
		}
	}
	if f.caught && !f.closed && !m.over() {
		f.wg.Go(func() { f.oversee(m) })
	}
	return true
}

// adoptMany makes a record that another gateway has written ours. m.saving is
// held.
func (f *Fleet) adoptMany(m *many, rec manyRecord, rev store.Revision) {
	if rev <= m.rev {
		return
	}
	m.rev = rev
	f.mu.Lock()
	over := m.over()
	m.rec = rec
	if !over && m.over() {
		f.endMany(m)
	}
	f.mu.Unlock()
	m.poke()
}

// claimKey is where the id of the execution stands that a start with an
// idempotency key has, or is to have.
func claimKey(key string) string { return "fleet/keys/" + key }

// claim gives a start with an idempotency key the id of its execution: at
// whichever gateway it comes again, and whoever died before the execution was
// on record, it is the same. So the execution is made once.
func (f *Fleet) claim(key string) (id string, err error) {
	ctx := context.WithoutCancel(f.ctx)
	id = job.NewID(f.o.Clock(), f.o.Random)
	for {
		_, err := f.o.Store.Put(ctx, claimKey(key), []byte(id), 0)
		if err == nil {
			return id, nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return "", fmt.Errorf("claiming an idempotency key: %w", err)
		}
		e, err := f.o.Store.Get(ctx, claimKey(key))
		if err == nil {
			return string(e.Value), nil
		}
		if !errors.Is(err, store.ErrNotFound) {
			return "", fmt.Errorf("claiming an idempotency key: %w", err)
		}
	}
}
