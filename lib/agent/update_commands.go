package agent

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"lander/lib/emp"
	"lander/lib/emp/frame"
	"lander/lib/job"
)

// listenerPatience is how long an update waits for its listeners to answer an
// event: so long they can still stop it there.
const listenerPatience = 10 * time.Second

// dropEvery is how often the drop directory is looked into.
const dropEvery = 2 * time.Second

// updateCommand answers the commands of applications about updates. ok is
// false for any other.
func (s *session) updateCommand(r *emp.Request) (err error, ok bool) {
	u := s.a.updates
	switch r.Command {
	case frame.CmdRegisterUpdateListener, frame.CmdUnregisterUpdateListener:
		if _, err := frame.ParseNothing(r.Payload); err != nil {
			return err, true
		}
		u.listen(s, r.Command == frame.CmdRegisterUpdateListener)
	case frame.CmdSoftwareUpdateResult:
		p, err := frame.ParseSoftwareUpdateResult(r.Payload)
		if err != nil {
			return err, true
		}
		return u.result(p), true
	case frame.CmdSoftwareUpdateRequest:
		p, err := frame.ParseUpdateAction(r.Payload)
		if err != nil {
			return err, true
		}
		return u.request(p), true
	default:
		return nil, false
	}
	return nil, true
}

// listen makes a connection a listener, or one no longer.
func (u *updates) listen(s *session, on bool) {
	u.a.mu.Lock()
	gone := s.gone
	u.a.mu.Unlock()
	u.mu.Lock()
	defer u.mu.Unlock()
	if on && !gone {
		u.listeners[s] = true
	} else {
		delete(u.listeners, s)
	}
}

// result takes what an application says of the component in progress. It may
// come before the response to the SoftwareUpdate.
func (u *updates) result(p frame.SoftwareUpdateResult) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.awaited == nil || u.awaited.name != p.Component {
		return frame.Errorf(frame.StatusBadParameter, "no such component is being updated")
	}
	select {
	case u.awaited.result <- p.Code:
		return nil
	default:
		return frame.Errorf(frame.StatusBadParameter, "the component has a result already")
	}
}

// request pauses, resumes or aborts.
func (u *updates) request(p frame.UpdateAction) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.state.Job == nil {
		return frame.Errorf(frame.StatusNotAvailable, "no update in progress")
	}
	switch p {
	case frame.UpdateAbort:
		u.aborted = true
	default:
		if pause := p == frame.UpdatePause; u.state.Job.Paused != pause {
			u.state.Job.Paused = pause
			if err := u.save(); err != nil {
				return frame.Errorf(frame.StatusIOError, "%v", err)
			}
		}
	}
	close(u.changed)
	u.changed = make(chan struct{})
	return nil
}

// tell sends an event to all listeners at once. With wait it returns when
// they have answered, or do not. It says how many there are.
func (u *updates) tell(ctx context.Context, e frame.SoftwareUpdateStatus, wait bool) (listeners int) {
	told := Event{Event: "update", Status: updateEvents[e.Event]}
	switch {
	case e.Event == frame.UpdateInProgress:
		told.Component = e.Details
	case e.Details != "":
		told.Status += ": " + e.Details
	}
	u.a.event(told)
	if wait {
		u.publishCurrent()
	}
	u.mu.Lock()
	var peers []*emp.Peer
	for s := range u.listeners {
		if p := s.peer.Load(); p != nil {
			peers = append(peers, p)
		}
	}
	u.mu.Unlock()
	over := make(chan struct{})
	var left atomic.Int64
	left.Store(int64(len(peers)))
	answered := func(frame.Response, error) {
		if left.Add(-1) == 0 {
			close(over)
		}
	}
	payload := e.Append(nil)
	for _, p := range peers {
		if err := p.Post(frame.CmdSoftwareUpdateStatus, payload, answered); err != nil {
			answered(frame.Response{}, err)
		}
	}
	if !wait || len(peers) == 0 {
		return len(peers)
	}
	late := make(chan struct{})
	stop := u.a.afterFunc(listenerPatience, func() { close(late) })
	defer stop()
	select {
	case <-over:
	case <-late:
	case <-ctx.Done():
	}
	return len(peers)
}

var updateEvents = map[int64]string{
	frame.UpdateNew: "new", frame.UpdateDownloadInProgress: "download", frame.UpdateDownloadOK: "downloaded", frame.UpdateCRCOK: "checked",
	frame.UpdateInProgress: "installing", frame.UpdateFailed: "failed", frame.UpdateSuccessful: "successful", frame.UpdatePaused: "paused",
}

// watchDrops starts an update for each package that is put into the drop
// directory, one after the other in the order of their names. A package is to
// be moved there whole; names that begin with a dot or end in .part are left
// alone.
func (u *updates) watchDrops(ctx context.Context) {
	for ctx.Err() == nil {
		u.takeDrop()
		over := make(chan struct{})
		stop := u.a.afterFunc(dropEvery, func() { close(over) })
		select {
		case <-over:
		case <-ctx.Done():
			stop()
		}
	}
}

func (u *updates) takeDrop() {
	u.mu.Lock()
	busy := u.state.Job != nil
	u.mu.Unlock()
	if busy {
		return
	}
	entries, err := os.ReadDir(u.dropDir())
	if err != nil {
		u.a.cfg.Log.Warn("looking for packages", "error", err)
		return
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || strings.HasPrefix(e.Name(), ".") || strings.HasSuffix(e.Name(), ".part") {
			continue
		}
		if err := u.a.Update(UpdateOrder{Location: filepath.Join(u.dropDir(), e.Name()), Source: job.SourceCLI, Remove: true}); err != nil {
			u.a.cfg.Log.Warn("starting an update", "package", e.Name(), "error", err)
		}
		return
	}
}
