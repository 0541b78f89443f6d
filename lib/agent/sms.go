package agent

import (
	"bytes"
	"context"
	"slices"
	"sync"

	"lander/lib/emp"
	"lander/lib/emp/frame"
	"lander/lib/luapattern"
)

// patternSteps is what one pattern may cost on one message.
const patternSteps = 100_000

// maxListeners bounds the SMS listeners of one connection.
const maxListeners = 256

// Modem sends short messages, and hands those that come to whom it was made
// with.
type Modem interface {
	// Run drives the modem until ctx ends.
	Run(ctx context.Context) error
	// Send sends a message. The text of its error is for the application.
	Send(ctx context.Context, p frame.SendSMS) error
}

// messages are the SMS listeners of all connections.
type messages struct {
	modem Modem // nil: none

	mu        sync.Mutex
	last      frame.ListenerID
	listeners []*listener // in the order of their ids
}

type listener struct {
	id           frame.ListenerID
	owner        *session
	sender, text *luapattern.Pattern
}

// smsCommand answers the commands of applications about short messages. ok is
// false for any other, and for these when SMS is off [EMP 3].
func (s *session) smsCommand(dst []byte, r *emp.Request) (body []byte, err error, ok bool) {
	a := s.a
	if a.messages.modem == nil && !a.cfg.Dev {
		return nil, nil, false
	}
	switch r.Command {
	case frame.CmdRegisterSMSListener:
		id, err := s.listenSMS(r.Payload)
		if err != nil {
			return nil, err, true
		}
		return id.Append(dst), nil, true
	case frame.CmdUnregisterSMSListener:
		return nil, s.unlistenSMS(r.Payload), true
	case frame.CmdSendSMS:
		p, err := frame.ParseSendSMS(r.Payload)
		if err != nil {
			return nil, err, true
		}
		if a.messages.modem == nil {
			return nil, frame.Errorf(frame.StatusNotAvailable, "no modem is configured"), true
		}
		if !p.KnownFormat() {
			return nil, frame.Errorf(frame.StatusNotAvailable, "no such format: %.20q; %s, %s or %s is wanted", p.Format, frame.SMS7Bits, frame.SMS8Bits, frame.SMSUCS2), true
		}
		body, err = r.Go(func(ctx context.Context) ([]byte, error) {
			if err := a.messages.modem.Send(ctx, p); err != nil {
				return nil, frame.Errorf(frame.StatusNotAvailable, "%v", err)
			}
			a.event(Event{Event: "sms", Path: p.Recipient, Status: "sent"})
			return nil, nil
		})
		return body, err, true
	}
	return nil, nil, false
}

func (s *session) listenSMS(payload []byte) (frame.ListenerID, error) {
	p, err := frame.ParseRegisterSMSListener(payload)
	if err != nil {
		return 0, err
	}
	l := &listener{owner: s}
	if l.sender, err = luapattern.Compile(p.Sender); err != nil {
		return 0, frame.Errorf(frame.StatusBadParameter, "sender pattern: %v", err)
	}
	if l.text, err = luapattern.Compile(p.Text); err != nil {
		return 0, frame.Errorf(frame.StatusBadParameter, "message pattern: %v", err)
	}
	s.a.mu.Lock()
	gone := s.gone
	s.a.mu.Unlock()
	m := &s.a.messages
	m.mu.Lock()
	defer m.mu.Unlock()
	own := 0
	for _, o := range m.listeners {
		if o.owner == s {
			own++
		}
	}
	switch {
	case gone:
		return 0, frame.StatusClosed
	case own >= maxListeners:
		return 0, frame.Errorf(frame.StatusNoMemory, "too many SMS listeners")
	}
	m.last++
	l.id = m.last
	m.listeners = append(m.listeners, l)
	return l.id, nil
}

func (s *session) unlistenSMS(payload []byte) error {
	id, err := frame.ParseListenerID(payload)
	if err != nil {
		return err
	}
	if s.a.messages.remove(func(l *listener) bool { return l.id == id && l.owner == s }) == 0 {
		return frame.Errorf(frame.StatusBadParameter, "no such SMS listener")
	}
	return nil
}

func (m *messages) remove(which func(*listener) bool) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := len(m.listeners)
	m.listeners = slices.DeleteFunc(m.listeners, which)
	return before - len(m.listeners)
}

// smsAnswer is what a listener has answered to a message.
type smsAnswer struct {
	id   frame.ListenerID
	resp frame.Response
	err  error
}

// ReceiveSMS hands a message to every listener whose patterns are found in it.
// It does not wait for them.
func (a *Agent) ReceiveSMS(from, text string) { a.receiveSMS(from, text, func(smsAnswer) {}) }

// receiveSMS calls answered once for each of the listeners whose number it
// returns.
func (a *Agent) receiveSMS(from, text string, answered func(smsAnswer)) int {
	a.event(Event{Event: "sms", Path: from, Status: "received"})
	m := &a.messages
	m.mu.Lock()
	all := slices.Clone(m.listeners)
	m.mu.Unlock()
	n := 0
	for _, l := range all {
		ok, err := l.sender.Match(from, patternSteps)
		if ok {
			ok, err = l.text.Match(text, patternSteps)
		}
		if err != nil {
			a.cfg.Log.Warn("an SMS listener's pattern", "listener", int64(l.id), "error", err)
		}
		p := l.owner.peer.Load()
		if !ok || p == nil {
			continue
		}
		n++
		payload := frame.NewSMS{Sender: from, Text: text, ID: l.id}.Append(nil)
		err = p.Post(frame.CmdNewSMS, payload, func(r frame.Response, err error) {
			r.Body = bytes.Clone(r.Body) // it is valid no longer than this
			answered(smsAnswer{l.id, r, err})
		})
		if err != nil {
			answered(smsAnswer{l.id, frame.Response{}, err})
		}
	}
	return n
}
