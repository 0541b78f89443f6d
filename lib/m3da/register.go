package m3da

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"lander/lib/m3da/bysant"
	"lander/lib/m3da/envelope"
)

// Header fields of a registration [M3DA 4.1].
const (
	fieldSalt   = "autoreg_salt"
	fieldKey    = "autoreg_pubkey"
	fieldSecret = "autoreg_ctext"
	fieldRegMAC = "autoreg_mac"
)

// Registration is the crypto of one side of a registration.
type Registration interface {
	Salt() string
	PublicKey() string
	MAC(payload, salt string) string        // of what this side sends
	Verify(payload, salt, mac string) bool  // what the other side sent under our salt
	Mask(peer, text string) (string, error) // lays the shared secret over a text, and takes it off
}

// Enrolment is a registration at the server: Secret is what the device will
// make its keys of, asked for when the device has shown that it knows the
// password, and Done is called when it has it. A *StatusError of Secret is
// what the device is told; any other one is a fault of the server.
type Enrolment struct {
	Registration Registration
	Secret       func() (string, error)
	Done         func() error
}

// Register gets the secret of a device from the server, which it makes its
// keys of from then on. rwc stays open. When ctx ends it is closed.
func Register(ctx context.Context, rwc io.ReadWriteCloser, device string, r Registration) (secret string, err error) {
	ctx, cancel := context.WithTimeout(ctx, DefaultReply)
	defer cancel()
	w := &wire{rwc: rwc, scanner: bysant.Scanner{Max: 64 << 10}}
	defer context.AfterFunc(ctx, func() { w.close() })()
	defer func() {
		if err != nil && ctx.Err() != nil && !Refused(err) {
			err = fmt.Errorf("the server does not answer: %w", context.Cause(ctx)) // that we closed the stream is no reason
		}
		if err != nil {
			err = fmt.Errorf("registering %s: %w", device, err)
		}
	}()
	ours := r.Salt()
	if err := w.send(envelope.Envelope{Header: envelope.Header(text(fieldID, device), text(fieldSalt, ours))}); err != nil {
		return "", err
	}
	e, err := w.next()
	if err != nil {
		return "", err
	}
	theirs := e.Header.Text(fieldSalt)
	if theirs == "" {
		return "", refused(e)
	}
	signed := func(header ...envelope.Field) error {
		inner := string(envelope.Envelope{Header: envelope.Header(header...)}.Append(nil))
		return w.send(envelope.Envelope{Header: envelope.Header(text(fieldID, device)), Payload: inner, Footer: envelope.Header(text(fieldRegMAC, r.MAC(inner, theirs)))})
	}
	if err := signed(text(fieldKey, r.PublicKey())); err != nil {
		return "", err
	}
	if e, err = w.next(); err != nil {
		return "", err
	}
	inner, err := verified(r, e, ours)
	if err != nil {
		return "", err
	}
	if secret, err = r.Mask(inner.Header.Text(fieldKey), inner.Header.Text(fieldSecret)); err != nil {
		return "", err
	}
	return secret, signed(envelope.Int(fieldStatus, envelope.StatusOK))
}

func refused(e envelope.Envelope) error {
	if status, ok := e.Status(); ok {
		return &StatusError{status}
	}
	return fmt.Errorf("%w: the answer is no registration", ErrSecurity)
}

// verified is the inner envelope of a registration.
func verified(r Registration, e envelope.Envelope, salt string) (inner envelope.Envelope, err error) {
	if e.Payload == "" {
		return inner, refused(e)
	}
	if !r.Verify(e.Payload, salt, e.Footer.Text(fieldRegMAC)) {
		return inner, fmt.Errorf("%w: the MAC of the registration is wrong: is the registration password the same on both sides?", ErrSecurity)
	}
	inner, _, err = envelope.Parse([]byte(e.Payload))
	return inner, err
}

// enrolTimeout is how long a device may take between two steps.
const enrolTimeout = 30 * time.Second

// enrol is the server's side, from the device's first envelope on.
func (s *Session) enrol(e envelope.Envelope, theirs string) error {
	device := e.ID()
	en, ok := s.o.Register(device)
	if device == "" || !ok {
		return s.refuse(envelope.StatusForbidden)
	}
	late := time.AfterFunc(enrolTimeout, func() { s.w.close() })
	defer late.Stop()
	r := en.Registration
	ours := r.Salt()
	if err := s.w.send(envelope.Envelope{Header: envelope.Header(text(fieldSalt, ours))}); err != nil {
		return err
	}
	step := func() (envelope.Envelope, error) {
		e, err := s.w.next()
		if err != nil {
			return e, err
		}
		inner, err := verified(r, e, ours)
		if err != nil {
			s.refuse(envelope.StatusUnauthorized)
		}
		return inner, err
	}
	inner, err := step()
	if err != nil {
		return fmt.Errorf("registering %s: %w", device, err)
	}
	own, err := en.Secret()
	if err != nil {
		status := int64(envelope.StatusServerFault)
		if own, ok := errors.AsType[*StatusError](err); ok {
			status = own.Status
		}
		s.refuse(status)
		return fmt.Errorf("registering %s: %w", device, err)
	}
	secret, err := r.Mask(inner.Header.Text(fieldKey), own)
	if err != nil {
		s.refuse(envelope.StatusMalformed)
		return fmt.Errorf("registering %s: %w", device, err)
	}
	sealed := string(envelope.Envelope{Header: envelope.Header(text(fieldKey, r.PublicKey()), text(fieldSecret, secret))}.Sized().Append(nil))
	if err := s.w.send(envelope.Envelope{Payload: sealed, Footer: envelope.Header(text(fieldRegMAC, r.MAC(sealed, theirs)))}); err != nil {
		return err
	}
	if inner, err = step(); err != nil {
		return fmt.Errorf("registering %s: %w", device, err)
	}
	if status, _ := inner.Status(); status != envelope.StatusOK {
		return fmt.Errorf("registering %s: the device ends it with status %d", device, status)
	}
	return en.Done()
}
