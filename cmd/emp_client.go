package cmd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"lander/lib/emp"
	"lander/lib/emp/frame"
	"lander/lib/link"
)

const defaultEMP = "tcp://127.0.0.1:9999"

// dialEMP connects to an agent, trying again for as long as --wait says.
func (k *call) dialEMP(ctx context.Context, address string, wait time.Duration, o emp.Options) (*emp.Peer, error) {
	addr, err := link.Parse(address)
	if err != nil {
		return nil, dialFault(err)
	}
	if wait > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, wait)
		defer cancel()
	}
	o.Logger = k.log
	redial := &link.Redial{
		Dial: func(ctx context.Context) (link.Conn, error) { return link.Dial(ctx, addr, link.Options{}) },
		Min:  100 * time.Millisecond, Max: time.Second,
	}
	if wait <= 0 {
		conn, err := link.Dial(ctx, addr, link.Options{})
		if err != nil {
			return nil, dialFault(err)
		}
		return emp.NewPeer(conn, o), nil
	}
	conn, err := redial.Next(ctx)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("nobody answered at %s within %s: %w", addr, wait, link.ErrUnreachable)
		}
		return nil, dialFault(err)
	}
	return emp.NewPeer(conn, o), nil
}

func hangUp(p *emp.Peer) {
	p.Close()
	<-p.Done()
}

// callFault words a call that brought no response. Nothing is known of what
// became of the command then.
func callFault(cmd frame.Command, err error) error {
	if s, ok := errors.AsType[frame.Status](err); ok {
		switch s {
		case frame.StatusTimeout:
			return &fault{exit: exitInterrupted, msg: fmt.Sprintf("%s: no response: %v", cmd, err), hint: "it may have been done all the same: read the value back", cause: err}
		case frame.StatusClosed, frame.StatusBusy:
			return &fault{exit: exitInterrupted, msg: fmt.Sprintf("%s: the connection was lost before the response", cmd), hint: "it may have been done all the same: read the value back", cause: err}
		}
	}
	return fmt.Errorf("%s: %w", cmd, err)
}

// rejected words a response whose status says no.
func rejected(cmd frame.Command, r frame.Response) error {
	err := r.Err()
	if err == nil {
		return nil
	}
	hint := ""
	if cmd == frame.CmdRegister && r.Status == frame.StatusBadParameter {
		hint = "the name is taken, or is none of an asset: it is not empty and has no dot" // which of the two, no agent tells
	}
	msg := fmt.Sprintf("%s: %v", cmd, err)
	if _, ok := readJSON(r.Body); !ok {
		msg += fmt.Sprintf(", with what is not JSON: %.60q", r.Body)
	}
	return &fault{exit: exitRejected, msg: msg, hint: hint, detail: map[string]any{"status": int(r.Status), "status_name": r.Status.Name()}, cause: err}
}
