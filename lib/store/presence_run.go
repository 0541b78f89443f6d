package store

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// run renews our lease and looks after the others'.
func (p *Presence) run() {
	p.wg.Go(p.guard)
	t := time.NewTicker(p.o.Lease / 5)
	defer t.Stop()
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-t.C:
		}
		p.step()
	}
}

// step does what is done from time to time.
func (p *Presence) step() {
	ctx, cancel := context.WithTimeout(p.ctx, p.o.Lease)
	defer cancel()
	if err := p.renew(ctx); err != nil && p.ctx.Err() == nil {
		p.o.Log.Warn("our lease on the store is not renewed", "name", p.o.Name, "error", err)
	}
	p.judge(ctx)
}

// guard sees to it that a lease is lost when its time is over, also while the
// store lets a renewal wait.
func (p *Presence) guard() {
	t := time.NewTicker(p.o.Lease / 20)
	defer t.Stop()
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-t.C:
			p.expire()
		}
	}
}

func (p *Presence) expire() {
	p.mu.Lock()
	over := p.held && p.o.Clock().Sub(p.renewed) >= p.o.Lease
	p.mu.Unlock()
	if over {
		p.o.Log.Error("our lease on the store is lost: it could not be renewed", "name", p.o.Name)
		p.lose()
	}
}

// forgetAfter is after how many leases the record of a dead one goes.
const forgetAfter = 240

// judge finds those who are dead.
func (p *Presence) judge(ctx context.Context) {
	now := p.o.Clock()
	p.mu.Lock()
	var silent []string
	var old []*heard
	for name, h := range p.others {
		switch silence := now.Sub(h.at); {
		case h.alive && silence >= h.lease:
			silent = append(silent, name)
		case !h.alive && silence >= forgetAfter*h.lease:
			old = append(old, h)
		}
	}
	p.mu.Unlock()
	for _, h := range old {
		// Whoever is faster; one that comes back makes its record anew.
		if err := p.st.Delete(ctx, p.key(h.Name), h.rev); err == nil {
			p.gone(h.Name, h.rev)
		}
	}
	for _, name := range silent {
		// What we heard may be old: the store knows.
		e, err := p.st.Get(ctx, p.key(name))
		switch {
		case errors.Is(err, ErrNotFound):
			p.gone(name, 1<<63)
		case err == nil:
			p.hear(e)
			p.mu.Lock()
			if h := p.others[name]; h != nil && h.alive && h.rev == e.Rev && now.Sub(h.at) >= h.lease {
				h.alive = false
				p.o.Log.Warn("another process is dead", "name", name)
				p.tell()
			}
			p.mu.Unlock()
		default: // nothing is known
		}
	}
}

// hear takes in a record of another.
func (p *Presence) hear(e Entry) {
	name := strings.TrimPrefix(e.Key, p.o.Prefix+"/")
	if name == p.o.Name || e.Key == p.o.Prefix {
		return
	}
	var rec memberRecord
	if json.Unmarshal(e.Value, &rec) != nil || rec.Lease <= 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.others[name]
	if h != nil && h.rev >= e.Rev {
		return
	}
	m := Member{name, rec.Instance, rec.Info}
	news := h == nil || !h.alive || h.Member != m
	p.others[name] = &heard{Member: m, rev: e.Rev, at: p.o.Clock(), lease: time.Duration(rec.Lease) * time.Millisecond, alive: true}
	if news {
		p.tell()
	}
}

// gone notes that another has given its lease back, by rev.
func (p *Presence) gone(name string, rev Revision) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h := p.others[name]; h != nil && h.rev <= rev {
		delete(p.others, name)
		if h.alive {
			p.tell()
		}
	}
}

// watch hears of the others until the presence ends. ready is told when those
// are known that are there.
func (p *Presence) watch(ready chan<- error) {
	told := false
	for p.ctx.Err() == nil {
		var err error
		for c, cerr := range p.st.Watch(p.ctx, p.o.Prefix) {
			switch {
			case cerr != nil:
				err = cerr
			case c.Kind == Caught:
				if !told {
					told = true
					ready <- nil
				}
			case c.Kind == Deleted:
				p.gone(strings.TrimPrefix(c.Key, p.o.Prefix+"/"), c.Rev)
			default:
				p.hear(c.Entry)
			}
		}
		if !told {
			ready <- err
			return
		}
		if p.ctx.Err() == nil {
			p.o.Log.Error("looking for the others on the store", "error", err)
			select {
			case <-p.ctx.Done():
			case <-time.After(p.o.Lease / 5):
			}
		}
	}
}
