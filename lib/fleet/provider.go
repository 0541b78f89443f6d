package fleet

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"lander/lib/bundle"
	"lander/lib/job"
	"lander/lib/sovd"
	"lander/lib/store"
	"lander/lib/trust"
)

var errNoScripts = sovd.Errorf(sovd.KindUnsupported, "Scripts backend not configured")

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// ListScripts implements sovd.ScriptProvider.
func (f *Fleet) ListScripts(ctx context.Context, e sovd.Ref) ([]sovd.Script, error) {
	if f.library == nil {
		return nil, errNoScripts
	}
	return f.library.ListScripts(ctx, e)
}

// GetScript implements sovd.ScriptProvider.
func (f *Fleet) GetScript(ctx context.Context, e sovd.Ref, id string) (sovd.Script, error) {
	if f.library == nil {
		return sovd.Script{}, errNoScripts
	}
	return f.library.GetScript(ctx, e, id)
}

// UploadScript implements sovd.ScriptProvider.
func (f *Fleet) UploadScript(ctx context.Context, e sovd.Ref, u sovd.Upload) (sovd.Script, error) {
	if f.library == nil {
		return sovd.Script{}, errNoScripts
	}
	return f.library.UploadScript(ctx, e, u)
}

// DeleteScript implements sovd.ScriptProvider.
func (f *Fleet) DeleteScript(ctx context.Context, e sovd.Ref, id string) error {
	if f.library == nil {
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
	return f.library.DeleteScript(ctx, e, id)
}

// plan is a script as devices get it.
type plan struct {
	rec     record // what all its executions have in common
	payload []byte
}

// plan reads a script. One that is signed goes out with its signature, and a
// bare one with its MD5, which devices take only when they are told to.
func (f *Fleet) plan(ctx context.Context, e sovd.Ref, script string, parameters json.RawMessage) (plan, error) {
	if f.library == nil {
		return plan{}, errNoScripts
	}
	s, err := f.library.ReadScript(ctx, e, script)
	if err != nil {
		return plan{}, err
	}
	p := plan{payload: s.Bytes, rec: record{Script: script, Name: s.Name, Format: s.Format}}
	if bundle.Is(s.Bytes) {
		r := bufio.NewReader(bytes.NewReader(s.Bytes))
		sig, err := bundle.ReadHeader(r)
		if err != nil {
			return plan{}, sovd.Errorf(sovd.KindInput, "The script is no whole bundle")
		}
		if p.payload, err = io.ReadAll(r); err != nil {
			return plan{}, fmt.Errorf("reading a script: %w", err)
		}
		p.rec.Signature, p.rec.KeyID = string(sig.Text()), sig.KeyID()
		if st, err := trust.ParseStatement(sig.Comment()); err == nil {
			p.rec.Format, p.rec.Serial = st.Format, &st.Serial
		}
	} else {
		if s.Format != job.FormatLua {
			return plan{}, sovd.Errorf(sovd.KindInput, "Of scripts that are not signed, devices run only Lua")
		}
		p.rec.Signature = trust.LegacyMD5(p.payload)
	}
	sum := sha256.Sum256(p.payload)
	p.rec.SHA256 = hex.EncodeToString(sum[:])
	if len(parameters) > 0 && string(bytes.TrimSpace(parameters)) != "null" {
		var args map[string]any
		if json.Unmarshal(parameters, &args) != nil {
			return plan{}, sovd.Errorf(sovd.KindInput, "The parameters for a device must be a JSON object")
		}
		if len(args) > 0 {
			b, err := json.Marshal(args)
			if err != nil || len(b) > sovd.MaxStdin {
				return plan{}, sovd.Errorf(sovd.KindInput, "Parameters JSON exceeds maximum size (64 KB)")
			}
			p.rec.Args = string(b)
		}
	}
	return p, f.keepPayload(ctx, p.rec.SHA256, p.payload)
}

// StartExecution implements sovd.ScriptProvider. The execution is durable when
// it returns: running when the device is there, else prepared.
func (f *Fleet) StartExecution(ctx context.Context, e sovd.Ref, script string, s sovd.Start) (sovd.Execution, error) {
	d, err := f.target(e)
	if err != nil {
		return sovd.Execution{}, err
	}
	key := ""
	if s.Key != "" {
		sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q", s.Actor, e.Path(), script, s.Key))
		key = hex.EncodeToString(sum[:])
		f.mu.Lock()
		x := f.keys[key]
		f.mu.Unlock()
		if x != nil {
			return f.again(ctx, x, s.Digest)
		}
	}
	p, err := f.plan(ctx, e, script, s.Parameters)
	if err != nil {
		return sovd.Execution{}, err
	}
	p.rec.Actor, p.rec.Key, p.rec.Request = s.Actor, key, s.Digest
	x, fresh, err := f.begin(d, p.rec)
	if err != nil {
		return sovd.Execution{}, err
	}
	if !fresh {
		return f.again(ctx, x, s.Digest)
	}
	return f.look(x), nil
}

// again answers a start that came before.
func (f *Fleet) again(ctx context.Context, x *execution, digest string) (sovd.Execution, error) {
	select {
	case <-x.recorded:
	case <-ctx.Done():
		return sovd.Execution{}, fmt.Errorf("waiting for the first request with the same key: %w", ctx.Err())
	}
	f.lock(x)
	defer x.mu.Unlock()
	switch {
	case x.rec.Request != digest:
		return sovd.Execution{}, sovd.Errorf(sovd.KindReused, "The Idempotency-Key was used for another request")
	case x.lost:
		return sovd.Execution{}, sovd.Errorf(sovd.KindUnavailable, "The first request with the same key failed")
	}
	return x.view().Replayed(), nil
}

func (f *Fleet) target(e sovd.Ref) (*device, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e.Kind == sovd.Components {
		if d := f.components[e.ID]; d != nil {
			return d, nil
		}
	}
	return nil, sovd.Errorf(sovd.KindUnsupported, "Scripts run on the component of a device")
}

// newToken makes what nobody can guess.
func (f *Fleet) newToken() (string, error) {
	b := make([]byte, 24)
	if _, err := io.ReadFull(f.o.Random, b); err != nil {
		return "", fmt.Errorf("making a token: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// begin records an execution and sends it when its device is there. fresh is
// false when the idempotency key has one.
func (f *Fleet) begin(d *device, rec record) (x *execution, fresh bool, err error) {
	now := f.o.Clock()
	if rec.Token, err = f.newToken(); err != nil {
		return nil, false, err
	}
	rec.ID, rec.Device, rec.Status = job.NewID(now, f.o.Random), d.id, job.Prepared
	rec.Started, rec.Deadline = job.Time{Time: now}, job.Time{Time: now.Add(f.o.TTL)}
	f.mu.Lock()
	if y := f.keys[rec.Key]; y != nil && rec.Key != "" {
		f.mu.Unlock()
		return y, false, nil
	}
	if f.closed {
		f.mu.Unlock()
		return nil, false, sovd.Errorf(sovd.KindUnavailable, "The gateway is shutting down")
	}
	// One that goes out at once is recorded as such, which saves a write.
	c := d.conn
	if c != nil && c.session != nil && d.rec.Lander {
		rec.Status, rec.SentAt, rec.URL = job.Running, &rec.Started, f.urlOf(rec.Token, c)
	}
	x = newExecution(d, rec)
	x.recorded = make(chan struct{})
	f.execs[x.id], f.tokens[rec.Token] = x, x
	if x.key != "" {
		f.keys[x.key] = x
	}
	d.open = append(d.open, x)
	f.mu.Unlock()
	var rev store.Revision
	if rev, err = f.putRecord(&rec, 0); err != nil {
		f.lock(x)
		x.lost = true
		x.mu.Unlock()
		f.mu.Lock()
		f.close(x)
		f.remove(x)
		f.mu.Unlock()
		close(x.recorded)
		return nil, false, fmt.Errorf("recording an execution: %w", err)
	}
	f.lock(x)
	x.rev = rev
	x.mu.Unlock()
	close(x.recorded)
	f.push(x)
	return x, true, nil
}

func (f *Fleet) lookup(e sovd.Ref, script, id string) (*execution, error) {
	f.mu.Lock()
	x := f.execs[id]
	f.mu.Unlock()
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
	err := f.change(x, func(r *record) {
		sent = r.SentAt != nil
		if !sent || lander || a == sovd.ActionForced {
			r.Stop = a
		}
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
		there = f.pushStop(x)
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
	f.mu.Unlock()
	f.history.Remove(id)
	return f.forget(x)
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
