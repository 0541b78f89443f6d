package devs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"lander/lib/jacdac"
	"lander/lib/jacdac/packet"
)

// Follower gathers what devices tell, from all their sources: log messages,
// text of a serial line, the logger service, and manager events. Devices keep
// no history: what was printed before is gone.
type Follower struct {
	bus  *jacdac.Bus
	opt  FollowOptions
	wg   sync.WaitGroup
	ctx  context.Context
	end  context.CancelFunc
	stop []func()

	mu      sync.Mutex
	queue   []Record
	over    int // records dropped because nobody took them
	asking  int // devices asked for the sum of their program: what is queued waits for its place in the source
	news    chan struct{}
	devices map[packet.DeviceID]*followed
	line    lines

	attached chan struct{} // closed when the devices of the start are ready
	pending  sync.WaitGroup
	begun    bool // the devices of the start are known
}

// FollowOptions say what to follow.
type FollowOptions struct {
	Want func(Manager) bool // nil: every device
	Maps []*DebugMap        // matched to programs by sha256
}

// followed is one device.
type followed struct {
	m       Manager
	index   byte
	logger  byte // 0: none
	logs    fragments
	seen    once
	text    bool // log messages come: its serial console lines are the same
	was     *bool
	program *DebugMap
	asked   int // how often it was asked for the sum of its program
	asking  int // the questions that are not answered
}

// maxWaiting bounds the records that wait for Next.
const maxWaiting = 1 << 17

// Follow begins to follow the devices of the bus, those that are there and
// those that come. Attached tells when the first ones are.
func Follow(ctx context.Context, bus *jacdac.Bus, opt FollowOptions) *Follower {
	f := &Follower{bus: bus, opt: opt, news: make(chan struct{}, 1), devices: map[packet.DeviceID]*followed{}, attached: make(chan struct{})}
	f.ctx, f.end = context.WithCancel(ctx)
	f.stop = append(f.stop, bus.Subscribe(packet.DeviceID{}, f.report), bus.Watch(f.watch))
	if stop, ok := bus.SubscribeText(f.takeText); ok {
		f.stop = append(f.stop, stop)
	}
	f.mu.Lock()
	f.begun = true
	f.mu.Unlock()
	f.wg.Go(func() {
		f.pending.Wait()
		close(f.attached)
	})
	return f
}

// Attached is closed when the devices that were there at the start send what
// they can.
func (f *Follower) Attached() <-chan struct{} { return f.attached }

// Close puts `logging` back to what it was and ends the following.
func (f *Follower) Close(ctx context.Context) {
	for _, stop := range f.stop {
		stop()
	}
	f.mu.Lock()
	f.end() // nothing is started from here on
	f.mu.Unlock()
	f.wg.Wait()
	for _, d := range f.devices {
		if d.was != nil && !*d.was && f.bus.Err() == nil {
			d.m.Bus.Set(ctx, d.m.ID, ClassManager, RegLogging, bit(false)) // a device that is gone has forgotten it anyhow
		}
	}
}

// Next waits for records and returns all that have come, in order. It fails
// with the bus, when nothing is left.
func (f *Follower) Next(ctx context.Context) ([]Record, error) {
	for {
		f.mu.Lock()
		out := f.take()
		if f.over > 0 && len(out) > 0 {
			out[0].Lost += f.over
			f.over = 0
		}
		f.mu.Unlock()
		if len(out) > 0 {
			return out, nil
		}
		select {
		case <-f.news:
			continue
		default:
		}
		select {
		case <-f.news:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-f.bus.Done():
			select {
			case <-f.news:
			default:
				if !f.identifying() {
					return nil, f.bus.Err()
				}
				<-f.news // the questions end with the bus
			}
		}
	}
}

// take empties the queue, unless it waits for places. mu is held.
func (f *Follower) take() []Record {
	if f.asking > 0 {
		return nil
	}
	out := f.queue
	f.queue = nil
	return out
}

// add queues a record. mu is held.
func (f *Follower) add(r Record) {
	r.Time = time.Now()
	if len(f.queue) >= maxWaiting {
		f.over++
		return
	}
	if r.of != nil && r.of.asking == 0 {
		r.locate()
	}
	f.queue = append(f.queue, r)
	offer(f.news, struct{}{})
}

// watch runs on the reader.
func (f *Follower) watch(dev jacdac.Device, c jacdac.Change) {
	index, ok := dev.Index(ClassManager)
	m := Manager{f.bus, dev.ID}
	logger, _ := dev.Index(ClassLogger)
	if !ok && logger == 0 || f.opt.Want != nil && !f.opt.Want(m) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	d := f.devices[dev.ID]
	switch {
	case c == jacdac.Gone:
		f.add(Record{Device: dev.ID, Kind: KindGone, Source: SourceEvent, Message: "the device is silent"})
		return
	case d == nil:
		d = &followed{m: m}
		f.devices[dev.ID] = d
	case c == jacdac.Restarted:
		f.add(Record{Device: dev.ID, Kind: KindRestart, Source: SourceEvent, Message: "the device has restarted"})
	case c == jacdac.Appeared && f.ctx.Err() == nil && d.index != 0:
		f.add(Record{Device: dev.ID, Kind: KindBack, Source: SourceEvent, Message: "the device is back"})
	}
	d.index, d.logger = 0, logger
	if ok {
		d.index = index
	}
	d.logs, d.seen, d.text = fragments{}, once{}, false // counters begin anew
	if f.ctx.Err() != nil {
		return
	}
	done := func() {}
	if !f.begun {
		f.pending.Add(1)
		done = f.pending.Done
	}
	identify := func() {}
	if ok {
		identify = f.identify(d)
	}
	f.wg.Go(func() {
		defer done()
		identify()
		f.attach(d, ok)
	})
}

// attach asks a device for its log messages; managed says that it has a
// manager.
func (f *Follower) attach(d *followed, managed bool) {
	f.mu.Lock()
	logger := d.logger
	f.mu.Unlock()
	if logger != 0 {
		// Debug messages too.
		d.m.Bus.Set(f.ctx, d.m.ID, ClassLogger, RegLoggerPriority, []byte{0})
	}
	if !managed {
		return
	}
	serial := f.serial()
	was, err := d.m.flag(f.ctx, RegLogging)
	if err == nil {
		f.mu.Lock()
		if d.was == nil {
			d.was = &was
		}
		d.text = true
		f.mu.Unlock()
		err = d.m.setFlag(f.ctx, RegLogging, true)
	}
	if err != nil && f.ctx.Err() == nil {
		f.mu.Lock()
		d.text = false
		if logger == 0 && !serial {
			why := "it does not implement log messages and has no logger service; its console text does not come over this link"
			if !errors.Is(err, jacdac.ErrNotImplemented) {
				why = err.Error()
			}
			f.add(Record{Device: d.m.ID, Kind: KindNotice, Source: SourceEvent, Level: "warn", Message: "no log source: " + why + "; panics and restarts are still shown"})
		}
		f.mu.Unlock()
	}
}

func (f *Follower) serial() bool {
	stop, ok := f.bus.SubscribeText(func([]byte) {})
	stop()
	return ok
}

// report runs on the reader.
func (f *Follower) report(r jacdac.Report) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := f.devices[r.From]
	if d == nil {
		return
	}
	switch {
	case r.Service == d.index && r.Command == CmdLogMessage && d.index != 0:
		msg, counter, lost, ok := d.logs.take(r.Payload)
		if ok || lost > 0 {
			f.add(Record{Device: r.From, Kind: KindMessage, Source: SourceLogMessage, Counter: &counter, Level: "log", Message: msg, Lost: lost, of: d})
		}
	case d.logger != 0 && r.Service == d.logger && r.Command >= CmdLoggerDebug && r.Command <= CmdLoggerError:
		level := [...]string{"debug", "log", "warn", "error"}[r.Command-CmdLoggerDebug]
		f.add(Record{Device: r.From, Kind: KindMessage, Source: SourceLogger, Level: level, Message: strings.TrimRight(text(r.Payload), "\n")})
	case r.Service == d.index && r.Event() && d.index != 0 && d.seen.first(r.Command, time.Now()):
		f.event(d, r)
	}
}

func (f *Follower) event(d *followed, r jacdac.Report) {
	switch r.EventCode() {
	case EventProgramPanic:
		p, ok := parsePanic(r.Payload)
		if !ok {
			return
		}
		f.add(Record{Device: r.From, Kind: KindPanic, Source: SourceEvent, Level: "error", Message: p.String(), Panic: &p, of: d})
	case EventProgramChange:
		f.add(Record{Device: r.From, Kind: KindChange, Source: SourceEvent, Message: "the program has changed"})
		if f.ctx.Err() == nil {
			f.wg.Go(f.identify(d))
		}
	}
}

// takeText runs on the reader. The line belongs to the one device that is
// followed on it.
func (f *Follower) takeText(b []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.line.take(b, func(line string) {
		level, msg, ok := parseLine(line)
		if !ok {
			return
		}
		r := Record{Kind: KindMessage, Source: SourceSerial, Level: level, Message: msg}
		if len(f.devices) == 1 {
			for id, d := range f.devices {
				if d.text && level == "log" {
					return // it came as a log message
				}
				r.Device, r.of = id, d
			}
		}
		f.add(r)
	})
}

// String is the line that people read.
func (r Record) String() string {
	var b strings.Builder
	if r.Lost > 0 {
		fmt.Fprintf(&b, "[%d lost] ", r.Lost)
	}
	if r.Kind != KindMessage {
		fmt.Fprintf(&b, "[%s] ", r.Kind)
	}
	b.WriteString(r.Message)
	if r.Place != nil && r.Kind == KindMessage {
		fmt.Fprintf(&b, " (%s)", r.Place)
	}
	return b.String()
}
