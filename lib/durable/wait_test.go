package durable_test

import (
	"context"
	"errors"
	"os"
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

func TestIsTemp(t *testing.T) {
	dir := t.TempDir()
	f, err := durable.Create(filepath.Join(dir, "a"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if !durable.IsTemp(f.Name()) {
		t.Errorf("%s is not seen as temporary", f.Name())
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	es, err := os.ReadDir(dir)
	if err != nil || len(es) != 1 || durable.IsTemp(es[0].Name()) {
		t.Errorf("after the commit %v, %v", es, err)
	}
}
