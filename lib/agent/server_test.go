//go:build unix

package agent_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"lander/lib/agent"
	"lander/lib/emp/frame"
	"lander/lib/stage"
)

// timers are those that an agent set, for a test to fire.
type timers struct {
	mu  sync.Mutex
	now time.Time
	set []*pendingTimer
}

type pendingTimer struct {
	after time.Duration
	fire  func()
	gone  bool
}

func (ts *timers) clock() time.Time {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return ts.now
}

func (ts *timers) afterFunc(d time.Duration, f func()) func() bool {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	p := &pendingTimer{d, f, false}
	ts.set = append(ts.set, p)
	return func() bool {
		ts.mu.Lock()
		defer ts.mu.Unlock()
		was := !p.gone
		p.gone = true
		return was
	}
}

// pending are the timers of one duration that wait.
func (ts *timers) pending(d time.Duration) (out []*pendingTimer) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for _, p := range ts.set {
		if p.after == d && !p.gone {
			out = append(out, p)
		}
	}
	return out
}

func (ts *timers) run(p *pendingTimer) {
	ts.mu.Lock()
	p.gone = true
	ts.mu.Unlock()
	p.fire()
}

// sessions is an uplink that counts, waits and fails as it is told.
type sessions struct {
	begun chan struct{}
	end   chan error
}

func (s *sessions) Send(ctx context.Context, _ []stage.Message) error {
	s.begun <- struct{}{}
	select {
	case err := <-s.end:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestConnectToServer(t *testing.T) {
	up := &sessions{make(chan struct{}, 10), make(chan error, 10)}
	ts := &timers{now: time.Now()}
	d := startDeviceWith(t, func(c *agent.Config) { c.Uplink, c.AfterFunc, c.Clock = up, ts.afterFunc, ts.clock })
	p := d.dial(nil)
	up.end <- nil
	d.want(p, frame.CmdConnectToServer, ``, 0, "null")
	<-up.begun
	up.end <- errors.New("connection refused")
	d.want(p, frame.CmdConnectToServer, `null`, -6, `"the session with the server failed: connection refused"`)
	<-up.begun
	for _, payload := range []string{`"x"`, `true`, `1.5`, `[]`} {
		if r := d.call(p, frame.CmdConnectToServer, payload); r.Status != frame.StatusBadParameter {
			t.Errorf("%s: %d %s", payload, r.Status, r.Body)
		}
	}
	d.want(p, frame.CmdConnectToServer, `-1`, -6, `"latency must be positive integer"`)
	// The earlier of two dates counts.
	d.want(p, frame.CmdConnectToServer, `33`, 0, "null")
	d.want(p, frame.CmdConnectToServer, `66`, 0, "null")
	d.want(p, frame.CmdConnectToServer, `22`, 0, "null")
	if len(ts.pending(33*time.Second))+len(ts.pending(66*time.Second)) > 0 || len(ts.pending(22*time.Second)) != 1 {
		t.Error("not the earliest of the dates is kept")
	}
	up.end <- nil
	ts.run(ts.pending(22 * time.Second)[0])
	<-up.begun
	// A session under way blocks no other command, and no second one comes.
	other := d.dial(nil)
	waiting := make(chan frame.Response, 1)
	if err := other.Post(frame.CmdConnectToServer, nil, func(r frame.Response, _ error) { waiting <- r }); err != nil {
		t.Fatal(err)
	}
	<-up.begun
	d.want(other, frame.CmdGetVariable, `"config.agent.deviceId"`, 0, `["gw-1"]`)
	d.want(p, frame.CmdConnectToServer, `null`, -6, `"connection already in progress"`)
	// One that is put off comes after it, and is not lost.
	d.want(p, frame.CmdConnectToServer, `0`, 0, "null")
	late := make(chan struct{})
	go func() { defer close(late); ts.run(ts.pending(0)[0]) }()
	select {
	case <-late:
		t.Fatal("the session that was put off is lost while another is on")
	case <-time.After(50 * time.Millisecond):
	}
	up.end <- nil
	if r := <-waiting; r.Status != 0 {
		t.Errorf("the session that was under way: %d", r.Status)
	}
	<-up.begun
	up.end <- nil
	<-late
	// PFlush is OK though the session fails: the data is safe.
	d.want(p, frame.CmdPFlush, `{}`, 0, "null")
	d.want(p, frame.CmdPData, `{"asset":"a","policy":"hourly","data":{"x":1}}`, 0, "null")
	up.end <- errors.New("no route")
	d.want(p, frame.CmdPFlush, `{"queue":"hourly"}`, 0, `"the session with the server failed: no route"`)
	<-up.begun
	d.want(p, frame.CmdPFlush, `{"policy":"never"}`, -12, `"the policy never is never sent"`)
}

func TestReboot(t *testing.T) {
	ts := &timers{now: time.Now()}
	reasons := make(chan string, 10)
	d := startDeviceWith(t, func(c *agent.Config) {
		c.AfterFunc = ts.afterFunc
		c.Reboot = func(_ context.Context, reason string) error { reasons <- reason; return nil }
	})
	p := d.dial(nil)
	d.want(p, frame.CmdReboot, `"because"`, 0, "null")
	d.want(p, frame.CmdReboot, ``, 0, "null") // once is enough
	if r := d.call(p, frame.CmdReboot, `7`); r.Status != frame.StatusBadParameter {
		t.Errorf("a number as reason: %d", r.Status)
	}
	due := ts.pending(5 * time.Second)
	if len(due) != 1 || len(reasons) != 0 {
		t.Fatalf("%d reboots wait, %d came", len(due), len(reasons))
	}
	ts.run(due[0])
	if got := <-reasons; got != "because" {
		t.Errorf("the reason is %q", got)
	}
	// Where nothing is configured nothing happens.
	quiet := &timers{now: time.Now()}
	d = startDeviceWith(t, func(c *agent.Config) { c.AfterFunc = quiet.afterFunc })
	d.want(d.dial(nil), frame.CmdReboot, `"because"`, 0, "null")
	if n := len(quiet.pending(5 * time.Second)); n != 0 {
		t.Errorf("%d reboots wait", n)
	}
}
