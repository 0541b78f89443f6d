// Package m3datest is a server for tests: a site that devices send their data
// to and get their commands from. It follows the documents and checks what it
// gets: a device that breaks a rule is reported by Faults.
package m3datest

import (
	"context"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"sync"

	"lander/lib/m3da"
	"lander/lib/m3da/bysant"
	"lander/lib/m3da/envelope"
	"lander/lib/trust"
)

// Credentials are how a device proves itself. The zero value is plain.
type Credentials struct {
	Auth, Cipher string
	Password     string
}

// Options are the settings of a Site.
type Options struct {
	ID string // "": m3da.DefaultServerID
	// Devices are those that may connect; nil: all, plain.
	Devices map[string]Credentials
	// Register is the password for registrations; "": there are none. What a
	// device gets is the password in Devices.
	Register string
	// Original leaves Lander's additions out.
	Original bool
	// Status answers an envelope before it counts; 0 takes it.
	Status func(device string, items []envelope.Item) int64
	// Taken is called when an envelope counts and before it is answered.
	Taken func(device string, items []envelope.Item)
}

// Site is a server. Its methods may be called from any goroutine.
type Site struct {
	o       Options
	mu      sync.Mutex
	changed chan struct{} // closed at the next change
	devices map[string]*device
	faults  []string
}

type device struct {
	store   *m3da.Memory
	queue   []envelope.Item
	session *m3da.Session
	items   []envelope.Item
	batches map[string][]envelope.Item // answered ones, with what they got
	count   int                        // envelopes that counted
	again   int                        // and those that came again
}

// New makes a site.
func New(o Options) *Site {
	return &Site{o: o, changed: make(chan struct{}), devices: map[string]*device{}}
}

// device finds or makes one. mu is held.
func (s *Site) device(id string) *device {
	d := s.devices[id]
	if d == nil {
		d = &device{store: &m3da.Memory{}, batches: map[string][]envelope.Item{}}
		s.devices[id] = d
	}
	return d
}

// notify tells those that wait. mu is held.
func (s *Site) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Serve runs the session of one connection.
func (s *Site) Serve(ctx context.Context, rwc io.ReadWriteCloser) error {
	o := m3da.ServerOptions{ID: s.o.ID, Original: s.o.Original, Account: s.account}
	if s.o.Register != "" {
		o.Register = s.register
	}
	return m3da.Serve(ctx, rwc, o)
}

func (s *Site) id() string {
	if s.o.ID == "" {
		return m3da.DefaultServerID
	}
	return s.o.ID
}

func (s *Site) account(id string) (m3da.Account, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.device(id)
	acc := m3da.Account{Store: d.store, Handler: exchanger{s}}
	if s.o.Devices == nil {
		return acc, true
	}
	c, ok := s.o.Devices[id]
	if ok && c.Auth != "" {
		keys, err := trust.NewM3DASecret([]byte(c.Password)).Keys(s.id(), id, c.Auth, c.Cipher)
		if err != nil {
			panic(err) // the test's own words
		}
		acc.Keys = keys.Side(trust.M3DAServer)
	}
	return acc, ok
}

func (s *Site) register(id string) (m3da.Enrolment, bool) {
	c, ok := s.o.Devices[id]
	if !ok {
		return m3da.Enrolment{}, false
	}
	r, err := trust.NewM3DARegistration(trust.M3DAServer, []byte(s.o.Register), s.id(), id)
	if err != nil {
		return m3da.Enrolment{}, false
	}
	k := trust.NewM3DASecret([]byte(c.Password))
	return m3da.Enrolment{Registration: r, Secret: func() (string, error) { return string(k[:]), nil }, Done: func() error { return nil }}, true
}

// exchanger implements m3da.Handler.
type exchanger struct{ s *Site }

func (x exchanger) Exchange(_ context.Context, session *m3da.Session, r m3da.Request) m3da.Reply {
	s, id := x.s, session.Device()
	if s.o.Status != nil {
		if status := s.o.Status(id, r.Items); status != 0 {
			return m3da.Reply{Status: status}
		}
	}
	s.mu.Lock()
	d := s.device(id)
	d.session = session
	if r.Batch != "" {
		if answer, ok := d.batches[r.Batch]; ok {
			d.again++
			s.mu.Unlock()
			return m3da.Reply{Items: answer}
		}
	}
	for _, i := range r.Items {
		if err := check(i); err != nil {
			s.faults = append(s.faults, fmt.Sprintf("%s: %v", id, err))
		}
	}
	d.items = append(d.items, r.Items...)
	d.count++
	answer := d.queue
	d.queue = nil
	if r.Batch != "" {
		d.batches[r.Batch] = answer
	}
	s.notify()
	s.mu.Unlock()
	if s.o.Taken != nil {
		s.o.Taken(id, r.Items)
	}
	return m3da.Reply{Items: answer}
}

// check finds what a device may not send.
func check(i envelope.Item) error {
	switch i := i.(type) {
	case envelope.Message:
		if i.Path == "" {
			return fmt.Errorf("a message without path")
		}
		n := -1
		for _, m := range i.Body.Members() {
			if i.Path == "@sys.execution" {
				break
			}
			vs, err := envelope.Expand(m.Value, 1<<20)
			if err != nil {
				return fmt.Errorf("%s.%s: %w", i.Path, m.Key, err)
			}
			if n >= 0 && len(vs) != n {
				return fmt.Errorf("%s: columns of %d and %d values", i.Path, n, len(vs))
			}
			n = len(vs)
		}
	case envelope.Response:
		if n, ok := i.Ticket.Int(); i.Ticket.IsNull() || ok && n == 0 {
			return fmt.Errorf("a response without ticket")
		}
	case envelope.Envelope:
		return fmt.Errorf("an envelope within an envelope")
	}
	return nil
}

// Send queues items for a device: they come with the reply to its next
// envelope.
func (s *Site) Send(device string, items ...envelope.Item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.device(device)
	d.queue = append(d.queue, items...)
}

// Push sends items to a device that is connected, without waiting for it to
// send.
func (s *Site) Push(device string, items ...envelope.Item) error {
	s.mu.Lock()
	session := s.device(device).session
	s.mu.Unlock()
	if session == nil {
		return m3da.ErrClosed
	}
	return session.Push(items...)
}

// Command makes the message of a device command. A ticket of 0 is none.
func Command(ticket int64, name string, args ...string) envelope.Message {
	vs := make([]bysant.Value, len(args))
	for i, a := range args {
		vs[i] = bysant.OfString(a)
	}
	return envelope.Message{
		Path: "@sys.commands", Ticket: bysant.OfInt(ticket),
		Body: bysant.OfMap(bysant.Member{Key: bysant.Name(name), Value: bysant.OfList(vs...)}).Sized(),
	}
}

// Items are what a device has sent so far.
func (s *Site) Items(device string) []envelope.Item {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.device(device).items)
}

// Responses are the responses to a ticket so far.
func (s *Site) Responses(device string, ticket int64) (out []envelope.Response) {
	for _, i := range s.Items(device) {
		if r, ok := i.(envelope.Response); ok && r.Ticket.Equal(bysant.OfInt(ticket)) {
			out = append(out, r)
		}
	}
	return out
}

// Column is all that has come of a variable so far.
func (s *Site) Column(device, path, name string) (out []bysant.Value) {
	for _, i := range s.Items(device) {
		if m, ok := i.(envelope.Message); ok && m.Path == path {
			if v, ok := m.Body.Get(name); ok {
				vs, _ := envelope.Expand(v, 1<<20) // check has said if not
				out = append(out, vs...)
			}
		}
	}
	return out
}

// Envelopes is how many envelopes of a device have counted, and how many were
// such that came again.
func (s *Site) Envelopes(device string) (count, again int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.device(device)
	return d.count, d.again
}

// Faults is what devices did wrong.
func (s *Site) Faults() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.faults)
}

// Wait returns when f says so; it is asked at each envelope.
func (s *Site) Wait(ctx context.Context, f func() bool) error {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if f() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Listener accepts the devices of a site.
type Listener struct {
	l      net.Listener
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// Listen accepts connections at an address of this machine; "127.0.0.1:0"
// chooses a port. wrap, if not nil, may put faults on each connection.
func (s *Site) Listen(addr string, wrap func(net.Conn) io.ReadWriteCloser) (*Listener, error) {
	network := "tcp"
	if filepath.IsAbs(addr) {
		network = "unix"
	}
	l, err := net.Listen(network, addr)
	if err != nil {
		return nil, fmt.Errorf("listening for devices: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	out := &Listener{l: l, cancel: cancel}
	out.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			var rwc io.ReadWriteCloser = c
			if wrap != nil {
				rwc = wrap(c)
			}
			out.wg.Go(func() { s.Serve(ctx, rwc) }) // a broken session is the device's to mend
		}
	})
	return out, nil
}

// Addr is HOST:PORT.
func (l *Listener) Addr() string { return l.l.Addr().String() }

// Close ends all sessions.
func (l *Listener) Close() {
	l.l.Close()
	l.cancel()
	l.wg.Wait()
}
