package sovd_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"lander/lib/job"
	"lander/lib/sovd"
	"lander/lib/store"
)

// stuck is a store on a cluster that is away when the output of a script comes:
// it answers when it is let go.
type stuck struct {
	store.Store
	asked, let chan struct{}
}

func (s *stuck) Get(ctx context.Context, key string) (store.Entry, error) {
	if strings.HasPrefix(key, "output/") {
		select {
		case s.asked <- struct{}{}:
		default:
		}
		<-s.let
	}
	return s.Store.Get(ctx, key)
}

// loud prints more than a record holds.
type loud struct{}

func (loud) Run(_ context.Context, t job.Task, s job.Streams) job.Outcome {
	t.Started()
	s.Stdout.Write(bytes.Repeat([]byte("x"), 100<<10))
	return job.Outcome{ExitCode: new(int)}
}

// A gateway whose store does not take the output of one script yet answers all
// that is asked, also of that script.
func TestOutputKeepsNobodyWaiting(t *testing.T) {
	st := &stuck{store.NewMemory(), make(chan struct{}, 1), make(chan struct{})}
	p, err := store.Join(t.Context(), st, store.JoinOptions{Name: "a"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	f, err := sovd.OpenFiles(t.Context(), sovd.FilesOptions{
		Dir: t.TempDir(), State: t.TempDir(), Store: st, Owner: "a", Presence: p,
		Managed: []sovd.ManagedScript{{ID: "loud", Path: "/bin/sh", Format: job.FormatSh}},
		Runners: map[string]job.Runner{job.FormatSh: loud{}}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close(context.Background())
	defer close(st.let)
	e := sovd.Ref{Kind: sovd.Components, ID: "c"}
	x, err := f.StartExecution(t.Context(), e, "loud", sovd.Start{})
	if err != nil {
		t.Fatal(err)
	}
	<-st.asked
	answered := make(chan error, 1)
	go func() {
		v, err := f.GetExecution(t.Context(), e, "loud", x.ID)
		if err == nil && v.Status != job.Running {
			err = fmt.Errorf("before its end is on record it is %s", v.Status)
		}
		answered <- err
	}()
	select {
	case err := <-answered:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("it answers nobody")
	}
}
