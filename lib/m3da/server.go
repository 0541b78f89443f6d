package m3da

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"lander/lib/m3da/bysant"
	"lander/lib/m3da/envelope"
)

// Account is a device as the server knows it.
type Account struct {
	Keys    Keys  // the server's side; nil: plain
	Store   Store // nil: a Memory, so that each session begins with a challenge
	Handler Handler
}

// Handler takes what a device sends. It is called on the session's goroutine,
// one envelope after the other.
type Handler interface {
	Exchange(ctx context.Context, s *Session, r Request) Reply
}

// Request is what one envelope of a device brought.
type Request struct {
	Batch string // of a device that names its envelopes; see FieldBatch
	Items []envelope.Item
}

// Reply answers a Request. A status that is not 2xx has the device keep its
// data.
type Reply struct {
	Status int64 // 0: 200
	Items  []envelope.Item
}

// ServerOptions are the settings of a server.
type ServerOptions struct {
	ID string // in the header of secured envelopes; "": DefaultServerID
	// Account finds a device; false refuses it.
	Account func(device string) (Account, bool)
	// Register begins the registration of a device; nil, or false, refuses.
	Register func(device string) (Enrolment, bool)
	Max      int           // bytes of an envelope that comes; 0: DefaultMax
	Idle     time.Duration // a session in which nothing comes for so long ends; 0: never
	// Original leaves our additions out, as other servers do.
	Original bool
}

// Session is the server's end of a session with one device.
type Session struct {
	o      ServerOptions
	w      wire
	device string
	acc    Account
	sec    *secret

	mu      sync.Mutex
	lander  bool     // the device takes what it did not ask for
	pushed  []string // payloads of ours that did not come yet
	sent    bool     // the first of them is under way
	replied outgoing // the last reply
}

type outgoing struct {
	fields  []envelope.Field
	payload string
}

// Serve runs the session of one connection until that ends, ctx does, or the
// device breaks the rules. It closes rwc.
func Serve(ctx context.Context, rwc io.ReadWriteCloser, o ServerOptions) error {
	if o.ID == "" {
		o.ID = DefaultServerID
	}
	if o.Max <= 0 {
		o.Max = DefaultMax
	}
	s := &Session{o: o, w: wire{rwc: rwc, sized: !o.Original, scanner: bysant.Scanner{Max: o.Max}}}
	defer s.w.close()
	defer context.AfterFunc(ctx, func() { s.w.close() })()
	asked := false
	for {
		e, err := s.next()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, io.EOF) {
				return nil
			}
			if errors.Is(err, bysant.ErrMalformed) || errors.Is(err, envelope.ErrMalformed) || errors.Is(err, bysant.ErrTooLarge) {
				s.refuse(envelope.StatusMalformed)
			}
			return fmt.Errorf("reading an envelope: %w", err)
		}
		if asked, err = s.take(ctx, e, asked); err != nil {
			return err
		}
	}
}

func (s *Session) next() (envelope.Envelope, error) {
	if s.o.Idle > 0 {
		t := time.AfterFunc(s.o.Idle, func() { s.w.close() })
		defer t.Stop()
	}
	return s.w.next()
}

// Device is the id of the device.
func (s *Session) Device() string { return s.device }

// Lander reports whether the device has announced our additions, in the
// envelope that came last.
func (s *Session) Lander() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lander
}

// refuse sends a status that nobody has to believe.
func (s *Session) refuse(status int64) error {
	return s.w.send(envelope.Envelope{Header: envelope.Header(envelope.Int(fieldStatus, status))})
}

// reported is a fault that a device reports, which nothing proves. The
// original does so when it cannot take what came. There is nothing that it
// could send again: to any answer, a challenge too, it would say so again, at
// once, on one connection after the other.
func reported(e envelope.Envelope) error {
	status, ok := e.Status()
	if !ok || status/100 == 2 || e.Payload != "" || e.Footer.Text(fieldMAC) != "" {
		return nil
	}
	return fmt.Errorf("%w: the device %.40q reports the status %d", ErrSecurity, e.ID(), status)
}

// begin finds the device of the first envelope.
func (s *Session) begin(e envelope.Envelope) (bool, error) {
	device := e.ID()
	if device == "" {
		return false, s.refuse(envelope.StatusMalformed)
	}
	acc, ok := s.o.Account(device)
	if !ok {
		if err := reported(e); err != nil {
			return false, err
		}
		return false, s.refuse(envelope.StatusForbidden)
	}
	sec, err := newSecret(acc.Keys, acc.Store)
	if err != nil {
		s.refuse(envelope.StatusServerFault)
		return false, err
	}
	sec.sized = !s.o.Original
	s.device, s.acc, s.sec = device, acc, sec
	return true, nil
}

// take deals with one envelope; asked says that a challenge of ours is open.
func (s *Session) take(ctx context.Context, e envelope.Envelope, asked bool) (bool, error) {
	if salt := e.Header.Text(fieldSalt); salt != "" && s.o.Register != nil {
		return false, s.enrol(e, salt)
	}
	if s.sec == nil || e.ID() != "" && e.ID() != s.device {
		if ok, err := s.begin(e); !ok || err != nil {
			return asked, err
		}
	}
	if nonce, ok, err := s.sec.challenged(e); ok {
		if err != nil {
			return asked, err
		}
		return asked, s.again(nonce)
	}
	if s.acc.Keys != nil {
		if err := reported(e); err != nil {
			return asked, err
		}
	}
	inner, status, err := s.sec.open(e)
	if err != nil {
		if status != envelope.StatusUnauthorized && status != envelope.StatusAuthentication {
			s.refuse(status)
			return asked, err
		}
		if asked {
			s.refuse(envelope.StatusForbidden)
			return asked, err
		}
		c, cerr := s.sec.challenge("", status)
		if cerr == nil {
			cerr = s.w.send(c)
		}
		return true, cerr
	}
	items, err := envelope.ParseItems(inner.Payload)
	if err != nil {
		return false, s.reply(envelope.StatusMalformed, nil)
	}
	s.mu.Lock()
	s.lander = lander(inner.Header)
	// A status without a payload ends an exchange of ours. The original puts
	// a status into all that it secures, and never ends an exchange: with
	// nothing to send it asks for commands, and waits for the reply.
	_, isAck := inner.Status()
	isAck = isAck && len(items) == 0 && (s.lander || s.acc.Keys == nil)
	s.mu.Unlock()
	if isAck {
		return false, s.pushNext()
	}
	r := s.acc.Handler.Exchange(ctx, s, Request{Batch: inner.Header.Text(FieldBatch), Items: items})
	if r.Status == 0 {
		r.Status = envelope.StatusOK
	}
	return false, s.reply(r.Status, r.Items)
}

func (s *Session) reply(status int64, items []envelope.Item) error {
	out := outgoing{[]envelope.Field{envelope.Int(fieldStatus, status)}, payloadOf(items)}
	if !s.o.Original {
		out.fields = append(out.fields, envelope.Int(FieldLander, 1))
	}
	s.mu.Lock()
	s.replied = out
	s.mu.Unlock()
	return s.send("", out)
}

func payloadOf(items []envelope.Item) string {
	var b []byte
	for _, i := range items {
		b = i.Append(b)
	}
	return string(b)
}

func (s *Session) send(nonce string, out outgoing) error {
	id := s.o.ID
	if s.acc.Keys == nil {
		id = ""
	}
	e, err := s.sec.seal(id, nonce, out.fields, out.payload)
	if err != nil {
		return err
	}
	return s.w.send(e)
}

// ErrNotLander is a device that takes commands in replies only.
var ErrNotLander = errors.New("the device does not take what it did not ask for")

// maxPushed is how many payloads of the server may be under way.
const maxPushed = 256

// Push sends items of the server's own accord. They have come when the
// device's responses tell so.
func (s *Session) Push(items ...envelope.Item) error {
	s.mu.Lock()
	if !s.lander {
		s.mu.Unlock()
		return ErrNotLander
	}
	if len(s.pushed) >= maxPushed {
		s.mu.Unlock()
		return errors.New("the device does not take what is sent")
	}
	s.pushed = append(s.pushed, payloadOf(items))
	first := len(s.pushed) == 1
	s.mu.Unlock()
	if !first {
		return nil
	}
	return s.push("")
}

// pushNext is called when the push under way has come. A device can say so of
// none too.
func (s *Session) pushNext() error {
	s.mu.Lock()
	if !s.sent {
		s.mu.Unlock()
		return nil
	}
	s.pushed, s.sent = s.pushed[1:], false
	more := len(s.pushed) > 0
	s.mu.Unlock()
	if !more {
		return nil
	}
	return s.push("")
}

// push sends the first push. The device's last nonce is for the reply that it
// waits for: without one of a challenge, a random one brings that about.
func (s *Session) push(nonce string) error {
	if nonce == "" && s.acc.Keys != nil {
		nonce = s.acc.Keys.Nonce()
	}
	s.mu.Lock()
	s.sent = true
	out := outgoing{[]envelope.Field{envelope.Int(FieldLander, 1)}, s.pushed[0]}
	s.mu.Unlock()
	return s.send(nonce, out)
}

// again answers a challenge with what the device could not verify.
func (s *Session) again(nonce string) error {
	s.mu.Lock()
	out, pushing := s.replied, s.sent
	s.mu.Unlock()
	switch {
	case pushing:
		return s.push(nonce)
	case out.fields == nil:
		return fmt.Errorf("%w: a challenge before anything was sent", ErrSecurity)
	}
	return s.send(nonce, out)
}
