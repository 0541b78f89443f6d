// Package jacdac is a station on a Jacdac bus: it finds devices, sends
// commands until they are acknowledged, gets and sets registers, moves data
// through pipes both ways, and can itself be a device. The wire facts are
// those of the frame format: see package packet.
//
// A Bus owns its transport and three goroutines: one reads, one writes, one
// keeps the time. Functions given to Subscribe run on the reading one, those
// given to Watch on any: they must not wait, and payloads are good only during
// the call.
package jacdac

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"lander/lib/jacdac/packet"
)

// What a request to a device can end with.
var (
	ErrLost           = errors.New("the bus connection was lost")
	ErrClosed         = errors.New("the bus is closed")
	ErrNoAck          = errors.New("the device did not acknowledge")
	ErrNoAnswer       = errors.New("the device did not answer")
	ErrNotImplemented = errors.New("the device does not implement it")
	ErrNoService      = errors.New("the device does not have the service")
)

// Options of New; the zero value is good.
type Options struct {
	Self packet.DeviceID // our own id; zero: random
	Pace Pace            // zero fields: as the transport likes it
	Log  *slog.Logger    // nil: none
}

// Bus is a station on a bus.
type Bus struct {
	t    Transport
	self packet.DeviceID
	pace Pace
	log  *slog.Logger

	out *outbox

	mu      sync.Mutex
	subs    map[*sub]struct{}
	watches map[*watch]struct{}
	texts   map[*text]struct{}
	acks    map[ackKey][]*waiter
	pipes   map[packet.DeviceID]*outPipe // one outgoing pipe a device
	devices map[packet.DeviceID]*device
	nodes   map[packet.DeviceID]*Node
	telling sync.Mutex             // one change at a time
	active  atomic.Pointer[[]*sub] // subs, for the reader
	heard   atomic.Int64           // when the last frame came, Unix ns; 0: never

	done chan struct{} // closed when the bus has ended
	err  error         // why, once done is closed
	once sync.Once
	wg   sync.WaitGroup
}

type sub struct {
	id packet.DeviceID // zero: of every device
	f  func(Report)
}

type text struct{ f func([]byte) }

// Report is one packet of a report frame.
type Report struct {
	From packet.DeviceID
	packet.Packet
}

// New starts a station on t, which it owns from now on.
func New(t Transport, o Options) *Bus {
	b := &Bus{
		t: t, self: o.Self, log: o.Log, out: newOutbox(), done: make(chan struct{}),
		subs: map[*sub]struct{}{}, watches: map[*watch]struct{}{}, texts: map[*text]struct{}{}, acks: map[ackKey][]*waiter{},
		pipes: map[packet.DeviceID]*outPipe{}, devices: map[packet.DeviceID]*device{}, nodes: map[packet.DeviceID]*Node{},
	}
	b.active.Store(&[]*sub{})
	if b.log == nil {
		b.log = slog.New(slog.DiscardHandler)
	}
	if b.self == (packet.DeviceID{}) {
		rand.Read(b.self[:])
		b.self[7] &^= 0x80 // so that it never looks like a class
	}
	b.pace = paceOf(t)
	if o.Pace.Window > 0 {
		b.pace.Window = min(o.Pace.Window, maxWindow)
	}
	if o.Pace.Settle > 0 {
		b.pace.Settle = o.Pace.Settle
	}
	if o.Pace.Budget > 0 {
		b.pace.Budget = o.Pace.Budget
	}
	if s, ok := t.(interface{ onText(func([]byte)) }); ok {
		s.onText(b.takeText)
	}
	b.nodes[b.self] = newNode(b, b.self)
	b.wg.Go(b.read)
	b.wg.Go(b.write)
	b.wg.Go(b.tick)
	return b
}

// Self is our own id.
func (b *Bus) Self() packet.DeviceID { return b.self }

// Pace is how this bus sends.
func (b *Bus) Pace() Pace { return b.pace }

// Done is closed when the bus has ended; Err says why.
func (b *Bus) Done() <-chan struct{} { return b.done }

// Err is what ended the bus: ErrClosed, or an error that wraps ErrLost. It is
// nil before Done.
func (b *Bus) Err() error {
	select {
	case <-b.done:
		return b.err
	default:
		return nil
	}
}

// Close ends the bus and waits for its goroutines.
func (b *Bus) Close() error {
	b.end(ErrClosed)
	b.wg.Wait()
	return nil
}

func (b *Bus) end(err error) {
	b.once.Do(func() {
		b.err = err
		close(b.done)
		b.t.Close()
	})
}

// Send queues a frame and returns its CRC. A frame that finds a mebibyte
// waiting is dropped.
func (b *Bus) Send(f *packet.Frame) uint16 {
	var crc uint16
	add := func(dst []byte) []byte {
		dst, crc = packet.AppendFrame(dst, f)
		return dst
	}
	if !b.out.put(add) {
		add(nil)
	}
	return crc
}

// Room waits until there is room to send much at once: who sends a stream
// that nobody acknowledges asks before each piece.
func (b *Bus) Room(ctx context.Context) error { return b.out.room(ctx, b.done) }

func (b *Bus) write() {
	if err := b.out.run(b.t, b.done); err != nil {
		b.end(lostError(err))
	}
}

func (b *Bus) read() {
	for {
		raw, err := b.t.ReadFrame()
		if err != nil {
			b.end(lostError(err))
			return
		}
		f, _, err := packet.ParseFrame(raw)
		if err != nil {
			b.log.Debug("not a frame", "error", err, "bytes", len(raw))
			continue
		}
		b.heard.Store(time.Now().UnixNano())
		if f.Command() {
			b.takeCommand(&f)
			continue
		}
		for p := range f.Packets() {
			b.takeReport(f.ID, p)
		}
	}
}

func (b *Bus) takeReport(from packet.DeviceID, p packet.Packet) {
	switch {
	case p.Service == packet.IndexAck:
		b.takeAck(from, p.Command)
		return
	case p.Service == packet.IndexControl && p.Command == packet.CmdAnnounce:
		b.takeAnnounce(from, p.Payload)
		return
	}
	for _, s := range *b.active.Load() {
		if s.id == from || s.id == (packet.DeviceID{}) {
			s.f(Report{from, p})
		}
	}
}

// Subscribe calls f for each report of a device, or of every device when id is
// zero, until stop is called; not for acknowledgements and announcements.
func (b *Bus) Subscribe(id packet.DeviceID, f func(Report)) (stop func()) {
	s := &sub{id, f}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.subs[s] = struct{}{}
	b.activate()
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.subs, s)
		b.activate()
	}
}

func (b *Bus) activate() {
	list := make([]*sub, 0, len(b.subs))
	for s := range b.subs {
		list = append(list, s)
	}
	b.active.Store(&list)
}

// SubscribeText calls f for the log text of a serial line. ok is false when
// the transport has none.
func (b *Bus) SubscribeText(f func([]byte)) (stop func(), ok bool) {
	if _, has := b.t.(interface{ onText(func([]byte)) }); !has {
		return func() {}, false
	}
	t := &text{f}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.texts[t] = struct{}{}
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.texts, t)
	}, true
}

func (b *Bus) takeText(p []byte) {
	b.mu.Lock()
	list := make([]*text, 0, len(b.texts))
	for t := range b.texts {
		list = append(list, t)
	}
	b.mu.Unlock()
	for _, t := range list {
		t.f(p)
	}
}

// How often the time is looked at, and how long a serial line may be silent
// before it is asked for frames again: a crash switches them off.
const (
	tickEvery  = 20 * time.Millisecond
	wakeEvery  = 100 * time.Millisecond
	wakeBefore = 1200 * time.Millisecond
)

func (b *Bus) tick() {
	waker, _ := b.t.(interface{ wake() []packet.Frame })
	every := time.NewTicker(tickEvery)
	defer every.Stop()
	var woken time.Time
	for {
		if now := time.Now(); waker != nil && now.UnixNano()-b.heard.Load() > int64(wakeBefore) && now.Sub(woken) >= wakeEvery {
			woken = now
			for _, f := range waker.wake() {
				b.Send(&f)
			}
		}
		select {
		case <-b.done:
			return
		case now := <-every.C:
			b.expire(now)
			b.announceNodes(now)
		}
	}
}
