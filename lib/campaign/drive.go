package campaign

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"time"

	"lander/lib/job"
	"lander/lib/sovd"
	"lander/lib/store"
)

const (
	// lookEvery is how often the devices are looked at.
	lookEvery = 500 * time.Millisecond
	// lookAtOnce is how many of them each time, so that many cost no more.
	lookAtOnce = 500
)

func (r record) clone() record {
	r.Results = maps.Clone(r.Results)
	return r
}

// tally counts what became of the devices.
func (r *record) tally() sovd.ManyTally {
	t := sovd.NewManyTally(len(r.Devices))
	for _, x := range r.Results {
		t.Begun(x.Status)
	}
	return t
}

func (r *record) rules() sovd.ManyRules {
	return sovd.ManyRules{MaxConcurrency: r.MaxConcurrency, MaxErrors: r.MaxErrors, Total: len(r.Devices), Stop: r.Stop}
}

func ref(id string) sovd.Ref { return sovd.Ref{Kind: sovd.Components, ID: id} }

// drive begins the executions, as many at once as the record says, and looks
// at them until all have ended.
func (c *Campaigns) drive(k *campaign) {
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	at := 0
	for c.ctx.Err() == nil {
		stop := c.stopped(k.id)
		c.mu.Lock()
		if !c.o.Presence.Alive(k.rec.Owner) {
			c.mu.Unlock()
			c.drop(k)
			return
		}
		k.rec.Stop = cmp.Or(k.rec.Stop, stop)
		r := k.rec.clone()
		c.mu.Unlock()
		news := map[string]result{}
		for n := 0; n < len(r.Devices) && n < lookAtOnce; n++ {
			id := r.Devices[(at+n)%len(r.Devices)]
			if x, ok := r.Results[id]; ok && !x.Status.Final() {
				if y := c.look(&r, id, x); y != x {
					news[id] = y
				}
			}
		}
		at = (at + lookAtOnce) % len(r.Devices)
		maps.Copy(r.Results, news)
		c.more(&r, news)
		tally := r.tally()
		over := r.rules().Over(tally)
		if len(news) > 0 || over {
			sha256 := r.SHA256
			mine := c.save(k, func(r *record) {
				maps.Copy(r.Results, news)
				r.SHA256 = sha256
				if over {
					c.finish(r, tally)
				}
			})
			if !mine {
				c.drop(k)
				return
			}
		}
		c.mu.Lock()
		final := k.rec.Status.Final()
		c.mu.Unlock()
		if final {
			close(k.done)
			return
		}
		select {
		case <-t.C:
		case <-k.wake:
		case <-c.ctx.Done():
		}
	}
}

// drop ends the driving here of what was ours: our lease was lost, and another
// drives it now, or we do anew.
func (c *Campaigns) drop(k *campaign) {
	c.mu.Lock()
	if c.all[k.id] == k {
		delete(c.all, k.id)
	}
	c.mu.Unlock()
	close(k.done)
}

// stopped is what another gateway has written.
func (c *Campaigns) stopped(id string) sovd.Action {
	e, err := c.o.Store.Get(c.ctx, key(id))
	var r record
	if err != nil || json.Unmarshal(e.Value, &r) != nil {
		return ""
	}
	return r.Stop
}

// look asks for one execution.
func (c *Campaigns) look(r *record, id string, x result) result {
	v, err := c.provider.GetExecution(c.ctx, ref(id), r.Script, x.Execution)
	if e, ok := errors.AsType[*sovd.Error](err); ok && e.Kind == sovd.KindNotFound {
		return result{Execution: x.Execution, Status: job.Terminated, Message: e.Message}
	}
	if err != nil {
		return x // another time
	}
	if r.Stop != "" && !v.Status.Final() {
		if w, err := c.provider.ControlExecution(c.ctx, ref(id), r.Script, x.Execution, r.Stop); err == nil {
			v = w
		}
	}
	return result{Execution: x.Execution, Status: v.Status}
}

// more begins what may be begun. The record's id is the idempotency key: what
// was begun and not noted before a crash is found again.
func (c *Campaigns) more(r *record, news map[string]result) {
	rules, tally := r.rules(), r.tally()
	begun := 0
	for _, id := range r.Devices {
		if rules.Room(tally) == 0 || begun >= lookAtOnce || c.ctx.Err() != nil {
			return
		}
		if _, ok := r.Results[id]; ok {
			continue
		}
		x := result{Status: job.Failed}
		v, err := c.provider.StartExecution(c.ctx, ref(id), r.Script, sovd.Start{Parameters: r.Parameters, Actor: r.Actor, Key: r.ID, Digest: r.ID, SHA256: r.SHA256})
		if err == nil {
			x = result{Execution: v.ID, Status: v.Status}
			if r.SHA256 == "" && v.Detail != nil {
				r.SHA256 = v.Detail.SHA256 // the next ones get the same, or none
			}
		} else if c.ctx.Err() != nil || errors.Is(err, store.ErrUnreachable) {
			return // no fault of the device: another time
		} else if e, ok := errors.AsType[*sovd.Error](err); ok {
			x.Message = e.Message
		} else {
			c.o.Log.Error("beginning a script on one of many devices", "record", r.ID, "device", id, "error", err)
			x.Message = "Internal server error"
		}
		begun++
		tally.Begun(x.Status)
		r.Results[id], news[id] = x, x
	}
}

// finish ends a record.
func (c *Campaigns) finish(r *record, t sovd.ManyTally) {
	now := job.Time{Time: c.o.Clock()}
	r.CompletedAt = &now
	r.Status, r.Message = r.rules().End(t)
}

// save makes a change durable, on top of a stop that another gateway may have
// asked for; false when the record is another's by now, and was left alone.
func (c *Campaigns) save(k *campaign, edit func(*record)) (mine bool) {
	c.mu.Lock()
	r, rev := k.rec.clone(), k.rev
	c.mu.Unlock()
	for {
		edit(&r)
		text, err := json.Marshal(r)
		if err == nil {
			rev, err = c.o.Store.Put(context.WithoutCancel(c.ctx), key(r.ID), text, rev)
		}
		if errors.Is(err, store.ErrConflict) {
			e, gerr := c.o.Store.Get(context.WithoutCancel(c.ctx), key(r.ID))
			var now record
			if gerr == nil {
				gerr = json.Unmarshal(e.Value, &now)
			}
			if gerr == nil && now.Owner == r.Owner {
				r.Stop, rev = now.Stop, e.Rev // nobody else changes anything more
				continue
			}
			if gerr == nil || errors.Is(gerr, store.ErrNotFound) {
				return false
			}
			err = errors.Join(err, gerr)
		}
		if err != nil {
			c.o.Log.Error("recording a start on many devices", "record", r.ID, "error", err)
			return true
		}
		c.mu.Lock()
		r.Stop = cmp.Or(r.Stop, k.rec.Stop)
		k.rec, k.rev = r, max(k.rev, rev)
		c.mu.Unlock()
		return true
	}
}
