package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"lander/lib/emp"
	"lander/lib/emp/frame"
	"lander/lib/job"
	"lander/lib/store"
)

// executionStatus answers extension 102.
func (s *session) executionStatus(dst []byte, r *emp.Request) ([]byte, error) {
	p, err := frame.ParseExecutionStatus(r.Payload)
	if err != nil {
		return nil, err
	}
	return r.Go(func(ctx context.Context) ([]byte, error) { return s.a.scripts.status(ctx, p.ID) })
}

// status renders the execution object, or says that there is none.
func (s *scripts) status(ctx context.Context, id string) ([]byte, error) {
	s.mu.Lock()
	if r := s.running[id]; r != nil {
		body, err := json.Marshal(r.result)
		s.mu.Unlock()
		return body, err
	}
	s.mu.Unlock()
	e, err := s.a.store.Get(ctx, executionKey(id))
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrKey) {
		return nil, frame.Errorf(frame.StatusNotFound, "no such execution")
	}
	if err != nil {
		return nil, err
	}
	var r job.Result // without what only the record has
	if err := json.Unmarshal(e.Value, &r); err != nil {
		return nil, fmt.Errorf("reading an execution: %w", err)
	}
	return json.Marshal(r)
}

// stopExecution answers extension 103.
func (s *session) stopExecution(r *emp.Request) ([]byte, error) {
	p, err := frame.ParseStopExecution(r.Payload)
	if err != nil {
		return nil, err
	}
	return r.Go(func(ctx context.Context) ([]byte, error) { return s.a.scripts.stop(ctx, p) })
}

// stop ends an execution and returns its final object. A ticket is one that an
// application gave.
func (s *scripts) stop(ctx context.Context, p frame.StopExecution) ([]byte, error) {
	s.mu.Lock()
	r := s.running[p.ID]
	if p.Ticket != "" {
		for _, one := range s.running {
			if t := one.result.Ticket; t != nil && *t == p.Ticket && one.result.Source == job.SourceEMP {
				r = one
			}
		}
	}
	s.mu.Unlock()
	if r == nil {
		id := p.ID
		if id == "" {
			var err error
			if id, err = s.byTicket(ctx, p.Ticket); err != nil {
				return nil, err
			}
		}
		return s.status(ctx, id)
	}
	r.cancel(errStopped)
	select {
	case <-r.answer.done:
		return r.answer.body, r.answer.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// byTicket finds the last execution with a ticket that an application gave.
func (s *scripts) byTicket(ctx context.Context, ticket string) (id string, err error) {
	for e, err := range s.a.store.List(ctx, "executions") {
		if errors.Is(err, store.ErrDamaged) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("looking for the ticket of an execution: %w", err)
		}
		var r struct {
			ID     string  `json:"id"`
			Source string  `json:"source"`
			Ticket *string `json:"ticket"`
		}
		if json.Unmarshal(e.Value, &r) == nil && r.Source == job.SourceEMP && r.Ticket != nil && *r.Ticket == ticket {
			id = max(id, r.ID) // IDs begin with their time
		}
	}
	if id == "" {
		return "", frame.Errorf(frame.StatusNotFound, "no such execution")
	}
	return id, nil
}
