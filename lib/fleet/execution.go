package fleet

import (
	"cmp"
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

// record is an execution as it is stored. Its id is also its ticket.
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
	id, script, key, parent, token string
	dev                            *device
	done                           chan struct{} // closed when its end is durable
	recorded                       chan struct{} // closed when its start is, or failed

	mu   sync.Mutex // held while a change is made durable; taken before Fleet.mu
	rec  record
	raw  []byte // what lock makes it of; nil: that is done
	rev  store.Revision
	last job.Status  // of one that has ended; set before done is closed
	lost bool        // its start could not be recorded
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
	return &execution{id: rec.ID, script: rec.Script, key: rec.Key, parent: rec.Parent, token: rec.Token, dev: d, rec: rec, deadline: rec.Deadline.Time, stopping: rec.Stop != "", done: make(chan struct{})}
}

// change makes a change durable; what has ended does not change any more.
func (f *Fleet) change(x *execution, edit func(*record)) error {
	f.lock(x)
	defer x.mu.Unlock()
	if x.rec.Status.Final() || x.lost {
		return errFinal
	}
	rec := x.rec
	edit(&rec)
	rev, err := f.putRecord(&rec, x.rev)
	if err != nil {
		return fmt.Errorf("recording the execution %s: %w", x.id, err)
	}
	x.rec, x.rev = rec, rev
	f.mu.Lock()
	x.deadline, x.stopping = rec.Deadline.Time, rec.Stop != ""
	f.mu.Unlock()
	return nil
}

// end settles an execution, once.
func (f *Fleet) end(x *execution, r job.Result) error {
	now := f.now()
	err := f.change(x, func(rec *record) {
		r.ID, r.Name, r.SHA256, r.Serial, r.Source, r.Target = rec.ID, rec.Name, rec.SHA256, rec.Serial, job.SourceHTTP, rec.Device
		if rec.KeyID != "" {
			r.KeyID = &rec.KeyID
		}
		if rec.Stop != "" && r.Status != job.Completed {
			r.Status, r.Error = job.Terminated, job.Errorf(job.CodeInterrupted, "%s", causeOf(rec.Stop))
		}
		r.StartedAt = rec.Started
		r.CompletedAt = &now
		shorten(&r)
		rec.Status, rec.Result, rec.Signature, rec.Token = r.Status, &r, "", ""
	})
	if err != nil {
		return err
	}
	f.ended(x)
	return nil
}

func causeOf(a sovd.Action) string {
	if a == sovd.ActionForced {
		return "Execution forcefully terminated"
	}
	return "Execution stopped by user"
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

// ended takes an execution out of what is open, and tells who waits.
func (f *Fleet) ended(x *execution) {
	f.mu.Lock()
	f.close(x)
	f.evict(f.history.Add(x.id))
	m := f.records[x.parent]
	f.mu.Unlock()
	x.mu.Lock()
	if x.out != nil {
		fill(x.out, x.rec.Result)
	}
	v := x.view()
	x.last = x.rec.Status
	x.mu.Unlock()
	close(x.done)
	if m != nil {
		m.poke()
	}
	if f.o.Ended != nil {
		f.o.Ended(v)
	}
}

// close takes it out of its device's queue. mu is held.
func (f *Fleet) close(x *execution) {
	if i := slices.Index(x.dev.open, x); i >= 0 {
		x.dev.open = slices.Delete(x.dev.open, i, i+1)
	}
	delete(f.tokens, x.token)
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
			wg.Go(func() {
				if err := f.forget(x); err != nil {
					f.o.Log.Error("forgetting an old execution", "execution", x.id, "error", err)
				}
			})
		}
		wg.Wait()
	}
}

func (f *Fleet) forget(x *execution) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return f.o.Store.Delete(context.WithoutCancel(f.ctx), executionKey(x.id), x.rev)
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

// recoverExecutions reads the executions; those that are open go on.
func (f *Fleet) recoverExecutions(ctx context.Context) error {
	recorded := make(chan struct{})
	close(recorded)
	var finished []*execution
	for e, err := range f.o.Store.List(ctx, "fleet/executions") {
		if err != nil {
			return fmt.Errorf("reading the executions: %w", err)
		}
		rec, rest, err := parseRecord(strings.TrimPrefix(e.Key, executionKey("")), e.Value)
		if err != nil {
			f.o.Log.Error("a record of an execution is damaged", "key", e.Key, "error", err)
			continue
		}
		x := newExecution(f.add(rec.Device), rec)
		x.rev, x.raw, x.last = e.Rev, rest, rec.Status
		x.recorded = recorded
		f.execs[x.id] = x
		if m := f.records[x.parent]; m != nil {
			m.children[x.dev.id] = x
		}
		if x.key != "" {
			f.keys[x.key] = x
		}
		if rec.Status.Final() {
			close(x.done)
			finished = append(finished, x)
			continue
		}
		f.tokens[rec.Token] = x
		x.dev.open = append(x.dev.open, x)
	}
	slices.SortFunc(finished, func(a, b *execution) int { return cmp.Compare(a.id, b.id) })
	for _, x := range finished {
		f.evict(f.history.Add(x.id))
	}
	return nil
}
