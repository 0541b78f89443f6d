package sovd_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lander/lib/job"
	"lander/lib/sovd"
	"lander/lib/store"
)

// outage is a store that lets nobody write for a while.
type outage struct {
	store.Store
	off atomic.Bool
}

func (o *outage) Put(ctx context.Context, key string, value []byte, rev store.Revision) (store.Revision, error) {
	if o.off.Load() && strings.HasPrefix(key, "executions/") {
		return 0, fmt.Errorf("putting %s: %w", key, store.ErrUnreachable)
	}
	return o.Store.Put(ctx, key, value, rev)
}

// held runs until it is let go.
type held chan struct{}

func (h held) Run(_ context.Context, t job.Task, s job.Streams) job.Outcome {
	t.Started()
	s.Stdout.Write([]byte("done\n"))
	<-h
	return job.Outcome{ExitCode: new(int)}
}

// An end that could not be recorded for longer than a lease is recorded when
// the store is there again: as long as its owner lives nobody else ends it.
func TestEndAfterAnOutage(t *testing.T) {
	st := &outage{Store: store.NewMemory()}
	const lease = 500 * time.Millisecond
	open := func(name string, runner job.Runner) *sovd.Files {
		p, err := store.Join(t.Context(), st, store.JoinOptions{Name: name}) // longer than the outage
		if err != nil {
			t.Fatal(err)
		}
		m := []sovd.ManagedScript{{ID: "s", Path: "/bin/sh", Format: job.FormatSh}}
		f, err := sovd.OpenFiles(t.Context(), sovd.FilesOptions{
			Dir: t.TempDir(), State: t.TempDir(), Store: st, Owner: name, Presence: p, Lease: lease, Managed: m,
			Runners: map[string]job.Runner{job.FormatSh: runner}, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { errors.Join(f.Close(context.Background()), p.Close()) })
		return f
	}
	h := make(held)
	a, b := open("a", h), open("b", h)
	e := sovd.Ref{Kind: sovd.Components, ID: "c"}
	x, err := a.StartExecution(t.Context(), e, "s", sovd.Start{})
	if err != nil {
		t.Fatal(err)
	}
	st.off.Store(true)
	close(h)
	if v, err := a.WaitExecution(t.Context(), e, "s", x.ID); err != nil || v.Status != job.Completed {
		t.Errorf("at its owner: %v %v", v.Status, err)
	}
	if v, err := b.GetExecution(t.Context(), e, "s", x.ID); err != nil || v.Status != job.Running {
		t.Errorf("elsewhere, in the outage: %v %v", v.Status, err)
	}
	st.off.Store(false)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	if v, err := b.WaitExecution(ctx, e, "s", x.ID); err != nil || v.Status != job.Completed {
		t.Errorf("elsewhere, after it: %v %v", v.Status, err)
	}
}

// A start whose caller waits for the end is not acknowledged when nothing of
// it could be recorded.
func TestNoRecordNoAnswer(t *testing.T) {
	st := &outage{Store: store.NewMemory()}
	h := make(held)
	close(h)
	f, err := sovd.OpenFiles(t.Context(), sovd.FilesOptions{
		Dir: t.TempDir(), State: t.TempDir(), Store: st, Managed: []sovd.ManagedScript{{ID: "s", Path: "/bin/sh", Format: job.FormatSh}},
		Runners: map[string]job.Runner{job.FormatSh: h}, MaxRunning: 1, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close(context.Background())
	e := sovd.Ref{Kind: sovd.Components, ID: "c"}
	for _, off := range []bool{true, false, true, false} {
		st.off.Store(off)
		x, err := f.StartExecution(t.Context(), e, "s", sovd.Start{Waits: true})
		if (err != nil) != off || err == nil && x.Status != job.Completed {
			t.Errorf("no store %v: %v %v", off, x.Status, err)
		}
	}
}

// What clients were told of an end is so after a restart, though the disk was
// full when it came.
func TestEndOnFullDisk(t *testing.T) {
	st := &outage{Store: store.NewMemory()}
	h, state := make(held), t.TempDir()
	open := func() *sovd.Files {
		f, err := sovd.OpenFiles(t.Context(), sovd.FilesOptions{
			Dir: t.TempDir(), State: state, Store: st, Managed: []sovd.ManagedScript{{ID: "s", Path: "/bin/sh", Format: job.FormatSh}},
			Runners: map[string]job.Runner{job.FormatSh: h}, MaxRunning: 1, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	f := open()
	e := sovd.Ref{Kind: sovd.Components, ID: "c"}
	x, err := f.StartExecution(t.Context(), e, "s", sovd.Start{})
	if err != nil {
		t.Fatal(err)
	}
	st.off.Store(true)
	close(h)
	if v, err := f.WaitExecution(t.Context(), e, "s", x.ID); err != nil || v.Status != job.Completed {
		t.Errorf("while the disk is full: %v %v", v.Status, err)
	}
	st.off.Store(false)
	if err := f.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	f = open()
	defer f.Close(context.Background())
	if v, err := f.GetExecution(t.Context(), e, "s", x.ID); err != nil || v.Status != job.Completed || !strings.Contains(string(v.Parameters), "done") {
		t.Errorf("after a restart: %v %s %v", v.Status, v.Parameters, err)
	}
}

// late is a store whose answer to the first record of an execution comes after
// another gateway has written to it.
type late struct{ store.Store }

func (l late) Put(ctx context.Context, key string, value []byte, rev store.Revision) (store.Revision, error) {
	next, err := l.Store.Put(ctx, key, value, rev)
	if err == nil && rev == 0 && strings.HasPrefix(key, "executions/") {
		value = []byte(strings.Replace(string(value), `"status":"running"`, `"status":"terminated"`, 1))
		if _, err = l.Store.Put(ctx, key, value, next); err == nil {
			err = fmt.Errorf("putting %s: %w", key, store.ErrConflict)
		}
	}
	return next, err
}

// A start that others have ended before its gateway could know that it was on
// record is to be tried again: it is no fault of the gateway's.
func TestStartEndedByOthers(t *testing.T) {
	st := late{store.NewMemory()}
	p, err := store.Join(t.Context(), st, store.JoinOptions{Name: "a"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	h := make(held)
	close(h)
	f, err := sovd.OpenFiles(t.Context(), sovd.FilesOptions{
		Dir: t.TempDir(), State: t.TempDir(), Store: st, Owner: "a", Presence: p, Managed: []sovd.ManagedScript{{ID: "s", Path: "/bin/sh", Format: job.FormatSh}},
		Runners: map[string]job.Runner{job.FormatSh: h}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close(context.Background())
	e := sovd.Ref{Kind: sovd.Components, ID: "c"}
	for _, key := range []string{"", "k"} {
		x, err := f.StartExecution(t.Context(), e, "s", sovd.Start{Key: key})
		if err == nil {
			t.Fatalf("key %q: %v", key, x)
		}
		if status, retry := sovd.AnswerOf(err); status != 503 || retry == "" {
			t.Errorf("key %q: %d, Retry-After %q: %v", key, status, retry, err)
		}
	}
}

// A store that cannot be reached is no fault of the gateway's: clients may try
// again.
func TestUnreachableIsUnavailable(t *testing.T) {
	status, retry := sovd.AnswerOf(fmt.Errorf("listing scripts: %w", store.ErrUnreachable))
	if status != 503 || retry == "" {
		t.Errorf("%d, Retry-After %q", status, retry)
	}
}
