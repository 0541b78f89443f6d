package sovd

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"lander/lib/durable"
	"lander/lib/journal"
)

// A journal that could not be written is not said to be so while it is being
// written: who asks waits for what comes of that.
func TestReadyWaitsForTheFlush(t *testing.T) {
	dir := t.TempDir()
	j, err := journal.Open(dir, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	lock, err := durable.Acquire(filepath.Join(dir, "journal.lock"))
	if err != nil {
		t.Fatal(err)
	}
	a := NewAudit(j, slog.New(slog.DiscardHandler))
	a.err = errors.New("no space left on device")
	a.lines = []journal.Line{{Source: "http", Action: journal.ActionRun, Verdict: journal.Accepted}}
	flushed := make(chan struct{})
	go func() { a.flush(context.Background()); close(flushed) }()
	for taken := false; !taken; time.Sleep(time.Millisecond) {
		a.mu.Lock()
		taken = len(a.lines) == 0
		a.mu.Unlock()
	}
	ready := make(chan error, 1)
	go func() { ready <- a.ready(t.Context()) }()
	select {
	case err := <-ready:
		t.Errorf("while the journal is written: %v", err)
		ready <- nil
	case <-time.After(50 * time.Millisecond):
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	<-flushed
	if err := <-ready; err != nil {
		t.Errorf("when it is: %v", err)
	}
}
