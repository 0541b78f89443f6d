package store

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

// hands is a clock that goes on when it is told to.
type hands struct {
	mu  sync.Mutex
	now time.Time
}

func (h *hands) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *hands) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// deaf is a store that may be out of reach.
type deaf struct {
	Store
	mu  sync.Mutex
	off bool
}

func (d *deaf) set(off bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.off = off
}

func (d *deaf) err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off {
		return ErrUnreachable
	}
	return nil
}

func (d *deaf) Get(ctx context.Context, key string) (Entry, error) {
	if err := d.err(); err != nil {
		return Entry{}, err
	}
	return d.Store.Get(ctx, key)
}

func (d *deaf) Put(ctx context.Context, key string, value []byte, rev Revision) (Revision, error) {
	if err := d.err(); err != nil {
		return 0, err
	}
	return d.Store.Put(ctx, key, value, rev)
}

// The lease of the tests: so long that only they look at it.
const testLease = time.Hour

func join(t *testing.T, st Store, name string) (*Presence, *hands) {
	t.Helper()
	clock := &hands{now: time.Now()}
	p, err := Join(t.Context(), st, JoinOptions{Name: name, Info: "at " + name, Lease: testLease, Clock: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p, clock
}

// becomes waits until ok is true, which a watch brings about.
func (p *Presence) becomes(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		c := p.Changed()
		if ok() {
			return
		}
		select {
		case <-c:
		case <-deadline:
			t.Fatalf("%s: it does not come", what)
		}
	}
}

func lost(l Lease) bool {
	select {
	case <-l.Lost:
		return true
	default:
		return false
	}
}

func TestPresence(t *testing.T) {
	st := NewMemory()
	a, aClock := join(t, st, "a")
	b, _ := join(t, st, "b")
	if !b.Alive("a") || !a.Alive("a") || !b.Alive(a.Lease().ID()) || b.Alive("c") || b.Alive("a.other") {
		t.Error("b does not know at once who is there")
	}
	a.becomes(t, "b is seen", func() bool { return a.Alive(b.Lease().ID()) })
	if m := a.Members(); len(m) != 2 {
		t.Errorf("members %+v", m)
	}

	// b renews, and a's clock alone does not kill it.
	for range 3 {
		aClock.pass(testLease * 3 / 4)
		b.step()
		a.step()
		if !a.Alive("b") || lost(a.Lease()) {
			t.Fatal("one that renews its lease is dead")
		}
	}
	// b is silent, and a looks again before it says so.
	bID := b.Lease().ID()
	for range 2 { // the first may hear of the last renewal
		aClock.pass(testLease)
		a.judge(t.Context())
	}
	if a.Alive("b") || a.Alive(bID) {
		t.Error("one that was silent for the length of its lease is alive")
	}
	// It was only slow: b's clock says that the lease still is its own.
	if lost(b.Lease()) {
		t.Error("b's lease is lost by another's clock")
	}
	b.step()
	a.becomes(t, "b speaks again", func() bool { return a.Alive(bID) })

	// Whoever closes is gone at once.
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	a.becomes(t, "b has left", func() bool { return !a.Alive("b") })
}

// A lease that cannot be renewed is lost, and another one follows.
func TestLeaseIsLost(t *testing.T) {
	shared := NewMemory()
	st := &deaf{Store: shared}
	a, clock := join(t, st, "a")
	b, bClock := join(t, shared, "b")
	first := a.Lease()
	st.set(true)
	clock.pass(testLease - time.Second)
	a.step()
	a.expire()
	if lost(first) || !a.Held() {
		t.Fatal("lost before its time")
	}
	clock.pass(time.Second)
	if a.Held() {
		t.Error("held when its time is over")
	}
	a.expire()
	if !lost(first) || a.Alive("a") {
		t.Fatal("not lost when its time is over")
	}
	for range 2 {
		bClock.pass(testLease)
		b.judge(t.Context())
	}
	if b.Alive(first.ID()) {
		t.Error("alive for the others when its lease is lost")
	}
	st.set(false)
	a.step()
	second := a.Lease()
	if lost(second) || second.Instance == first.Instance || !a.Alive(second.ID()) || a.Alive(first.ID()) {
		t.Errorf("lease %+v after %+v", second, first)
	}
	b.becomes(t, "the new lease is seen", func() bool { return b.Alive(second.ID()) })
	if b.Alive(first.ID()) {
		t.Error("the old lease is alive again")
	}
}

// tardy is a store that answers a write when something else has happened.
type tardy struct {
	Store
	meanwhile func()
}

func (s *tardy) Put(ctx context.Context, key string, value []byte, rev Revision) (Revision, error) {
	next, err := s.Store.Put(ctx, key, value, rev)
	if s.meanwhile != nil {
		s.meanwhile()
	}
	return next, err
}

// A lease that was lost while it was renewed is not ours again, though the
// renewal came through: what stood under it has ended.
func TestLeaseIsLostWhileItIsRenewed(t *testing.T) {
	st := &tardy{Store: NewMemory()}
	clock := &hands{now: time.Now()}
	a, err := newPresence(st, JoinOptions{Name: "a", Lease: testLease, Clock: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if err := a.renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := a.Lease()
	st.meanwhile = func() { clock.pass(testLease); a.expire() }
	if err := a.renew(t.Context()); err != nil {
		t.Error(err)
	}
	if !lost(first) || a.Alive(first.ID()) {
		t.Error("it is ours again")
	}
	st.meanwhile = nil
	if err := a.renew(t.Context()); err != nil {
		t.Error(err)
	}
	if second := a.Lease(); lost(second) || second.Instance == first.Instance || !a.Held() {
		t.Errorf("lease %+v after %+v", second, first)
	}
}

// Whoever takes the name takes the lease.
func TestPresenceOfANewLife(t *testing.T) {
	st := NewMemory()
	a, _ := join(t, st, "a")
	c, _ := join(t, st, "c")
	old := a.Lease()
	again, _ := join(t, st, "a")
	c.becomes(t, "the new life is seen", func() bool { return c.Alive(again.Lease().ID()) })
	if c.Alive(old.ID()) || !c.Alive("a") {
		t.Error("the old life is alive")
	}
	a.step()
	if !lost(old) {
		t.Error("the lease is not lost to the new life")
	}
}

// judge must not take a stale view for a death.
func TestPresenceLooksAgain(t *testing.T) {
	st := NewMemory()
	a, aClock := join(t, st, "a")
	b, _ := join(t, st, "b")
	a.becomes(t, "b is seen", func() bool { return a.Alive("b") })
	aClock.pass(testLease)
	a.mu.Lock()
	a.others["b"].rev-- // as if the last renewal were still on its way
	a.mu.Unlock()
	a.judge(t.Context())
	if !a.Alive(b.Lease().ID()) {
		t.Error("dead, though its record has changed")
	}
	down := &deaf{Store: st}
	a.st = down
	down.set(true)
	for range 2 {
		aClock.pass(testLease)
		a.judge(t.Context())
	}
	if !a.Alive("b") {
		t.Error("dead, though nobody could ask the store")
	}
	down.set(false)
	a.judge(t.Context())
	if a.Alive("b") {
		t.Error("alive, though its record has not changed")
	}
	aClock.pass(forgetAfter * testLease)
	a.judge(t.Context())
	if _, err := st.Get(t.Context(), "gateways/b"); !errors.Is(err, ErrNotFound) {
		t.Errorf("the record of one that is long dead: %v", err)
	}
}

func TestJoinChecksItsName(t *testing.T) {
	for _, name := range []string{"", "a/b", "a.b", "ä"} {
		if p, err := Join(t.Context(), NewMemory(), JoinOptions{Name: name}); !errors.Is(err, ErrKey) || p != nil {
			t.Errorf("%q: %v, %v", name, p, err)
		}
	}
}
