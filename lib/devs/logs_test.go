package devs_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"lander/lib/devs"
)

// gather follows until stop says so of a record.
func gather(t *testing.T, f *devs.Follower, stop func(devs.Record) bool) (all []devs.Record) {
	t.Helper()
	for {
		rs, err := f.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rs {
			all = append(all, r)
			if stop(r) {
				return all
			}
		}
	}
}

func TestLogs(t *testing.T) {
	long := strings.Repeat("é", 400) // every fragment ends inside a character or not
	m, _ := bench(t, devs.BoardConfig{Behaviour: func(ctx context.Context, p *devs.Process) {
		for i := range 300 {
			p.Log(fmt.Sprintf("hello %d", i))
		}
		p.Log("x" + long)
		p.Panic(1234, 287)
	}}, 0)
	f := devs.Follow(t.Context(), m.Bus, devs.FollowOptions{Maps: []*devs.DebugMap{program(t, "panicky-dbg.json").Map}})
	<-f.Attached()
	if _, err := deploy(t.Context(), m, devs.Deploy{Program: program(t, "panicky.devs")}); err != nil {
		if _, ok := err.(*devs.PanicError); !ok {
			t.Fatal(err)
		}
	}
	all := gather(t, f, func(r devs.Record) bool { return r.Kind == devs.KindPanic })
	var got []string
	change := 0
	for _, r := range all {
		if r.Kind == devs.KindMessage {
			got = append(got, r.Message)
		}
		if r.Kind == devs.KindChange {
			change++
		}
		if r.Lost != 0 {
			t.Errorf("%d lost before %q", r.Lost, r.Message)
		}
	}
	if len(got) != 301 || got[7] != "hello 7" || got[300] != "x"+long || change != 1 {
		t.Errorf("%d messages, %d changes", len(got), change)
	}
	f.Close(t.Context())
	if s, err := m.State(t.Context()); err != nil || *s.Logging {
		t.Errorf("logging afterwards: %v, %v", s.Logging, err)
	}
}

func TestNoSourceIsSaid(t *testing.T) {
	m, _ := bench(t, devs.BoardConfig{Quirks: devs.BoardQuirks{NoLogging: true}}, 0)
	f := devs.Follow(t.Context(), m.Bus, devs.FollowOptions{})
	defer f.Close(t.Context())
	all := gather(t, f, func(r devs.Record) bool { return r.Kind == devs.KindNotice })
	if last := all[len(all)-1]; !strings.Contains(last.Message, "no log source") {
		t.Errorf("%+v", last)
	}
}
