package sovd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"lander/lib/job"
	"lander/lib/store"
)

// lookup finds an execution, when it is reached by its own script and entity.
// What another gateway runs is read anew until it has ended.
func (f *Files) lookup(ctx context.Context, e Ref, script, id string) (*execution, error) {
	f.mu.RLock()
	x := f.execs[id]
	f.mu.RUnlock()
	if f.shared() && (x == nil || x.foreign && !x.status().Final()) {
		var err error
		if x, err = f.fetch(ctx, id); err != nil {
			return nil, err
		}
	}
	if x == nil || x.script != script || x.entity != e {
		return nil, Errorf(KindNotFound, "Execution not found: %s", id)
	}
	x.disclose()
	return x, nil
}

// GetExecution implements ScriptProvider.
func (f *Files) GetExecution(ctx context.Context, e Ref, script, id string) (Execution, error) {
	x, err := f.lookup(ctx, e, script, id)
	if err != nil {
		return Execution{}, err
	}
	return f.view(x)
}

// controlWait is how long a control waits for the end beyond the grace, so
// that its answer tells the end.
const controlWait = 4 * time.Second

// ControlExecution implements ScriptProvider. It answers when the run has
// ended: at the latest the KILL after the grace sees to it.
func (f *Files) ControlExecution(ctx context.Context, e Ref, script, id string, a Action) (Execution, error) {
	x, err := f.lookup(ctx, e, script, id)
	if err != nil {
		return Execution{}, err
	}
	if s := x.status(); s.Final() {
		return Execution{}, notRunning(s)
	}
	switch {
	case a != ActionStop && a != ActionForced:
		return Execution{}, Errorf(KindInput, "Unknown action: %s", a)
	case x.foreign:
		if err := f.ask(ctx, x, a); err != nil {
			return Execution{}, err
		}
	default:
		f.obey(x, a)
	}
	ctx, cancel := context.WithTimeout(ctx, controlWait)
	defer cancel()
	v, err := f.await(ctx, x)
	if err == nil && (v.Status == job.Completed || v.Status == job.Failed) {
		return Execution{}, notRunning(v.Status) // it was faster
	}
	return v, err
}

// ask writes into the record of another gateway's run that it is to stop.
func (f *Files) ask(ctx context.Context, x *execution, a Action) error {
	for {
		e, err := f.o.Store.Get(ctx, recordKey(x.id))
		if errors.Is(err, store.ErrNotFound) {
			return Errorf(KindNotFound, "Execution not found: %s", x.id)
		}
		if err != nil {
			return err
		}
		rec, ok := f.parseRecord(e)
		if !ok {
			return fmt.Errorf("the record of %s is damaged", x.id)
		}
		switch {
		case rec.Status.Final():
			f.see(ctx, e)
			return notRunning(rec.Status)
		case rec.Control == string(a), rec.Control == string(ActionForced):
			return nil
		}
		rec.Control = string(a)
		if _, err = f.o.Store.Put(ctx, e.Key, rec.append(nil), e.Rev); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

func notRunning(s job.Status) *Error {
	return Errorf(KindNotRunning, "Execution is not running (status: %s)", s)
}

// DeleteExecution implements ScriptProvider.
func (f *Files) DeleteExecution(ctx context.Context, e Ref, script, id string) error {
	x, err := f.lookup(ctx, e, script, id)
	if err != nil {
		return err
	}
	if !x.status().Final() {
		return Errorf(KindRunning, "Cannot delete running execution. Stop it first.")
	}
	f.mu.Lock()
	if f.execs[id] != x {
		f.mu.Unlock()
		return Errorf(KindNotFound, "Execution not found: %s", id)
	}
	f.unknow(x)
	f.mu.Unlock()
	f.history.Remove(id)
	return f.forget(context.WithoutCancel(ctx), x)
}

// ListExecutions implements Follower.
func (f *Files) ListExecutions(_ context.Context, e Ref, script string) ([]Execution, error) {
	f.mu.RLock()
	var found []*execution
	for _, x := range f.execs {
		if x.script == script && x.entity == e {
			found = append(found, x)
		}
	}
	f.mu.RUnlock()
	slices.SortFunc(found, func(a, b *execution) int { return cmp.Compare(b.id, a.id) })
	out := make([]Execution, 0, len(found))
	for _, x := range found {
		x.disclose()
		x.mu.Lock()
		out = append(out, Execution{ID: x.rec.ID, Status: x.rec.Status, StartedAt: x.rec.StartedAt, CompletedAt: x.rec.CompletedAt})
		x.mu.Unlock()
	}
	return out, nil
}

// WaitExecution implements Follower.
func (f *Files) WaitExecution(ctx context.Context, e Ref, script, id string) (Execution, error) {
	x, err := f.lookup(ctx, e, script, id)
	if err != nil {
		return Execution{}, err
	}
	return f.await(ctx, x)
}

func (f *Files) await(ctx context.Context, x *execution) (Execution, error) {
	select {
	case <-x.done:
	case <-ctx.Done():
	}
	return f.view(x)
}

// Output implements Follower. That of another gateway's run comes when it has
// ended.
func (f *Files) Output(ctx context.Context, e Ref, script, id string) (*job.Output, error) {
	x, err := f.lookup(ctx, e, script, id)
	if err != nil {
		return nil, err
	}
	x.mu.Lock()
	if x.foreign && x.out == nil && !x.rec.Status.Final() {
		x.out = job.NewOutput(f.o.Budget.Output)
	}
	x.mu.Unlock()
	return f.output(x)
}
