package sovd

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"lander/lib/capability"
	"lander/lib/job"
	"lander/lib/store"
)

// granted is what a script may do where no signature says less.
func (o *FilesOptions) granted() capability.Set {
	return append(append(capability.Default(), capability.Exec), o.Grants...)
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// StartExecution implements ScriptProvider. The record is durable before the
// caller hears of the start. With an Idempotency-Key it is durable before the
// script begins, so that a repetition after a crash does not run it again;
// without one both happen at the same time, or the record comes when the run
// has ended soon and its caller waits for that. A crash between them leaves a
// process that the next gateway finds by its mark and ends.
func (f *Files) StartExecution(ctx context.Context, e Ref, script string, s Start) (Execution, error) {
	if s.Key == "" {
		x, err := f.start(ctx, e, script, s, "")
		if err != nil {
			return Execution{}, err
		}
		return f.view(x)
	}
	// The key is the caller's own: another one's is another key.
	key := digest(fmt.Appendf(nil, "%q %q %q %q", s.Actor, e.Path(), script, s.Key))
	for {
		f.mu.Lock()
		k := f.keys[key]
		if k == nil {
			k = &keyed{digest: s.Digest, ready: make(chan struct{})}
			f.keys[key] = k
			f.mu.Unlock()
			return f.startKeyed(ctx, e, script, s, key, k)
		}
		f.mu.Unlock()
		if k.digest != s.Digest {
			return Execution{}, Errorf(KindReused, "The Idempotency-Key was used for another request")
		}
		select {
		case <-k.ready:
		case <-ctx.Done():
			return Execution{}, fmt.Errorf("waiting for the first request with the same key: %w", ctx.Err())
		}
		if k.x != nil {
			v, err := f.view(k.x)
			v.replayed = true
			return v, err
		}
		// The first one failed: a repetition may try again.
	}
}

func (f *Files) startKeyed(ctx context.Context, e Ref, script string, s Start, key string, k *keyed) (Execution, error) {
	x, err := f.start(ctx, e, script, s, key)
	earlier, replayed := errors.AsType[replayOf](err)
	if replayed {
		x, err = f.fetch(context.Background(), earlier.id)
	}
	f.mu.Lock()
	if err != nil {
		x = nil
		delete(f.keys, key)
	}
	k.x = x
	f.mu.Unlock()
	close(k.ready)
	if err != nil {
		return Execution{}, err
	}
	v, err := f.view(x)
	v.replayed = replayed
	return v, err
}

// start goes through the checks in the order of the document: slot, script,
// parameters.
func (f *Files) start(ctx context.Context, e Ref, script string, s Start, key string) (*execution, error) {
	if err := f.held(); err != nil {
		return nil, err
	}
	release, ok := f.gate.TryAcquire()
	if !ok {
		return nil, Errorf(KindLimit, "Maximum concurrent executions reached (%d)", f.gate.Limit())
	}
	x, t, err := f.prepare(ctx, e, script, s, key)
	if err == nil {
		err = f.launch(x, t, release)
	}
	if err != nil {
		release()
		return nil, err
	}
	return x, nil
}

// prepare finds the script and makes the task and the record of its run.
func (f *Files) prepare(ctx context.Context, e Ref, script string, s Start, key string) (*execution, *planned, error) {
	found, err := f.find(ctx, e, script)
	if err != nil {
		return nil, nil, err
	}
	if m := found.managed; m != nil && m.Proximity != "" && subtle.ConstantTimeCompare([]byte(digest([]byte(s.Proximity))), []byte(m.Proximity)) != 1 {
		return nil, nil, Errorf(KindProximity, "Proximity proof required")
	}
	p := &planned{waits: s.Waits, begun: s.Begun}
	withArgs := found.managed != nil && len(found.managed.Args) > 0
	if given(s.Parameters) && !withArgs {
		p.stdin = compact(s.Parameters)
		if len(p.stdin) > MaxStdin {
			return nil, nil, Errorf(KindInput, "Parameters JSON exceeds maximum stdin size (64 KB)")
		}
	}
	if err := f.checkSchema(found.Schema, s.Parameters); err != nil {
		return nil, nil, err
	}
	l, err := f.load(ctx, e, found)
	if err != nil {
		return nil, nil, err
	}
	if p.runner = f.o.Runners[l.format]; p.runner == nil {
		return nil, nil, Errorf(KindInternal, "Scripts of the format %s do not run here", l.format)
	}
	now := f.o.Clock()
	lease := f.lease()
	x := newExecution(record{
		ID: job.NewID(now, f.o.Random), Entity: e, Script: script, Name: found.Name, Format: l.format, SHA256: l.sha256, KeyID: l.keyID, Serial: l.serial,
		Actor: s.Actor, Owner: f.o.Owner, Life: life(lease), Status: job.Running, StartedAt: job.Time{Time: now}, Key: key, Digest: s.Digest,
	})
	x.first, x.lease = x.rec, lease
	x.out = job.NewOutput(f.o.Budget.Output)
	p.task = l.task
	p.task.Env = []string{ownerMark + "=" + f.o.Owner}
	p.task.ID, p.task.Name, p.task.Format, p.task.Payload, p.task.Budget = x.id, script, l.format, l.payload, f.o.Budget
	p.task.Budget.Wall, p.task.File = max(f.o.Timeout, 0), l.file
	if m := found.managed; m != nil {
		if m.TimeoutSec != nil {
			p.task.Budget.Wall = time.Duration(*m.TimeoutSec) * time.Second
		}
		for k, v := range m.Env {
			p.task.Env = append(p.task.Env, k+"="+v)
		}
		if withArgs {
			if p.task.Argv, err = arguments(m.Args, s.Parameters); err != nil {
				return nil, nil, err
			}
		}
	}
	return x, p, nil
}

// planned is a run that has been let in.
type planned struct {
	task   job.Task
	stdin  []byte
	runner job.Runner
	waits  bool // the caller, for the end
	begun  func(Execution)
}

// recordAfter is how long a run whose caller waits for its end goes without a
// record: most end sooner, and then one record says it all. Nobody knows of
// the run until then: whoever comes across it has it recorded first.
const recordAfter = 50 * time.Millisecond

// launch makes the record durable and starts the run. It returns when the
// script is running, or could not be started.
func (f *Files) launch(x *execution, p *planned, release func()) error {
	runCtx, stop := context.WithCancel(context.Background())
	kill := make(chan struct{})
	var once sync.Once
	x.stop, x.kill = stop, func() { once.Do(func() { close(kill) }) }
	if err := f.register(x); err != nil {
		stop()
		return err
	}
	if x.key != "" {
		if err := f.putFirst(x); err != nil {
			stop()
			f.unregister(x)
			f.runs.Done()
			x.mark()
			return err
		}
		close(x.decided)
		x.mark()
	}
	began := make(chan struct{})
	var started sync.Once
	p.task.Kill, p.task.Started = kill, func() {
		started.Do(func() {
			if p.begun != nil {
				p.begun(Execution{ID: x.id, Detail: x.first.detail()})
			}
			close(began)
		})
	}
	failed, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer f.runs.Done()
		defer stop()
		f.run(runCtx, x, p, release, began, failed, over)
	}()
	if x.key == "" && p.waits && x.endsSoon(over) {
		close(x.decided) // nobody has heard of it, and the record of its end comes
		<-x.done
		if !x.onRecord() {
			return Errorf(KindInternal, "The script ran, but its record could not be written")
		}
	} else if x.key == "" {
		err := f.put(x, x.first)
		if err != nil {
			x.lost.Store(true)
			x.kill()
		}
		close(x.decided)
		x.mark()
		if err != nil {
			return err
		}
	}
	select {
	case <-began:
		return nil
	case <-failed:
		return Errorf(KindInternal, "Failed to fork process")
	}
}

// onRecord reports whether there is a record of the execution, or nothing to
// record: it was not begun.
func (x *execution) onRecord() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.rev != 0 || !x.rec.Status.Final()
}

// putFirst makes the record of a start with an Idempotency-Key durable.
func (f *Files) putFirst(x *execution) error {
	if f.shared() {
		if err := f.claim(context.Background(), x); err != nil {
			return err
		}
	}
	err := f.put(x, x.rec)
	if err != nil {
		err = errors.Join(err, f.unclaim(context.Background(), x))
	}
	return err
}

// endsSoon reports whether the run is over before it needs a record: within
// recordAfter, and before anybody else asks for it.
func (x *execution) endsSoon(over <-chan struct{}) bool {
	t := time.NewTimer(recordAfter)
	defer t.Stop()
	select {
	case <-over:
		return true
	case <-x.asked:
	case <-t.C:
	}
	return false
}

// register makes the execution visible, and counts the run.
func (f *Files) register(x *execution) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return Errorf(KindUnavailable, "The gateway is shutting down")
	}
	if f.shared() && x.unleased() {
		return errLost
	}
	f.runs.Add(1)
	f.execs[x.id] = x
	f.using[x.using()]++
	return nil
}

func (f *Files) unregister(x *execution) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.execs, x.id)
	f.free(x)
}

// free gives the script back that a run used. The caller holds mu.
func (f *Files) free(x *execution) {
	use := x.using()
	if f.using[use]--; f.using[use] <= 0 {
		delete(f.using, use)
	}
}

// run lets the runner run and records how it went.
func (f *Files) run(ctx context.Context, x *execution, p *planned, release func(), began, failed, over chan struct{}) {
	streams := job.Streams{Stdout: x.out.Writer(job.Stdout), Stderr: x.out.Writer(job.Stderr), Progress: x.out.Writer(job.Progress)}
	if p.stdin != nil {
		streams.Stdin = bytes.NewReader(p.stdin)
	}
	o := job.Guard(ctx, p.runner, p.task, streams)
	// Nothing of it runs any more: this is where the slot becomes free.
	release()
	close(over)
	<-x.decided
	if x.lost.Load() {
		// Nobody was told of it, and it cannot be recorded.
		rec := x.first
		x.mu.Lock()
		rec.settle(o, x.cause, f.now()) // Close may be blaming it
		x.mu.Unlock()
		f.o.Audit.add(rec.endLine())
		f.unregister(x)
		close(x.done)
		return
	}
	select {
	case <-began:
	default:
		if o.Err != nil && (o.Err.Code == job.CodeInternal || o.Err.Code == job.CodeLoad) {
			f.o.Log.Error("a script could not be started", "execution", x.id, "error", o.Err)
			f.unregister(x)
			if err := f.forget(context.Background(), x); err != nil {
				f.o.Log.Error("removing the record of a script that did not start", "execution", x.id, "error", err)
			}
			x.mark()
			close(x.done)
			close(failed)
			return
		}
	}
	p.task.Started() // a runner that does not tell
	f.finish(x, o)
}

// forget removes the record and the output.
func (f *Files) forget(ctx context.Context, x *execution) error {
	x.mu.Lock()
	rev, parts := x.rev, x.rec.Parts
	x.mu.Unlock()
	f.mu.Lock()
	if k := f.keys[x.key]; k != nil && (k.x == x || k.x == nil) {
		delete(f.keys, x.key)
	}
	f.mu.Unlock()
	var err error
	if rev != 0 {
		err = f.o.Store.Delete(ctx, recordKey(x.id), rev)
		if f.shared() && errors.Is(err, store.ErrNotFound) {
			return Errorf(KindNotFound, "Execution not found: %s", x.id) // another was faster
		}
	}
	if parts > 0 {
		err = errors.Join(err, f.dropParts(ctx, x.id))
	}
	return errors.Join(err, f.unclaim(ctx, x), f.removeOutput(x))
}

func recordKey(id string) string { return "executions/" + id }

// checkSchema is checkParameters with the compiled schemas kept.
func (f *Files) checkSchema(text, parameters json.RawMessage) error {
	if !given(text) {
		return nil
	}
	f.mu.RLock()
	s, ok := f.schemas[string(text)]
	f.mu.RUnlock()
	if !ok {
		s.schema, s.err = compileSchema(text)
		f.mu.Lock()
		if len(f.schemas) >= 256 {
			clear(f.schemas)
		}
		f.schemas[string(text)] = s
		f.mu.Unlock()
	}
	if s.err != nil {
		f.o.Log.Warn("the schema of a script is broken", "error", s.err)
		return Errorf(KindInternal, "The parameters schema of the script is broken")
	}
	return checkParameters(s.schema, parameters)
}
