package fleet

import (
	"cmp"
	"encoding/json"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"

	"lander/lib/job"
	"lander/lib/m3da"
	"lander/lib/m3da/bysant"
	"lander/lib/m3da/envelope"
	"lander/lib/sovd"
	"lander/lib/trust"
)

// maxCommands is how many commands one reply carries at most: the rest comes
// with the next.
const maxCommands = 200

const commandsPath = "@sys.commands"

// member and command make what is sent.
func member(name string, v bysant.Value) bysant.Member {
	return bysant.Member{Key: bysant.Name(name), Value: v}
}

func command(ticket bysant.Value, name string, args bysant.Value) envelope.Message {
	return envelope.Message{Path: commandsPath, Ticket: ticket, Body: bysant.OfMap(member(name, args)).Sized()}
}

// execute makes the command that starts a script. A device that is none of ours
// fetches the same bytes, and compares their MD5.
func execute(rec *record, lander bool) envelope.Message {
	ticket, signature := bysant.OfString(rec.ID), rec.Signature
	if !lander {
		ticket, signature = bysant.OfInt(ticketNumber(rec.ID)), cmp.Or(rec.MD5, signature)
	}
	args := []bysant.Member{member("url", bysant.OfString(rec.URL)), member("signature", bysant.OfString(signature))}
	if rec.Args != "" {
		var v any
		if json.Unmarshal([]byte(rec.Args), &v) == nil {
			args = append(args, member("args", toBysant(v)))
		}
	}
	return command(ticket, "ExecuteScript", bysant.OfMap(args...).Sized())
}

func stopCommand(id string) envelope.Message {
	return command(bysant.Value{}, "StopExecution", bysant.OfMap(member("ticket", bysant.OfString(id))).Sized())
}

// urlOf is where a device fetches an execution's script. mu is held.
func (f *Fleet) urlOf(id, token string, c *connection) string {
	base := f.base
	if scheme, rest, ok := strings.Cut(base, "://"); ok && strings.HasPrefix(rest, ":") {
		base = scheme + "://" + net.JoinHostPort(c.local.Host, rest[1:])
	}
	return base + sovd.FetchPath + id + "." + token
}

// compose makes the commands that go out with a reply: a request for a
// description, what waits, and what was sent in an earlier session and has no
// answer. The last only to devices of ours: they know a ticket that comes
// again, and others would run it twice. unsure says that the device has never
// been there and knows nothing of us yet: it may be one of ours.
func (f *Fleet) compose(c *connection, unsure bool) []envelope.Item {
	var items []envelope.Item
	f.mu.Lock()
	d := c.dev
	lander := d.rec.Lander
	if lander && !c.asked {
		c.asked = true
		items = append(items, command(bysant.Value{}, "Describe", bysant.OfMap(member("again", bysant.OfBool(true))).Sized()))
	}
	var todo []*execution
	taken := map[int64]bool{} // numbers
	for _, x := range d.open {
		if len(todo) == maxCommands {
			break
		}
		if !lander {
			n := ticketNumber(x.id)
			if taken[n] {
				continue // it goes when the other one has ended
			}
			taken[n] = true
		}
		if x.sentIn != c && !x.stopping {
			x.sentIn = c
			todo = append(todo, x)
		} else if lander && x.stopping {
			items = append(items, stopCommand(x.id))
		}
	}
	for _, x := range d.late {
		if lander && x.sentIn != c && len(items) < maxCommands {
			x.sentIn = c
			items = append(items, stopCommand(x.id))
		}
	}
	f.mu.Unlock()
	ready := make([]envelope.Item, len(todo))
	var wg sync.WaitGroup
	for i, x := range todo {
		wg.Go(func() { ready[i] = f.dispatch(x, c, lander, unsure) })
	}
	wg.Wait()
	for _, m := range ready {
		if m != nil {
			items = append(items, m)
		}
	}
	return items
}

// dispatch makes an execution a running one and returns its command; nil when
// there is nothing to send.
func (f *Fleet) dispatch(x *execution, c *connection, lander, unsure bool) envelope.Item {
	select {
	case <-x.recorded:
	case <-f.ctx.Done():
		return nil
	}
	f.lock(x)
	rec := x.rec
	x.mu.Unlock()
	switch {
	case rec.Status.Final() || rec.Stop != "":
		return nil
	case rec.SentAt != nil:
		return f.sendAgain(x, rec, c, lander)
	}
	spend := func() error { return nil }
	if !lander {
		var fault *job.Error
		var err error
		spend, fault, err = f.vouched(&rec, f.Names(sovd.Ref{Kind: sovd.Components, ID: x.dev.component}))
		if fault != nil && fault.Code == trust.ReasonFormat && unsure {
			f.unsend(x) // those of ours run it, and say with their next envelope that they are
			return nil
		}
		if fault != nil {
			f.refuse(x, fault)
			return nil
		}
		if err != nil {
			f.unsent(x, err)
			return nil
		}
	}
	f.mu.Lock()
	url := f.urlOf(rec.ID, rec.Token, c)
	f.mu.Unlock()
	again := false
	err := f.change(x, func(r *record) bool {
		rec = *r
		if again = r.SentAt != nil; again || r.Stop != "" {
			return false // another gateway was faster
		}
		now := f.now()
		r.Status, r.SentAt, r.URL = job.Running, &now, url
		r.Deadline = job.Time{Time: now.Add(f.o.TTL)}
		rec = *r
		return true
	})
	if err != nil {
		if !errors.Is(err, errFinal) {
			f.unsent(x, err)
		}
		return nil
	}
	if rec.Stop != "" {
		return nil
	}
	if again {
		return f.sendAgain(x, rec, c, lander)
	}
	if err := spend(); err != nil {
		fault := refused(err)
		if fault == nil {
			fault = job.Errorf(job.CodeInternal, "the run could not be recorded: %v", err)
		}
		f.refuse(x, fault)
		return nil
	}
	return execute(&rec, lander)
}

// refuse ends an execution of which nothing was sent.
func (f *Fleet) refuse(x *execution, fault *job.Error) {
	if err := f.end(x, job.Result{Status: job.Failed, Error: fault}); err != nil && !errors.Is(err, errFinal) {
		f.o.Log.Error("refusing a script", "execution", x.id, "device", x.dev.id, "error", err)
	}
}

// unsent leaves an execution for later.
func (f *Fleet) unsent(x *execution, err error) {
	f.o.Log.Error("sending a script", "execution", x.id, "device", x.dev.id, "error", err)
	f.unsend(x)
}

func (f *Fleet) unsend(x *execution) {
	f.mu.Lock()
	x.sentIn = nil
	f.mu.Unlock()
}

// sendAgain makes the command of an execution that was sent before: only for a
// device of ours, as others would run it twice. The gateway whose URL it had
// may be gone: a device that knows that the host of a URL is not what a ticket
// is for gets ours.
func (f *Fleet) sendAgain(x *execution, rec record, c *connection, lander bool) envelope.Item {
	f.mu.Lock()
	if !lander {
		x.sentIn = nil // it may have come; unless the device says later that it is ours
		f.mu.Unlock()
		return nil
	}
	if c.dev.rec.Moves {
		rec.URL = f.urlOf(rec.ID, rec.Token, c)
	}
	f.mu.Unlock()
	return execute(&rec, true)
}

// reached is the session by which a device of ours can be sent something; nil
// when there is none. mu is held.
func (d *device) reached() (*connection, *m3da.Session) {
	if c := d.conn; c != nil && d.rec.Lander {
		return c, c.session
	}
	return nil, nil
}

// push sends an execution to a device that is there and takes what it did not
// ask for. Otherwise it waits for what the device sends next.
func (f *Fleet) push(x *execution) {
	f.mu.Lock()
	c, s := x.dev.reached()
	ok := s != nil && x.sentIn != c
	if ok {
		x.sentIn = c
	}
	f.mu.Unlock()
	if !ok {
		return
	}
	if m := f.dispatch(x, c, true, false); m != nil {
		if err := s.Push(m); err != nil {
			f.o.Log.Debug("a command waits for the next session", "device", x.dev.id, "error", err)
		}
	}
}

// pushStop asks a device that is there to stop an execution.
func (f *Fleet) pushStop(x *execution) bool {
	f.mu.Lock()
	_, s := x.dev.reached()
	f.mu.Unlock()
	return s != nil && s.Push(stopCommand(x.id)) == nil
}

// expire ends what waits for too long, and repeats stops, each gateway in its
// turn: a script that was not running yet when the first one came has not heard
// of it. What is said to have ended is not left running where it is.
func (f *Fleet) expire() {
	now := f.o.Clock()
	var late, stop, unsent []*execution
	f.mu.Lock()
	for _, d := range f.devices {
		for _, x := range d.open {
			switch {
			case now.After(x.deadline) && (d.conn != nil || now.Sub(x.deadline) > f.turn(x.id)):
				late = append(late, x)
			case x.stopping && d.conn != nil:
				stop = append(stop, x)
			case d.conn != nil && x.sentIn != d.conn && d.rec.Lander:
				unsent = append(unsent, x) // the store has refused
			}
		}
	}
	f.mu.Unlock()
	for _, x := range stop {
		f.pushStop(x)
	}
	for group := range slices.Chunk(unsent, atOnce) {
		var wg sync.WaitGroup
		for _, x := range group {
			select {
			case <-x.recorded:
				wg.Go(func() { f.push(x) })
			default: // who begins it sends it
			}
		}
		wg.Wait()
	}
	for _, x := range late {
		<-x.recorded
		f.lock(x)
		sent := x.rec.SentAt != nil
		x.mu.Unlock()
		text := "The device did not come before the execution's time was over"
		stop := sovd.Action("")
		if sent {
			stop = stopLate
			text = "The device did not answer before the execution's time was over"
			f.pushStop(x)
		}
		err := f.endBy(x, job.Result{Status: job.Terminated, Error: job.Errorf(job.CodeInterrupted, "%s", text)}, stop)
		if err != nil && !errors.Is(err, errFinal) {
			f.o.Log.Error("ending an execution that waited too long", "execution", x.id, "error", err)
		}
	}
}
