package agent

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"lander/lib/emp"
	"lander/lib/emp/frame"
	"lander/lib/trust"
)

// How an application is waited for, where the tree says nothing else
// [EMP 4, 20].
const (
	updateTimeout  = 40 * time.Second // config.update.timeout, in seconds
	updateAttempts = 2                // config.update.retries, in all
)

// awaited is a component that an application is to install.
type awaited struct {
	name   string
	result chan int64 // the first one
}

// dispatchAll hands the components to their applications, one by one.
func (u *updates) dispatchAll(ctx context.Context, last frame.SoftwareUpdateStatus) error {
	for {
		if err := u.gate(ctx, stepDispatch, last); err != nil {
			return err
		}
		u.mu.Lock()
		j := *u.state.Job
		u.mu.Unlock()
		if j.Next >= len(j.Components) {
			return nil
		}
		if j.Next == 0 && j.Until != nil && !u.a.cfg.Clock().Before(*j.Until) {
			return &updateError{updateSignature, fmt.Sprintf("%s: the package was good until %s", trust.ReasonExpired, j.Until.Format(time.RFC3339))}
		}
		c := j.Components[j.Next]
		last = frame.SoftwareUpdateStatus{Event: frame.UpdateInProgress, Details: c.Name}
		u.tell(ctx, last, true)
		code, err := u.dispatch(ctx, c, j, last)
		if err != nil {
			return err
		}
		if code != updateOK {
			return &updateError{code, fmt.Sprintf("Component [%s] has reported an error [%d]", c.Name, code)}
		}
		u.mu.Lock()
		u.state.install(c)
		u.state.Job.Next++
		u.state.Job.Tries = 0
		err = u.save()
		u.mu.Unlock()
		if err != nil {
			return err
		}
		u.publish()
	}
}

// dispatch sends a component to its application until there is a result.
// Between two attempts a pause or an abort takes effect; last is the event that
// is told again then.
func (u *updates) dispatch(ctx context.Context, c component, j updateJob, last frame.SoftwareUpdateStatus) (int64, error) {
	if asset, _, _ := strings.Cut(c.Name, "."); asset == agentAsset {
		return 0, &updateError{updateNoContainer, fmt.Sprintf("component %s: the agent installs nothing of its own", c.Name)}
	}
	payload := frame.SoftwareUpdate{Component: c.Name, Version: c.Version}
	if c.Version != "" {
		payload.Location = c.Location
		if j.Location != "" {
			payload.Location = filepath.Join(u.workDir(), filepath.FromSlash(c.Location))
		}
	}
	if c.Parameters != nil {
		payload.Params = *c.Parameters
	}
	tries := max(int(u.a.number("config.update.retries", updateAttempts)), 1)
	w := &awaited{c.Name, make(chan int64, 1)}
	u.mu.Lock()
	u.awaited = w
	u.mu.Unlock()
	defer func() {
		u.mu.Lock()
		u.awaited = nil
		u.mu.Unlock()
	}()
	for n := j.Tries; n < tries; n++ {
		if err := u.change(func(j *updateJob) { j.Tries = n }); err != nil {
			return 0, err
		}
		timeout := time.Duration(u.a.number("config.update.timeout", updateTimeout.Seconds()) * float64(time.Second))
		code, ok, err := u.attempt(ctx, w, payload, timeout)
		if err != nil || ok {
			return code, err
		}
		u.mu.Lock()
		aborted := u.aborted
		u.mu.Unlock()
		if aborted {
			return 0, errAborted
		}
		if n+1 < tries {
			if err := u.gate(ctx, stepDispatch, last); err != nil {
				return 0, err
			}
		}
	}
	return 0, &updateError{updateTooManyTries, fmt.Sprintf("Component [%s] gave no result in time", c.Name)}
}

// attempt returns the code; ok is false when there was none in time.
func (u *updates) attempt(ctx context.Context, w *awaited, payload frame.SoftwareUpdate, timeout time.Duration) (code int64, ok bool, err error) {
	late := make(chan struct{})
	stop := u.a.afterFunc(timeout, func() { close(late) })
	defer stop()
	answers := make(chan error, 1)
	sent := false
	select {
	case code := <-w.result: // it came between two attempts
		return code, true, nil
	default:
	}
	for {
		p, arrival := u.a.ownerOrArrival(payload.Component)
		if p != nil && !sent {
			sent = true
			err := p.Post(frame.CmdSoftwareUpdate, payload.Append(nil), func(r frame.Response, err error) {
				if err == nil && r.Status != frame.StatusOK {
					err = &updateError{updateRefused, fmt.Sprintf("Component [%s] was refused: %v", w.name, r.Err())}
				}
				answers <- err
			})
			if err != nil {
				answers <- err
			}
		}
		select {
		case code := <-w.result:
			return code, true, nil
		case err := <-answers:
			if refused, ok := err.(*updateError); ok {
				return 0, false, refused
			}
			if err != nil {
				sent = false // its connection ended: the next one gets it again
				select {
				case <-arrival:
				case <-late:
					return 0, false, nil
				case <-ctx.Done():
					return 0, false, ctx.Err()
				}
			}
		case <-arrival:
		case <-late:
			return 0, false, nil
		case <-ctx.Done():
			return 0, false, ctx.Err()
		}
	}
}

// ownerOrArrival is owner, and a channel that is closed when an asset is
// registered the next time.
func (a *Agent) ownerOrArrival(path string) (*emp.Peer, <-chan struct{}) {
	a.mu.Lock()
	arrival := a.arrival
	a.mu.Unlock()
	return a.owner(path), arrival
}

// number is a numeric variable, or missing when there is none that is
// positive.
func (a *Agent) number(path string, missing float64) float64 {
	v, _, _ := a.tree.Get(path)
	if f, ok := v.Float(); ok && f > 0 {
		return min(f, longest.Seconds())
	}
	return missing
}
