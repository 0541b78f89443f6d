package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"lander/lib/job"
	"lander/lib/sovd"
	"lander/lib/store"
)

// record is an execution as it is stored. Its id is also its ticket, for
// devices of ours.
type record struct {
	ID        string `json:"id"`
	Device    string `json:"device"`
	Script    string `json:"script"`
	Name      string `json:"name,omitempty"`
	Format    string `json:"format,omitempty"`
	SHA256    string `json:"sha256"` // of the payload
	KeyID     string `json:"key_id,omitempty"`
	Serial    *int64 `json:"serial,omitempty"`
	Signature string `json:"signature,omitempty"` // text for ExecuteScript
	MD5       string `json:"md5,omitempty"`       // the same for devices that know no other signature
	Managed   bool   `json:"managed,omitempty"`   // a script of the manifest
	Args      string `json:"args,omitempty"`      // a JSON object
	Actor     string `json:"actor,omitempty"`
	Parent    string `json:"parent,omitempty"`
	Key       string `json:"idempotency_key,omitempty"`
	Request   string `json:"request,omitempty"` // its digest

	Status   job.Status  `json:"status"`
	Started  job.Time    `json:"started_at"`
	Deadline job.Time    `json:"deadline"`
	Token    string      `json:"token"`
	URL      string      `json:"url,omitempty"` // as it was sent: it never changes
	SentAt   *job.Time   `json:"sent_at,omitempty"`
	Stop     sovd.Action `json:"stop,omitempty"` // asked for

	Result *job.Result `json:"result,omitempty"` // of one that has ended
}

// execution is one run on a device, waiting, under way or over.
type execution struct {
	id, script, key, parent, sha256 string
	dev                             *device
	done                            chan struct{} // closed when its end is durable
	recorded                        chan struct{} // closed when its start is, or failed

	mu   sync.Mutex // held while a change is made durable; taken before Fleet.mu
	rec  record
	raw  []byte // what lock makes it of; nil: that is done
	rev  store.Revision
	last job.Status  // of one that has ended; set before done is closed
	lost bool        // it was deleted, or its start could not be recorded
	void bool        // of these the latter
	out  *job.Output // of those who follow it

	// Under Fleet.mu:
	sentIn   *connection // the session in which it was sent
	deadline time.Time
	stopping bool
}

// errFinal is a change of what has ended.
var errFinal = errors.New("the execution has ended")

// putRecord makes the record of an execution durable.
func (f *Fleet) putRecord(rec *record, rev store.Revision) (store.Revision, error) {
	b, err := rec.encode()
	if err != nil {
		return 0, err
	}
	return f.o.Store.Put(context.WithoutCancel(f.ctx), executionKey(rec.ID), b, rev)
}

func executionKey(id string) string { return "fleet/executions/" + id }

func newExecution(d *device, rec record) *execution {
	return &execution{id: rec.ID, script: rec.Script, key: rec.Key, parent: rec.Parent, sha256: rec.SHA256, dev: d, rec: rec, deadline: rec.Deadline.Time, stopping: rec.Stop != "", done: make(chan struct{})}
}

// change makes a change durable; what has ended does not change any more. edit
// reports whether there is anything to write. It is called again when another
// gateway was faster, with what that one wrote.
func (f *Fleet) change(x *execution, edit func(*record) bool) error {
	f.lock(x)
	defer x.mu.Unlock()
	for {
		if x.rec.Status.Final() || x.lost {
			return errFinal
		}
		rec := x.rec
		if !edit(&rec) {
			return nil
		}
		rev, err := f.putRecord(&rec, x.rev)
		if err == nil {
			x.rec, x.rev = rec, rev
			f.noted(x)
			return nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return fmt.Errorf("recording the execution %s: %w", x.id, err)
		}
		e, err := f.o.Store.Get(context.WithoutCancel(f.ctx), executionKey(x.id))
		switch {
		case errors.Is(err, store.ErrNotFound):
			f.vanish(x)
			return errFinal
		case err != nil:
			return fmt.Errorf("recording the execution %s: %w", x.id, err)
		case e.Rev <= x.rev:
			return fmt.Errorf("recording the execution %s: %w", x.id, store.ErrConflict)
		}
		if err := f.adopt(x, e); err != nil {
			return err
		}
		f.whole(x)
	}
}

// noted does what a change of a record brings with it. x.mu is held.
func (f *Fleet) noted(x *execution) {
	final := x.rec.Status.Final()
	f.mu.Lock()
	x.deadline, x.stopping = x.rec.Deadline.Time, x.rec.Stop != ""
	m := f.records[x.parent]
	if final {
		f.close(x)
		f.owe(x)
		if f.caught {
			f.evict(f.history.Add(x.id))
		} else {
			f.finished = append(f.finished, x.id)
		}
	}
	f.mu.Unlock()
	if !final {
		return
	}
	if x.out != nil {
		f.whole(x)
		fill(x.out, x.rec.Result)
	}
	x.last = x.rec.Status
	close(x.done)
	if m != nil {
		m.poke()
	}
}

// vanish notes that an execution was deleted at another gateway. x.mu is held.
func (f *Fleet) vanish(x *execution) {
	if x.lost {
		return
	}
	x.lost = true
	f.mu.Lock()
	f.close(x)
	f.remove(x)
	f.mu.Unlock()
	f.history.Remove(x.id)
	select {
	case <-x.done:
	default:
		x.last = job.Terminated
		if x.out != nil {
			x.out.Close()
		}
		close(x.done)
	}
}

// end settles an execution, once.
func (f *Fleet) end(x *execution, r job.Result) error { return f.endBy(x, r, "") }

// endBy is end, with the stop that the record then has; "": that of before.
func (f *Fleet) endBy(x *execution, r job.Result, stop sovd.Action) error {
	now, actor := f.now(), ""
	err := f.change(x, func(rec *record) bool {
		r := r
		r.ID, r.Name, r.SHA256, r.Serial, r.Source, r.Target = rec.ID, rec.Name, rec.SHA256, rec.Serial, job.SourceHTTP, rec.Device
		if rec.KeyID != "" {
			r.KeyID = &rec.KeyID
		}
		if rec.Stop != "" && r.Status != job.Completed {
			r.Status, r.Error = job.Terminated, job.Errorf(job.CodeInterrupted, "%s", rec.Stop.Cause())
		}
		if stop != "" {
			rec.Stop = stop
		}
		r.StartedAt = rec.Started
		r.CompletedAt = &now
		shorten(&r)
		rec.Status, rec.Result, rec.Signature, rec.MD5, rec.Token = r.Status, &r, "", "", ""
		actor = rec.Actor
		return true
	})
	if err != nil {
		return err
	}
	v := f.look(x)
	f.o.Audit.End(sovd.Ref{Kind: sovd.Components, ID: x.dev.component}, actor, v)
	if f.o.Ended != nil {
		f.o.Ended(v)
	}
	return nil
}

// maxKept is how much of each stream a record keeps, in bytes.
const maxKept = 256 << 10

// shorten cuts output for which a record has no room.
func shorten(r *job.Result) {
	cut := func(text *string, exact *[]byte, dropped *int64) {
		switch {
		case len(*exact) > maxKept*3/4:
			*dropped += int64(len(*exact) - maxKept*3/4)
			*exact, *text, r.Truncated = (*exact)[:maxKept*3/4], "", true
		case len(*text) > maxKept && *exact == nil:
			kept := strings.ToValidUTF8((*text)[:maxKept], "")
			*dropped += int64(len(*text) - len(kept))
			*text, r.Truncated = kept, true
		case len(*text) > maxKept:
			*text = "" // the exact form says it
		}
	}
	cut(&r.Stdout, &r.StdoutB64, &r.StdoutDropped)
	cut(&r.Stderr, &r.StderrB64, &r.StderrDropped)
	if r.Error != nil && len(r.Error.Message) > 16<<10 {
		e := *r.Error
		e.Message = strings.ToValidUTF8(e.Message[:16<<10], "")
		r.Error = &e
	}
}

// close takes it out of its device's queue. mu is held.
func (f *Fleet) close(x *execution) {
	x.dev.open = without(x.dev.open, x)
}

// stopLate is the stop of an execution whose time was over while its device was
// away, or did not answer.
const stopLate sovd.Action = "late"

// owe notes that a device is to be told of the end of an execution when it
// comes. mu is held.
func (f *Fleet) owe(x *execution) {
	if x.rec.Stop == stopLate {
		x.dev.late = append(x.dev.late, x)
	}
}

// told takes that back. mu is held.
func (f *Fleet) told(x *execution) {
	x.dev.late = without(x.dev.late, x)
}

// without takes a value out of a list.
//
//go:noinline
func without[P comparable](list []P, out P) []P {
	for i, p := range list {
		if p == out {
			last := len(list) - 1
			copy(list[i:], list[i+1:])
			list[last] = *new(P) // it is not held here
			return list[:last]
		}
	}
	return list
}

// evict takes old executions out of sight. mu is held.
func (f *Fleet) evict(ids []string) {
	for _, id := range ids {
		x := f.execs[id]
		if x == nil {
			continue
		}
		// Its record keeps the script from being begun there once more.
		if m := f.records[x.parent]; !m.over() {
			m.late = append(m.late, id)
			continue
		}
		f.remove(x)
		f.evicted = append(f.evicted, x)
	}
}

// remove takes an execution out of the maps. mu is held.
func (f *Fleet) remove(x *execution) {
	delete(f.execs, x.id)
	f.told(x)
	if f.keys[x.key] == x {
		delete(f.keys, x.key)
	}
}

// forgetEvicted removes the records of what was evicted.
func (f *Fleet) forgetEvicted() {
	f.mu.Lock()
	batch := f.evicted
	f.evicted = nil
	f.mu.Unlock()
	var wg sync.WaitGroup
	for group := range slices.Chunk(batch, 64) {
		for _, x := range group {
			if !f.first(x.id) {
				continue // another gateway forgets it
			}
			wg.Go(func() {
				if err := f.forget(x); err != nil {
					f.o.Log.Error("forgetting an old execution", "execution", x.id, "error", err)
				}
			})
		}
		wg.Wait()
	}
}

// forget removes the record of an execution, and the claim of its key.
func (f *Fleet) forget(x *execution) error {
	x.mu.Lock()
	rev := x.rev
	x.mu.Unlock()
	ctx := context.WithoutCancel(f.ctx)
	err := f.o.Store.Delete(ctx, executionKey(x.id), rev)
	if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrConflict) {
		return err
	}
	if x.key == "" {
		return nil
	}
	e, err := f.o.Store.Get(ctx, claimKey(x.key))
	if err == nil && string(e.Value) == x.id {
		err = f.o.Store.Delete(ctx, e.Key, e.Rev)
	}
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) {
		return nil
	}
	return err
}

// view is what clients see. x.mu is held.
func (x *execution) view() sovd.Execution {
	r := &x.rec
	d := sovd.ExecutionDetail{Script: r.Script, Format: r.Format, SHA256: r.SHA256, KeyID: r.KeyID, Serial: r.Serial}
	if r.Result != nil {
		return sovd.FromResult(*r.Result, d)
	}
	return sovd.FromResult(job.Result{ID: r.ID, Status: r.Status, StartedAt: r.Started}, d)
}

func (f *Fleet) look(x *execution) sovd.Execution {
	f.lock(x)
	defer x.mu.Unlock()
	return x.view()
}

// fill puts what was printed into an Output and closes it.
func fill(out *job.Output, r *job.Result) {
	if r != nil {
		write := func(s job.Stream, text string, exact []byte) {
			if exact == nil {
				exact = []byte(text)
			}
			out.Writer(s).Write(exact)
		}
		write(job.Stdout, r.Stdout, r.StdoutB64)
		write(job.Stderr, r.Stderr, r.StderrB64)
	}
	out.Close()
}
