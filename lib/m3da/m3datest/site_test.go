package m3datest_test

import (
	"net"
	"testing"
	"time"

	"lander/lib/m3da"
	"lander/lib/m3da/bysant"
	"lander/lib/m3da/envelope"
	"lander/lib/m3da/m3datest"
)

// The site is strict: what a device may not send is a fault.
func TestFaults(t *testing.T) {
	num := bysant.OfInt
	columns := func(a, b int) bysant.Value {
		return bysant.OfMap(
			envelope.Field{Key: bysant.Name("a"), Value: bysant.OfList(make([]bysant.Value, a)...)},
			envelope.Field{Key: bysant.Name("b"), Value: bysant.OfList(make([]bysant.Value, b)...)})
	}
	for _, tt := range []struct {
		item   envelope.Item
		faults int
	}{
		{envelope.Message{Path: "a.b", Body: columns(2, 2)}, 0},
		{envelope.Response{Ticket: num(1), Data: bysant.OfString("ok")}, 0},
		{envelope.Message{Path: "a.b", Body: columns(2, 3)}, 1},
		{envelope.Message{Body: columns(1, 1)}, 1},
		{envelope.Response{Ticket: num(0)}, 1},
		{envelope.Response{}, 1},
		{envelope.Envelope{}, 1},
		{envelope.Message{Path: "a", Body: bysant.OfMap(envelope.Field{Key: bysant.Name("x"), Value: envelope.QuasiPeriodic(num(1), num(0), []int64{1, 2})})}, 1},
	} {
		s := m3datest.New(m3datest.Options{})
		l, err := s.Listen("127.0.0.1:0", nil)
		if err != nil {
			t.Fatal(err)
		}
		c, err := net.Dial("tcp", l.Addr())
		if err != nil {
			t.Fatal(err)
		}
		d, err := m3da.NewDevice(c, m3da.DeviceOptions{ID: "d", Reply: 20 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Exchange(t.Context(), "", tt.item.Append(nil)); err != nil {
			t.Fatal(err)
		}
		d.Close()
		l.Close()
		if got := s.Faults(); len(got) != tt.faults {
			t.Errorf("%+v: faults %q", tt.item, got)
		}
	}
}
