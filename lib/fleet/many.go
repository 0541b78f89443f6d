package fleet

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"

	"lander/lib/job"
	"lander/lib/sovd"
	"lander/lib/store"
)

// manyRecord is the record of a script on many devices. What became of each
// is in the records of its executions, which name it as their parent.
type manyRecord struct {
	ID             string          `json:"id"`
	Script         string          `json:"script"`
	Common         record          `json:"common"` // of all its executions
	SHA256         string          `json:"sha256"`
	Target         sovd.ManyTarget `json:"target"`
	Devices        []string        `json:"devices"`
	MaxConcurrency int             `json:"max_concurrency,omitempty"`
	MaxErrors      string          `json:"max_errors,omitempty"`
	RetryOf        string          `json:"retry_of,omitempty"`
	Status         job.Status      `json:"status"`
	Started        job.Time        `json:"started_at"`
	Completed      *job.Time       `json:"completed_at,omitempty"`
	Stop           sovd.Action     `json:"stop,omitempty"`
	Message        string          `json:"message,omitempty"`
	Owner          string          `json:"owner,omitempty"` // the lease of the gateway that drives it
}

// many is one of them.
type many struct {
	id   string
	wake chan struct{} // holds a token when something has changed
	done chan struct{} // closed when it has ended

	saving sync.Mutex // of rev
	rev    store.Revision

	// Under Fleet.mu:
	rec      manyRecord
	children map[string]*execution // by device
	late     []string              // children that are to be forgotten with its end
}

// over reports whether nothing more is begun for it. Fleet.mu is held.
func (m *many) over() bool { return m == nil || m.rec.Status.Final() }

func manyKey(id string) string { return "fleet/many/" + id }

func newMany(rec manyRecord) *many {
	return &many{id: rec.ID, rec: rec, wake: make(chan struct{}, 1), done: make(chan struct{}), children: map[string]*execution{}}
}

func (m *many) poke() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// maxMany is how many records are kept.
const maxMany = 100

// StartMany implements sovd.FleetRuns.
func (f *Fleet) StartMany(ctx context.Context, s sovd.ManyStart) (sovd.Many, error) {
	if err := s.Check(); err != nil {
		return sovd.Many{}, err
	}
	ids, err := f.pick(s.Target)
	if err != nil {
		return sovd.Many{}, err
	}
	p, err := f.plan(ctx, sovd.FleetRef, s.Script, s.Parameters)
	if e, ok := err.(*sovd.Error); ok && e.Kind == sovd.KindNotFound {
		// One of the manifest, which each of them sees.
		f.mu.Lock()
		first := f.devices[ids[0]].component
		f.mu.Unlock()
		p, err = f.plan(ctx, sovd.Ref{Kind: sovd.Components, ID: first}, s.Script, s.Parameters)
	}
	if err != nil {
		return sovd.Many{}, err
	}
	p.rec.Actor = s.Actor
	return f.open(manyRecord{Script: s.Script, Common: p.rec, SHA256: p.rec.SHA256, Target: s.Target, Devices: ids, MaxConcurrency: s.Concurrency(len(ids)), MaxErrors: s.MaxErrors})
}

// open records a start on many devices and begins it.
func (f *Fleet) open(rec manyRecord) (sovd.Many, error) {
	rec.Started = f.now()
	rec.ID, rec.Status = "fleet_"+strings.TrimPrefix(job.NewID(rec.Started.Time, f.o.Random), "exec_"), job.Running
	f.mu.Lock()
	rec.Owner = f.me
	closed := f.closed
	f.mu.Unlock()
	if closed {
		return sovd.Many{}, sovd.Errorf(sovd.KindUnavailable, "The gateway is shutting down")
	}
	m := newMany(rec)
	var err error
	if m.rev, err = f.put(manyKey(m.id), rec, 0); err != nil {
		return sovd.Many{}, fmt.Errorf("recording a start on many devices: %w", err)
	}
	f.enterMany(m)
	f.prune()
	return f.GetMany(f.ctx, m.id)
}

// pick lists the devices of a target, by their ids.
func (f *Fleet) pick(t sovd.ManyTarget) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for _, id := range t.IDs {
		d := f.components[id]
		if d == nil {
			return nil, sovd.Errorf(sovd.KindNotFound, "No such device: %.100s", id)
		}
		out = append(out, d.id)
	}
	for _, d := range f.devices {
		if t.Group != "" && (t.Group == "*" || slices.Contains(f.groups(d), t.Group)) || t.Filter != "" && sovd.MatchEntity(t.Filter, sovd.Components, d.component) {
			out = append(out, d.id)
		}
	}
	if len(out) == 0 {
		return nil, sovd.Errorf(sovd.KindNotFound, "The target has no device")
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

func (f *Fleet) record(id string) (*many, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.records[id] == nil {
		f.mu.Unlock()
		if e, err := f.ask(manyKey(id)); err == nil {
			f.seeMany(store.Change{Kind: store.Wrote, Entry: e})
		}
		f.mu.Lock()
	}
	if m := f.records[id]; m != nil {
		return m, nil
	}
	return nil, sovd.Errorf(sovd.KindNotFound, "Execution not found: %s", id)
}

// GetMany implements sovd.FleetRuns.
func (f *Fleet) GetMany(_ context.Context, id string) (sovd.Many, error) {
	m, err := f.record(id)
	if err != nil {
		return sovd.Many{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return m.view(), nil
}

// view is what clients see. Fleet.mu is held.
func (m *many) view() sovd.Many {
	r := &m.rec
	return sovd.Many{
		ID: r.ID, Status: r.Status, Script: r.Script, Name: r.Common.Name, SHA256: r.SHA256, Target: r.Target, MaxConcurrency: r.MaxConcurrency, MaxErrors: r.MaxErrors,
		Total: len(r.Devices), Counts: m.tally().Counts, RetryOf: r.RetryOf, StartedAt: r.Started, CompletedAt: r.Completed, Message: r.Message,
	}
}

// WaitMany implements sovd.FleetRuns.
func (f *Fleet) WaitMany(ctx context.Context, id string) (sovd.Many, error) {
	m, err := f.record(id)
	if err != nil {
		return sovd.Many{}, err
	}
	select {
	case <-m.done:
	case <-ctx.Done():
	}
	return f.GetMany(ctx, id)
}

// ManyResults implements sovd.FleetRuns.
func (f *Fleet) ManyResults(_ context.Context, id string) ([]sovd.ManyResult, error) {
	m, err := f.record(id)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	out := make([]sovd.ManyResult, len(m.rec.Devices))
	children := make([]*execution, len(out))
	for i, id := range m.rec.Devices {
		children[i] = m.children[id]
		out[i] = sovd.ManyResult{ID: componentID(id), Status: job.Prepared}
	}
	f.mu.Unlock()
	for i, x := range children {
		if x != nil {
			v := f.look(x)
			out[i].Status, out[i].Execution, out[i].Error, out[i].Output = v.Status, v.ID, v.Error, v.Parameters
		}
	}
	return out, nil
}

// ListMany implements sovd.FleetRuns.
func (f *Fleet) ListMany(context.Context) ([]sovd.Many, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []sovd.Many
	for _, m := range f.records {
		out = append(out, m.view())
	}
	sort.Slice(out, func(i, j int) bool { return out[i].ID > out[j].ID })
	return out, nil
}

// StopMany implements sovd.FleetRuns.
func (f *Fleet) StopMany(ctx context.Context, id string, a sovd.Action) (sovd.Many, error) {
	m, err := f.record(id)
	if err != nil {
		return sovd.Many{}, err
	}
	f.mu.Lock()
	status := m.rec.Status
	f.mu.Unlock()
	if status.Final() {
		return sovd.Many{}, notRunning(status)
	}
	err = f.edit(m, func(r *manyRecord) bool {
		if status = r.Status; status.Final() {
			return false
		}
		r.Stop = a
		return true
	})
	if err != nil {
		return sovd.Many{}, err
	}
	if status.Final() {
		return sovd.Many{}, notRunning(status)
	}
	m.poke()
	f.stopChildren(ctx, m, a, true)
	return f.WaitMany(ended(ctx), id)
}

// stopChildren stops the executions of a record that are open: all of them, or
// those of which nobody has asked for it yet.
func (f *Fleet) stopChildren(ctx context.Context, m *many, a sovd.Action, all bool) {
	f.mu.Lock()
	var open []*execution
	for _, x := range m.children {
		select {
		case <-x.done:
		default:
			if all || !x.stopping {
				open = append(open, x)
			}
		}
	}
	f.mu.Unlock()
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for _, x := range open {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			select {
			case <-x.recorded:
			case <-f.ctx.Done():
				return
			}
			if err := f.stop(ctx, x, a); err != nil {
				f.o.Log.Info("stopping a script on one of many devices", "record", m.id, "device", x.dev.id, "error", err)
			}
		})
	}
	wg.Wait()
}

// ended is a context that has ended: a wait with it only looks.
func ended(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx
}

// RetryFailed implements sovd.FleetRuns.
func (f *Fleet) RetryFailed(_ context.Context, id, actor string) (sovd.Many, error) {
	m, err := f.record(id)
	if err != nil {
		return sovd.Many{}, err
	}
	f.mu.Lock()
	rec := m.rec
	rec.Devices = nil
	for _, d := range m.rec.Devices {
		x := m.children[d]
		if x != nil {
			select {
			case <-x.done:
				if x.last == job.Completed {
					continue
				}
			default:
			}
		}
		rec.Devices = append(rec.Devices, d)
	}
	f.mu.Unlock()
	switch {
	case !rec.Status.Final():
		return sovd.Many{}, sovd.Errorf(sovd.KindRunning, "The executions of %s have not all ended", id)
	case len(rec.Devices) == 0:
		return sovd.Many{}, sovd.Errorf(sovd.KindNotRunning, "Nothing failed in %s", id)
	}
	rec.Completed, rec.Stop, rec.Message, rec.RetryOf, rec.Common.Actor = nil, "", "", id, actor
	return f.open(rec)
}
