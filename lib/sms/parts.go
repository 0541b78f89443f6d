package sms

import (
	"fmt"

	"lander/lib/sms/pdu"
)

// maxOpenMessages bounds the long messages that wait for their parts.
const maxOpenMessages = 32

// parts puts long messages together.
type parts struct {
	open  map[string][]*pdu.Unit
	order []string // the oldest first
}

func newParts() *parts { return &parts{open: map[string][]*pdu.Unit{}} }

// add takes a message; whole is true when its text is complete.
func (p *parts) add(m pdu.Deliver) (text string, whole bool) {
	if m.Part.Total == 0 {
		return m.Text(), true
	}
	key := fmt.Sprintf("%s %d %d", m.From, m.Part.Ref, m.Part.Total)
	units := p.open[key]
	if units == nil {
		if len(p.order) == maxOpenMessages {
			delete(p.open, p.order[0])
			p.order = p.order[1:]
		}
		units = make([]*pdu.Unit, m.Part.Total)
		p.open[key] = units
		p.order = append(p.order, key)
	}
	units[m.Part.N-1] = &m.Unit
	all := pdu.Unit{Coding: m.Coding}
	for _, u := range units {
		if u == nil {
			return "", false
		}
		all.Data = append(all.Data, u.Data...)
	}
	delete(p.open, key)
	for i, k := range p.order {
		if k == key {
			p.order = append(p.order[:i:i], p.order[i+1:]...)
			break
		}
	}
	return all.Text(), true
}
