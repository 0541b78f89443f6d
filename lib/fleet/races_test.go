package fleet

import (
	"fmt"
	"log/slog"
	"net"
	"testing"
	"time"

	"lander/lib/job"
	"lander/lib/m3da"
	"lander/lib/m3da/envelope"
	"lander/lib/sovd"
	"lander/lib/store"
)

// A start on many devices may be stopped while its executions are begun.
func TestStopWhileMoreBegin(t *testing.T) {
	devices := map[string]Credentials{}
	for i := range 100 {
		devices[fmt.Sprint("d", i)] = Credentials{}
	}
	f, err := Open(t.Context(), Options{Store: store.NewMemory(), Devices: devices, Clock: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	f.Use(shelf{[]byte("print(1)")})
	for range 20 {
		m, err := f.StartMany(t.Context(), sovd.ManyStart{Script: "s", Target: sovd.ManyTarget{Group: "*"}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.StopMany(t.Context(), m.ID, sovd.ActionStop); err != nil {
			t.Fatal(err)
		}
		if m, err = f.WaitMany(t.Context(), m.ID); err != nil || m.Counts[job.Running]+m.Counts[job.Completed] != 0 {
			t.Errorf("%+v %v", m.Counts, err)
		}
	}
}

// Two sessions that speak for one device in turn are both sent what it is to
// do, whichever is its own at that moment.
func TestPushWhileSessionsTurn(t *testing.T) {
	h := newHall(t, store.NewMemory())
	var sessions [2]*m3da.Device
	for i := range sessions {
		c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", portOf(h.l)))
		if err == nil {
			sessions[i], err = m3da.NewDevice(c, m3da.DeviceOptions{ID: "d", Commands: func([]envelope.Item) {}})
		}
		if err != nil {
			t.Fatal(err)
		}
		defer sessions[i].Close()
		if err := sessions[i].Exchange(t.Context(), "", nil); err != nil {
			t.Fatal(err)
		}
	}
	x, err := h.fleet.StartExecution(t.Context(), gw1("d"), "s", sovd.Start{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := h.fleet.execution(x.ID)
	if err != nil {
		t.Fatal(err)
	}
	turned := make(chan struct{})
	go func() {
		defer close(turned)
		for i := range 40 {
			if err := sessions[i%2].Exchange(t.Context(), "", nil); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	for {
		h.fleet.pushStop(e)
		select {
		case <-turned:
			return
		default:
		}
	}
}
