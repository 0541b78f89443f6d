package store

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// DefaultLease is how long a member counts as alive after it was heard of.
const DefaultLease = 15 * time.Second

// membersPrefix is below which the members are recorded, where JoinOptions do
// not say it.
const membersPrefix = "gateways"

// JoinOptions say who joins. Name is needed.
type JoinOptions struct {
	Name   string        // one word of a key without a full stop, such as the name that a state directory keeps
	Prefix string        // of the records; "": gateways
	Info   string        // what the others may know, such as an address
	Lease  time.Duration // 0: DefaultLease; it is renewed five times in that
	Clock  func() time.Time
	Log    *slog.Logger
}

// Member is a process that shares the store: a life of it. When it is started
// anew it has the same name and another Instance.
type Member struct {
	Name     string
	Instance string
	Info     string
}

// ID names a life of a member, in one word of a key.
func (m Member) ID() string { return m.Name + "." + m.Instance }

// memberRecord is a member as it is stored.
type memberRecord struct {
	Instance string `json:"instance"`
	Info     string `json:"info,omitempty"`
	Lease    int64  `json:"lease_ms"`
	Count    uint64 `json:"count"` // of renewals, so that each is another value
}

// Lease is a time for which the others take us for alive. Lost is closed when
// it is over before it was given back: what we own may be another's from then
// on, and our work on it must end.
type Lease struct {
	Member
	Lost <-chan struct{}
}

// Presence tells the other processes that share a store that this one is
// alive, and which of them are. No clocks are compared: another is alive while
// its record changes, as seen from here within the length of its lease by our
// own clock; that it did not is read from the store once more before it counts
// as dead. Our own lease is lost when it could not be renewed for its length,
// counted from before the last renewal, so that we know it before the others.
// It is then taken anew, as another instance, as soon as the store lets us.
//
// That two do not both take over what a dead one has left is no business of a
// Presence: whoever does it writes so into the record of that thing, at its
// revision.
type Presence struct {
	o    JoinOptions
	st   Store
	ctx  context.Context
	stop context.CancelFunc
	wg   sync.WaitGroup

	mu      sync.Mutex
	own     Member
	rev     Revision // of our record; 0: there is none
	count   uint64
	renewed time.Time     // before the last renewal that succeeded
	lost    chan struct{} // of the lease; closed: it is not held
	held    bool
	others  map[string]*heard
	changed chan struct{}
}

// heard is what is known of one member.
type heard struct {
	Member
	rev   Revision
	at    time.Time // when its record was seen to have changed
	lease time.Duration
	alive bool
}

// Join makes this process known as alive until Close. When it returns the
// others that are there are known too. A name must be used by one process at
// a time: a second one takes it from the first, whose lease is lost.
func Join(ctx context.Context, st Store, o JoinOptions) (*Presence, error) {
	p, err := newPresence(st, o)
	if err != nil {
		return nil, fmt.Errorf("joining the others on the store: %w", err)
	}
	if err := p.renew(ctx); err != nil {
		p.stop()
		return nil, fmt.Errorf("joining the others on the store as %s: %w", o.Name, err)
	}
	ready := make(chan error, 1)
	p.wg.Go(func() { p.watch(ready) })
	p.wg.Go(p.run)
	select {
	case err = <-ready:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		p.Close()
		return nil, fmt.Errorf("looking for the others on the store: %w", err)
	}
	return p, nil
}

func newPresence(st Store, o JoinOptions) (*Presence, error) {
	if o.Prefix == "" {
		o.Prefix = membersPrefix
	}
	if o.Lease <= 0 {
		o.Lease = DefaultLease
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := CheckKey(o.Prefix + "/" + o.Name); err != nil {
		return nil, err
	}
	if strings.ContainsAny(o.Name, "/.") {
		return nil, fmt.Errorf("%w: the name %q has a slash or a full stop", ErrKey, o.Name)
	}
	p := &Presence{o: o, st: st, others: map[string]*heard{}, changed: make(chan struct{}), lost: make(chan struct{})}
	close(p.lost)
	p.ctx, p.stop = context.WithCancel(context.Background())
	return p, nil
}

func (p *Presence) key(name string) string { return p.o.Prefix + "/" + name }

// Lease returns our lease. When it is lost, the next call after a Changed
// returns the one that has followed, if there is one.
func (p *Presence) Lease() Lease {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Lease{p.own, p.lost}
}

// Held reports whether our lease holds now, by the clock.
func (p *Presence) Held() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.held && p.o.Clock().Sub(p.renewed) < p.o.Lease
}

// Alive reports whether a member is alive: by its name, or, as Member.ID
// writes it, that life of it.
func (p *Presence) Alive(name string) bool {
	name, instance, one := strings.Cut(name, ".")
	p.mu.Lock()
	defer p.mu.Unlock()
	if name == p.o.Name {
		return p.held && (!one || instance == p.own.Instance)
	}
	h := p.others[name]
	return h != nil && h.alive && (!one || instance == h.Instance)
}

// Gone reports whether a life of a member, as Member.ID writes it, is over. One
// that is not known to be alive may be so new that we have not heard of it: the
// store knows, and where it does not answer nobody is gone.
func (p *Presence) Gone(ctx context.Context, id string) bool {
	if p.Alive(id) {
		return false
	}
	name, instance, _ := strings.Cut(id, ".")
	p.mu.Lock()
	h := p.others[name]
	known := name == p.o.Name || h != nil && h.Instance == instance
	p.mu.Unlock()
	if known || CheckKey(p.key(name)) != nil {
		return true
	}
	e, err := p.st.Get(ctx, p.key(name))
	if err != nil {
		return errors.Is(err, ErrNotFound)
	}
	p.hear(e)
	return !p.Alive(id)
}

// Members are those that are alive, ourselves included while our lease holds.
func (p *Presence) Members() []Member {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []Member
	if p.held {
		out = append(out, p.own)
	}
	for _, h := range p.others {
		if h.alive {
			out = append(out, h.Member)
		}
	}
	return out
}

// Changed returns a channel that is closed when who is alive changes next, or
// what they say of themselves, or our lease is lost or taken again. Who acts
// on it calls Changed first and looks then.
func (p *Presence) Changed() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.changed
}

// tell wakes those who wait for a change. mu is held.
func (p *Presence) tell() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// Close gives our lease back: the others take us for dead at once. The store
// stays open.
func (p *Presence) Close() error {
	p.stop()
	p.wg.Wait()
	p.mu.Lock()
	rev, held := p.rev, p.held
	p.rev, p.held = 0, false
	p.mu.Unlock()
	if rev == 0 || !held {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), p.o.Lease)
	defer cancel()
	err := p.st.Delete(ctx, p.key(p.o.Name), rev)
	if errors.Is(err, ErrConflict) || errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// renew writes our record.
func (p *Presence) renew(ctx context.Context) error {
	now := p.o.Clock()
	p.mu.Lock()
	held, rev := p.held, p.rev
	own := p.own
	if !held {
		own = Member{Name: p.o.Name, Instance: rand.Text()[:10], Info: p.o.Info}
	}
	p.count++
	rec := memberRecord{own.Instance, own.Info, p.o.Lease.Milliseconds(), p.count}
	p.mu.Unlock()
	value, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	if !held {
		// What is there is an earlier life of ours.
		e, err := p.st.Get(ctx, p.key(own.Name))
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		rev = e.Rev
	}
	next, err := p.st.Put(ctx, p.key(own.Name), value, rev)
	if errors.Is(err, ErrConflict) && held {
		// An earlier renewal of ours may have been written without our
		// knowing; else it is another's now.
		e, gerr := p.st.Get(ctx, p.key(own.Name))
		var have memberRecord
		switch {
		case gerr == nil && json.Unmarshal(e.Value, &have) == nil && have.Instance == own.Instance:
			next, err = p.st.Put(ctx, p.key(own.Name), value, e.Rev)
		case gerr == nil || errors.Is(gerr, ErrNotFound):
			p.o.Log.Error("another process has taken our name", "name", own.Name)
			p.lose()
		}
	}
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if held && !p.held {
		return nil // lost meanwhile: the next one is another
	}
	p.rev, p.renewed = next, now
	if !p.held {
		p.own, p.held, p.lost = own, true, make(chan struct{})
		p.tell()
	}
	return nil
}

// lose ends our lease.
func (p *Presence) lose() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held {
		p.held = false
		close(p.lost)
		p.tell()
	}
}
