package jacdac

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"lander/lib/jacdac/packet"
)

// How requests are repeated.
const (
	firstResend = 30 * time.Millisecond // of frames that want an acknowledgement; doubles
	lastResend  = 500 * time.Millisecond
	getResend   = 150 * time.Millisecond // of register gets, which are not acknowledged; doubles
	getLast     = 600 * time.Millisecond
)

type ackKey struct {
	id  packet.DeviceID
	crc uint16
}

type waiter struct{ c chan struct{} }

func (b *Bus) takeAck(from packet.DeviceID, crc uint16) {
	b.mu.Lock()
	p := b.pipes[from]
	key := ackKey{from, crc}
	for _, w := range b.acks[key] {
		close(w.c)
	}
	delete(b.acks, key)
	b.mu.Unlock()
	if p != nil {
		p.ack(crc)
	}
}

// SendAcked sends a command frame until the receiver acknowledges it. The
// acknowledgement says that the frame arrived, never that it was accepted.
func (b *Bus) SendAcked(ctx context.Context, f packet.Frame) error {
	f.Flags |= packet.FlagCommand | packet.FlagAck
	_, crc := packet.AppendFrame(nil, &f)
	w := &waiter{make(chan struct{})}
	key := ackKey{f.ID, crc}
	b.mu.Lock()
	b.acks[key] = append(b.acks[key], w)
	b.mu.Unlock()
	defer b.forget(key, w)
	b.Send(&f)
	delay, spent := firstResend, time.Duration(0)
	timer := time.NewTimer(delay)
	defer timer.Stop()
	for {
		select {
		case <-w.c:
			return nil
		case <-timer.C:
			if spent += delay; spent >= b.pace.Budget {
				return fmt.Errorf("device %s: %w within %s", f.ID, ErrNoAck, spent)
			}
			b.Send(&f)
			delay = min(2*delay, lastResend)
			timer.Reset(delay)
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-b.done:
			return b.err
		}
	}
}

func (b *Bus) forget(key ackKey, w *waiter) {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.acks[key]
	for i, x := range list {
		if x == w {
			list = append(list[:i:i], list[i+1:]...)
		}
	}
	if len(list) == 0 {
		delete(b.acks, key)
	} else {
		b.acks[key] = list
	}
}

// Command sends a command to a service until it is acknowledged.
func (b *Bus) Command(ctx context.Context, id packet.DeviceID, class uint32, cmd uint16, payload []byte) error {
	index, err := b.Index(id, class)
	if err != nil {
		return err
	}
	f, err := packet.New(packet.FlagCommand, id, packet.Packet{Service: index, Command: cmd, Payload: payload})
	if err != nil {
		return err
	}
	return b.SendAcked(ctx, f)
}

// Query is a command that is answered by a report with the same word.
type Query struct {
	Command uint16
	Payload []byte
	Acked   bool          // ask for an acknowledgement too, so that the command surely arrives
	Resend  time.Duration // 0: 150 ms
	Tries   int           // how often it is sent, Resend apart; 0: until Pace.Budget is spent, at growing intervals
}

// Query sends a query and waits for the report. It sends again when none
// comes; a device that says that it knows no such command is
// ErrNotImplemented.
func (b *Bus) Query(ctx context.Context, id packet.DeviceID, class uint32, q Query) ([]byte, error) {
	index, err := b.Index(id, class)
	if err != nil {
		return nil, err
	}
	flags := byte(packet.FlagCommand)
	if q.Acked {
		flags |= packet.FlagAck
	}
	f, err := packet.New(flags, id, packet.Packet{Service: index, Command: q.Command, Payload: q.Payload})
	if err != nil {
		return nil, err
	}
	if q.Resend == 0 {
		q.Resend = getResend
	}
	longest, budget := q.Resend, time.Duration(q.Tries)*q.Resend
	if q.Tries == 0 {
		longest, budget = getLast, b.pace.Budget
	}
	type answer struct {
		payload []byte
		err     error
	}
	answers := make(chan answer, 1)
	defer b.Subscribe(id, func(r Report) {
		a := answer{}
		switch {
		case r.Service != index:
			return
		case r.Command == q.Command:
			a.payload = bytes.Clone(r.Payload)
		case r.Command == packet.CmdNotImplemented && len(r.Payload) >= 2 && binary.LittleEndian.Uint16(r.Payload) == q.Command:
			a.err = ErrNotImplemented
		default:
			return
		}
		select {
		case answers <- a:
		default:
		}
	})()
	timer := time.NewTimer(q.Resend)
	defer timer.Stop()
	for wait := q.Resend; budget > 0; budget, wait = budget-wait, max(wait, min(2*wait, longest)) {
		if q.Acked {
			if err := b.SendAcked(ctx, f); err != nil {
				return nil, err
			}
		} else {
			b.Send(&f)
		}
		timer.Reset(wait)
		select {
		case a := <-answers:
			return a.payload, a.err
		case <-timer.C:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-b.done:
			return nil, b.err
		}
	}
	return nil, fmt.Errorf("device %s: %w", id, ErrNoAnswer)
}

// Get reads a register.
func (b *Bus) Get(ctx context.Context, id packet.DeviceID, class uint32, reg uint16) ([]byte, error) {
	v, err := b.Query(ctx, id, class, Query{Command: packet.CmdGet | reg})
	if err != nil {
		return nil, fmt.Errorf("getting register %#x: %w", reg, err)
	}
	return v, nil
}

// Set writes a register, until the frame is acknowledged. Whether the value
// was taken, Get tells.
func (b *Bus) Set(ctx context.Context, id packet.DeviceID, class uint32, reg uint16, value []byte) error {
	if err := b.Command(ctx, id, class, packet.CmdSet|reg, value); err != nil {
		return fmt.Errorf("setting register %#x: %w", reg, err)
	}
	return nil
}
