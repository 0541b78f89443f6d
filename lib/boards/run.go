package boards

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"lander/lib/bundle"
	"lander/lib/job"
	"lander/lib/sovd"
	"lander/lib/store"
	"lander/lib/trust"
)

// maxOutput is how much of each stream of an execution is kept, in bytes.
const maxOutput = 256 << 10

// keyed is what an idempotency key stands for, under boards/keys/<digest>.
type keyed struct {
	Board   string `json:"board"`
	ID      string `json:"id"`
	Request string `json:"request"`
	Life    string `json:"life"` // of the gateway that begins it
}

func keyKey(key string) string { return "boards/keys/" + key }

// StartExecution implements sovd.ScriptProvider. The execution is durable when
// it returns: prepared when it waits for its board, else running.
func (b *Boards) StartExecution(ctx context.Context, e sovd.Ref, script string, s sovd.Start) (sovd.Execution, error) {
	d, src, err := b.board(ctx, e)
	if err != nil {
		return sovd.Execution{}, err
	}
	now := b.now()
	r := record{ID: job.NewID(now.Time, b.o.Random), Board: e.ID, Script: script, Actor: s.Actor, Request: s.Digest, Status: job.Prepared, Started: now}
	if s.Key != "" {
		sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q", s.Actor, e.Path(), script, s.Key))
		r.Key = hex.EncodeToString(sum[:])
		if x, err := b.again(ctx, &r); x != nil || err != nil {
			return orExecution(x), err
		}
	}
	x, err := b.begin(ctx, d, src, r, s)
	if err != nil {
		b.forgetKey(ctx, r)
	}
	return x, err
}

func orExecution(x *sovd.Execution) sovd.Execution {
	if x == nil {
		return sovd.Execution{}
	}
	return *x
}

// again claims the key of a start, or finds the execution that has it.
func (b *Boards) again(ctx context.Context, r *record) (*sovd.Execution, error) {
	claim, err := json.Marshal(keyed{r.Board, r.ID, r.Request, b.o.Presence.Lease().ID()})
	if err != nil {
		return nil, err
	}
	_, err = b.o.Store.Put(ctx, keyKey(r.Key), claim, 0)
	if !errors.Is(err, store.ErrConflict) {
		return nil, err
	}
	e, err := b.o.Store.Get(ctx, keyKey(r.Key))
	var k keyed
	if err == nil {
		err = json.Unmarshal(e.Value, &k)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the first request with the same key: %w", err)
	}
	if k.Request != r.Request {
		return nil, sovd.Errorf(sovd.KindReused, "The Idempotency-Key was used for another request")
	}
	first, err := b.load(ctx, k.Board, k.ID)
	if missing, ok := errors.AsType[*sovd.Error](err); ok && missing.Kind == sovd.KindNotFound {
		err = store.ErrConflict
		if b.o.Presence.Gone(ctx, k.Life) {
			// It died between the claim and the record.
			_, err = b.o.Store.Put(ctx, e.Key, claim, e.Rev)
		}
		if errors.Is(err, store.ErrConflict) {
			err = sovd.Errorf(sovd.KindUnavailable, "The first request with the same key has not been recorded")
		}
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	if first, err = b.look(ctx, first); err != nil {
		return nil, err
	}
	x := first.view().Replayed()
	return &x, nil
}

// begin plans a start, records it and does it.
func (b *Boards) begin(ctx context.Context, d *Board, src Source, r record, s sovd.Start) (sovd.Execution, error) {
	q := Request{Parameters: s.Parameters}
	spend := func() error { return nil }
	if m := managed(src, r.Script); m != nil {
		q.Script, r.Name = m.ID, m.Name
	} else {
		var err error
		if q.Program, spend, err = b.program(ctx, d, src, &r); err != nil {
			return sovd.Execution{}, err
		}
	}
	p, err := src.Plan(ctx, d, q)
	if err != nil {
		return sovd.Execution{}, err
	}
	if p.Name != "" {
		r.Name = p.Name
	}
	if p.SHA256 != "" {
		r.SHA256 = p.SHA256
	}
	if q.Program != nil || p.SHA256 != "" { // else nothing is known of what it is
		// An agent that came first has told the digest of the text.
		text := sha256.Sum256(q.Program)
		if err := s.Same(r.SHA256, hex.EncodeToString(text[:])); err != nil {
			return sovd.Execution{}, err
		}
	}
	r.Goal, r.Live = p.Goal, p.Begin == nil
	lease := b.o.Presence.Lease()
	if r.Owner = lease.ID(); r.Live {
		r.Status = job.Running
	} else {
		until := job.Time{Time: r.Started.Add(b.o.TTL)}
		r.Deadline = &until
		if err := b.lookAll(ctx, r.Board); err != nil { // what this takes the place of
			return sovd.Execution{}, err
		}
	}
	if err := spend(); err != nil {
		return sovd.Execution{}, err
	}
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return sovd.Execution{}, sovd.Errorf(sovd.KindUnavailable, "The gateway is shutting down")
	}
	b.runs.Add(1)
	b.mu.Unlock()
	begun := false
	defer func() {
		if !begun {
			b.runs.Done()
		}
	}()
	if err := b.put(ctx, &r); err != nil {
		return sovd.Execution{}, err
	}
	b.prune(ctx, r.Board)
	if !r.Live {
		if err := p.Begin(context.WithoutCancel(ctx), r.ID); err != nil {
			return sovd.Execution{}, errors.Join(err, b.forget(ctx, r))
		}
		b.mu.Lock()
		b.open[r.ID] = place{r.Board, r.ID}
		b.mu.Unlock()
		if r, err = b.load(ctx, r.Board, r.ID); err == nil && r.Status.Final() {
			err = b.withdraw(ctx, r) // another ended it before it had begun
		} else if err == nil {
			r, err = b.look(ctx, r)
		}
		if err != nil {
			return sovd.Execution{}, err
		}
		return r.view(), nil
	}
	begun = true
	run, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	l := &live{cancel: cancel, out: job.NewOutput(maxOutput), done: make(chan struct{})}
	b.mu.Lock()
	b.live[r.ID] = l
	b.mu.Unlock()
	go func() {
		defer b.runs.Done()
		ended := make(chan struct{})
		defer func() { <-ended }()
		defer cancel(nil)
		go func() {
			defer close(ended)
			select {
			case <-lease.Lost: // the others take it for dead by now
				cancel(errLease)
			case <-run.Done():
			}
		}()
		b.do(run, r, p, l)
	}()
	return r.view(), nil
}

// program reads what was uploaded; what is signed is verified for the board.
func (b *Boards) program(ctx context.Context, d *Board, src Source, r *record) (text []byte, spend func() error, err error) {
	spend = func() error { return nil }
	l := b.uploads(src)
	if l == nil {
		return nil, nil, noScript(r.Script)
	}
	s, err := l.ReadScript(ctx, sovd.Ref{Kind: sovd.Components, ID: d.ID}, r.Script)
	verified := b.o.Verified
	if e, ok := errors.AsType[*sovd.Error](err); ok && e.Kind == sovd.KindNotFound {
		// One that was uploaded for many devices, of which this may be none.
		s, err = l.ReadScript(ctx, sovd.FleetRef, r.Script)
		verified = false
	}
	if err != nil {
		return nil, nil, err
	}
	if s.Managed {
		return nil, nil, noScript(r.Script)
	}
	r.Name, r.Format = s.Name, src.Formats()[0]
	if !bundle.Is(s.Bytes) {
		return s.Bytes, spend, nil
	}
	if s.Spend != nil {
		spend = func() error { return s.Spend(ctx) }
	}
	if verified {
		text, err = r.opened(s.Bytes)
		return text, spend, err
	}
	if b.o.Open == nil {
		return nil, nil, sovd.Errorf(sovd.KindRefused, "Script refused: there is no trust store to check its signature with")
	}
	o, err := b.o.Open(ctx, append(d.targets(), sovd.Components+"/"+d.ID), src.Formats(), s.Bytes)
	if err != nil {
		return nil, nil, err
	}
	r.SHA256, r.KeyID, r.Serial = o.SHA256, o.KeyID, o.Serial
	if s.Spend == nil {
		return o.Payload, o.Record, nil
	}
	return o.Payload, spend, nil
}

// opened takes a bundle apart that was verified.
func (r *record) opened(text []byte) ([]byte, error) {
	in := bufio.NewReader(bytes.NewReader(text))
	sig, err := bundle.ReadHeader(in)
	if err != nil {
		return nil, sovd.Errorf(sovd.KindInput, "The program is no whole bundle")
	}
	r.KeyID = sig.KeyID()
	if st, err := trust.ParseStatement(sig.Comment()); err == nil {
		r.SHA256, r.Serial = st.SHA256, &st.Serial
	}
	return io.ReadAll(in)
}

// do does an execution and records how it ended.
func (b *Boards) do(ctx context.Context, r record, p Plan, l *live) {
	o := p.guarded(ctx, l.out)
	if cause := context.Cause(ctx); o.Terminated && cause != nil && o.Err != nil {
		if o.Err.Message == "" {
			o.Err.Message = cause.Error()
		} else {
			o.Err.Message = cause.Error() + ": " + o.Err.Message
		}
	}
	for {
		_, err := b.end(b.ctx, r, o, l.out)
		if err == nil || errors.Is(err, errFinal) {
			return
		}
		b.o.Log.Error("recording how an execution ended", "execution", r.ID, "board", r.Board, "error", err)
		b.mu.Lock()
		closed := b.closed
		b.mu.Unlock()
		if closed { // the next gateway finds it interrupted
			return
		}
		time.Sleep(tendEvery)
	}
}

// guarded keeps a fault of a source to one execution.
func (p Plan) guarded(ctx context.Context, out *job.Output) (o job.Outcome) {
	defer func() {
		if v := recover(); v != nil {
			o = job.Outcome{Err: job.Errorf(job.CodeInternal, "the deployment panicked: %v", v)}
		}
	}()
	return p.Run(ctx, out)
}

// forget removes the record of an execution.
func (b *Boards) forget(ctx context.Context, r record) error {
	b.mu.Lock()
	delete(b.open, r.ID)
	b.mu.Unlock()
	b.forgetKey(ctx, r)
	err := b.o.Store.Delete(context.WithoutCancel(ctx), r.key(), r.rev)
	if errors.Is(err, store.ErrNotFound) {
		return sovd.Errorf(sovd.KindNotFound, "Execution not found: %s", r.ID)
	}
	return err
}

// forgetKey frees the idempotency key of an execution.
func (b *Boards) forgetKey(ctx context.Context, r record) {
	if r.Key == "" {
		return
	}
	ctx = context.WithoutCancel(ctx)
	e, err := b.o.Store.Get(ctx, keyKey(r.Key))
	var k keyed
	if err != nil || json.Unmarshal(e.Value, &k) != nil || k.ID != r.ID {
		return
	}
	if err := b.o.Store.Delete(ctx, e.Key, e.Rev); err != nil && !errors.Is(err, store.ErrNotFound) {
		b.o.Log.Error("forgetting an idempotency key", "execution", r.ID, "error", err)
	}
}

// prune forgets the oldest executions of a board that have ended.
func (b *Boards) prune(ctx context.Context, board string) {
	all, err := b.list(ctx, board)
	for i := 0; err == nil && i < len(all)-b.o.History; i++ {
		if all[i].Status.Final() {
			err = b.forget(ctx, all[i])
		}
	}
	if err != nil {
		b.o.Log.Error("forgetting old executions", "board", board, "error", err)
	}
}
