package campaign_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"lander/lib/campaign"
	"lander/lib/job"
	"lander/lib/sovd"
	"lander/lib/store"
)

// slow is a provider whose looks at what runs wait, when it is asked to.
type slow struct {
	*shed
	mu      sync.Mutex
	waiting chan struct{} // closed when one waits
	release chan struct{}
}

func (s *slow) GetExecution(ctx context.Context, e sovd.Ref, script, id string) (sovd.Execution, error) {
	v, err := s.shed.GetExecution(ctx, e, script, id)
	s.mu.Lock()
	waiting := s.waiting
	s.waiting = nil
	s.mu.Unlock()
	if waiting != nil {
		close(waiting)
		<-s.release
	}
	return v, err
}

// A gateway that was held up for longer than its lease leaves alone what
// another one drives by then, also when that has ended.
func TestLateOwner(t *testing.T) {
	st, s := store.NewMemory(), newShed(2)
	log := slog.New(slog.DiscardHandler)
	p, err := store.Join(t.Context(), st, store.JoinOptions{Name: "a", Clock: time.Now, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	waiting, release := make(chan struct{}), make(chan struct{})
	held := &slow{shed: s, release: release}
	a := campaign.Open(t.Context(), campaign.Options{Store: st, Presence: p, Clock: time.Now, Log: log})
	if err := a.Use(t.Context(), held, s); err != nil {
		t.Fatal(err)
	}
	b, _ := open(t, st, "b", s)
	m, err := a.StartMany(t.Context(), sovd.ManyStart{Script: "s", Target: sovd.ManyTarget{Group: "all"}, MaxConcurrency: "1"})
	if err != nil {
		t.Fatal(err)
	}
	until(t, "one is begun", func() bool { return len(s.begun()) == 1 })
	s.settle(s.ids[0], job.Completed)
	held.mu.Lock()
	held.waiting = waiting
	held.mu.Unlock()
	<-waiting // it knows of the end, and has not recorded it
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, "the second is begun", func() bool { return len(s.begun()) == 2 })
	s.settle(s.ids[1], job.Completed)
	if m = wait(t, b, m.ID); m.Status != job.Completed {
		t.Fatalf("the end: %+v", m)
	}
	before, err := st.Get(t.Context(), "campaigns/"+m.ID)
	if err != nil {
		t.Fatal(err)
	}
	close(release)
	until(t, "the first gateway knows", func() bool {
		m, err := a.GetMany(t.Context(), m.ID)
		return err == nil && m.Status == job.Completed
	})
	a.Close()
	after, err := st.Get(t.Context(), before.Key)
	if err != nil || !bytes.Equal(after.Value, before.Value) {
		t.Errorf("the record was %s, and is %s, %v", before.Value, after.Value, err)
	}
}

// A store that cannot be reached is no fault of a device: its start waits.
func TestOutageIsNoFailure(t *testing.T) {
	st, s := store.NewMemory(), newShed(3)
	a, _ := open(t, st, "a", s)
	s.mu.Lock()
	s.refuse["d01"] = fmt.Errorf("putting a record: %w", store.ErrUnreachable)
	s.refuse["d02"] = s.refuse["d01"]
	s.mu.Unlock()
	m, err := a.StartMany(t.Context(), sovd.ManyStart{Script: "s", Target: sovd.ManyTarget{Group: "all"}, MaxErrors: "0"})
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the first is begun", func() bool { return len(s.begun()) == 1 })
	s.settle("d00", job.Completed)
	until(t, "its end is seen", func() bool {
		m, err := a.GetMany(t.Context(), m.ID)
		return err == nil && m.Counts[job.Completed] == 1
	})
	s.mu.Lock()
	clear(s.refuse)
	s.mu.Unlock()
	for _, d := range []string{"d01", "d02"} {
		until(t, d+" is begun", func() bool { return strings.Contains(strings.Join(s.begun(), " "), d) })
		s.settle(d, job.Completed)
	}
	if m = wait(t, a, m.ID); m.Status != job.Completed || m.Counts[job.Completed] != 3 {
		t.Errorf("the end: %+v", m)
	}
}
