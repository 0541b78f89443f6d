package fleet

import (
	"log/slog"
	"net"
	"testing"
	"time"

	"lander/lib/m3da"
	"lander/lib/m3da/bysant"
	"lander/lib/m3da/envelope"
	"lander/lib/sovd"
	"lander/lib/store"
)

// ours connects a device of ours. What it is sent comes out of the channel.
func (h *hall) ours(id string) (*m3da.Device, <-chan envelope.Message) {
	h.t.Helper()
	c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", portOf(h.l)))
	if err != nil {
		h.t.Fatal(err)
	}
	come := make(chan envelope.Message, 10)
	dev, err := m3da.NewDevice(c, m3da.DeviceOptions{ID: id, Commands: func(items []envelope.Item) {
		for _, i := range items {
			if m, ok := i.(envelope.Message); ok && m.Path == commandsPath {
				come <- m
			}
		}
	}})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { dev.Close() })
	for range 2 { // the second says what it is, when the gateway has
		if err := dev.Exchange(h.t.Context(), "", nil); err != nil {
			h.t.Fatal(err)
		}
	}
	return dev, come
}

func (h *hall) online(id string) bool {
	return *h.fleet.Entity(componentID(id)).Online
}

// await waits for what a session brings about.
func (h *hall) await(what string, ok func() bool) {
	h.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			h.t.Fatal(what)
		}
	}
}

// A device that was away when the time of its execution was over is told to
// stop it when it comes back, also by the next gateway, until it has answered.
func TestTimeIsOverWhileAway(t *testing.T) {
	h := newHall(t, store.NewMemory())
	dev, come := h.ours("d")
	x, err := h.fleet.StartExecution(t.Context(), gw1("d"), "s", sovd.Start{})
	if err != nil {
		t.Fatal(err)
	}
	for sent := false; !sent; {
		select {
		case m := <-come:
			_, sent = m.Body.Get("ExecuteScript")
		case <-time.After(30 * time.Second):
			t.Fatal("the script does not come")
		}
	}
	dev.Close()
	h.await("it is still online", func() bool { return !h.online("d") })
	h.pass(61 * time.Minute)
	h.fleet.expire()
	stops := func(come <-chan envelope.Message) (n int) {
		for {
			select {
			case m := <-come:
				args, ok := m.Body.Get("StopExecution")
				if id, _ := args.Get("ticket"); ok && id.Equal(bysant.OfString(x.ID)) {
					n++
				}
			default:
				return n
			}
		}
	}
	dev, come = h.ours("d")
	if n := stops(come); n != 1 {
		t.Errorf("back again, it is told %d times to stop", n)
	}
	dev.Close()
	h.log = slog.DiscardHandler
	h.open() // another gateway on the same store
	dev, come = h.ours("d")
	if n := stops(come); n != 1 {
		t.Errorf("at another gateway it is told %d times to stop", n)
	}
	if err := dev.Exchange(t.Context(), "", envelope.Response{Ticket: bysant.OfString(x.ID), Data: bysant.OfString("ok")}.Append(nil)); err != nil {
		t.Fatal(err)
	}
	dev.Close()
	if _, come = h.ours("d"); stops(come) != 0 {
		t.Error("what has answered is told to stop")
	}
}

// While one session of two with the same id is open, the device is there.
func TestNewerSessionLeaves(t *testing.T) {
	h := newHall(t, store.NewMemory())
	older, _ := h.ours("d")
	newer, _ := h.ours("d")
	newer.Close()
	h.await("the newer session does not end", func() bool {
		h.fleet.mu.Lock()
		defer h.fleet.mu.Unlock()
		d := h.fleet.devices["d"]
		return d.conn == nil || len(d.older) == 0
	})
	if !h.online("d") {
		t.Error("it is offline, with a session open")
	}
	if _, err := h.fleet.StartExecution(t.Context(), gw1("d"), "s", sovd.Start{}); err != nil {
		t.Fatal(err)
	}
	older.Close()
	h.await("it is still online", func() bool { return !h.online("d") })
}
