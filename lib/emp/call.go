package emp

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"lander/lib/emp/frame"
)

// Call sends a command and waits for its response. A status other than OK is
// no error here: see frame.Response.Err. The error is that of ctx, or wraps
// frame.StatusTimeout (no response within CallTimeout), frame.StatusClosed
// (the connection is over, or ended meanwhile), or frame.StatusBusy (every
// request id awaits a late response).
//
// Call must not be used from Handler.Answer, which has to return before any
// response can be read.
func (p *Peer) Call(ctx context.Context, cmd frame.Command, payload []byte) (frame.Response, error) {
	if err := ctx.Err(); err != nil {
		return frame.Response{}, fmt.Errorf("calling %v: %w", cmd, err)
	}
	type result struct {
		r   frame.Response
		err error
	}
	ch := make(chan result, 1)
	c := &call{cmd: cmd, done: func(r frame.Response, err error) {
		r.Body = bytes.Clone(r.Body)
		ch <- result{r, err}
	}}
	p.mu.Lock()
	if p.tooMuch(len(payload)) {
		stop := context.AfterFunc(ctx, p.wakeAll)
		for p.tooMuch(len(payload)) && ctx.Err() == nil && !p.shut() {
			p.room.Wait()
		}
		stop()
	}
	err := ctx.Err()
	if err == nil {
		if err = p.start(c, payload); err == nil {
			p.write(true)
		}
	}
	p.mu.Unlock()
	if err != nil {
		return frame.Response{}, fmt.Errorf("calling %v: %w", cmd, err)
	}
	select {
	case res := <-ch:
		return res.r, res.err
	case <-ctx.Done():
	}
	p.mu.Lock()
	if !c.ended && c.id >= 0 {
		p.calls.park(c)
	}
	c.ended = true
	p.mu.Unlock()
	return frame.Response{}, fmt.Errorf("calling %v: %w", cmd, context.Cause(ctx))
}

// Post sends a command without waiting for anything. Unless it returns an
// error, done is called once: with the response, whose body is valid until
// done returns, or with an error as Call has it. done may be called by the
// goroutine that reads the connection, and must not wait. A nil done is fine.
//
// Commands beyond MaxOpen are kept until an id is free, up to MaxQueue bytes;
// then the error wraps frame.StatusBusy. A connection that does not take what
// is written, beyond MaxQueue bytes, is closed.
func (p *Peer) Post(cmd frame.Command, payload []byte, done func(frame.Response, error)) error {
	if done == nil {
		done = func(frame.Response, error) {}
	}
	p.mu.Lock()
	if p.tooMuch(len(payload)) {
		p.mu.Unlock()
		p.fail(ErrSlowReader)
		p.mu.Lock()
	}
	err := p.start(&call{cmd: cmd, done: done}, payload)
	if err == nil {
		p.write(false)
	}
	p.mu.Unlock()
	if err != nil {
		return fmt.Errorf("sending %v: %w", cmd, err)
	}
	return nil
}

// tooMuch reports whether n more bytes do not fit the queue; an empty queue
// takes everything. mu is held.
func (p *Peer) tooMuch(n int) bool {
	q := p.queued()
	return q > 0 && q+n > p.o.MaxQueue
}

// shut reports whether no response can come any more. mu is held.
func (p *Peer) shut() bool { return p.gone || p.err != nil }

// start queues a command, or keeps it until an id is free. mu is held.
func (p *Peer) start(c *call, payload []byte) error {
	if p.shut() {
		return closedError(p.err)
	}
	t := &p.calls
	c.id = -1
	if len(t.backlog) == 0 && p.send(c, payload) {
		return nil
	}
	if t.parked == MaxOpen {
		return fmt.Errorf("every request id awaits a late response: %w", frame.StatusBusy)
	}
	if len(t.backlog) > 0 && t.bytes+len(payload) > p.o.MaxQueue {
		return fmt.Errorf("%d commands wait for a request id: %w", len(t.backlog), frame.StatusBusy)
	}
	c.payload = bytes.Clone(payload)
	t.backlog = append(t.backlog, c)
	t.bytes += len(payload) + 64 // an empty payload is not free of cost
	return nil
}

// send queues a command if an id is free for it. mu is held.
func (p *Peer) send(c *call, payload []byte) bool {
	if !p.calls.put(c, p.o.Clock.Now().Add(p.o.CallTimeout)) {
		return false
	}
	p.add(frame.Frame{Command: c.cmd, RequestID: uint8(c.id), Payload: payload})
	if p.calls.timer == nil {
		p.calls.timer = p.o.Clock.AfterFunc(p.o.CallTimeout, p.expire)
	}
	return true
}

// sendBacklog uses ids that have become free. mu is held.
func (p *Peer) sendBacklog() {
	t := &p.calls
	for len(t.backlog) > 0 {
		c := t.backlog[0]
		if !c.ended && !p.send(c, c.payload) {
			return
		}
		t.bytes -= len(c.payload) + 64
		c.payload = nil
		t.backlog[0] = nil
		t.backlog = t.backlog[1:]
	}
	t.backlog = nil
}

// response is called by the reader.
func (p *Peer) response(f frame.Frame) {
	p.mu.Lock()
	c, ok := p.calls.answered(f.RequestID, f.Command)
	if ok {
		p.sendBacklog()
	}
	p.mu.Unlock()
	switch {
	case !ok:
		p.log.Debug("EMP response that nobody awaits", "command", f.Command, "request_id", f.RequestID)
	case c == nil:
		p.log.Debug("late EMP response", "command", f.Command, "request_id", f.RequestID)
	default:
		r, err := frame.ParseResponse(f.Payload)
		if err != nil {
			// Too short to say anything; the connection is none the worse.
			r = frame.Response{Status: frame.StatusBadFormat}
		}
		r.RequestID = f.RequestID
		c.done(r, nil)
	}
}

// expire is called when the oldest call may be due.
func (p *Peer) expire() {
	p.mu.Lock()
	t := &p.calls
	t.timer = nil
	if p.err != nil {
		p.mu.Unlock()
		return
	}
	p.wg.Add(1)
	defer p.wg.Done()
	now := p.o.Clock.Now()
	due := t.expired(now)
	if t.oldest >= 0 {
		t.timer = p.o.Clock.AfterFunc(max(t.slots[t.oldest].deadline.Sub(now), time.Millisecond), p.expire)
	}
	var stuck []*call
	if t.parked == MaxOpen {
		stuck = t.takeBacklog()
	}
	p.mu.Unlock()
	for _, c := range due {
		p.log.Warn("EMP command without response", "command", c.cmd, "request_id", c.id)
		c.done(frame.Response{}, fmt.Errorf("calling %v: no response within %v: %w", c.cmd, p.o.CallTimeout, frame.StatusTimeout))
	}
	for _, c := range stuck {
		c.done(frame.Response{}, fmt.Errorf("calling %v: every request id awaits a late response: %w", c.cmd, frame.StatusBusy))
	}
}

func (p *Peer) closeCalls(lost []*call, cause error) {
	for _, c := range lost {
		c.done(frame.Response{}, fmt.Errorf("calling %v: %w", c.cmd, closedError(cause)))
	}
}

func closedError(cause error) error {
	if cause == nil || cause == errEnded {
		return frame.StatusClosed
	}
	return fmt.Errorf("%w: %w", frame.StatusClosed, cause)
}
