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

// DeviceOptions are the settings of a Device.
type DeviceOptions struct {
	ID    string
	Keys  Keys          // the device's side; nil: plain
	Store Store         // nil: a Memory
	Reply time.Duration // how long the server may take; 0: DefaultReply
	Max   int           // bytes of an envelope that comes; 0: DefaultMax
	// Commands is called with each payload that comes, one after the other,
	// and must not wait. What came with the reply to an Exchange is handed
	// over before that returns.
	Commands func([]envelope.Item)
}

// Device is the device's end of a session. It reads at all times.
type Device struct {
	o    DeviceOptions
	w    wire
	sec  *secret
	turn chan struct{}          // holds a token while an exchange is under way
	out  chan envelope.Envelope // to be written: reading never waits for that
	done chan struct{}          // closed when nothing is read any more
	over chan struct{}          // closed when the session is over
	wg   sync.WaitGroup

	order sync.Mutex // keeps envelopes in the order in which they were sealed

	mu      sync.Mutex
	waiting chan answer // of the exchange under way
	err     error       // why the session is over
}

// answer is what an exchange waits for.
type answer struct {
	nonce  string // of a challenge
	status int64
	err    error
}

// maxOut is how many envelopes may wait to be written.
const maxOut = 16

// NewDevice takes over rwc and begins to read. The owner calls Close.
func NewDevice(rwc io.ReadWriteCloser, o DeviceOptions) (*Device, error) {
	if o.Reply <= 0 {
		o.Reply = DefaultReply
	}
	if o.Max <= 0 {
		o.Max = DefaultMax
	}
	sec, err := newSecret(o.Keys, o.Store)
	if err != nil {
		return nil, err
	}
	d := &Device{o: o, w: wire{rwc: rwc, scanner: bysant.Scanner{Max: o.Max}}, sec: sec, turn: make(chan struct{}, 1)}
	d.out, d.done, d.over = make(chan envelope.Envelope, maxOut), make(chan struct{}), make(chan struct{})
	d.wg.Go(d.write)
	d.wg.Go(d.read)
	return d, nil
}

// Close ends the session and waits until nothing of it is left.
func (d *Device) Close() error {
	d.end(ErrClosed)
	d.wg.Wait()
	return d.w.close()
}

// Done is closed when the session is over; Err tells why.
func (d *Device) Done() <-chan struct{} { return d.done }

// Err is why the session is over, nil while it is not.
func (d *Device) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

// Lander reports whether the server has announced our additions, now or in an
// earlier session.
func (d *Device) Lander() bool { return d.sec.lander() }

// Known reports whether the server has ever answered. Before it has, nobody
// can tell whether it knows an envelope that comes again: the first exchange
// is better one without payload.
func (d *Device) Known() bool { return d.sec.known() }

// end notes why the session is over, the first time, and closes the stream.
func (d *Device) end(err error) {
	d.mu.Lock()
	if d.err == nil {
		d.err = err
		close(d.over)
	}
	if d.waiting != nil {
		select {
		case d.waiting <- answer{err: d.err}:
		default:
		}
	}
	d.mu.Unlock()
	d.w.close()
}

// Exchange sends a payload and returns when the server has answered: nil when
// with 2xx. Else nothing counts as sent; an error other than a *StatusError
// ends the session. batch names the payload for a server that can tell when
// it comes again; "" is none. One exchange is under way at a time.
func (d *Device) Exchange(ctx context.Context, batch string, payload []byte) error {
	select {
	case d.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-d.turn }()
	ctx, cancel := context.WithTimeoutCause(ctx, d.o.Reply, fmt.Errorf("no answer within %s", d.o.Reply))
	defer cancel()
	defer context.AfterFunc(ctx, func() { d.end(context.Cause(ctx)) })()
	answers := make(chan answer, 2)
	d.mu.Lock()
	if d.err != nil {
		defer d.mu.Unlock()
		return d.err
	}
	d.waiting = answers
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		d.waiting = nil
		d.mu.Unlock()
	}()
	nonce, challenged := "", false
	for {
		if err := d.send(nonce, batch, payload); err != nil {
			d.end(err)
			return d.Err()
		}
		a := <-answers
		switch {
		case a.err != nil:
			return a.err
		case a.nonce == "":
			if a.status < 200 || a.status > 299 {
				return &StatusError{a.status}
			}
			return nil
		case challenged:
			err := fmt.Errorf("%w: the server does not take our MAC: is the password the same on both sides?", ErrSecurity)
			d.end(err)
			return err
		}
		nonce, challenged = a.nonce, true
	}
}

func (d *Device) send(nonce, batch string, payload []byte) error {
	var fields []envelope.Field
	if d.sec.lander() {
		fields = append(fields, envelope.Int(FieldLander, 1))
		if batch != "" {
			fields = append(fields, text(FieldBatch, batch))
		}
	}
	d.order.Lock()
	defer d.order.Unlock()
	e, err := d.sec.seal(d.o.ID, nonce, fields, string(payload))
	if err != nil {
		return err
	}
	return d.post(e)
}

// post hands an envelope to the writer. order is held.
func (d *Device) post(e envelope.Envelope) error {
	select {
	case d.out <- e:
		return nil
	default:
		return errors.New("the server sends and does not read")
	}
}

func (d *Device) write() {
	for {
		select {
		case e := <-d.out:
			if err := d.w.send(e); err != nil {
				d.end(err)
				return
			}
		case <-d.over:
			return
		}
	}
}

// answered hands an answer to the exchange that waits; false when none does.
func (d *Device) answered(a answer) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.waiting == nil {
		return false
	}
	select {
	case d.waiting <- a:
	default: // more than it asked for
	}
	return true
}

func (d *Device) read() {
	defer close(d.done)
	asked := false // a challenge of ours is open
	for {
		e, err := d.w.next()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = fmt.Errorf("the server has closed the connection: %w", err)
			}
			d.end(err)
			return
		}
		if asked, err = d.take(e, asked); err != nil {
			d.end(err)
			return
		}
	}
}

// take deals with one envelope.
func (d *Device) take(e envelope.Envelope, asked bool) (bool, error) {
	nonce, challenge, err := d.sec.challenged(e)
	if challenge {
		if err == nil {
			d.answered(answer{nonce: nonce})
		}
		return asked, err
	}
	if status, ok := e.Status(); ok && d.o.Keys != nil && e.Payload == "" && e.Footer.Text(fieldMAC) == "" {
		// Nobody proves this: it may be a no, but never a yes.
		if status >= 200 && status <= 299 {
			return asked, fmt.Errorf("%w: an acknowledgement without MAC", ErrSecurity)
		}
		d.answered(answer{status: status})
		return asked, nil
	}
	// What answers this envelope takes the nonce that came with it.
	d.order.Lock()
	defer d.order.Unlock()
	inner, status, err := d.sec.open(e)
	if err != nil {
		if asked || status != envelope.StatusUnauthorized && status != envelope.StatusAuthentication {
			return asked, err
		}
		c, cerr := d.sec.challenge(d.o.ID, status)
		if cerr == nil {
			cerr = d.post(c)
		}
		return true, cerr
	}
	items, err := envelope.ParseItems(inner.Payload)
	if err != nil {
		return false, err
	}
	status, isReply := inner.Status()
	if isReply {
		if err := d.sec.announced(lander(inner.Header)); err != nil {
			return false, err
		}
	}
	if len(items) > 0 && d.o.Commands != nil {
		d.o.Commands(items)
	}
	switch {
	case isReply:
		d.answered(answer{status: status})
	case len(items) > 0:
		// Sent of the server's own accord: it wants to know that it came.
		ack, err := d.sec.seal(d.o.ID, "", []envelope.Field{envelope.Int(fieldStatus, envelope.StatusOK), envelope.Int(FieldLander, 1)}, "")
		if err == nil {
			err = d.post(ack)
		}
		return false, err
	}
	return false, nil
}
