package devs_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"lander/lib/devs"
	"lander/lib/jacdac"
	"lander/lib/jacdac/jacdactest"
	"lander/lib/jacdac/packet"
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

// loggerService is the service of a device that is no DeviceScript machine.
type loggerService struct {
	mu       sync.Mutex
	priority []byte
}

func (l *loggerService) Class() uint32 { return devs.ClassLogger }

func (l *loggerService) Command(r *jacdac.Request) bool {
	if r.Command != packet.CmdSet|devs.RegLoggerPriority {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.priority = bytes.Clone(r.Payload)
	return true
}

// A device with a logger service is asked for all levels, and tells them.
func TestLoggerService(t *testing.T) {
	add := jacdactest.Bus(t)
	service := &loggerService{}
	node := add(nil).Attach(boardID, nil, service)
	f := devs.Follow(t.Context(), add(nil), devs.FollowOptions{})
	defer f.Close(t.Context())
	asked := func() bool {
		service.mu.Lock()
		defer service.mu.Unlock()
		return len(service.priority) == 1 && service.priority[0] == 0
	}
	for end := time.Now().Add(20 * time.Second); !asked(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it was not asked for debug messages")
		}
	}
	for i, text := range []string{"a detail", "a message", "a warning\n", "a fault"} {
		node.Report(1, devs.CmdLoggerDebug+uint16(i), []byte(text))
	}
	node.Report(1, devs.CmdLoggerError+1, []byte("no level"))
	node.Report(1, devs.CmdLoggerError, []byte("\xffend"))
	var got []string
	for _, r := range gather(t, f, func(r devs.Record) bool { return strings.HasSuffix(r.Message, "end") }) {
		if r.Device != boardID || r.Source != devs.SourceLogger || r.Kind != devs.KindMessage {
			t.Errorf("%+v", r)
		}
		got = append(got, r.Level+" "+r.Message)
	}
	if want := "debug a detail|log a message|warn a warning|error a fault|error \ufffdend"; strings.Join(got, "|") != want {
		t.Errorf("got  %q\nwant %q", strings.Join(got, "|"), want)
	}
}
