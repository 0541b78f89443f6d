package provision

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"lander/lib/job"
	"lander/lib/journal"
	"lander/lib/link"
	"lander/lib/luaota"
	"lander/lib/luaota/record"
	"lander/lib/trust"
)

// session is one board's visit.
type session struct {
	svc   *Service
	conn  link.Conn
	tie   *leash
	srv   *luaota.Server
	log   *slog.Logger
	tree  *Tree
	rel   *Release // what the tree has for it, or what it was assigned
	goal  *Release // what it is to get: rel, or the release before
	hello luaota.Hello
	dev   *Device
	began time.Time

	assigned *Assignment // that rel comes from; nil: it is the tree's
	own      *Release    // what the tree has for it, when rel was assigned

	listing map[string]int64 // of the flash, nil: not asked
	hangUp  bool             // the session ends by our closing
}

// SessionError is what broke the one session of a service with Once.
type SessionError struct {
	ID      int64 // of the board
	Refused bool  // its HI was not believed, or nobody wants it here
	Err     error
}

func (e *SessionError) Error() string { return fmt.Sprintf("board %d: %v", e.ID, e.Err) }

func (e *SessionError) Unwrap() error { return e.Err }

// lastWord is how long a board may take to close after OK!.
const lastWord = 2 * time.Second

// keysOf makes the functions of a secret.
func keysOf(secret string) luaota.Keys {
	b := []byte(secret)
	return luaota.Keys{
		Tag: trust.LuaOTATag(b),
		Session: func(transcript []byte) func(...[]byte) [record.SealBytes]byte {
			return trust.LuaOTASession(b, transcript)
		},
	}
}

// serve goes through one visit. What goes wrong is told in events.
// It reports whether it was a board's, and what broke it.
func (s *Service) serve(ctx context.Context, conn link.Conn, seq uint64, tie *leash, said func()) (board bool, err error) {
	c := &session{svc: s, conn: conn, tie: tie, began: s.o.Clock(), log: s.log.With("address", conn.Address().String())}
	c.srv = luaota.NewServer(conn, luaota.ServerOptions{Hello: s.o.Hello, Answer: s.o.Answer, Rand: rand.Reader})
	which, err := c.greet(said)
	if err != nil {
		s.metrics.refused.Add(1)
		if c.hello.ID != 0 {
			c.event(Event{Event: EventRefused, Result: ResultRefused, Reason: err.Error()})
			c.log.Warn("refused", "device", c.hello.ID, "reason", err)
			return true, &SessionError{ID: c.hello.ID, Refused: true, Err: err}
		}
		c.log.Debug("no board", "reason", err)
		return false, err
	}
	c.log = c.log.With("device", c.hello.ID)
	leave, err := s.visits.enter(ctx, c.hello.ID, seq, conn)
	if err != nil {
		return false, err
	}
	defer leave()
	if err := c.visit(ctx, which > 0); err != nil {
		c.log.Warn("the session failed", "error", err)
		return true, &SessionError{ID: c.hello.ID, Err: err}
	}
	return true, nil
}

// greet reads the HI and verifies it with the secret of its board. Nothing is
// sent before.
func (c *session) greet(said func()) (which int, err error) {
	if c.hello, err = c.srv.Hello(); err != nil {
		return 0, err
	}
	said()
	c.tree = c.svc.tree.Load()
	if c.rel = c.tree.For(c.hello.ID); c.rel == nil {
		return 0, errors.New("there is no manifest for it")
	}
	if c.rel.secret == "" {
		return 0, errors.New("its manifest is unusable: there is no secret to answer with")
	}
	keys := []luaota.Keys{keysOf(c.rel.secret)}
	for _, old := range c.rel.oldSecrets {
		keys = append(keys, keysOf(old))
	}
	return c.srv.Verify(keys...)
}

// visit does what is to be done for a board that is known.
func (c *session) visit(ctx context.Context, rotate bool) error {
	dev, err := loadDevice(ctx, c.svc.store, c.hello.ID)
	if err != nil {
		return errors.Join(err, c.srv.NoUpdate(), c.srv.Linger(lastWord))
	}
	c.dev = dev
	before := *dev
	now := c.now()
	if dev.FirstSeen.IsZero() {
		dev.FirstSeen = now
	}
	dev.LastSeen, dev.Address, dev.Strong = now, c.conn.Address().Host, c.srv.Strong()
	dev.Groups = c.tree.GroupsOf(c.hello.ID, c.rel)
	dev.Sessions++
	p, err := c.decide(ctx, rotate)
	if err != nil {
		return errors.Join(err, c.srv.NoUpdate(), c.srv.Linger(lastWord))
	}
	if p.Action == ActionUpdate {
		return c.update(ctx, p)
	}
	err = c.srv.NoUpdate()
	dev.Result, dev.Reason = ResultCurrent, ""
	if p.Action == ActionHold {
		dev.Result, dev.Reason = ResultHeld, p.Reason
	} else if c.dev.Chk != "" {
		dev.Failures = 0
	}
	dev.Bytes += c.srv.Bytes()
	c.svc.metrics.session(dev.Result)
	if p.Action == ActionHold {
		c.log.Info("held", "release", p.Release, "reason", p.Reason)
	}
	if worthSaving(&before, dev) {
		err = errors.Join(err, dev.save(ctx, c.svc.store))
	}
	c.event(Event{Event: EventSession, Release: p.Release, Chk: p.Chk, Result: dev.Result, Reason: dev.Reason})
	// Whether the board closes in time is of no consequence.
	if err == nil {
		c.srv.Linger(lastWord)
	}
	return err
}

// worthSaving keeps a board that boots again and again from wearing the disk:
// that it was seen is written once a minute.
func worthSaving(before, after *Device) bool {
	return before.rev == 0 || after.LastSeen.Sub(before.LastSeen.Time) > time.Minute ||
		before.Result != after.Result || before.Reason != after.Reason || before.Boots != after.Boots || !slices.Equal(before.Groups, after.Groups) || before.Chk != after.Chk ||
		(before.Pending == nil) != (after.Pending == nil) || len(before.Bad) != len(after.Bad) || (before.Updated == nil) != (after.Updated == nil)
}

// update goes through a plan and keeps what came of it.
func (c *session) update(ctx context.Context, p Plan) error {
	d := c.dev
	p, err := c.look(p)
	if err == nil {
		c.event(Event{Event: EventPlan, Release: p.Release, Chk: p.Chk, Plan: p.Steps, Bytes: p.Bytes, Records: p.Records})
		c.log.Info("updating", "release", p.Release, "steps", len(p.Steps), "bytes", p.Bytes)
		d.Result, err = c.run(ctx, p)
	}
	d.Reason = ""
	if err != nil {
		d.Result, d.Reason = ResultFailed, reason(err)
		d.Failures++
		if re, ok := errors.AsType[*RoomError](err); ok {
			c.tight().refused(re.Error(), c.now().Time)
		}
		if _, said := errors.AsType[*luaota.StatusError](err); said || d.Failures >= unhealthyBoots {
			err = errors.Join(err, c.svc.rollout.fail(ctx, c.svc.store, p.Chk, d.ID, d.Reason))
		}
	} else {
		d.Failures = 0
	}
	d.Bytes += c.srv.Bytes()
	c.svc.metrics.session(d.Result)
	c.svc.metrics.bytes.Add(c.srv.Bytes())
	if d.Result == ResultUpdated {
		c.log.Info("updated", "release", p.Release, "bytes", c.srv.Bytes(), "records", c.srv.Records())
	}
	// The session may have ended because the service ends: its record is kept
	// all the same.
	save, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err = errors.Join(err, d.save(save, c.svc.store), c.record(save, p))
	c.event(Event{
		Event: EventDone, Release: p.Release, Chk: p.Chk, Result: d.Result, Reason: d.Reason,
		Bytes: c.srv.Bytes(), Records: c.srv.Records(), Millis: c.svc.o.Clock().Sub(c.began).Milliseconds(),
	})
	if d.Result != ResultFailed && !c.hangUp {
		c.srv.Linger(lastWord)
	}
	return err
}

// reason words what broke a session for those who look after the boards: the
// addresses of its stream tell them nothing.
func reason(err error) string {
	text := err.Error()
	what, why := "EOF", "the board hung up"
	if oe, ok := errors.AsType[*net.OpError](err); ok {
		switch what, why = oe.Error(), "the connection broke"; {
		case errors.Is(err, net.ErrClosed):
			why = "the board came anew, or the service ends"
		case errors.Is(err, os.ErrDeadlineExceeded):
			why = "none in time"
		}
	}
	if before, ok := strings.CutSuffix(text, what); ok {
		return before + why
	}
	return text
}

// look asks the board what it has where that saves sending: files that wait from
// a broken session, files that the original's server put there, and files that a
// cut may have left either way.
func (c *session) look(p Plan) (Plan, error) {
	d, strong := c.dev, c.srv.Strong()
	legacy := len(c.hello.Chk) == 32
	if len(d.Staged) == 0 && !legacy && !(strong && len(d.Dirty) > 0) {
		return p, nil
	}
	have, old := has(c.goal, d, c.hello)
	if len(d.Staged) > 0 || legacy {
		if err := c.list(); err != nil {
			return p, err
		}
	}
	if legacy {
		for name := range have {
			it := c.goal.item(name)
			size, there := c.listing[name]
			if !there || it.Mode == ModeRaw && size != it.Size {
				delete(have, name)
			}
		}
	}
	for name, st := range d.Staged {
		if size, there := c.listing[name]; !there {
			delete(d.Staged, name)
		} else if size != st.Size && size != st.Alt {
			d.Staged[name] = Staged{} // of no use, but in the way
		}
	}
	if strong {
		for _, name := range d.Dirty {
			it := c.goal.item(name)
			if it == nil || it.Mode == ModeCompiled {
				continue // of a compiled file only the board knows the bytes
			}
			a, err := c.srv.Do(luaota.Hash(name))
			if err != nil {
				return p, err
			}
			if a.Fields.Text("h") == it.SHA256 {
				have[name] = it.token()
			}
		}
	}
	rotate := false
	for _, s := range p.Steps {
		rotate = rotate || s.Do == StepConfig
	}
	again := makePlan(c.goal, about{dev: d, chk: c.hello.Chk, have: have, old: old, strong: strong, rotate: rotate})
	if again.Action != ActionUpdate { // nothing is left to do but to say so
		again.Action = ActionUpdate
		again.Steps = append(again.Steps, Step{Do: StepRestart})
	}
	return again, nil
}

// list asks for names and sizes.
func (c *session) list() error {
	a, err := c.srv.Do(luaota.List())
	if err != nil {
		return err
	}
	c.listing = map[string]int64{}
	for _, m := range a.Fields {
		if n, ok := m.Value.Int(); ok {
			c.listing[m.Key] = n
		}
	}
	return nil
}

// record writes the update's line of the journal.
func (c *session) record(ctx context.Context, p Plan) error {
	return c.svc.record(ctx, c.tree.signed, journal.Line{
		Actor: c.conn.Address().Host, Name: c.dev.ID, Verdict: journal.Accepted, Reason: c.dev.Reason, Outcome: c.dev.Result + " " + p.Release,
	})
}

func (c *session) event(e Event) {
	if c.svc.o.Event == nil {
		return
	}
	e.Time = job.Time{Time: c.svc.o.Clock()}
	e.Device = fmt.Sprint(c.hello.ID)
	e.Address = c.conn.Address().Host
	c.svc.o.Event(e)
}
