package agent

import (
	"context"
	"errors"

	"lander/lib/emp"
	"lander/lib/emp/frame"
	"lander/lib/stage"
)

// dataCommand answers the commands that put data on its way to the server
// [EMP 4, 30 to 47]. ok is false for any other.
func (s *session) dataCommand(r *emp.Request) (body []byte, err error, ok bool) {
	st := s.a.stage
	switch r.Command {
	case frame.CmdPData:
		return nil, later(r, frame.ParsePData, st.PData), true
	case frame.CmdPAcknowledge:
		return nil, later(r, frame.ParsePAcknowledge, func(p frame.PAcknowledge, done func(error)) error {
			err := st.Acknowledge(p, done)
			if err == nil {
				s.a.spawn(func() { s.a.commands.acknowledged(p) })
			}
			return err
		}), true
	case frame.CmdTableNew:
		return nil, laterID(r, frame.ParseTableNew, st.NewTable), true
	case frame.CmdTableRow:
		return nil, later(r, frame.ParseTableRow, st.AddRow), true
	case frame.CmdTableSetMaxRows:
		return nil, later(r, frame.ParseTableSetMaxRows, st.SetMaxRows), true
	case frame.CmdTableReset:
		return nil, later(r, frame.ParseTableReset, st.Reset), true
	case frame.CmdConsoNew:
		return nil, laterID(r, frame.ParseConsoNew, st.NewConsolidation), true
	case frame.CmdConsoTrigger:
		return nil, later(r, frame.ParseTrigger, st.Consolidate), true
	case frame.CmdPFlush:
		p, err := frame.ParsePFlush(r.Payload)
		if err != nil {
			return nil, err, true
		}
		body, err = r.Go(func(ctx context.Context) ([]byte, error) { return flushed(st.Flush(ctx, p.Policy)) })
		return body, err, true
	case frame.CmdSendTrigger:
		p, err := frame.ParseTrigger(r.Payload)
		if err != nil {
			return nil, err, true
		}
		body, err = r.Go(func(ctx context.Context) ([]byte, error) { return flushed(st.SendTable(ctx, p)) })
		return body, err, true
	}
	return nil, nil, false
}

// flushed is the answer after a session: OK also when it failed, for the data
// is safe, and then the text of the failure is the body [EMP 4, 32].
func flushed(err error) ([]byte, error) {
	if failed, ok := errors.AsType[*stage.SessionError](err); ok {
		return frame.AppendString(nil, failed.Error()), nil
	}
	return nil, err
}

// later parses a payload and hands it to the stage, which answers when the
// data is as durable as it is to be.
func later[P any](r *emp.Request, parse func([]byte) (P, error), do func(P, func(error)) error) error {
	p, err := parse(r.Payload)
	if err != nil {
		return err
	}
	reply := r.Later()
	if err := do(p, func(err error) { reply.Send(nil, err) }); err != nil {
		reply.Send(nil, err)
	}
	return nil
}

func laterID[P any](r *emp.Request, parse func([]byte) (P, error), do func(P, func(frame.TableID, error)) error) error {
	p, err := parse(r.Payload)
	if err != nil {
		return err
	}
	reply := r.Later()
	if err := do(p, func(id frame.TableID, err error) { reply.Send(id.Append(nil), err) }); err != nil {
		reply.Send(nil, err)
	}
	return nil
}
