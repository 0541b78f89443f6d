package stage

import (
	"slices"

	"lander/lib/emp/frame"
)

// ack is an acknowledge that waits.
type ack struct {
	seq    uint64
	ticket frame.Value
	status int64
	text   string
	flash  bool
	owner  *policy
}

func (a *ack) cost() int64 { return 128 + cost(a.ticket) + int64(len(a.text)) }

// Acknowledge takes an acknowledge. A ticket that is acknowledged twice
// before it was sent has the later one [EMP 4, 33].
func (s *Stage) Acknowledge(p frame.PAcknowledge, done func(error)) error {
	a := &ack{ticket: p.Ticket, status: p.Status, text: p.Message, flash: p.Persisted}
	s.mu.Lock()
	pol, err := s.policyFor(p.Policy)
	if err == nil {
		err = s.admit(a.cost())
	}
	if err != nil {
		s.mu.Unlock()
		return err
	}
	a.seq = s.next()
	replaced := s.addAck(pol, a)
	if replaced != nil {
		s.log.Warn("a ticket is acknowledged twice", "ticket", p.Ticket.String())
	}
	lasting := a.flash || replaced != nil && replaced.flash
	switch {
	case a.flash:
		s.persist(func(dst []byte) []byte { return appendAck(dst, pol.name, a) })
	case lasting:
		s.persist(func(dst []byte) []byte { return appendUnack(dst, replaced.seq) })
	}
	s.armLatency(pol)
	s.confirm(done, lasting)
	return nil
}

// addAck returns the acknowledge of the same ticket that it replaced. mu is
// held.
func (s *Stage) addAck(pol *policy, a *ack) (replaced *ack) {
	key := a.ticket.String()
	if replaced = s.tickets[key]; replaced != nil {
		s.removeAck(replaced)
	}
	a.owner = pol
	pol.acks = append(pol.acks, a)
	s.tickets[key] = a
	s.bytes += a.cost()
	return replaced
}

func (s *Stage) removeAck(a *ack) {
	p := a.owner
	if i := slices.Index(p.acks, a); i >= 0 {
		p.acks = slices.Delete(p.acks, i, i+1)
	}
	delete(s.tickets, a.ticket.String())
	s.bytes -= a.cost()
}

// dropAcks takes away the acknowledges up to a sequence number. mu is held.
func (s *Stage) dropAcks(p *policy, upto uint64) {
	p.acks = slices.DeleteFunc(p.acks, func(a *ack) bool {
		if a.seq <= upto {
			delete(s.tickets, a.ticket.String())
			s.bytes -= a.cost()
		}
		return a.seq <= upto
	})
	if len(p.acks) == 0 {
		p.acks = nil
	}
}
