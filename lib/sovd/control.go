package sovd

import (
	"cmp"
	"context"
	"slices"
	"time"

	"lander/lib/job"
)

// lookup finds an execution, when it is reached by its own script and entity.
func (f *Files) lookup(e Ref, script, id string) (*execution, error) {
	f.mu.RLock()
	x := f.execs[id]
	f.mu.RUnlock()
	if x == nil || x.script != script || x.entity != e {
		return nil, Errorf(KindNotFound, "Execution not found: %s", id)
	}
	x.disclose()
	return x, nil
}

// GetExecution implements ScriptProvider.
func (f *Files) GetExecution(_ context.Context, e Ref, script, id string) (Execution, error) {
	x, err := f.lookup(e, script, id)
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
	x, err := f.lookup(e, script, id)
	if err != nil {
		return Execution{}, err
	}
	if s := x.status(); s.Final() {
		return Execution{}, notRunning(s)
	}
	switch a {
	case ActionStop:
		x.blame(causeStop)
		x.stop()
	case ActionForced:
		x.blame(causeForced)
		x.kill()
	default:
		return Execution{}, Errorf(KindInput, "Unknown action: %s", a)
	}
	ctx, cancel := context.WithTimeout(ctx, controlWait)
	defer cancel()
	v, err := f.await(ctx, x)
	if err == nil && (v.Status == job.Completed || v.Status == job.Failed) {
		return Execution{}, notRunning(v.Status) // it was faster
	}
	return v, err
}

func notRunning(s job.Status) *Error {
	return Errorf(KindNotRunning, "Execution is not running (status: %s)", s)
}

// DeleteExecution implements ScriptProvider.
func (f *Files) DeleteExecution(ctx context.Context, e Ref, script, id string) error {
	x, err := f.lookup(e, script, id)
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
	delete(f.execs, id)
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
	x, err := f.lookup(e, script, id)
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

// Output implements Follower.
func (f *Files) Output(_ context.Context, e Ref, script, id string) (*job.Output, error) {
	x, err := f.lookup(e, script, id)
	if err != nil {
		return nil, err
	}
	return f.output(x)
}
