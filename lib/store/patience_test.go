package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"lander/lib/store"
)

// Who waits with patience learns soon that the store is gone.
func TestPatience(t *testing.T) {
	srv := natsServer(t, &server.Options{})
	s := openNATS(t, srv.ClientURL())
	srv.Shutdown()
	srv.WaitForShutdown()
	ctx := store.WithPatience(t.Context(), 100*time.Millisecond)
	done := make(chan error, 2)
	go func() { _, err := s.Get(ctx, "k/a"); done <- err }()
	go func() { _, err := s.Put(ctx, "k/a", nil, 0); done <- err }()
	unreachable(t, done)
}

// A process that is to end does not wait for servers that have gone before it.
func TestLeaving(t *testing.T) {
	srv := natsServer(t, &server.Options{})
	o, err := store.ParseNATS(srv.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	defer end()
	s, err := store.OpenNATS(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.SetLeave(50 * time.Millisecond)
	srv.Shutdown()
	srv.WaitForShutdown()
	done := make(chan error, 2)
	go func() { _, err := s.Put(t.Context(), "k/a", nil, 0); done <- err }()
	end()
	go func() { _, err := s.Get(t.Context(), "k/a"); done <- err }()
	unreachable(t, done)
}

// unreachable waits for two operations that are to fail soon.
func unreachable(t *testing.T, done <-chan error) {
	t.Helper()
	for range 2 {
		select {
		case err := <-done:
			if !errors.Is(err, store.ErrUnreachable) {
				t.Error(err)
			}
		case <-time.After(30 * time.Second):
			t.Fatal("it waits on")
		}
	}
}
