package agent

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"lander/lib/emp"
	"lander/lib/emp/frame"
	"lander/lib/job"
	"lander/lib/remote"
)

// ruleHandler answers the process of the monitoring rules. What a rule may do
// is kept there: each rule has the capabilities of who installed it.
type ruleHandler struct {
	a *Agent
	s *session
}

// Answer implements emp.Handler.
func (h ruleHandler) Answer(dst []byte, r *emp.Request) ([]byte, error) {
	switch r.Command {
	case frame.CmdGetVariable, frame.CmdSetVariable, frame.CmdRegisterVariable, frame.CmdDeRegisterVariable:
		return h.s.Answer(dst, r)
	case frame.CmdPData, frame.CmdPFlush:
		body, err, _ := h.s.dataCommand(r)
		return body, err
	case remote.CmdDevice:
		return append(dst, h.a.about()...), nil
	case remote.CmdLog:
		v, err := frame.ParseValue(r.Payload)
		if err != nil {
			return nil, err
		}
		level, _ := v.Get("level")
		text, _ := v.Get("text")
		rule, _ := v.Get("rule")
		name, _ := rule.Str()
		host{h.a}.log(job.Task{Name: name, ID: "monitoring"}, level, text)
		return nil, nil
	case remote.CmdRuleData:
		var d remote.RuleData
		if err := json.Unmarshal(r.Payload, &d); err != nil || len(d.Values) != len(d.Columns) {
			return nil, frame.StatusBadParameter
		}
		return nil, h.a.ruleData(d)
	case remote.CmdMonitoring:
		return nil, frame.Errorf(frame.StatusNotPermitted, "a rule installs no rules")
	case remote.CmdWatch:
		return nil, frame.Errorf(frame.StatusNotPermitted, "a rule waits by its triggers")
	}
	return nil, emp.Unsupported(r.Command)
}

// ruleData puts timestamped data on its way: a message with a column of
// times and one for each variable.
func (a *Agent) ruleData(d remote.RuleData) error {
	for i, at := range d.Timestamps {
		row := []frame.Member{{Key: "timestamps", Value: at}}
		for k, column := range d.Columns {
			if i >= len(d.Values[k]) {
				return frame.StatusBadParameter
			}
			row = append(row, frame.Member{Key: column, Value: d.Values[k][i]})
		}
		if err := a.stage.PData(frame.PData{Asset: agentAsset, Path: d.Path, Policy: frame.PolicyNow, Data: frame.Map(row...)}, func(error) {}); err != nil {
			return err
		}
	}
	return nil
}

// about is what a script learns of the device.
func (a *Agent) about() []byte {
	return frame.Map(
		frame.Member{Key: "id", Value: frame.String(a.cfg.ID)},
		frame.Member{Key: "groups", Value: frame.Strings(a.cfg.Groups)},
	).Append(nil)
}

// longestWatch bounds how long a script waits for a change.
const longestWatch = 24 * time.Hour

// watchOnce waits for a change below one of the paths; null when there was
// none in time.
func (a *Agent) watchOnce(ctx context.Context, payload []byte) (frame.Value, error) {
	var o remote.WatchOrder
	if err := json.Unmarshal(payload, &o); err != nil {
		return frame.Value{}, frame.StatusBadParameter
	}
	told := make(chan []frame.Member, 1)
	client := a.tree.Client(func(n frame.NotifyVariable) {
		select {
		case told <- n.Changes:
		default:
		}
	})
	defer client.Close()
	if _, err := client.Watch(o.Paths, nil); err != nil {
		return frame.Value{}, err
	}
	late := make(chan struct{})
	stop := a.afterFunc(time.Duration(min(max(o.Seconds, 0), longestWatch.Seconds())*float64(time.Second)), func() { close(late) })
	defer stop()
	select {
	case changes := <-told:
		return frame.Map(changes...), nil
	case <-late:
		return frame.Value{}, nil
	case <-ctx.Done():
		return frame.Value{}, ctx.Err()
	}
}

// monitor does what a script asks of the monitoring.
func (h host) monitor(ctx context.Context, t job.Task, payload []byte) (frame.Value, error) {
	var o remote.MonitoringOrder
	if err := json.Unmarshal(payload, &o); err != nil {
		return frame.Value{}, frame.StatusBadParameter
	}
	v, err := h.a.monitoring.order(ctx, t, o)
	if err != nil && !errors.As(err, new(*frame.Error)) {
		h.a.cfg.Log.Error("monitoring", "operation", o.Op, "rule", o.Name, "error", err)
	}
	return v, err
}
