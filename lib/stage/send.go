package stage

import (
	"context"

	"lander/lib/emp/frame"
)

// selection is what a session sends.
type selection struct {
	policies []*policy
	tables   []*table // beside those of the policies
	keep     bool     // the rows of tables stay
}

// Flush sends what waits for a policy, and returns when the session is over;
// PolicyAll is every policy but never. Where nothing waits there is no
// session. A session that failed is a *SessionError.
func (s *Stage) Flush(ctx context.Context, name string) error {
	s.mu.Lock()
	var sel selection
	switch p, err := s.policyFor(name); {
	case name == frame.PolicyAll:
		for n, p := range s.policies {
			if n != frame.PolicyNever {
				sel.policies = append(sel.policies, p)
			}
		}
	case name == frame.PolicyNever:
		s.mu.Unlock()
		return frame.Errorf(frame.StatusBadParameter, "the policy never is never sent")
	case err != nil:
		s.mu.Unlock()
		return err
	default:
		sel.policies = []*policy{p}
	}
	s.mu.Unlock()
	return s.send(ctx, sel)
}

// Hurry has what waits for a policy sent without its latency, and returns at
// once. After a failure the policy waits on.
func (s *Stage) Hurry(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p, err := s.policyFor(name); err == nil {
		s.begin(p)
	}
}

// SendTable sends a table now, whatever its policy, and returns when the
// session is over. An empty table needs none.
func (s *Stage) SendTable(ctx context.Context, p frame.Trigger) error {
	s.mu.Lock()
	t, err := s.tableFor(p.Table)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.send(ctx, selection{tables: []*table{t}, keep: p.DontReset})
}

// Connect has a session with the server, though nothing waits. When one is on
// already it comes after it, or fails at once with ErrBusy unless it may wait.
func (s *Stage) Connect(ctx context.Context, wait bool) error {
	select {
	case s.session <- struct{}{}:
	default:
		if !wait {
			return ErrBusy
		}
		select {
		case s.session <- struct{}{}:
		case <-ctx.Done():
			return &SessionError{context.Cause(ctx)}
		case <-s.ctx.Done():
			return &SessionError{context.Cause(s.ctx)}
		}
	}
	defer func() { <-s.session }()
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	return s.uplink(ctx, nil)
}

// bounded ends a context with the stage.
func (s *Stage) bounded(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}

func (s *Stage) uplink(ctx context.Context, ms []Message) error {
	if s.o.Uplink == nil {
		return &SessionError{ErrNoUplink}
	}
	err := s.o.Uplink.Send(ctx, ms)
	s.sessionEnded(err)
	if err != nil {
		return &SessionError{err}
	}
	return nil
}

// send has one session, after the one that is on.
func (s *Stage) send(ctx context.Context, sel selection) error {
	s.mu.Lock()
	err := s.open()
	if err == nil {
		s.wg.Add(1)
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	defer s.wg.Done()
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	select {
	case s.session <- struct{}{}:
	case <-ctx.Done():
		return &SessionError{context.Cause(ctx)}
	}
	defer func() { <-s.session }()

	if s.doubt != nil {
		if err := s.sendBatch(ctx, *s.doubt); err != nil {
			return err
		}
	}
	s.mu.Lock()
	s.consolidateFor(sel)
	batches := s.batches(sel)
	s.mu.Unlock()
	for _, b := range batches {
		if err := s.sendBatch(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// sendBatch has the uplink take a batch, and forgets it.
func (s *Stage) sendBatch(ctx context.Context, b batch) error {
	s.mu.Lock()
	ms, tables := s.collect(b)
	s.mu.Unlock()
	if len(ms) == 0 {
		s.doubt = nil
		return nil
	}
	if err := s.uplink(ctx, ms); err != nil {
		if s.o.Batch > 0 {
			s.doubt = &b
		}
		return err
	}
	s.doubt = nil
	// What was sent is forgotten before anybody is told: else it would be sent
	// again after a crash.
	saved := make(chan error, 1)
	s.mu.Lock()
	for _, p := range b.policies {
		s.dropGroups(p, b.to)
		s.dropAcks(p, b.to)
		if p.holds(s) {
			s.armLatency(p)
		} else {
			stop(&p.latency)
		}
	}
	if b.keep {
		tables = nil
	}
	for _, t := range tables {
		t.rows = s.dropRows(t.rows, b.to)
	}
	if s.file != nil {
		s.persist(func(dst []byte) []byte { return appendSent(dst, b.to, b.policies, tables) })
	}
	s.confirm(func(err error) { saved <- err }, true)
	if err := <-saved; err != nil {
		s.log.Error("forgetting what was sent: after a restart it is sent again", "error", err)
	}
	return nil
}
