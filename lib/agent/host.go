package agent

import (
	"context"
	"strings"

	"lander/lib/capability"
	"lander/lib/emp/frame"
	"lander/lib/job"
	"lander/lib/remote"
)

// host answers what running scripts ask over their sockets.
type host struct{ a *Agent }

var _ remote.Host = host{}

// Handle implements remote.Host: the EMP commands that a script may use, each
// under its capability, as if the script were an application.
func (h host) Handle(ctx context.Context, t job.Task, c frame.Command, payload []byte) frame.Response {
	body, err := h.handle(ctx, t, c, payload)
	if err != nil {
		return failure(err)
	}
	return frame.Response{Body: body}
}

func (h host) handle(ctx context.Context, t job.Task, c frame.Command, payload []byte) ([]byte, error) {
	need := func(word string) error {
		if t.Capabilities.Allows(word) {
			return nil
		}
		return frame.Errorf(frame.StatusNotPermitted, "capability %q not granted", word)
	}
	switch c {
	case frame.CmdGetVariable:
		if err := need(capability.Tree); err != nil {
			return nil, err
		}
		client := h.a.tree.Client(func(frame.NotifyVariable) {})
		defer client.Close()
		return client.GetVariable(nil, payload)
	case frame.CmdSetVariable:
		if err := need(capability.Tree); err != nil {
			return nil, err
		}
		p, err := frame.ParseSetVariable(payload)
		if err != nil {
			return nil, err
		}
		return nil, h.a.tree.SetWait(ctx, p.Path, p.Value)
	case remote.CmdDevice:
		if err := need(capability.Device); err != nil {
			return nil, err
		}
		return h.a.about(), nil
	case remote.CmdMonitoring:
		if err := need(capability.Monitoring); err != nil {
			return nil, err
		}
		v, err := h.monitor(ctx, t, payload)
		return v.Append(nil), err
	case remote.CmdWatch:
		if err := need(capability.Tree); err != nil {
			return nil, err
		}
		v, err := h.a.watchOnce(ctx, payload)
		return v.Append(nil), err
	case frame.CmdPData:
		if err := need(capability.Data); err != nil {
			return nil, err
		}
		p, err := frame.ParsePData(payload)
		if err != nil {
			return nil, err
		}
		saved := make(chan error, 1)
		if err := h.a.stage.PData(p, func(err error) { saved <- err }); err != nil {
			return nil, err
		}
		return nil, <-saved
	case frame.CmdPFlush:
		if err := need(capability.Data); err != nil {
			return nil, err
		}
		p, err := frame.ParsePFlush(payload)
		if err != nil {
			return nil, err
		}
		return flushed(h.a.stage.Flush(ctx, p.Policy))
	case remote.CmdLog:
		if err := need(capability.Log); err != nil {
			return nil, err
		}
		v, err := frame.ParseValue(payload)
		if err != nil {
			return nil, err
		}
		level, _ := v.Get("level")
		text, _ := v.Get("text")
		h.log(t, level, text)
		return nil, nil
	}
	return nil, frame.Errorf(frame.StatusNotImplemented, "scripts have no command %s", c)
}

func (h host) log(t job.Task, level, text frame.Value) {
	l, _ := level.Str()
	msg, _ := text.Str()
	args := []any{"script", t.Name, "execution", t.ID}
	switch strings.ToLower(l) {
	case "error":
		h.a.cfg.Log.Error(msg, args...)
	case "warning", "warn":
		h.a.cfg.Log.Warn(msg, args...)
	case "debug":
		h.a.cfg.Log.Debug(msg, args...)
	default:
		h.a.cfg.Log.Info(msg, args...)
	}
}
