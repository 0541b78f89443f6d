package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"lander/lib/emp"
	"lander/lib/emp/frame"
	"lander/lib/job"
)

// SendData hands a message of the server to the application that owns its
// path, and returns what that answered. A message that could not be delivered
// is acknowledged as such here; everything else is the application's to
// acknowledge [EMP 4, 1].
func (a *Agent) SendData(ctx context.Context, p frame.SendData) (frame.Response, error) {
	a.event(Event{Event: "data", Path: p.Path, Ticket: ticketText(p.Ticket)})
	r, err := a.call(ctx, p.Path, frame.CmdSendData, p.Append(nil))
	if err == nil {
		if r.Status != frame.StatusOK {
			a.cfg.Log.Info("an application refuses data", "path", p.Path, "status", r.Status.Name())
		}
		return r, nil
	}
	if p.Ticket != 0 {
		_, text := emp.StatusOf(err)
		nak := frame.PAcknowledge{Ticket: frame.Int(p.Ticket), Status: -1, Message: text, Policy: frame.PolicyNow}
		if nerr := a.stage.Acknowledge(nak, func(error) {}); nerr != nil {
			a.cfg.Log.Error("refusing a ticket", "ticket", p.Ticket, "error", nerr)
		}
	}
	return r, err
}

func ticketText(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// simulated is what an application answered, for the body of the response.
type simulated struct {
	Listener   int64           `json:"listener,omitempty"`
	Status     int             `json:"status"`
	StatusName string          `json:"status_name"`
	Payload    json.RawMessage `json:"payload"`
}

func answerOf(r frame.Response, err error) simulated {
	if err != nil {
		r = failure(err)
	}
	body := bytes.TrimSpace(r.Body)
	if len(body) == 0 || !json.Valid(body) {
		body = []byte("null")
	}
	return simulated{Status: int(r.Status), StatusName: r.Status.Name(), Payload: bytes.Clone(body)}
}

// simulate answers extension 101.
func (s *session) simulate(r *emp.Request) ([]byte, error) {
	a := s.a
	if !a.cfg.Dev {
		return nil, frame.Errorf(frame.StatusNotPermitted, "the agent was not started with --dev")
	}
	p, err := frame.ParseSimulate(r.Payload)
	if err != nil {
		return nil, err
	}
	return r.Go(func(ctx context.Context) ([]byte, error) {
		out, err := a.simulated(ctx, p)
		if err != nil {
			return nil, err
		}
		return json.Marshal(out)
	})
}

func (a *Agent) simulated(ctx context.Context, p frame.Simulate) (any, error) {
	switch p.Command {
	case frame.SimulateSendData:
		r, err := a.SendData(ctx, p.Data)
		if err != nil {
			return nil, err
		}
		return answerOf(r, nil), nil
	case frame.SimulateSMS:
		var mu sync.Mutex
		var got []smsAnswer
		more := make(chan struct{}, 1)
		n := a.receiveSMS(p.SMS.Sender, p.SMS.Text, func(s smsAnswer) {
			mu.Lock()
			got = append(got, s)
			mu.Unlock()
			select {
			case more <- struct{}{}:
			default:
			}
		})
		if n == 0 {
			return nil, frame.Errorf(frame.StatusNotFound, "no listener's patterns match")
		}
		for {
			mu.Lock()
			out := make([]simulated, len(got))
			for i, s := range got {
				out[i] = answerOf(s.resp, s.err)
				out[i].Listener = int64(s.id)
			}
			mu.Unlock()
			if len(out) == n {
				return out, nil
			}
			select {
			case <-more:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
	case frame.SimulateUpdate:
		run, err := a.updates.begin(UpdateOrder{Component: &p.Update, Source: job.SourceEMP})
		if err != nil {
			return nil, err
		}
		select {
		case <-run.done:
			return map[string]any{"result": run.code, "details": run.details}, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	case frame.SimulateUpdateStatus:
		n := a.updates.tell(ctx, p.Status, true)
		if n == 0 {
			return nil, frame.Errorf(frame.StatusNotFound, "nobody listens to updates")
		}
		return map[string]any{"listeners": n}, nil
	}
	return nil, frame.StatusBadParameter
}
