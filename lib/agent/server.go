package agent

import (
	"context"
	"time"

	"lander/lib/emp"
	"lander/lib/emp/frame"
)

// rebootDelay is how long after its response a reboot begins [EMP 4, 50].
const rebootDelay = 5 * time.Second

// afterFunc calls f on a goroutine that Close waits for, unless the agent ends
// before; stop reports whether it came in time.
func (a *Agent) afterFunc(d time.Duration, f func()) (stop func() bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended {
		return func() bool { return false }
	}
	a.background.Add(1)
	id := new(int)
	cut := a.cfg.AfterFunc(d, func() {
		defer a.background.Done()
		a.mu.Lock()
		delete(a.timers, id)
		a.mu.Unlock()
		f()
	})
	a.timers[id] = cut
	return func() bool {
		a.mu.Lock()
		_, mine := a.timers[id]
		delete(a.timers, id)
		a.mu.Unlock()
		if !mine || !cut() {
			return false
		}
		a.background.Done()
		return true
	}
}

// spawn runs f on a goroutine that Close waits for.
func (a *Agent) spawn(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.ended {
		a.background.Go(f)
	}
}

// endTimers stops what waits, and waits for what runs.
func (a *Agent) endTimers() {
	a.mu.Lock()
	a.ended = true
	timers := a.timers
	a.timers = nil
	a.mu.Unlock()
	for _, stop := range timers {
		if stop() {
			a.background.Done()
		}
	}
	a.background.Wait()
}

// connection is the session with the server that ConnectToServer has put off.
type connection struct {
	at   time.Time
	stop func() bool
}

// connectToServer answers command 4 [EMP 4, 4].
func (s *session) connectToServer(r *emp.Request) ([]byte, error) {
	p, err := frame.ParseConnectToServer(r.Payload)
	if err != nil {
		return nil, err
	}
	a := s.a
	switch {
	case p.Wait:
		return r.Go(func(ctx context.Context) ([]byte, error) { return nil, a.connect(ctx, false) })
	case p.Latency < 0:
		return nil, frame.Errorf(frame.StatusCommunicationError, "latency must be positive integer")
	}
	a.connectLater(time.Duration(min(p.Latency, int64(longest/time.Second))) * time.Second)
	return nil, nil
}

// connect has a session with the server: when one is on already, after it, or
// not at all unless it may wait. The text of its failure is for the
// application.
func (a *Agent) connect(ctx context.Context, wait bool) error {
	err := a.stage.Connect(ctx, wait)
	status := "ok"
	if err != nil {
		status = err.Error()
		err = frame.Errorf(frame.StatusCommunicationError, "%s", status)
	}
	a.event(Event{Event: "connect", Status: status})
	return err
}

// connectLater puts a session off; the earlier of two dates counts.
func (a *Agent) connectLater(d time.Duration) {
	a.connecting.Lock()
	defer a.connecting.Unlock()
	at := a.cfg.Clock().Add(d)
	if old := a.connection; old != nil {
		if !at.Before(old.at) {
			return
		}
		old.stop()
	}
	c := &connection{at: at}
	a.connection = c
	c.stop = a.afterFunc(d, func() {
		a.connecting.Lock()
		if a.connection == c {
			a.connection = nil
		}
		a.connecting.Unlock()
		if err := a.connect(a.ctx, true); err != nil && a.ctx.Err() == nil {
			a.cfg.Log.Warn("connecting to the server", "error", err)
		}
	})
}

// reboot answers command 50: what it does is configured.
func (s *session) reboot(r *emp.Request) error {
	p, err := frame.ParseReboot(r.Payload)
	if err != nil {
		return err
	}
	s.a.requestReboot(p.Reason)
	return nil
}

// requestReboot reboots after a while, when that is configured.
func (a *Agent) requestReboot(reason string) {
	a.cfg.Log.Warn("a reboot is asked for", "reason", reason, "configured", a.cfg.Reboot != nil)
	a.event(Event{Event: "reboot", Status: reason})
	if a.cfg.Reboot == nil {
		return
	}
	a.mu.Lock()
	twice := a.rebooting
	a.rebooting = true
	a.mu.Unlock()
	if twice {
		return
	}
	a.afterFunc(rebootDelay, func() {
		err := a.cfg.Reboot(a.ctx, reason)
		a.mu.Lock()
		a.rebooting = false
		a.mu.Unlock()
		if err != nil {
			a.cfg.Log.Error("rebooting", "error", err)
		}
	})
}
