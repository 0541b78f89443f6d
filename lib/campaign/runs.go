package campaign

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"lander/lib/job"
	"lander/lib/sovd"
	"lander/lib/store"
)

// view is what clients see.
func (r *record) view() sovd.Many {
	m := r.Many
	m.Counts = r.tally().Counts
	return m
}

// GetMany implements sovd.FleetRuns.
func (c *Campaigns) GetMany(ctx context.Context, id string) (sovd.Many, error) {
	r, err := c.get(ctx, id)
	if err != nil {
		return sovd.Many{}, err
	}
	return r.view(), nil
}

// ListMany implements sovd.FleetRuns.
func (c *Campaigns) ListMany(ctx context.Context) ([]sovd.Many, error) {
	all, err := c.list(ctx)
	if err != nil {
		return nil, err
	}
	var out []sovd.Many
	for _, r := range all {
		out = append(out, r.view())
	}
	return out, nil
}

// ManyResults implements sovd.FleetRuns.
func (c *Campaigns) ManyResults(ctx context.Context, id string) ([]sovd.ManyResult, error) {
	r, err := c.get(ctx, id)
	if err != nil {
		return nil, err
	}
	out := make([]sovd.ManyResult, len(r.Devices))
	for i, d := range r.Devices {
		out[i] = sovd.ManyResult{ID: d, Status: job.Prepared}
		x, ok := r.Results[d]
		if !ok {
			continue
		}
		out[i].Status, out[i].Execution = x.Status, x.Execution
		if x.Message != "" {
			out[i].Error = &sovd.ExecutionError{Message: x.Message}
		}
		if x.Execution == "" {
			continue
		}
		if v, err := c.provider.GetExecution(ctx, ref(d), r.Script, x.Execution); err == nil {
			out[i].Status, out[i].Error, out[i].Output = v.Status, v.Error, v.Parameters
		}
	}
	return out, nil
}

// WaitMany implements sovd.FleetRuns.
func (c *Campaigns) WaitMany(ctx context.Context, id string) (sovd.Many, error) {
	for {
		r, err := c.get(context.WithoutCancel(ctx), id)
		if err != nil || r.Status.Final() {
			return r.view(), err
		}
		c.mu.Lock()
		k := c.all[id]
		c.mu.Unlock()
		var done chan struct{} // nil: another gateway drives it
		if k != nil {
			done = k.done
		}
		t := time.NewTimer(lookEvery)
		select {
		case <-done:
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return r.view(), nil
		}
		t.Stop()
	}
}

// StopMany implements sovd.FleetRuns. The gateway that drives it stops what
// runs, soon.
func (c *Campaigns) StopMany(ctx context.Context, id string, a sovd.Action) (sovd.Many, error) {
	for {
		e, err := c.o.Store.Get(ctx, key(id))
		if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrKey) {
			return sovd.Many{}, sovd.Errorf(sovd.KindNotFound, "Execution not found: %s", id)
		}
		var r record
		if err == nil {
			err = json.Unmarshal(e.Value, &r)
		}
		if err == nil && r.Status.Final() {
			return sovd.Many{}, sovd.Errorf(sovd.KindNotRunning, "Execution is not running (status: %s)", r.Status)
		}
		var text []byte
		var rev store.Revision
		if err == nil {
			r.Stop = a
			text, err = json.Marshal(r)
		}
		if err == nil {
			rev, err = c.o.Store.Put(context.WithoutCancel(ctx), e.Key, text, e.Rev)
		}
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		if err != nil {
			return sovd.Many{}, fmt.Errorf("stopping %s: %w", id, err)
		}
		c.mu.Lock()
		k := c.all[id]
		if k != nil {
			k.rec.Stop, k.rev = a, max(k.rev, rev)
			select {
			case k.wake <- struct{}{}:
			default:
			}
		}
		c.mu.Unlock()
		if k != nil {
			t := time.NewTimer(4 * time.Second)
			defer t.Stop()
			select {
			case <-k.done:
			case <-t.C:
			case <-ctx.Done():
			}
		}
		return c.GetMany(ctx, id)
	}
}

// RetryFailed implements sovd.FleetRuns.
func (c *Campaigns) RetryFailed(ctx context.Context, id, actor string) (sovd.Many, error) {
	r, err := c.get(ctx, id)
	if err != nil {
		return sovd.Many{}, err
	}
	var again []string
	for _, d := range r.Devices {
		if r.Results[d].Status != job.Completed {
			again = append(again, d)
		}
	}
	switch {
	case !r.Status.Final():
		return sovd.Many{}, sovd.Errorf(sovd.KindRunning, "The executions of %s have not all ended", id)
	case len(again) == 0:
		return sovd.Many{}, sovd.Errorf(sovd.KindNotRunning, "Nothing failed in %s", id)
	}
	n := record{Owner: c.o.Presence.Lease().ID(), Actor: actor, Parameters: r.Parameters, Devices: again}
	n.Many = sovd.Many{Script: r.Script, Name: r.Name, SHA256: r.SHA256, Target: r.Target, MaxConcurrency: r.MaxConcurrency, MaxErrors: r.MaxErrors, Total: len(again), RetryOf: id}
	return c.open(ctx, n)
}
