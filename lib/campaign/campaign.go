// Package campaign starts one script on many devices that are not all of one
// kind, and keeps one record of it: what became of each device is in an
// execution of its own, wherever that is kept.
package campaign

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"lander/lib/job"
	"lander/lib/sovd"
	"lander/lib/store"
)

// Provider is what runs the script on each device.
type Provider interface {
	GetScript(ctx context.Context, e sovd.Ref, id string) (sovd.Script, error)
	StartExecution(ctx context.Context, e sovd.Ref, script string, s sovd.Start) (sovd.Execution, error)
	GetExecution(ctx context.Context, e sovd.Ref, script, id string) (sovd.Execution, error)
	ControlExecution(ctx context.Context, e sovd.Ref, script, id string, a sovd.Action) (sovd.Execution, error)
}

// Options are the settings of Campaigns. All but Random are needed; Provider
// and Devices may be given later, see Use.
type Options struct {
	Store    store.Store
	Presence *store.Presence // which gateways on the store are alive: what a dead one drove goes on here
	Clock    func() time.Time
	Random   io.Reader // nil: crypto/rand
	Log      *slog.Logger
	// Pin makes of parameters what means the same for all devices, whenever
	// theirs is begun; nil: they are as they are.
	Pin func(ctx context.Context, script string, parameters json.RawMessage) (json.RawMessage, error)
}

// maxKept is how many records are kept.
const maxKept = 100

// record is a campaign as it is stored, under campaigns/<id>.
type record struct {
	sovd.Many
	Owner      string            `json:"owner"`
	Actor      string            `json:"actor,omitempty"`
	Parameters json.RawMessage   `json:"script_parameters,omitempty"`
	Devices    []string          `json:"devices"` // components, in the order of their starts
	Results    map[string]result `json:"results,omitempty"`
	Stop       sovd.Action       `json:"stop,omitempty"`
}

// result is what became of one device so far.
type result struct {
	Execution string     `json:"execution,omitempty"`
	Status    job.Status `json:"status"`
	Message   string     `json:"message,omitempty"` // of one that could not be begun
}

// Campaigns implements sovd.FleetRuns. The zero value is not usable: see Open.
type Campaigns struct {
	o        Options
	provider Provider
	devices  sovd.DeviceSource

	mu     sync.Mutex
	all    map[string]*campaign // those that this gateway drives
	closed bool

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// campaign is one that is driven here. Campaigns.mu guards rec.
type campaign struct {
	id   string
	rec  record
	rev  store.Revision
	wake chan struct{}
	done chan struct{}
}

// Open makes Campaigns; Use begins them.
func Open(ctx context.Context, o Options) *Campaigns {
	if o.Random == nil {
		o.Random = rand.Reader
	}
	c := &Campaigns{o: o, all: map[string]*campaign{}}
	c.ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return c
}

// Use gives the campaigns what runs their scripts, and goes on with those that
// a gateway had begun which is dead.
func (c *Campaigns) Use(ctx context.Context, p Provider, d sovd.DeviceSource) error {
	c.provider, c.devices = p, d
	changed := c.o.Presence.Changed()
	if err := c.takeOver(ctx); err != nil {
		return err
	}
	c.wg.Go(func() {
		for {
			select {
			case <-c.ctx.Done():
				return
			case <-changed:
			}
			changed = c.o.Presence.Changed()
			if err := c.takeOver(c.ctx); err != nil && c.ctx.Err() == nil {
				c.o.Log.Error("looking at what a gateway has left", "error", err)
			}
		}
	})
	return nil
}

// takeOver drives the campaigns that nobody drives.
func (c *Campaigns) takeOver(ctx context.Context) error { return c.each(ctx, c.adopt) }

// adopt drives a campaign if nobody does.
func (c *Campaigns) adopt(ctx context.Context, e store.Entry, r record) error {
	if r.Status.Final() || !c.o.Presence.Held() || !c.o.Presence.Gone(ctx, r.Owner) {
		return nil
	}
	r.Owner = c.o.Presence.Lease().ID()
	text, err := json.Marshal(r)
	var rev store.Revision
	if err == nil {
		rev, err = c.o.Store.Put(ctx, e.Key, text, e.Rev)
	}
	if errors.Is(err, store.ErrConflict) {
		return nil // another was faster
	}
	if err != nil {
		return fmt.Errorf("taking over the campaign %s: %w", r.ID, err)
	}
	c.begin(r, rev)
	return nil
}

// each hands f the records. One that is damaged is told of, and
// costs nobody the others.
func (c *Campaigns) each(ctx context.Context, f func(context.Context, store.Entry, record) error) error {
	for e, err := range c.o.Store.List(ctx, "campaigns") {
		if err != nil && !errors.Is(err, store.ErrDamaged) {
			return fmt.Errorf("reading the campaigns: %w", err)
		}
		var r record
		if err == nil {
			err = json.Unmarshal(e.Value, &r)
		}
		if err != nil {
			c.o.Log.Warn("a campaign cannot be read", "key", e.Key, "error", err)
			continue
		}
		if err := f(ctx, e, r); err != nil {
			return err
		}
	}
	return nil
}

// Close ends the driving: it goes on with the next Use.
func (c *Campaigns) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.wg.Wait()
	return nil
}

func key(id string) string { return "campaigns/" + id }

// begin drives a campaign from here on.
func (c *Campaigns) begin(r record, rev store.Revision) *campaign {
	if r.Results == nil {
		r.Results = map[string]result{}
	}
	k := &campaign{id: r.ID, rec: r, rev: rev, wake: make(chan struct{}, 1), done: make(chan struct{})}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return k
	}
	c.all[r.ID] = k
	c.wg.Go(func() { c.drive(k) })
	return k
}

// StartMany implements sovd.FleetRuns.
func (c *Campaigns) StartMany(ctx context.Context, s sovd.ManyStart) (sovd.Many, error) {
	if err := s.Check(); err != nil {
		return sovd.Many{}, err
	}
	var ids []string
	for _, id := range s.Target.IDs {
		if e := c.devices.Entity(id); e == nil || e.Kind != sovd.Components {
			return sovd.Many{}, sovd.Errorf(sovd.KindNotFound, "No such device: %.100s", id)
		}
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		for e := range c.devices.Entities() {
			if e.Kind == sovd.Components && s.Target.Matches(e) {
				ids = append(ids, e.ID)
			}
		}
	}
	if len(ids) == 0 {
		return sovd.Many{}, sovd.Errorf(sovd.KindNotFound, "The target has no device")
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	script, err := c.script(ctx, ids[0], s.Script)
	if err != nil {
		return sovd.Many{}, err
	}
	r := record{Owner: c.o.Presence.Lease().ID(), Actor: s.Actor, Parameters: s.Parameters, Devices: ids}
	if c.o.Pin != nil {
		if r.Parameters, err = c.o.Pin(ctx, s.Script, s.Parameters); err != nil {
			return sovd.Many{}, err
		}
	}
	r.Many = sovd.Many{Script: s.Script, Name: script.Name, Target: s.Target, MaxConcurrency: s.Concurrency(len(ids)), MaxErrors: s.MaxErrors, Total: len(ids)}
	return c.open(ctx, r)
}

// script finds what is to be started: one that the first device has, or one
// for all devices.
func (c *Campaigns) script(ctx context.Context, id, script string) (sovd.Script, error) {
	x, err := c.provider.GetScript(ctx, sovd.Ref{Kind: sovd.Components, ID: id}, script)
	if e, ok := errors.AsType[*sovd.Error](err); ok && e.Kind == sovd.KindNotFound {
		if y, err := c.provider.GetScript(ctx, sovd.FleetRef, script); err == nil {
			return y, nil
		}
	}
	return x, err
}

// open records a campaign and begins it.
func (c *Campaigns) open(ctx context.Context, r record) (sovd.Many, error) {
	r.StartedAt = job.Time{Time: c.o.Clock()}
	r.ID, r.Status = "campaign_"+strings.TrimPrefix(job.NewID(r.StartedAt.Time, c.o.Random), "exec_"), job.Running
	text, err := json.Marshal(r)
	var rev store.Revision
	if err == nil {
		rev, err = c.o.Store.Put(context.WithoutCancel(ctx), key(r.ID), text, 0)
	}
	if err != nil {
		return sovd.Many{}, fmt.Errorf("recording a start on many devices: %w", err)
	}
	c.begin(r, rev)
	c.prune(ctx)
	return c.GetMany(ctx, r.ID)
}

// prune forgets the oldest records of campaigns that have ended.
func (c *Campaigns) prune(ctx context.Context) {
	all, err := c.list(ctx)
	for i := maxKept; err == nil && i < len(all); i++ {
		if !all[i].Status.Final() {
			continue
		}
		var e store.Entry
		if e, err = c.o.Store.Get(ctx, key(all[i].ID)); err == nil {
			err = c.o.Store.Delete(ctx, e.Key, e.Rev)
		}
		if errors.Is(err, store.ErrNotFound) {
			err = nil
		}
		c.mu.Lock()
		delete(c.all, all[i].ID)
		c.mu.Unlock()
	}
	if err != nil {
		c.o.Log.Error("forgetting old campaigns", "error", err)
	}
}

// list are the records, the newest first.
func (c *Campaigns) list(ctx context.Context) ([]record, error) {
	var out []record
	err := c.each(ctx, func(_ context.Context, _ store.Entry, r record) error {
		out = append(out, r)
		return nil
	})
	sort.Slice(out, func(i, j int) bool { return out[i].ID > out[j].ID })
	return out, err
}

// get is a record as it is now.
func (c *Campaigns) get(ctx context.Context, id string) (record, error) {
	c.mu.Lock()
	if k := c.all[id]; k != nil {
		defer c.mu.Unlock()
		return k.rec.clone(), nil
	}
	c.mu.Unlock()
	e, err := c.o.Store.Get(ctx, key(id))
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrKey) {
		return record{}, sovd.Errorf(sovd.KindNotFound, "Execution not found: %s", id)
	}
	var r record
	if err == nil {
		err = json.Unmarshal(e.Value, &r)
	}
	if err != nil {
		return record{}, fmt.Errorf("reading the campaign %s: %w", id, err)
	}
	return r, nil
}
