//go:build unix

package fleet_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"lander/lib/fleet"
	"lander/lib/sovd"
	"lander/lib/store"
)

// A component is shown while the store is away: its data are not waited for
// until every client has given up.
func TestComponentWithoutStore(t *testing.T) {
	srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, NoLog: true, NoSigs: true, JetStream: true, StoreDir: t.TempDir(), MaxPayload: 2 << 20})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	defer srv.Shutdown()
	if !srv.ReadyForConnections(20 * time.Second) {
		t.Fatal("the server does not start")
	}
	o, err := store.ParseNATS(srv.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	defer end()
	st, err := store.OpenNATS(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	if _, err := st.Put(t.Context(), "fleet/devices/dev", []byte(`{"id":"dev"}`), 0); err != nil {
		t.Fatal(err)
	}
	p, err := store.Join(t.Context(), st, store.JoinOptions{Name: "here", Lease: testLease})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	f, err := fleet.Open(t.Context(), fleet.Options{Store: st, Presence: p, Clock: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	e := sovd.Ref{Kind: sovd.Components, ID: "dev"}
	if f.Entity(e.ID) == nil {
		t.Fatal("the device is not known")
	}
	srv.Shutdown()
	srv.WaitForShutdown()
	shown := make(chan bool)
	go func() { _, ok := f.Data(e); shown <- ok }()
	select {
	case ok := <-shown:
		if !ok {
			t.Error("it has no data any more")
		}
	case <-time.After(8 * time.Second):
		t.Error("clients have given up")
		defer func() { <-shown }()
	}
	end()
	f.Close()
}
