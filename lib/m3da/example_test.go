package m3da_test

import (
	"context"
	"fmt"
	"net"

	"lander/lib/m3da"
	"lander/lib/m3da/bysant"
	"lander/lib/m3da/envelope"
)

// echo answers each envelope with a command.
type echo struct{}

func (echo) Exchange(_ context.Context, s *m3da.Session, r m3da.Request) m3da.Reply {
	fmt.Println(s.Device(), "sends", len(r.Items), "items")
	return m3da.Reply{Items: []envelope.Item{envelope.Message{Path: "@sys.commands.Connect", Ticket: bysant.OfInt(7)}}}
}

func Example() {
	device, server := net.Pipe()
	go m3da.Serve(context.Background(), server, m3da.ServerOptions{
		Account: func(string) (m3da.Account, bool) { return m3da.Account{Handler: echo{}}, true },
	})
	d, err := m3da.NewDevice(device, m3da.DeviceOptions{ID: "dev1", Commands: func(items []envelope.Item) {
		fmt.Println("asked for", items[0].(envelope.Message).Path)
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer d.Close()
	data := envelope.Message{Path: "house.kitchen", Body: bysant.OfMap(envelope.Int("temp", 21))}
	fmt.Println(d.Exchange(context.Background(), "", data.Append(nil)))
	// Output:
	// dev1 sends 1 items
	// asked for @sys.commands.Connect
	// <nil>
}
