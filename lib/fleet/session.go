package fleet

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"time"

	"lander/lib/link"
	"lander/lib/m3da"
	"lander/lib/m3da/bysant"
	"lander/lib/m3da/envelope"
	"lander/lib/trust"
)

// maxDeviceID bounds the id of a device, in bytes.
const maxDeviceID = 160

// isDeviceID says whether a device may call itself so: records are JSON, and
// lists and logs are read line by line, which other bytes would not survive.
func isDeviceID(id string) bool { return len(id) <= maxDeviceID && trust.CheckName(id) == nil }

// Listener is where devices connect; link.Listener is one.
type Listener interface {
	Accept(ctx context.Context) (link.Conn, error)
	Address() link.Address
}

// acceptPause is how long to wait where a connection cannot be accepted for a
// reason that passes, such as a lack of descriptors.
const acceptPause = 50 * time.Millisecond

// Serve takes the sessions of devices until ctx ends, and returns when the
// last one is over.
func (f *Fleet) Serve(ctx context.Context, l Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer func() { cancel(); wg.Wait() }()
	for {
		c, err := l.Accept(ctx)
		if ctx.Err() != nil {
			if err == nil {
				c.Close()
			}
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		var t interface {
			error
			Temporary() bool
		}
		if errors.As(err, &t) && t.Temporary() {
			f.o.Log.Warn("accepting a device", "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(acceptPause):
			}
			continue
		}
		if err != nil {
			return err
		}
		wg.Go(func() { f.serveOne(ctx, c, l.Address()) })
	}
}

// connection is one session, from its first envelope on that was let in.
type connection struct {
	f     *Fleet
	local link.Address
	peer  link.Address
	dev   *device
	close func() // ends it

	enrolled *enrolled // its secret was not used yet; nil: it was, or is none of ours

	// Under Fleet.mu:
	session *m3da.Session
	asked   bool // to describe itself
}

func (f *Fleet) serveOne(ctx context.Context, c link.Conn, local link.Address) {
	if n, ok := c.(interface{ LocalAddr() net.Addr }); ok {
		if a, err := link.Parse("tcp://" + n.LocalAddr().String()); err == nil {
			local = a
		}
	}
	con := &connection{f: f, local: local, peer: c.Address(), close: sync.OnceFunc(func() { c.Close() })}
	err := m3da.Serve(ctx, c, m3da.ServerOptions{ID: f.o.ServerID, Account: con.account, Register: f.register()})
	f.leave(con)
	if err != nil && ctx.Err() == nil {
		f.o.Log.Info("a session ended", "peer", c.Address().String(), "device", con.name(), "error", err)
	}
}

func (c *connection) name() string {
	if c.dev == nil {
		return ""
	}
	return c.dev.id
}

// account lets a device in, or not.
func (c *connection) account(id string) (m3da.Account, bool) {
	f := c.f
	if c.dev != nil && c.dev.id != id {
		return m3da.Account{}, false // one device for each connection
	}
	cred, ok := f.credentials(id)
	if !ok {
		return m3da.Account{}, false
	}
	var keys m3da.Keys
	if cred.Registration != nil {
		if keys, c.enrolled, ok = f.enrolledKeys(id, cred); !ok {
			return m3da.Account{}, false
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	d := f.devices[id]
	if d == nil {
		if !isDeviceID(id) || len(f.devices) >= maxDevices {
			return m3da.Account{}, false
		}
		other := f.components[componentID(id)]
		if other != nil {
			return m3da.Account{}, false
		}
	}
	if d == nil {
		// It is known when its first envelope is whole.
		d = &device{id: id, component: componentID(id), rec: deviceRecord{ID: id}}
	}
	c.dev = d
	if keys == nil {
		keys = d.keys
	}
	return m3da.Account{Keys: keys, Handler: c}, true
}

// Exchange implements m3da.Handler.
func (c *connection) Exchange(ctx context.Context, s *m3da.Session, r m3da.Request) m3da.Reply {
	first := c.f.arrive(c, s)
	c.f.confirm(c)
	if err := c.f.take(c, r); err != nil {
		c.f.o.Log.Error("taking what a device sends", "device", c.dev.id, "error", err)
		return m3da.Reply{Status: envelope.StatusUnavailable}
	}
	return m3da.Reply{Items: c.f.compose(c, first && len(r.Items) == 0)}
}

// arrive notes that a device is there; first says that it has never been.
func (f *Fleet) arrive(c *connection, s *m3da.Session) (first bool) {
	now, lander := f.now(), s.Lander()
	f.mu.Lock()
	d := c.dev
	if have := f.devices[d.id]; have == nil {
		f.devices[d.id], f.components[d.component] = d, d
	} else if have != d {
		d, c.dev = have, have // two first sessions at once
	}
	other, fresh, again := d.conn, d.conn != c, c.session != nil
	// Another gateway may believe that it has the session.
	claimed := !fresh && d.rec.Gateway != f.me
	if fresh {
		if d.rec.FirstSeen == nil {
			d.rec.FirstSeen, first = &now, true
		}
		d.older = without(d.older, c)
		if other != nil {
			d.older = append(d.older, other)
		}
		d.conn, c.session = c, s
	}
	// A device that has moved does not speak on its old link any more.
	twin := fresh && again && other != nil && !d.twins
	d.twins = d.twins || twin
	turned := d.rec.Lander != lander
	d.rec.Lander, d.rec.LastSeen = lander, &now
	f.mu.Unlock()
	if twin {
		f.o.Log.Warn("two sessions speak for one device: another one may have the same id", "device", d.id, "peer", c.peer.String(), "other", other.peer.String())
	}
	if fresh || turned || claimed {
		f.save(d)
	}
	if !fresh {
		return false
	}
	if first {
		f.event(d, "known")
	}
	f.event(d, "online")
	return first
}

// leave notes that a session is over.
func (f *Fleet) leave(c *connection) {
	if c.dev == nil {
		return
	}
	now := f.now()
	f.mu.Lock()
	d := c.dev
	d.older = without(d.older, c)
	mine := d.conn == c
	if last := len(d.older) - 1; mine && last >= 0 {
		d.conn, d.older = d.older[last], d.older[:last]
		mine = false // the device, or its twin, is still there
	}
	if mine {
		d.conn = nil
		d.rec.LastSeen = &now
	}
	f.mu.Unlock()
	if !mine {
		return // never let in, or another session has followed
	}
	f.save(d)
	f.event(d, "offline")
}

// describe notes what a device says of itself.
func (f *Fleet) describe(d *device, body bysant.Value) {
	text := func(name string) string {
		v, _ := body.Get(name)
		if vs, err := envelope.Expand(v, 100); err == nil && len(vs) > 0 {
			v = vs[len(vs)-1]
		}
		s, _ := v.Str()
		return s
	}
	list := func(name string) []string {
		var out []string
		for w := range strings.SplitSeq(text(name), ",") {
			if isDeviceID(w) && len(out) < 100 {
				out = append(out, w)
			}
		}
		return out
	}
	f.mu.Lock()
	d.rec.Version, d.rec.Groups, d.rec.Assets = text("version"), list("groups"), list("assets")
	if len(d.rec.Version) > 100 {
		d.rec.Version = ""
	}
	d.rec.Moves = text("moves") == "1"
	f.mu.Unlock()
	f.save(d)
}
