package fleet

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"lander/lib/job"
	"lander/lib/sovd"
)

var errNoScripts = sovd.Errorf(sovd.KindUnsupported, "Scripts backend not configured")

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// ListScripts implements sovd.ScriptProvider.
func (f *Fleet) ListScripts(ctx context.Context, e sovd.Ref) ([]sovd.Script, error) {
	if f.shelf == nil {
		return nil, errNoScripts
	}
	return f.shelf.ListScripts(ctx, e)
}

// GetScript implements sovd.ScriptProvider.
func (f *Fleet) GetScript(ctx context.Context, e sovd.Ref, id string) (sovd.Script, error) {
	if f.shelf == nil {
		return sovd.Script{}, errNoScripts
	}
	return f.shelf.GetScript(ctx, e, id)
}

// UploadScript implements sovd.ScriptProvider.
func (f *Fleet) UploadScript(ctx context.Context, e sovd.Ref, u sovd.Upload) (sovd.Script, error) {
	if f.shelf == nil {
		return sovd.Script{}, errNoScripts
	}
	return f.shelf.UploadScript(ctx, e, u)
}

// DeleteScript implements sovd.ScriptProvider.
func (f *Fleet) DeleteScript(ctx context.Context, e sovd.Ref, id string) error {
	if f.shelf == nil {
		return errNoScripts
	}
	f.mu.Lock()
	running := ""
	if d := f.components[e.ID]; d != nil && e.Kind == sovd.Components {
		for _, x := range d.open {
			if x.script == id {
				running = x.id
			}
		}
	}
	f.mu.Unlock()
	if running != "" {
		return sovd.Errorf(sovd.KindRunning, "Cannot delete script with running execution: %s", running)
	}
	return f.shelf.DeleteScript(ctx, e, id)
}

func (f *Fleet) lookup(e sovd.Ref, script, id string) (*execution, error) {
	x, err := f.execution(id)
	if err != nil {
		return nil, err
	}
	if x == nil || x.script != script || e != (sovd.Ref{Kind: sovd.Components, ID: x.dev.component}) {
		return nil, sovd.Errorf(sovd.KindNotFound, "Execution not found: %s", id)
	}
	<-x.recorded
	f.lock(x)
	defer x.mu.Unlock()
	if x.lost {
		return nil, sovd.Errorf(sovd.KindNotFound, "Execution not found: %s", id)
	}
	return x, nil
}

// GetExecution implements sovd.ScriptProvider.
func (f *Fleet) GetExecution(_ context.Context, e sovd.Ref, script, id string) (sovd.Execution, error) {
	x, err := f.lookup(e, script, id)
	if err != nil {
		return sovd.Execution{}, err
	}
	return f.look(x), nil
}

// controlWait is how long a control waits for the end, so that its answer
// tells it.
const controlWait = 4 * time.Second

// ControlExecution implements sovd.ScriptProvider. What has not been sent ends
// at once. What was sent is stopped by its device, when that can do it; a
// forced termination gives up one that cannot.
func (f *Fleet) ControlExecution(ctx context.Context, e sovd.Ref, script, id string, a sovd.Action) (sovd.Execution, error) {
	x, err := f.lookup(e, script, id)
	if err != nil {
		return sovd.Execution{}, err
	}
	v := f.look(x)
	if v.Status.Final() {
		return sovd.Execution{}, notRunning(v.Status)
	}
	if a != sovd.ActionStop && a != sovd.ActionForced {
		return sovd.Execution{}, sovd.Errorf(sovd.KindInput, "Unknown action: %s", a)
	}
	if err := f.stop(ctx, x, a); err != nil {
		return sovd.Execution{}, err
	}
	v = f.look(x)
	if v.Status == job.Completed {
		return sovd.Execution{}, notRunning(v.Status) // it was faster
	}
	return v, nil
}

func notRunning(s job.Status) error {
	return sovd.Errorf(sovd.KindNotRunning, "Execution is not running (status: %s)", s)
}

// stop ends an execution or has its device end it, and waits a while.
func (f *Fleet) stop(ctx context.Context, x *execution, a sovd.Action) error {
	f.mu.Lock()
	lander := x.dev.rec.Lander
	f.mu.Unlock()
	sent := false
	err := f.change(x, func(r *record) bool {
		sent = r.SentAt != nil
		wanted := !sent || lander || a == sovd.ActionForced
		if wanted {
			r.Stop = a
		}
		return wanted
	})
	if err == errFinal {
		return nil
	}
	if err != nil {
		return err
	}
	there := false
	switch {
	case !sent:
		err = f.end(x, job.Result{Status: job.Terminated})
	case lander:
		f.mu.Lock()
		there = f.elsewhere(x.dev) // that gateway sees the record
		f.mu.Unlock()
		there = f.pushStop(x) || there
	case a == sovd.ActionStop:
		return sovd.Errorf(sovd.KindUnsupported, "The device cannot stop a script; forced_termination gives it up")
	}
	if there {
		wait, cancel := context.WithTimeout(ctx, controlWait)
		defer cancel()
		select {
		case <-x.done:
		case <-wait.Done():
		}
	}
	if a == sovd.ActionForced {
		err = f.end(x, job.Result{Status: job.Terminated})
	}
	if err == errFinal {
		return nil
	}
	return err
}

// DeleteExecution implements sovd.ScriptProvider.
func (f *Fleet) DeleteExecution(_ context.Context, e sovd.Ref, script, id string) error {
	x, err := f.lookup(e, script, id)
	if err != nil {
		return err
	}
	select {
	case <-x.done:
	default:
		return sovd.Errorf(sovd.KindRunning, "Cannot delete running execution. Stop it first.")
	}
	f.mu.Lock()
	if f.execs[id] != x {
		f.mu.Unlock()
		return sovd.Errorf(sovd.KindNotFound, "Execution not found: %s", id)
	}
	if !f.records[x.parent].over() {
		f.mu.Unlock()
		return sovd.Errorf(sovd.KindRunning, "Cannot delete an execution of a start on many devices that has not ended")
	}
	f.remove(x)
	f.forgotten[id] = true
	f.mu.Unlock()
	f.history.Remove(id)
	err = f.forget(x)
	if err != nil {
		f.mu.Lock()
		delete(f.forgotten, id)
		f.mu.Unlock()
	}
	return err
}

// ListExecutions implements sovd.Follower.
func (f *Fleet) ListExecutions(_ context.Context, e sovd.Ref, script string) ([]sovd.Execution, error) {
	f.mu.Lock()
	var found []*execution
	for _, x := range f.execs {
		if x.script == script && x.dev.component == e.ID && e.Kind == sovd.Components {
			found = append(found, x)
		}
	}
	f.mu.Unlock()
	slices.SortFunc(found, func(a, b *execution) int { return cmp.Compare(b.id, a.id) })
	out := make([]sovd.Execution, 0, len(found))
	for _, x := range found {
		v := f.look(x)
		out = append(out, sovd.Execution{ID: v.ID, Status: v.Status, StartedAt: v.StartedAt, CompletedAt: v.CompletedAt})
	}
	return out, nil
}

// WaitExecution implements sovd.Follower.
func (f *Fleet) WaitExecution(ctx context.Context, e sovd.Ref, script, id string) (sovd.Execution, error) {
	x, err := f.lookup(e, script, id)
	if err != nil {
		return sovd.Execution{}, err
	}
	select {
	case <-x.done:
	case <-ctx.Done():
	}
	return f.look(x), nil
}

// Output implements sovd.Follower: a device tells its output at the end.
func (f *Fleet) Output(_ context.Context, e sovd.Ref, script, id string) (*job.Output, error) {
	x, err := f.lookup(e, script, id)
	if err != nil {
		return nil, err
	}
	f.lock(x)
	defer x.mu.Unlock()
	if x.out == nil {
		x.out = job.NewOutput(0)
		if x.rec.Result != nil {
			fill(x.out, x.rec.Result)
		}
	}
	return x.out, nil
}
