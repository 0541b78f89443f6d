package agent

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"sync"
	"time"

	"lander/lib/bundle"
	"lander/lib/emp"
	"lander/lib/emp/frame"
	"lander/lib/fetch"
	"lander/lib/job"
	"lander/lib/remote"
	"lander/lib/trust"
)

// scripts runs what comes as ExecuteScript and remembers what came of it.
type scripts struct {
	a     *Agent
	svc   *remote.Service
	slots chan struct{}

	ctx    context.Context // of all runs: a connection's end stops none
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	running map[string]*run    // by execution id
	claims  map[string]*answer // by ticket key: deliveries under way
	tickets map[string]string  // execution ids by ticket key
	ended   int
	retry   time.Duration // before a result is kept that the disk did not take; doubles
	closed  bool          // nothing begins any more
}

// run is an execution under way, or one whose end is not on record yet.
type run struct {
	result job.Result // as of its start; as of its end while the record cannot be written
	cancel context.CancelCauseFunc
	answer *answer
}

// answer is what a delivery ends with; done is closed then.
type answer struct {
	done  chan struct{}
	begun chan struct{} // closed when the script runs, or will not
	id    string
	body  []byte
	err   error
}

// errStopped is the cause of a StopExecution.
var errStopped = errors.New("stopped")

// errEnding is the answer to what has not begun when the agent ends.
var errEnding = frame.Errorf(frame.StatusBusy, "%s: the agent ends before the script has begun", job.CodeInterrupted)

func newScripts(a *Agent, svc *remote.Service) *scripts {
	s := &scripts{a: a, svc: svc, slots: make(chan struct{}, a.cfg.MaxRunning), running: map[string]*run{}, claims: map[string]*answer{}, tickets: map[string]string{}, retry: time.Second}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// delivery is one ExecuteScript, by whatever door.
type delivery struct {
	source, actor, ticket string
	digest                string // of the command, for de-duplication
	patient               bool   // it waits for a slot
	order                 remote.Order
}

// deliver starts a delivery, or finds the one that it repeats. With a ticket
// there is one run and one answer, across restarts.
func (s *scripts) deliver(d delivery) *answer {
	key := ""
	ans := &answer{done: make(chan struct{}), begun: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		ans.err = errEnding
		ans.end()
		return ans
	}
	if d.ticket != "" {
		key = ticketKey(d)
		if have := s.claims[key]; have != nil {
			return have
		}
		s.claims[key] = ans
	}
	s.wg.Go(func() {
		s.perform(d, key, ans)
		if key != "" {
			s.mu.Lock()
			delete(s.claims, key)
			s.mu.Unlock()
		}
		ans.end()
	})
	return ans
}

// end tells those who wait, first that it is over: who finds it begun and not
// over asks for the execution, and a refusal has none.
func (ans *answer) end() {
	close(ans.done)
	ans.begin()
}

func (ans *answer) begin() {
	select {
	case <-ans.begun:
	default:
		close(ans.begun)
	}
}

func (s *scripts) perform(d delivery, key string, ans *answer) {
	if key != "" {
		id, body, found, err := s.lookup(key)
		if found || err != nil {
			ans.id, ans.body, ans.err = id, body, err
			return
		}
	}
	full := make(chan struct{}) // closed for who does not wait
	if !d.patient {
		close(full)
	}
	select {
	case s.slots <- struct{}{}:
	default:
		select {
		case s.slots <- struct{}{}:
		case <-s.ctx.Done():
			ans.err = errEnding
			return
		case <-full:
			ans.err = frame.Errorf(frame.StatusBusy, "all %d slots for scripts are taken", cap(s.slots))
			return
		}
	}
	res, err := s.execute(d, key, ans)
	<-s.slots // before the answer: who has it may send the next
	if err != nil {
		ans.err = err
		return
	}
	ans.body, ans.err = json.Marshal(res)
}

// execute admits and runs. The error is a refusal, answered as such.
func (s *scripts) execute(d delivery, key string, ans *answer) (job.Result, error) {
	ctx, cancel := context.WithCancelCause(s.ctx)
	defer cancel(nil)
	adm, err := s.svc.Admit(ctx, d.order)
	if err != nil {
		if u, ok := errors.AsType[*remote.UnjournalledError](err); ok {
			s.a.cfg.Log.Error("a refusal could not be journalled", "error", u.Journal)
		}
		err = refusal(err)
		if _, worded := errors.AsType[*frame.Error](err); worded && !passing(err) && key != "" {
			if serr := s.saveRefusal(d, key, err.Error()); serr != nil {
				return job.Result{}, serr
			}
		}
		return job.Result{}, err
	}
	begun := adm.Result
	begun.Status, begun.StartedAt = job.Running, job.Time{Time: s.a.cfg.Clock()}
	ans.id = begun.ID
	// The execution is on record before it begins, and the ticket with it: an
	// agent that dies from here on answers "interrupted" and runs it no more.
	if err := s.save(begun, key); err != nil {
		return job.Result{}, err
	}
	s.mu.Lock()
	s.running[begun.ID] = &run{begun, cancel, ans}
	s.mu.Unlock()
	ans.begin()
	s.a.event(Event{Event: "script", Execution: begun.ID, Name: begun.Name, Ticket: d.ticket, Status: string(job.Running)})
	res, err := adm.Execute(ctx)
	if err != nil {
		s.a.cfg.Log.Error("a run could not be journalled", "execution", res.ID, "error", err)
	}
	s.keep(res, key)
	s.mu.Lock()
	s.ended++
	prune := s.ended%pruneEvery == 0
	s.mu.Unlock()
	if prune {
		if err := s.prune(s.ctx); err != nil && s.ctx.Err() == nil {
			s.a.cfg.Log.Warn("old executions stay", "error", err)
		}
	}
	s.a.event(Event{Event: "script", Execution: res.ID, Name: res.Name, Ticket: d.ticket, Status: string(res.Status)})
	return res, nil
}

// refusal words an error of Admit for the wire: what the script or its signer
// can mend keeps its text.
func refusal(err error) error {
	if u, ok := errors.AsType[*remote.UnjournalledError](err); ok {
		err = u.Err // where the journal is, is nobody's business on the other side
	}
	if r, ok := errors.AsType[*trust.Refusal](err); ok {
		return frame.Errorf(frame.StatusNotPermitted, "%s", r.Text())
	}
	switch {
	case errors.Is(err, trust.ErrInvalid):
		return frame.Errorf(frame.StatusNotPermitted, "%s: %v", trust.ReasonSignature, err)
	case errors.Is(err, fetch.ErrURL), errors.Is(err, fetch.ErrAddress), errors.Is(err, fetch.ErrTooLarge), errors.Is(err, fetch.ErrRedirect), errors.Is(err, fetch.ErrCertificate):
		return frame.Errorf(frame.StatusNotPermitted, "download: %v", err)
	}
	se, isStatus := errors.AsType[*fetch.StatusError](err)
	away := isStatus && (se.Code == 502 || se.Code == 503 || se.Code == 504) // who serves it is not there
	if isStatus && !away {
		return frame.Errorf(frame.StatusNotPermitted, "download: %v", se)
	}
	if away || errors.Is(err, fetch.ErrUnreachable) || errors.Is(err, fetch.ErrTimeout) {
		// Not final: the same ticket may try again.
		return frame.Errorf(frame.StatusCommunicationError, "download: %v", err)
	}
	return err
}

// executeScript answers extension 100.
func (s *session) executeScript(r *emp.Request) ([]byte, error) {
	p, err := frame.ParseExecuteScript(r.Payload)
	if err != nil {
		return nil, err
	}
	d := delivery{source: job.SourceEMP, actor: s.addr, ticket: p.Ticket, order: s.a.order(p)}
	d.order.Actor = s.addr
	noWait := p.NoWait
	p.NoWait, p.Ticket = false, "" // what is asked for, not how
	sum := sha256.Sum256(p.Append(nil))
	d.digest = hex.EncodeToString(sum[:])
	return r.Go(func(ctx context.Context) ([]byte, error) {
		ans := s.a.scripts.deliver(d)
		wait := ans.done
		if noWait {
			wait = ans.begun
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		select {
		case <-ans.done:
			return ans.body, ans.err
		default:
			return s.a.scripts.status(ctx, ans.id)
		}
	})
}

// legacyOrder is the order of a script that comes with its MD5.
func (a *Agent) legacyOrder(url, md5 string) remote.Order {
	return remote.Order{Name: url, Budget: a.cfg.Budget, Legacy: &remote.Legacy{MD5: md5, Fetch: func() (io.ReadCloser, error) {
		return fetch.Get(a.scripts.ctx, url, a.cfg.Fetch)
	}}}
}

// order makes the order of an ExecuteScript. What is no signature is refused
// where all else is, so that it is on record.
func (a *Agent) order(p frame.ExecuteScript) remote.Order {
	o := remote.Order{Source: job.SourceEMP, Ticket: p.Ticket, Name: p.URL, Budget: a.cfg.Budget}
	for _, m := range p.Args.Members() {
		if o.Args == nil {
			o.Args = map[string]string{}
		}
		text, ok := m.Value.Str()
		if !ok {
			text = m.Value.String()
		}
		o.Args[m.Key] = text
	}
	get := func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(p.Bundle)), nil }
	if p.URL != "" {
		fo := a.cfg.Fetch
		if p.Signature == "" && fo.MaxBytes == 0 {
			// What the cap is for comes after the lines of its signature.
			fo.MaxBytes = trust.MaxSignatureText + bundle.Cap(job.FormatLua)
		}
		get = func(ctx context.Context) (io.ReadCloser, error) { return fetch.Get(ctx, p.URL, fo) }
	}
	ctx := a.scripts.ctx
	if p.Signature == "" {
		o.Bundle = &lazyReader{open: func() (io.ReadCloser, error) { return get(ctx) }}
		return o
	}
	sig, err := trust.ParseSignature([]byte(p.Signature))
	if err != nil {
		o.Bundle = &lazyReader{err: err}
		return o
	}
	o.Signature = sig
	o.Fetch = func(trust.Verdict) (io.ReadCloser, error) { return get(ctx) }
	return o
}

// lazyReader opens its source at the first read: a repeated ticket downloads
// nothing.
type lazyReader struct {
	open func() (io.ReadCloser, error)
	src  io.ReadCloser
	err  error
}

func (l *lazyReader) Read(p []byte) (int, error) {
	if l.src == nil && l.err == nil {
		l.src, l.err = l.open()
	}
	if l.err != nil {
		return 0, l.err
	}
	n, err := l.src.Read(p)
	if err != nil {
		l.src.Close()
		l.err = err
	}
	return n, err
}

// keyOf is the key that has signed a script which runs; "" where none has.
func (s *scripts) keyOf(execution string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.running[execution]
	if r == nil || r.result.KeyID == nil {
		return ""
	}
	return *r.result.KeyID
}

// stopAll ends what runs, when the agent ends.
func (s *scripts) stopAll() { s.cancel() }

func (s *scripts) close() {
	s.cancel()
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.wg.Wait()
}

func ticketKey(d delivery) string {
	sum := sha256.Sum256([]byte(d.source + "\x00" + d.ticket + "\x00" + d.digest))
	return hex.EncodeToString(sum[:16])
}

func refusalKey(ticketKey string) string { return "refusals/" + ticketKey }

func executionKey(id string) string { return "executions/" + id }
