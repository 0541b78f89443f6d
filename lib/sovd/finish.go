package sovd

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"lander/lib/durable"
	"lander/lib/job"
	"lander/lib/store"
)

// inlineOutput is how much output, in bytes, is kept in the record itself.
const inlineOutput = 32 << 10

// spoolEvery is how often the output of runs under way goes to its files:
// that much of it a crash may cost.
const spoolEvery = 200 * time.Millisecond

// finish records how a run ended. Clients see the end when it is durable, or
// when that has been tried.
func (f *Files) finish(x *execution, o job.Outcome) {
	x.out.Close()
	now := f.now()
	x.mu.Lock()
	rec := x.rec
	rec.settle(o, x.cause, now)
	x.mu.Unlock()
	if o.Err != nil && o.Err.Code == job.CodeInternal {
		f.o.Log.Error("a script could not be run", "execution", rec.ID, "error", o.Err)
	}
	if err := f.keepOutput(x, &rec); err != nil {
		f.o.Log.Error("keeping the output of a script", "execution", rec.ID, "error", err)
	}
	theirs, err := f.putEnd(x, &rec)
	if err != nil {
		// It has ended all the same, and who asks is told so.
		f.o.Log.Error("recording the end of a script", "execution", rec.ID, "error", err)
	}
	x.mu.Lock()
	x.rec = rec
	known := x.rev > 0 // else the start was not answered either
	if err == nil && (theirs || rec.Spooled || rec.Parts > 0) {
		x.out = nil // it may be large: readers get it from where it is
	}
	if err == nil && !rec.Spooled && x.spool > 0 {
		// Only now: until the record was durable a crash needed the file.
		if err := os.Remove(f.outputFile(x.id)); err != nil {
			f.o.Log.Warn("the output file of a script stays", "execution", rec.ID, "error", err)
		}
	}
	x.mu.Unlock()
	f.mu.Lock()
	f.free(x)
	f.mu.Unlock()
	f.evict(f.history.Add(rec.ID))
	if theirs {
		x.mark()
		close(x.done)
		if err := f.dropParts(context.Background(), rec.ID); err != nil {
			f.o.Log.Error("removing an output that nobody asks for", "execution", rec.ID, "error", err)
		}
		return
	}
	if err != nil && (known || f.shared()) {
		f.spool.Go(func() { f.settleLater(x, rec) })
	} else {
		f.o.Audit.add(rec.endLine())
	}
	x.mark()
	close(x.done)
	if f.o.Ended != nil {
		if v, err := f.view(x); err == nil {
			f.o.Ended(v)
		}
	}
}

// put makes a record durable that readers do not see yet.
func (f *Files) put(x *execution, rec record) error {
	x.mu.Lock()
	rev := x.rev
	x.mu.Unlock()
	next, err := f.o.Store.Put(context.Background(), recordKey(rec.ID), rec.append(nil), rev)
	if rev == 0 && errors.Is(err, store.ErrConflict) {
		// It was written, the answer was late, and another has ended it since.
		err = errors.Join(errLost, err)
	}
	if err != nil {
		return err
	}
	x.mu.Lock()
	x.rev = max(x.rev, next) // another may have written since
	x.mu.Unlock()
	return nil
}

// keepOutput puts small output into the record and completes the file of
// large output.
func (f *Files) keepOutput(x *execution, rec *record) error {
	x.mu.Lock() // a spoolOne under way is waited for, and none comes after it
	out := x.out
	x.mu.Unlock() // a store that is away takes long, and whoever looks at x must not wait for it
	if out.End() <= inlineOutput {
		rec.Output = out.Append(nil, 0)
		return nil
	}
	if f.shared() {
		var err error
		rec.Parts, err = f.putParts(context.Background(), rec.ID, out.Append(nil, 0))
		return err
	}
	if err := durable.WriteFile(f.outputFile(rec.ID), out.Append(nil, 0), 0o600); err != nil {
		// Better a part than nothing: the record has room for some.
		rec.Output = nil
		return err
	}
	rec.Spooled = true
	return nil
}

// evict takes the oldest finished executions out of sight. Their records go
// with the next batch; those that a crash leaves are evicted again.
func (f *Files) evict(ids []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range ids {
		x := f.execs[id]
		if x == nil {
			continue
		}
		f.unknow(x)
		f.evicted = append(f.evicted, x)
	}
}

// forgetEvicted removes the records of a batch, which share their syncs.
func (f *Files) forgetEvicted() {
	f.mu.Lock()
	batch := f.evicted
	f.evicted = nil
	f.mu.Unlock()
	var wg sync.WaitGroup
	for _, x := range batch {
		wg.Go(func() {
			if err := f.forget(context.Background(), x); err != nil {
				f.o.Log.Error("forgetting an old execution", "execution", x.id, "error", err)
			}
		})
	}
	wg.Wait()
}

// spooler writes the output of runs under way to their files, so that a crash
// does not cost it, and removes what was evicted. A run that ends sooner never
// has a file.
func (f *Files) spooler() {
	ticker := time.NewTicker(spoolEvery)
	defer ticker.Stop()
	for {
		select {
		case <-f.quit:
			f.forgetEvicted()
			return
		case <-ticker.C:
			f.forgetEvicted()
			for _, x := range f.running() {
				if err := f.spoolOne(x); err != nil {
					f.o.Log.Error("spooling the output of a script", "execution", x.id, "error", err)
				}
			}
		}
	}
}

func (f *Files) running() []*execution {
	if f.gate.InUse() == 0 {
		return nil
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	var out []*execution
	for _, x := range f.execs {
		if !x.foreign && !x.status().Final() {
			out = append(out, x)
		}
	}
	return out
}

// spoolOne appends what has come since the last time. A run that has ended is
// not spooled any more.
func (f *Files) spoolOne(x *execution) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.rec.Status.Final() || x.out == nil || x.out.End() == x.spool {
		return nil
	}
	if _, done, _ := x.out.Read(x.out.End()); done {
		return nil // keepOutput has been or will be
	}
	end := x.out.End()
	b := x.out.Append(nil, x.spool)
	file, err := os.OpenFile(f.outputFile(x.rec.ID), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(b)
	err = errors.Join(err, file.Close())
	if err == nil {
		x.spool = end
	}
	return err
}
