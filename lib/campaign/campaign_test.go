package campaign_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lander/lib/campaign"
	"lander/lib/job"
	"lander/lib/sovd"
	"lander/lib/store"
)

// shed is devices of no kind, whose executions end when a test says so.
type shed struct {
	sovd.DeviceSource // of which no more is asked
	ids               []string

	mu      sync.Mutex
	runs    map[string]*sovd.Execution // by device and key
	started []string                   // devices, in their order
	refuse  map[string]error
	sha256  string // of the script, as it is now
}

func newShed(n int) *shed {
	s := &shed{runs: map[string]*sovd.Execution{}, refuse: map[string]error{}}
	for i := range n {
		s.ids = append(s.ids, fmt.Sprintf("d%02d", i))
	}
	return s
}

func (s *shed) Entity(id string) *sovd.Entity {
	if !slices.Contains(s.ids, id) {
		return nil
	}
	return &sovd.Entity{Kind: sovd.Components, ID: id, Tags: []string{"all"}}
}

func (s *shed) Entities() iter.Seq[*sovd.Entity] {
	return func(yield func(*sovd.Entity) bool) {
		for _, id := range s.ids {
			if !yield(s.Entity(id)) {
				return
			}
		}
	}
}

func (s *shed) GetScript(_ context.Context, _ sovd.Ref, id string) (sovd.Script, error) {
	if id != "s" {
		return sovd.Script{}, sovd.Errorf(sovd.KindNotFound, "no script %s", id)
	}
	return sovd.Script{ID: id, Name: "S"}, nil
}

func (s *shed) StartExecution(_ context.Context, e sovd.Ref, _ string, st sovd.Start) (sovd.Execution, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refuse[e.ID]; err != nil {
		return sovd.Execution{}, err
	}
	x := s.runs[e.ID+" "+st.Key]
	if x == nil {
		if err := st.Same(s.sha256); err != nil {
			return sovd.Execution{}, err
		}
		x = &sovd.Execution{ID: "exec_" + e.ID + "_" + st.Key, Status: job.Running, Detail: &sovd.ExecutionDetail{SHA256: s.sha256}}
		s.runs[e.ID+" "+st.Key] = x
		s.started = append(s.started, e.ID)
	}
	return *x, nil
}

func (s *shed) find(id string) *sovd.Execution {
	for _, x := range s.runs {
		if x.ID == id {
			return x
		}
	}
	return nil
}

func (s *shed) GetExecution(_ context.Context, _ sovd.Ref, _, id string) (sovd.Execution, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.find(id); x != nil {
		return *x, nil
	}
	return sovd.Execution{}, sovd.Errorf(sovd.KindNotFound, "Execution not found: %s", id)
}

func (s *shed) ControlExecution(_ context.Context, _ sovd.Ref, _, id string, _ sovd.Action) (sovd.Execution, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.find(id)
	x.Status = job.Terminated
	return *x, nil
}

// settle ends what runs on a device.
func (s *shed) settle(device string, st job.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, x := range s.runs {
		if k[:len(device)+1] == device+" " && !x.Status.Final() {
			x.Status = st
		}
	}
}

// begun are the devices on which it was started, in their order.
func (s *shed) begun() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.started)
}

// open joins the store as a gateway of this name.
func open(t *testing.T, st store.Store, name string, s *shed) (c *campaign.Campaigns, leave func()) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	p, err := store.Join(t.Context(), st, store.JoinOptions{Name: name, Clock: time.Now, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	c = campaign.Open(t.Context(), campaign.Options{Store: st, Presence: p, Clock: time.Now, Log: log})
	if err := c.Use(t.Context(), s, s); err != nil {
		t.Fatal(err)
	}
	leave = sync.OnceFunc(func() { c.Close(); p.Close() })
	t.Cleanup(leave)
	return c, leave
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waiting: %s", what)
		}
	}
}

func wait(t *testing.T, c *campaign.Campaigns, id string) sovd.Many {
	t.Helper()
	m, err := c.WaitMany(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// What one gateway has begun another one drives to its end when the first is
// gone, and nothing is begun twice.
func TestTakenOver(t *testing.T) {
	st, s := store.NewMemory(), newShed(4)
	a, leave := open(t, st, "a", s)
	b, _ := open(t, st, "b", s)
	m, err := a.StartMany(t.Context(), sovd.ManyStart{Script: "s", Target: sovd.ManyTarget{Group: "all"}, MaxConcurrency: "2", Actor: "me"})
	if err != nil || m.Total != 4 || m.Name != "S" {
		t.Fatalf("%+v %v", m, err)
	}
	until(t, "two are begun", func() bool { return len(s.begun()) == 2 })
	leave()
	for _, d := range s.ids {
		until(t, d+" is begun", func() bool { return slices.Contains(s.begun(), d) })
		s.settle(d, job.Completed)
	}
	if m = wait(t, b, m.ID); m.Status != job.Completed || m.Counts[job.Completed] != 4 {
		t.Errorf("the end: %+v", m)
	}
	if got := s.begun(); !slices.Equal(got, s.ids) {
		t.Errorf("begun %v, want each once", got)
	}
}

// A stop that one gateway is asked for reaches what another one drives.
func TestStoppedElsewhere(t *testing.T) {
	st, s := store.NewMemory(), newShed(3)
	a, _ := open(t, st, "a", s)
	b, _ := open(t, st, "b", s)
	m, err := a.StartMany(t.Context(), sovd.ManyStart{Script: "s", Target: sovd.ManyTarget{IDs: []string{"d02", "d00", "d02"}}, MaxConcurrency: "1"})
	if err != nil || m.Total != 2 {
		t.Fatalf("%+v %v", m, err)
	}
	until(t, "one is begun", func() bool { return len(s.begun()) == 1 })
	if _, err := b.StopMany(t.Context(), m.ID, sovd.ActionForced); err != nil {
		t.Fatal(err)
	}
	if m = wait(t, b, m.ID); m.Status != job.Terminated || m.Message != sovd.ActionForced.Cause() || m.Counts[job.Prepared] != 1 {
		t.Errorf("the end: %+v", m)
	}
	rs, err := b.ManyResults(t.Context(), m.ID)
	if err != nil || len(rs) != 2 || rs[0].Status != job.Terminated || rs[1].Status != job.Prepared || rs[1].Execution != "" {
		t.Errorf("results: %+v %v", rs, err)
	}
	if _, err := a.StopMany(t.Context(), m.ID, sovd.ActionStop); err == nil {
		t.Error("what has ended was stopped")
	}
	if got := s.begun(); len(got) != 1 {
		t.Errorf("begun %v", got)
	}
}

// A device that refuses counts as failed; those that failed run again.
func TestRefused(t *testing.T) {
	st, s := store.NewMemory(), newShed(3)
	s.refuse["d01"] = sovd.Errorf(sovd.KindUnsupported, "not this one")
	s.refuse["d02"] = io.ErrUnexpectedEOF
	a, _ := open(t, st, "a", s)
	m, err := a.StartMany(t.Context(), sovd.ManyStart{Script: "s", Target: sovd.ManyTarget{Filter: "d*"}})
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the first is begun", func() bool { return len(s.begun()) == 1 })
	if _, err := a.RetryFailed(t.Context(), m.ID, "me"); err == nil {
		t.Error("repeated while it runs")
	}
	s.settle("d00", job.Completed)
	if m = wait(t, a, m.ID); m.Status != job.Failed || m.Counts[job.Failed] != 2 || m.Counts[job.Completed] != 1 {
		t.Errorf("the end: %+v", m)
	}
	rs, err := a.ManyResults(t.Context(), m.ID)
	if err != nil || rs[1].Error == nil || rs[1].Error.Message != "not this one" || rs[2].Error.Message != "Internal server error" {
		t.Errorf("results: %+v %v", rs, err)
	}
	s.mu.Lock()
	clear(s.refuse)
	s.mu.Unlock()
	n, err := a.RetryFailed(t.Context(), m.ID, "me")
	if err != nil || n.Total != 2 || n.RetryOf != m.ID {
		t.Fatalf("%+v %v", n, err)
	}
	until(t, "both are begun", func() bool { return len(s.begun()) == 3 })
	s.settle("d01", job.Completed)
	s.settle("d02", job.Completed)
	if n = wait(t, a, n.ID); n.Status != job.Completed {
		t.Errorf("the end: %+v", n)
	}
	if _, err := a.RetryFailed(t.Context(), n.ID, "me"); err == nil {
		t.Error("repeated though nothing failed")
	}
	if all, err := a.ListMany(t.Context()); err != nil || len(all) != 2 || all[0].ID != n.ID {
		t.Errorf("list: %+v %v", all, err)
	}
}

// A start on many devices is one script: those that come after it was replaced
// are told so, also by another gateway and when they are tried again.
func TestReplacedScript(t *testing.T) {
	st, s := store.NewMemory(), newShed(3)
	s.sha256 = "aa"
	a, leave := open(t, st, "a", s)
	b, _ := open(t, st, "b", s)
	m, err := a.StartMany(t.Context(), sovd.ManyStart{Script: "s", Target: sovd.ManyTarget{Group: "all"}, MaxConcurrency: "1"})
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the digest is known", func() bool {
		m, err := b.GetMany(t.Context(), m.ID)
		return err == nil && m.SHA256 == "aa" && m.Counts[job.Running] == 1
	})
	s.mu.Lock()
	s.sha256 = "bb"
	s.mu.Unlock()
	leave()
	s.settle("d00", job.Completed)
	if m = wait(t, b, m.ID); m.Status != job.Failed || m.Counts[job.Failed] != 2 || m.SHA256 != "aa" {
		t.Errorf("the end: %+v", m)
	}
	rs, err := b.ManyResults(t.Context(), m.ID)
	if err != nil || rs[2].Error == nil || !strings.Contains(rs[2].Error.Message, "it was replaced") {
		t.Errorf("results: %+v %v", rs, err)
	}
	n, err := b.RetryFailed(t.Context(), m.ID, "me")
	if err == nil {
		n = wait(t, b, n.ID)
	}
	if err != nil || n.Counts[job.Failed] != 2 || len(s.begun()) != 1 {
		t.Errorf("again: %+v %v, begun %v", n, err, s.begun())
	}
}

func TestStartManyIsChecked(t *testing.T) {
	a, _ := open(t, store.NewMemory(), "a", newShed(1))
	for name, c := range map[string]struct {
		start sovd.ManyStart
		kind  sovd.Kind
	}{
		"no target":      {sovd.ManyStart{Script: "s"}, sovd.KindInput},
		"two targets":    {sovd.ManyStart{Script: "s", Target: sovd.ManyTarget{Group: "all", Filter: "*"}}, sovd.KindInput},
		"nobody":         {sovd.ManyStart{Script: "s", Target: sovd.ManyTarget{Group: "none"}}, sovd.KindNotFound},
		"unknown":        {sovd.ManyStart{Script: "s", Target: sovd.ManyTarget{IDs: []string{"d00", "x"}}}, sovd.KindNotFound},
		"unknown script": {sovd.ManyStart{Script: "x", Target: sovd.ManyTarget{Group: "*"}}, sovd.KindNotFound},
		"concurrency":    {sovd.ManyStart{Script: "s", Target: sovd.ManyTarget{Group: "*"}, MaxConcurrency: "-1"}, sovd.KindInput},
		"errors":         {sovd.ManyStart{Script: "s", Target: sovd.ManyTarget{Group: "*"}, MaxErrors: "101%"}, sovd.KindInput},
	} {
		_, err := a.StartMany(t.Context(), c.start)
		if e, ok := err.(*sovd.Error); !ok || e.Kind != c.kind {
			t.Errorf("%s: %v, want the kind %v", name, err, c.kind)
		}
	}
}

// A record that is damaged costs nobody the others: a gateway starts, and
// goes on with what can be read.
func TestDamagedRecord(t *testing.T) {
	st, s := store.NewMemory(), newShed(1)
	a, leave := open(t, st, "a", s)
	m, err := a.StartMany(t.Context(), sovd.ManyStart{Script: "s", Target: sovd.ManyTarget{Group: "all"}})
	if err != nil {
		t.Fatal(err)
	}
	until(t, "one is begun", func() bool { return len(s.begun()) == 1 })
	leave()
	if _, err := st.Put(t.Context(), "campaigns/campaign_0", []byte(`{"id":`), 0); err != nil {
		t.Fatal(err)
	}
	b, _ := open(t, st, "b", s)
	s.settle(s.ids[0], job.Completed)
	if m = wait(t, b, m.ID); m.Status != job.Completed {
		t.Errorf("the end: %+v", m)
	}
	if all, err := b.ListMany(t.Context()); err != nil || len(all) != 1 || all[0].ID != m.ID {
		t.Errorf("the campaigns: %+v %v", all, err)
	}
	if _, err := b.GetMany(t.Context(), "campaign_0"); err == nil {
		t.Error("the damaged record was read")
	}
}

// full is a store that takes no campaign any more.
type full struct{ store.Store }

var errFull = errors.New("the disk is full")

func (f full) Put(ctx context.Context, key string, value []byte, rev store.Revision) (store.Revision, error) {
	if strings.HasPrefix(key, "campaigns/") {
		return 0, errFull
	}
	return f.Store.Put(ctx, key, value, rev)
}

// What could not be recorded is not begun.
func TestBeginsWhatLasts(t *testing.T) {
	s := newShed(2)
	a, leave := open(t, full{store.NewMemory()}, "a", s)
	_, err := a.StartMany(t.Context(), sovd.ManyStart{Script: "s", Target: sovd.ManyTarget{Group: "all"}})
	if all, lerr := a.ListMany(t.Context()); !errors.Is(err, errFull) || lerr != nil || len(all) != 0 {
		t.Errorf("%v; the campaigns: %+v, %v", err, all, lerr)
	}
	leave()
	if got := s.begun(); len(got) != 0 {
		t.Errorf("begun on %v", got)
	}
}
