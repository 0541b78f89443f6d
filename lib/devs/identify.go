package devs

import (
	"encoding/hex"
	"strings"
)

// identify finds the debug map of a device's program: it returns what asks the
// device and waits for its answer. What comes meanwhile waits for its place in
// the source, for a program may panic before the answer is there. mu is held.
func (f *Follower) identify(d *followed) (ask func()) {
	if len(f.opt.Maps) == 0 {
		return func() {}
	}
	d.asked++
	d.asking++
	f.asking++
	turn := d.asked
	return func() {
		_, sum, err := d.m.program(f.ctx)
		f.mu.Lock()
		defer f.mu.Unlock()
		if turn == d.asked { // else the program has changed since
			d.program = nil
			if err == nil {
				d.program = f.mapOf(hex.EncodeToString(sum[:]))
			}
		}
		d.asking--
		f.asking--
		if d.asking == 0 {
			for i := range f.queue {
				if f.queue[i].of == d {
					f.queue[i].locate()
				}
			}
		}
		offer(f.news, struct{}{})
	}
}

func (f *Follower) mapOf(sha256 string) *DebugMap {
	for _, m := range f.opt.Maps {
		if strings.EqualFold(m.SHA256, sha256) {
			return m
		}
	}
	return nil
}

func (f *Follower) identifying() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asking > 0
}

// locate names the place in the source that the record is about.
func (r *Record) locate() {
	m := r.of.program
	r.of = nil
	if m == nil {
		return
	}
	if r.Panic != nil {
		r.Panic.locate(m)
		r.Place, r.Message = r.Panic.Place, r.Panic.String()
	} else if p, ok := m.TracePlace(r.Message); ok {
		r.Place = &p
	}
}
