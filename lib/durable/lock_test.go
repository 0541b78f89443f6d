package durable_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"lander/lib/durable"
)

func TestAcquireContext(t *testing.T) {
	p := filepath.Join(t.TempDir(), "lock")
	l, err := durable.AcquireContext(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := durable.AcquireContext(ctx, p); !errors.Is(err, context.Canceled) {
		t.Errorf("held by another: %v, want Canceled", err)
	}
	got := make(chan error)
	go func() {
		l, err := durable.AcquireContext(t.Context(), p)
		if err == nil {
			err = l.Release()
		}
		got <- err
	}()
	l.Release()
	if err := <-got; err != nil {
		t.Errorf("after the release: %v", err)
	}
	if _, err := durable.AcquireContext(t.Context(), filepath.Join(p, "below")); err == nil || errors.Is(err, durable.ErrLocked) {
		t.Errorf("no such directory: %v", err)
	}
}
