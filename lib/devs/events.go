package devs

import (
	"encoding/binary"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"lander/lib/jacdac"
)

// Panic is the end of a program that did not end well.
type Panic struct {
	Code  PanicCode `json:"code"`
	Name  string    `json:"name"`
	PC    uint32    `json:"pc"`
	Place *Place    `json:"place,omitempty"`
}

func (p Panic) String() string {
	s := "panicked: " + p.Name
	if p.Place != nil {
		return s + " at " + p.Place.String()
	}
	if p.PC != 0 {
		s += fmt.Sprintf(" at pc %d", p.PC)
	}
	return s
}

func (p *Panic) locate(m *DebugMap) {
	if at, ok := m.EventPlace(p.PC); ok {
		p.Place = &at
	}
}

// parsePanic reads the payload of a panic event.
func parsePanic(b []byte) (Panic, bool) {
	if len(b) < 8 {
		return Panic{}, false
	}
	p := Panic{Code: PanicCode(binary.LittleEndian.Uint32(b)), PC: binary.LittleEndian.Uint32(b[4:])}
	p.Name = p.Code.String()
	return p, true
}

// seenFor is how long an event is remembered, which is sent three times with
// the same counter. [JD 4, events]
const seenFor = time.Second

// once recognises repeated events of one device. The counter runs over all
// its services.
type once struct {
	words [128]uint16
	at    [128]time.Time
}

// first reports whether the event is new.
func (o *once) first(word uint16, now time.Time) bool {
	i := word >> 8 & 0x7f
	if o.words[i] == word && now.Sub(o.at[i]) < seenFor && !o.at[i].IsZero() {
		return false
	}
	o.words[i], o.at[i] = word, now
	return true
}

// life tells whether a device has restarted, also while it was taken for gone.
type life struct{ restarts int }

func (l *life) restarted(d jacdac.Device, c jacdac.Change) bool {
	before := l.restarts
	l.restarts = d.Announce.Restarts()
	return c == jacdac.Restarted || c == jacdac.Appeared && l.restarts < before
}

// collector gathers what a device's manager tells while it is deployed to.
type collector struct {
	changed  chan struct{}
	panics   chan Panic
	restarts chan struct{}
	again    atomic.Bool
	stop     func()

	// The counter of the newest event, and what it was at the last forget:
	// a repeat of an older panic is not one of the new program.
	newest, before atomic.Int32
}

// fresh reports whether an event came after the last forget, by its counter.
func (c *collector) fresh(word uint16) bool {
	counter := int32(word >> 8 & 0x7f)
	if last := c.newest.Load(); last < 0 || (counter-last)&0x7f < 64 {
		c.newest.Store(counter)
	}
	before := c.before.Load()
	return before < 0 || counter != before && (counter-before)&0x7f < 64
}

func (m Manager) collect() *collector {
	c := &collector{changed: make(chan struct{}, 1), panics: make(chan Panic, 1), restarts: make(chan struct{}, 1)}
	c.newest.Store(-1)
	c.before.Store(-1)
	var seen once
	var known life
	stopReports := m.Bus.Subscribe(m.ID, func(r jacdac.Report) {
		if index, err := m.Bus.Index(m.ID, ClassManager); err != nil || r.Service != index || !r.Event() || !seen.first(r.Command, time.Now()) {
			return
		}
		fresh := c.fresh(r.Command)
		switch r.EventCode() {
		case EventProgramChange:
			offer(c.changed, struct{}{})
		case EventProgramPanic:
			if p, ok := parsePanic(r.Payload); ok && fresh {
				offer(c.panics, p)
			}
		}
	})
	stopWatch := m.Bus.Watch(func(d jacdac.Device, change jacdac.Change) {
		if d.ID == m.ID && known.restarted(d, change) {
			c.again.Store(true)
			c.newest.Store(-1)
			c.before.Store(-1)
			offer(c.restarts, struct{}{})
		}
	})
	c.stop = func() { stopReports(); stopWatch() }
	return c
}

func offer[T any](c chan T, v T) {
	select {
	case c <- v:
	default:
	}
}

func (c *collector) restarted() bool { return c.again.Load() }

// forget drops what came so far.
func (c *collector) forget() {
	c.before.Store(c.newest.Load())
	for {
		select {
		case <-c.changed:
		case <-c.panics:
		case <-c.restarts:
		default:
			return
		}
	}
}

// clean makes a device's text fit for a line: valid UTF-8, no controls.
func clean(b []byte) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return -1
		}
		return r
	}, strings.ToValidUTF8(string(b), "\uFFFD"))
}
