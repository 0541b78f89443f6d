package stage_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lander/lib/emp/frame"
	"lander/lib/stage"
)

// picky is a server that takes what it is told to.
type picky struct {
	answers []error // of the next sessions; nil when there are no more
	got     []string
	taken   []string
	at      []time.Time
	clock   *clock
}

func (p *picky) Send(_ context.Context, ms []stage.Message) error {
	var words []string
	for _, m := range ms {
		if !m.Ticket.IsNull() {
			words = append(words, "ack"+m.Ticket.String())
			continue
		}
		for _, v := range m.Columns[0].Expand() {
			words = append(words, v.String())
		}
	}
	text := strings.Join(words, " ")
	p.got = append(p.got, text)
	if p.clock != nil {
		p.at = append(p.at, p.clock.Now())
	}
	var err error
	if len(p.answers) > 0 {
		err, p.answers = p.answers[0], p.answers[1:]
	}
	if err == nil {
		p.taken = append(p.taken, text)
	}
	return err
}

func push(t *testing.T, s *stage.Stage, n int) {
	t.Helper()
	done := make(chan error, 1)
	if err := s.PData(frame.PData{Asset: "a", Path: "p", Policy: "manual2", Data: frame.Map(frame.Member{Key: "x", Value: frame.Int(int64(n))})}, func(err error) { done <- err }); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// Each batch is forgotten by itself; one that failed comes again as it was,
// whatever has come meanwhile, and across a restart nothing is lost.
func TestBatches(t *testing.T) {
	file := filepath.Join(t.TempDir(), "stage.log")
	p := &picky{}
	open := func() *stage.Stage {
		s, err := stage.Open(stage.Options{File: file, Uplink: p, Batch: 300, Policies: map[string]stage.Policy{"manual2": {}}})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	for n := range 8 {
		push(t, s, n)
	}
	if err := s.Acknowledge(frame.PAcknowledge{Ticket: frame.Int(9), Policy: "manual2", Persisted: true}, func(error) {}); err != nil {
		t.Fatal(err)
	}
	p.answers = []error{nil, errors.New("cut")}
	if err := s.Flush(t.Context(), "manual2"); err == nil {
		t.Fatal("the session that was cut has no error")
	}
	push(t, s, 8)
	p.answers = []error{errors.New("cut again")}
	if err := s.Flush(t.Context(), "*"); err == nil {
		t.Fatal("the session that was cut has no error")
	}
	s.Close()
	s = open()
	if err := s.Flush(t.Context(), "manual2"); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(t.Context(), "manual2"); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if p.got[1] != p.got[2] {
		t.Errorf("what was in doubt came again as %q, was %q", p.got[2], p.got[1])
	}
	if got := strings.Join(p.taken, " "); got != "0 1 2 3 4 5 6 7 ack9 8" {
		t.Errorf("taken %q", p.taken)
	}
	if len(p.taken) < 3 {
		t.Errorf("only %d batches", len(p.taken))
	}
}

// A server that is gone is tried less and less often, and as soon as one
// session succeeds everything that waits is sent.
func TestBackoff(t *testing.T) {
	c := &clock{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	p := &picky{clock: c}
	for range 100 {
		p.answers = append(p.answers, errors.New("gone"))
	}
	tried := make(chan struct{}, 1000)
	s, err := stage.Open(stage.Options{Uplink: uplinkFunc(func(ctx context.Context, ms []stage.Message) error {
		defer func() { tried <- struct{}{} }()
		return p.Send(ctx, ms)
	}), Clock: c, Retry: time.Minute, MaxRetry: 10 * time.Minute, Policies: map[string]stage.Policy{"manual2": {Latency: time.Second}}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c.advance(31 * time.Second) // what is due after the start is over
	start := c.Now()
	push(t, s, 1)
	for _, d := range []time.Duration{time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 10 * time.Minute, 10 * time.Minute} {
		waitTimer(t, c)
		c.advance(d - time.Millisecond)
		select {
		case <-tried:
			t.Fatalf("tried before %s were over", d)
		default:
		}
		c.advance(time.Millisecond)
		<-tried
	}
	if got := fmt.Sprint(c.Now().Sub(start)); got != "35m1s" {
		t.Errorf("%s", got)
	}
	waitTimer(t, c)
	p.answers = nil
	// A session of the start, which had nothing to send, may be on yet.
	if err := s.Connect(t.Context(), func() {}); err != nil {
		t.Fatal(err)
	}
	<-tried
	<-tried // the data, at once
	if got := p.taken[len(p.taken)-1]; got != "1" {
		t.Errorf("taken %q", p.taken)
	}
}

// waitTimer waits until something is armed: the session before has ended.
func waitTimer(t *testing.T, c *clock) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		c.mu.Lock()
		n := 0
		for _, timer := range c.timers {
			if !timer.gone && timer.at.Sub(c.now) < 20*time.Minute {
				n++
			}
		}
		c.mu.Unlock()
		if n > 0 {
			return
		}
	}
	t.Fatal("nothing is armed")
}

type uplinkFunc func(context.Context, []stage.Message) error

func (f uplinkFunc) Send(ctx context.Context, ms []stage.Message) error { return f(ctx, ms) }

// A table that becomes full again while it is being sent is sent again,
// though no other row comes.
func TestFullWhileSending(t *testing.T) {
	began, finish := make(chan int, 10), make(chan struct{})
	s, err := stage.Open(stage.Options{Uplink: uplinkFunc(func(ctx context.Context, ms []stage.Message) error {
		began <- len(ms[0].Columns[0].Values)
		<-finish
		return nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	done := func(err error) {
		if err != nil {
			t.Error(err)
		}
	}
	var id frame.TableID
	if err := s.NewTable(frame.TableNew{Asset: "a", Path: "t", Policy: "hourly", Columns: []frame.Column{{Name: "x"}}}, func(i frame.TableID, err error) { id = i; done(err) }); err != nil {
		t.Fatal(err)
	}
	if err := s.SetMaxRows(frame.TableSetMaxRows{Table: id, MaxRows: 3}, done); err != nil {
		t.Fatal(err)
	}
	row := func() {
		t.Helper()
		if err := s.AddRow(frame.TableRow{Table: id, Row: []frame.Member{{Key: "x", Value: frame.Int(1)}}}, done); err != nil {
			t.Fatal(err)
		}
	}
	next := func(want int) {
		t.Helper()
		select {
		case got := <-began:
			if got != want {
				t.Fatalf("%d rows were sent, want %d", got, want)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("no session of %d rows", want)
		}
	}
	for range 3 {
		row()
	}
	next(3)
	for range 4 {
		row()
	}
	close(finish)
	next(4)
}
