// Package sms sends and receives short messages through a modem that takes AT
// commands [TS 27.005], in PDU mode, or in text mode where it has no other.
package sms

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"time"

	"lander/lib/emp/frame"
	"lander/lib/sms/pdu"
)

// DefaultTimeout is how long a modem may take to answer; sending a message
// may take four times as long.
const DefaultTimeout = 15 * time.Second

// Options are what a Modem needs.
type Options struct {
	// Dial opens the line to the modem; it tries until ctx ends.
	Dial func(ctx context.Context) (io.ReadWriteCloser, error)
	// Receive gets the messages that come, one at a time, and must not wait.
	Receive func(from, text string)
	Timeout time.Duration // 0: DefaultTimeout
	Log     *slog.Logger  // nil drops what is said
}

// Modem is one modem. Run drives it; Send may be called from any goroutine.
type Modem struct {
	o     Options
	sends chan *outgoing
	held  *outgoing // taken by a line that was lost before the text was said; Run's alone
}

type outgoing struct {
	ctx   context.Context
	to    string
	units []pdu.Unit
	begun bool // its text was said: whether it was sent nobody knows
	done  chan error
}

// New makes a Modem, which does nothing before Run.
func New(o Options) *Modem {
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Modem{o: o, sends: make(chan *outgoing)}
}

// ErrNoModem is the end of a Send when no modem has answered in time.
var ErrNoModem = errors.New("the modem does not answer")

// Send sends a message in one of the formats of frame.SendSMS, in several
// parts when it is long, and returns when the network has taken it.
func (m *Modem) Send(ctx context.Context, p frame.SendSMS) error {
	if err := pdu.CheckNumber(p.Recipient); err != nil {
		return err
	}
	coding, ok := map[string]pdu.Coding{frame.SMS7Bits: pdu.GSM7, frame.SMS8Bits: pdu.Octets, frame.SMSUCS2: pdu.UCS2}[p.Format]
	if !ok {
		return fmt.Errorf("no such format: %.20q", p.Format)
	}
	data, err := pdu.Encode(coding, p.Text)
	if err != nil {
		return err
	}
	units, err := pdu.Split(coding, data, uint8(rand.UintN(256)))
	if err != nil {
		return err
	}
	out := &outgoing{ctx: ctx, to: p.Recipient, units: units, done: make(chan error, 1)}
	timeout := time.NewTimer(m.o.Timeout)
	defer timeout.Stop()
	select {
	case m.sends <- out:
	case <-timeout.C:
		return ErrNoModem
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	timeout.Reset(m.o.Timeout * time.Duration(5*len(units)+5))
	select {
	case err := <-out.done:
		return err
	case <-timeout.C:
		return ErrNoModem
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Run keeps the modem at work until ctx ends; then it returns nil. A line
// that is lost is opened again.
func (m *Modem) Run(ctx context.Context) error {
	for {
		c, err := m.o.Dial(ctx)
		if ctx.Err() != nil {
			if err == nil {
				c.Close()
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("reaching the modem: %w", err)
		}
		err = m.serve(ctx, c)
		if ctx.Err() != nil {
			return nil
		}
		m.o.Log.Warn("the modem is lost", "error", err)
	}
}

// serve drives one line.
func (m *Modem) serve(ctx context.Context, c io.ReadWriteCloser) error {
	l := newLine(c, m.o.Timeout)
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer func() {
		stop()
		l.close()
	}()
	s := &talk{l: l, m: m, parts: newParts()}
	if err := s.begin(); err != nil {
		return err
	}
	for {
		if err := s.collect(); err != nil {
			return err
		}
		if m.held != nil {
			out := m.held
			m.held = nil
			if err := m.try(s, out); err != nil {
				return err
			}
			continue
		}
		select {
		case text, ok := <-l.lines:
			if !ok {
				return l.err
			}
			l.unasked(text)
		case out := <-m.sends:
			if err := m.try(s, out); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// try sends a message; the error is that of a line that is lost.
func (m *Modem) try(s *talk, out *outgoing) error {
	err := s.send(out)
	if !lost(err) {
		out.done <- err
		return nil
	}
	if out.begun {
		out.done <- err
	} else {
		m.held = out // for the next line
	}
	return err
}

// lost reports whether an error is the line's and not the modem's answer.
func lost(err error) bool {
	if err == nil {
		return false
	}
	_, answered := errors.AsType[*Refusal](err)
	return !answered && !errors.Is(err, errText)
}
