package durable_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

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

func TestTurn(t *testing.T) {
	p := filepath.Join(t.TempDir(), "lock")
	a, b := durable.NewTurn(p), durable.NewTurn(p)
	defer a.Close()
	defer b.Close()
	short := func() context.Context {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(5*time.Millisecond, cancel)
		return ctx
	}
	for range 3 {
		if err := a.Acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := a.Acquire(short()); !errors.Is(err, context.Canceled) {
			t.Errorf("the holder once more: %v, want Canceled", err)
		}
		if err := b.Acquire(short()); !errors.Is(err, context.Canceled) {
			t.Errorf("another: %v, want Canceled", err)
		}
		if err := a.Release(); err != nil {
			t.Fatal(err)
		}
		if err := b.Acquire(t.Context()); err != nil {
			t.Errorf("another, after the release: %v", err)
		}
		b.Release()
	}
	// Who comes later locks the file of that name, and no other.
	if runtime.GOOS == "windows" {
		return
	}
	if err := os.Remove(p); err != nil {
		t.Fatal(err)
	}
	if err := a.Acquire(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := durable.TryLock(p); !errors.Is(err, durable.ErrLocked) {
		t.Errorf("after the file was removed: %v, want ErrLocked", err)
	}
	a.Release()
}
