package emp

import (
	"math/bits"
	"time"

	"lander/lib/emp/frame"
)

// call is a command of ours.
type call struct {
	cmd     frame.Command
	payload []byte // while it waits for an id
	done    func(frame.Response, error)
	ended   bool
	id      int // -1 while it has none
}

// calls is the table of the commands that await a response. Ids are given
// out lowest first. An id whose response did not come in time is parked: it
// is not given out again until a late response shows that nothing else will
// come under it [EMP 2.1].
type calls struct {
	free    [MaxOpen / 64]uint64
	slots   []slot // as many as were ever open at once
	oldest  int16  // the open slots in the order of their sending
	newest  int16
	open    int
	parked  int
	backlog []*call // waits for an id
	bytes   int     // of the payloads in backlog
	timer   Timer   // set while the oldest is timed
}

type slot struct {
	call       *call
	deadline   time.Time
	prev, next int16
	parked     bool
}

func (t *calls) init() {
	for i := range t.free {
		t.free[i] = ^uint64(0)
	}
	t.oldest, t.newest = -1, -1
}

// put gives c the lowest free id and reports whether there was one.
func (t *calls) put(c *call, deadline time.Time) bool {
	for i, w := range t.free {
		if w == 0 {
			continue
		}
		bit := bits.TrailingZeros64(w)
		t.free[i] &^= 1 << bit
		c.id = i*64 + bit
		if c.id == len(t.slots) {
			t.slots = append(t.slots, slot{})
		}
		t.slots[c.id] = slot{call: c, deadline: deadline, prev: t.newest, next: -1}
		if t.newest >= 0 {
			t.slots[t.newest].next = int16(c.id)
		} else {
			t.oldest = int16(c.id)
		}
		t.newest = int16(c.id)
		t.open++
		return true
	}
	return false
}

// unlink takes an open slot out of the order of sending.
func (t *calls) unlink(id int) {
	s := &t.slots[id]
	if s.prev >= 0 {
		t.slots[s.prev].next = s.next
	} else {
		t.oldest = s.next
	}
	if s.next >= 0 {
		t.slots[s.next].prev = s.prev
	} else {
		t.newest = s.prev
	}
	t.open--
}

// answered ends the use of an id and returns the call that was open on it,
// nil when it was parked. ok is false when no such response is awaited.
func (t *calls) answered(id uint8, cmd frame.Command) (c *call, ok bool) {
	if int(id) >= len(t.slots) {
		return nil, false
	}
	s := &t.slots[id]
	if s.call == nil || s.call.cmd != cmd {
		return nil, false
	}
	c = s.call
	if s.parked {
		t.parked--
		c = nil
	} else {
		t.unlink(int(id))
		c.ended = true
	}
	*s = slot{}
	t.free[id/64] |= 1 << (id % 64)
	return c, true
}

// park ends a call whose response is awaited no longer.
func (t *calls) park(c *call) {
	t.unlink(c.id)
	t.slots[c.id].parked = true
	t.parked++
	c.ended = true
}

// expired parks what is due and returns it.
func (t *calls) expired(now time.Time) (due []*call) {
	for t.oldest >= 0 && !t.slots[t.oldest].deadline.After(now) {
		c := t.slots[t.oldest].call
		t.park(c)
		due = append(due, c)
	}
	return due
}

// takeAll ends everything that is open or waits.
func (t *calls) takeAll() (lost []*call) {
	for t.oldest >= 0 {
		c := t.slots[t.oldest].call
		t.park(c)
		lost = append(lost, c)
	}
	lost = append(lost, t.takeBacklog()...)
	if t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
	return lost
}

func (t *calls) takeBacklog() (lost []*call) {
	for _, c := range t.backlog {
		if !c.ended {
			c.ended = true
			lost = append(lost, c)
		}
	}
	t.backlog, t.bytes = nil, 0
	return lost
}
