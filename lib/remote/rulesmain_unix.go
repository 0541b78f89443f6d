//go:build unix

package remote

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"lander/lib/capability"
	"lander/lib/emp"
	"lander/lib/emp/frame"
	"lander/lib/luavm"
)

// rulesMemory is what all rules together may hold before the collector works
// harder; each has a budget of its own.
const rulesMemory = 256 << 20

// pollSystem is how often rules learn of changes of the system.
const pollSystem = 5 * time.Second

// rulesMain is the child that runs monitoring rules, until its parent goes.
func rulesMain(conn *os.File, f frame.Frame) int {
	var m rulesMessage
	if err := json.Unmarshal(f.Payload, &m); err != nil {
		return 2
	}
	if err := syscall.Setrlimit(unix.RLIMIT_CORE, &syscall.Rlimit{}); err != nil {
		return 2
	}
	debug.SetMemoryLimit(rulesMemory)
	hello := frame.Append(nil, frame.Frame{Command: cmdRules, Response: true, RequestID: f.RequestID, Payload: frame.AppendResponse(nil, frame.Response{})})
	if _, err := conn.Write(hello); err != nil {
		return 2
	}
	h := &ruleLink{watches: map[frame.WatchID]func([]frame.Member){}, early: map[frame.WatchID][][]frame.Member{}, hung: make(chan struct{}, 1)}
	h.rules = NewRules(h, processClock{}, time.Duration(m.Uptime)*time.Millisecond)
	h.rules.Poll, h.rules.Mark = pollSystem, m.Mark
	opened := make(chan struct{})
	h.peer = emp.NewPeer(struct{ io.ReadWriteCloser }{conn}, emp.Options{
		Handler: emp.HandlerFunc(func(dst []byte, r *emp.Request) ([]byte, error) { <-opened; return h.answer(dst, r) }), MaxPayload: maxMessage,
	})
	close(opened)
	// Whatever the rules are at, the process ends with this.
	select {
	case <-h.peer.Done():
		return 0
	case <-h.hung:
		return 1
	}
}

// processClock is the system's time.
type processClock struct{}

func (processClock) Now() time.Time { return time.Now() }

func (processClock) AfterFunc(d time.Duration, f func()) func() bool {
	return time.AfterFunc(d, f).Stop
}

// ruleLink is the rules' child's end of the socket: what rules ask goes to
// the parent.
type ruleLink struct {
	peer  *emp.Peer
	rules *Rules
	hung  chan struct{} // gets a token when nothing helps any more

	mu      sync.Mutex
	watches map[frame.WatchID]func([]frame.Member)
	early   map[frame.WatchID][][]frame.Member // what was told before its registration was known here
}

// answer does what the parent asks.
func (h *ruleLink) answer(dst []byte, r *emp.Request) ([]byte, error) {
	switch r.Command {
	case frame.CmdNotifyVariable:
		n, err := frame.ParseNotifyVariable(r.Payload)
		if err != nil {
			return nil, err
		}
		h.mu.Lock()
		tell := h.watches[n.ID]
		if tell == nil && len(h.early) < maxTriggers {
			h.early[n.ID] = append(h.early[n.ID], n.Changes)
		}
		h.mu.Unlock()
		if tell != nil {
			tell(n.Changes)
		}
		return nil, nil
	case cmdRuleLoad:
		var m ruleMessage
		if err := json.Unmarshal(r.Payload, &m); err != nil {
			return nil, err
		}
		return r.Go(func(context.Context) ([]byte, error) {
			caps, err := capability.Parse(m.Capabilities)
			if err == nil {
				err = h.rules.Load(m.Name, m.Text, caps)
			}
			if err != nil {
				return nil, frame.Errorf(frame.StatusBadParameter, "%v", err)
			}
			return nil, nil
		})
	case cmdRuleUnload:
		var m ruleMessage
		if err := json.Unmarshal(r.Payload, &m); err != nil {
			return nil, err
		}
		return r.Go(func(context.Context) ([]byte, error) {
			h.rules.Unload(m.Name)
			return nil, nil
		})
	}
	return nil, emp.Unsupported(r.Command)
}

func (h *ruleLink) call(c frame.Command, payload []byte) (frame.Response, error) {
	return h.peer.Call(context.Background(), c, payload)
}

// ask calls and takes any status but OK for an error.
func (h *ruleLink) ask(c frame.Command, payload []byte) ([]byte, error) {
	r, err := h.call(c, payload)
	if err == nil {
		err = r.Err()
	}
	return r.Body, err
}

// Get implements RuleHost.
func (h *ruleLink) Get(path string) (frame.Value, []string, bool) {
	body, err := h.ask(frame.CmdGetVariable, frame.GetVariable{Paths: []string{path}}.Append(nil))
	if err != nil {
		return frame.Value{}, nil, false
	}
	v, err := frame.ParseVariables(body)
	return v.Value, v.Children, err == nil && (!v.Value.IsNull() || v.Children != nil)
}

// Set implements RuleHost.
func (h *ruleLink) Set(path string, v frame.Value) error {
	_, err := h.ask(frame.CmdSetVariable, frame.SetVariable{Path: path, Value: v}.Append(nil))
	return err
}

// Watch implements RuleHost.
func (h *ruleLink) Watch(paths []string, tell func([]frame.Member)) (func(), error) {
	body, err := h.ask(frame.CmdRegisterVariable, frame.RegisterVariable{Watch: paths}.Append(nil))
	if err != nil {
		return nil, err
	}
	id, err := frame.ParseWatchID(body)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	h.watches[id] = tell
	for _, changes := range h.early[id] {
		tell(changes)
	}
	delete(h.early, id)
	h.mu.Unlock()
	return func() {
		h.mu.Lock()
		delete(h.watches, id)
		h.mu.Unlock()
		h.peer.Post(frame.CmdDeRegisterVariable, id.Append(nil), nil)
	}, nil
}

// Send implements RuleHost.
func (h *ruleLink) Send(d RuleData) error {
	b, err := json.Marshal(d)
	if err == nil {
		_, err = h.ask(CmdRuleData, b)
	}
	return err
}

// Log implements RuleHost.
func (h *ruleLink) Log(rule, level, text string) {
	h.peer.Post(CmdLog, frame.Map(
		frame.Member{Key: "rule", Value: frame.String(rule)}, frame.Member{Key: "level", Value: frame.String(level)}, frame.Member{Key: "text", Value: frame.String(text)},
	).Append(nil), nil)
}

// Busy implements RuleHost. The parent has read it when this returns: should
// the process die now, it is known by whom.
func (h *ruleLink) Busy(rule string) { h.call(cmdRuleBusy, frame.AppendString(nil, rule)) }

// Idle implements RuleHost.
func (h *ruleLink) Idle(rule string) { h.peer.Post(cmdRuleIdle, frame.AppendString(nil, rule), nil) }

// Ended implements RuleHost.
func (h *ruleLink) Ended(rule string, err error) {
	if err == nil {
		err = errors.New("it called os.exit")
	}
	b, merr := json.Marshal(ruleMessage{Name: rule, Error: err.Error()})
	if merr == nil {
		h.peer.Post(cmdRuleEnded, b, nil)
	}
}

// Hung implements RuleHost: the process goes, and the parent makes a new one
// and knows whose fault it is.
func (h *ruleLink) Hung(string) {
	select {
	case h.hung <- struct{}{}:
	default:
	}
}

// Modules implements RuleHost.
func (h *ruleLink) Modules() []luavm.Module { return offers{h.call}.modules() }
