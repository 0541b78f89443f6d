package boards

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"time"

	"lander/lib/job"
	"lander/lib/sovd"
)

// board finds the board that a request is for.
func (b *Boards) board(ctx context.Context, e sovd.Ref) (*Board, Source, error) {
	if e.Kind != sovd.Components {
		return nil, nil, sovd.Errorf(sovd.KindUnsupported, "Scripts run on the component of a board")
	}
	d, s, err := b.find(ctx, e.ID)
	if err == nil && d == nil {
		err = sovd.Errorf(sovd.KindNotFound, "The board is not known any more: %s", e.ID)
	}
	return d, s, err
}

// uploads is the library for a source's boards, nil when there is none.
func (b *Boards) uploads(s Source) Library {
	if len(s.Formats()) == 0 {
		return nil
	}
	return b.shelf
}

// ListScripts implements sovd.ScriptProvider.
func (b *Boards) ListScripts(ctx context.Context, e sovd.Ref) ([]sovd.Script, error) {
	if e == sovd.FleetRef && b.shelf != nil {
		return b.shelf.ListScripts(ctx, e)
	}
	_, s, err := b.board(ctx, e)
	if err != nil {
		return nil, err
	}
	out := slices.Clone(s.Scripts())
	if l := b.uploads(s); l != nil {
		more, err := l.ListScripts(ctx, e)
		if err != nil {
			return nil, err
		}
		for _, x := range more {
			if !x.Managed { // those of the manifest are for this machine
				out = append(out, x)
			}
		}
	}
	return out, nil
}

// Pin makes of the parameters of a start on many boards what means the same for
// each of them, where a source can.
func (b *Boards) Pin(ctx context.Context, script string, parameters json.RawMessage) (json.RawMessage, error) {
	var err error
	for _, s := range b.o.Sources {
		if p, ok := s.(interface {
			Pin(ctx context.Context, script string, parameters json.RawMessage) (json.RawMessage, error)
		}); ok && err == nil {
			parameters, err = p.Pin(ctx, script, parameters)
		}
	}
	return parameters, err
}

// managed finds a script of a source.
func managed(s Source, id string) *sovd.Script {
	all := s.Scripts()
	if i := slices.IndexFunc(all, func(x sovd.Script) bool { return x.ID == id }); i >= 0 {
		return &all[i]
	}
	return nil
}

// GetScript implements sovd.ScriptProvider.
func (b *Boards) GetScript(ctx context.Context, e sovd.Ref, id string) (sovd.Script, error) {
	if e == sovd.FleetRef && b.shelf != nil {
		return b.shelf.GetScript(ctx, e, id)
	}
	_, s, err := b.board(ctx, e)
	if err != nil {
		return sovd.Script{}, err
	}
	if m := managed(s, id); m != nil {
		return *m, nil
	}
	if l := b.uploads(s); l != nil {
		x, err := l.GetScript(ctx, e, id)
		if err != nil || !x.Managed {
			return x, err
		}
	}
	return sovd.Script{}, noScript(id)
}

func noScript(id string) error { return sovd.Errorf(sovd.KindNotFound, "Script not found: %s", id) }

// maxProgram bounds an upload, in bytes; the library may take less.
const maxProgram = 16 << 20

// UploadScript implements sovd.ScriptProvider: it takes programs for the boards
// that take programs.
func (b *Boards) UploadScript(ctx context.Context, e sovd.Ref, u sovd.Upload) (sovd.Script, error) {
	if e == sovd.FleetRef && b.shelf != nil {
		return b.shelf.UploadScript(ctx, e, u)
	}
	_, s, err := b.board(ctx, e)
	if err != nil {
		return sovd.Script{}, err
	}
	l := b.uploads(s)
	if l == nil {
		return sovd.Script{}, sovd.Errorf(sovd.KindUnsupported, "The board takes no uploads")
	}
	text, err := io.ReadAll(io.LimitReader(u.Body, maxProgram+1))
	if err != nil {
		return sovd.Script{}, err
	}
	if len(text) > maxProgram {
		return sovd.Script{}, sovd.Errorf(sovd.KindTooLarge, "Script file exceeds maximum size of %d MB", maxProgram>>20)
	}
	if err := s.Check(text); err != nil {
		return sovd.Script{}, err
	}
	u.Body, u.Filename = bytes.NewReader(text), "program."+s.Formats()[0]
	return l.UploadScript(ctx, e, u)
}

// DeleteScript implements sovd.ScriptProvider.
func (b *Boards) DeleteScript(ctx context.Context, e sovd.Ref, id string) error {
	if e == sovd.FleetRef && b.shelf != nil {
		return b.shelf.DeleteScript(ctx, e, id)
	}
	_, s, err := b.board(ctx, e)
	if err != nil {
		return err
	}
	if managed(s, id) != nil {
		return sovd.Errorf(sovd.KindManaged, "Cannot delete managed script: %s", id)
	}
	l := b.uploads(s)
	if l == nil {
		return noScript(id)
	}
	all, err := b.list(ctx, e.ID)
	if err != nil {
		return err
	}
	for _, r := range all {
		if r.Script == id && !r.Status.Final() {
			return sovd.Errorf(sovd.KindRunning, "Cannot delete script with running execution: %s", r.ID)
		}
	}
	return l.DeleteScript(ctx, e, id)
}

// lookup reads an execution of a script of a board, as it is now.
func (b *Boards) lookup(ctx context.Context, e sovd.Ref, script, id string) (record, error) {
	r, err := b.load(ctx, e.ID, id)
	if err != nil {
		return record{}, err
	}
	if r.Script != script || e.Kind != sovd.Components {
		return record{}, sovd.Errorf(sovd.KindNotFound, "Execution not found: %s", id)
	}
	return b.look(ctx, r)
}

// GetExecution implements sovd.ScriptProvider.
func (b *Boards) GetExecution(ctx context.Context, e sovd.Ref, script, id string) (sovd.Execution, error) {
	r, err := b.lookup(ctx, e, script, id)
	if err != nil {
		return sovd.Execution{}, err
	}
	return r.view(), nil
}

// ControlExecution implements sovd.ScriptProvider. What waits for its board is
// withdrawn; what is done here is cut off.
func (b *Boards) ControlExecution(ctx context.Context, e sovd.Ref, script, id string, a sovd.Action) (sovd.Execution, error) {
	r, err := b.lookup(ctx, e, script, id)
	if err != nil {
		return sovd.Execution{}, err
	}
	cause := errStopped
	if a == sovd.ActionForced {
		cause = errForced
	}
	switch {
	case r.Status.Final():
		return sovd.Execution{}, notRunning(r.Status)
	case a != sovd.ActionStop && a != sovd.ActionForced:
		return sovd.Execution{}, sovd.Errorf(sovd.KindInput, "Unknown action: %s", a)
	}
	b.mu.Lock()
	l := b.live[id]
	b.mu.Unlock()
	switch {
	case r.Live && l != nil && l.cancel != nil:
		l.cancel(cause)
		wait, cancel := context.WithTimeout(ctx, controlWait)
		defer cancel()
		select {
		case <-l.done:
		case <-wait.Done():
		}
		r, err = b.lookup(ctx, e, script, id)
	case r.Live:
		return sovd.Execution{}, sovd.Errorf(sovd.KindUnavailable, "Another gateway does it, and it alone can stop it")
	default:
		if err = b.withdraw(ctx, r); err == nil {
			r, err = b.end(ctx, r, stopped(cause), nil)
		}
	}
	if err != nil && !errors.Is(err, errFinal) {
		return sovd.Execution{}, err
	}
	if r.Status == job.Completed || r.Status == job.Failed {
		return sovd.Execution{}, notRunning(r.Status) // it was faster
	}
	return r.view(), nil
}

// controlWait is how long a control waits for the end, so that its answer
// tells it.
const controlWait = 4 * time.Second

func stopped(cause error) job.Outcome {
	return job.Outcome{Terminated: true, Err: job.Errorf(job.CodeInterrupted, "%s", cause)}
}

func notRunning(s job.Status) error {
	return sovd.Errorf(sovd.KindNotRunning, "Execution is not running (status: %s)", s)
}

// DeleteExecution implements sovd.ScriptProvider.
func (b *Boards) DeleteExecution(ctx context.Context, e sovd.Ref, script, id string) error {
	r, err := b.lookup(ctx, e, script, id)
	if err != nil {
		return err
	}
	if !r.Status.Final() {
		return sovd.Errorf(sovd.KindRunning, "Cannot delete running execution. Stop it first.")
	}
	return b.forget(ctx, r)
}

// ListExecutions implements sovd.Follower.
func (b *Boards) ListExecutions(ctx context.Context, e sovd.Ref, script string) ([]sovd.Execution, error) {
	all, err := b.list(ctx, e.ID)
	if err != nil {
		return nil, err
	}
	out := []sovd.Execution{}
	for _, r := range slices.Backward(all) {
		if r.Script != script {
			continue
		}
		if r, err = b.look(ctx, r); err != nil {
			return nil, err
		}
		v := r.view()
		out = append(out, sovd.Execution{ID: v.ID, Status: v.Status, StartedAt: v.StartedAt, CompletedAt: v.CompletedAt})
	}
	return out, nil
}

// WaitExecution implements sovd.Follower.
func (b *Boards) WaitExecution(ctx context.Context, e sovd.Ref, script, id string) (sovd.Execution, error) {
	for {
		r, err := b.lookup(context.WithoutCancel(ctx), e, script, id)
		if err != nil || r.Status.Final() {
			return r.view(), err
		}
		l := b.followed(r)
		timer := time.NewTimer(tendEvery)
		select {
		case <-l.done:
		case <-timer.C: // another gateway may end it
		case <-ctx.Done():
			timer.Stop()
			return r.view(), nil
		}
		timer.Stop()
	}
}

// Output implements sovd.Follower.
func (b *Boards) Output(ctx context.Context, e sovd.Ref, script, id string) (*job.Output, error) {
	r, err := b.lookup(ctx, e, script, id)
	if err != nil {
		return nil, err
	}
	if r.Status.Final() {
		out := job.NewOutput(maxOutput)
		fill(out, r.Result)
		out.Close()
		return out, nil
	}
	return b.followed(r).out, nil
}

// followed is what those wait for who follow an execution.
func (b *Boards) followed(r record) *live {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.live[r.ID]
	if l == nil {
		l = &live{out: job.NewOutput(maxOutput), done: make(chan struct{})}
		b.live[r.ID] = l
		b.open[r.ID] = place{r.Board, r.ID}
	}
	return l
}
