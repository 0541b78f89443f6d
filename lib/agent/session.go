package agent

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"

	"lander/lib/devtree"
	"lander/lib/emp"
	"lander/lib/emp/frame"
	"lander/lib/link"
)

// session is one connection: what it owns goes when it goes [EMP 7].
type session struct {
	a     *Agent
	addr  string
	peer  atomic.Pointer[emp.Peer]
	vars  *devtree.Client
	names map[string]bool // assets; guarded by Agent.mu
	gone  bool            // guarded by Agent.mu
}

// options are what emp.Serve makes a connection with.
func (a *Agent) options(c link.Conn) emp.Options {
	s := &session{a: a, addr: c.Address().String(), names: map[string]bool{}}
	s.vars = a.tree.Client(s.notify)
	return emp.Options{Handler: s, Logger: a.cfg.Log, OnOpen: s.peer.Store, OnGone: s.onGone}
}

// notify sends one notification. The tree must not wait: what a connection
// does not take is its own loss.
func (s *session) notify(n frame.NotifyVariable) {
	if p := s.peer.Load(); p != nil {
		p.Post(frame.CmdNotifyVariable, n.Append(nil), nil)
	}
}

func (s *session) onGone(*emp.Peer, error) {
	s.vars.Close()
	s.a.mu.Lock()
	names := s.names
	s.names, s.gone = nil, true
	for name := range names {
		delete(s.a.assets, name)
	}
	s.a.mu.Unlock()
	s.a.commands.abandoned(s)
	s.a.updates.listen(s, false)
	s.a.messages.remove(func(l *listener) bool { return l.owner == s })
	for name := range names {
		s.a.event(Event{Event: "unregister", Asset: name})
	}
	if len(names) > 0 {
		s.a.describeAgain()
	}
}

// Answer implements emp.Handler.
func (s *session) Answer(dst []byte, r *emp.Request) ([]byte, error) {
	switch r.Command {
	case frame.CmdGetVariable:
		return s.vars.GetVariable(dst, r.Payload)
	case frame.CmdSetVariable:
		reply := r.Later()
		if err := s.vars.SetVariable(r.Payload, func(err error) { reply.Send(nil, err) }); err != nil {
			reply.Send(nil, err)
		}
		return nil, nil
	case frame.CmdRegisterVariable:
		id, err := s.vars.RegisterVariable(r.Payload)
		if err != nil {
			return nil, err
		}
		return id.Append(dst), nil
	case frame.CmdDeRegisterVariable:
		return nil, s.vars.DeRegisterVariable(r.Payload)
	case frame.CmdRegister:
		return s.register(r)
	case frame.CmdUnregister:
		return nil, s.unregister(r)
	case frame.CmdConnectToServer:
		return s.connectToServer(r)
	case frame.CmdReboot:
		return nil, s.reboot(r)
	case frame.CmdSimulate:
		return s.simulate(r)
	case frame.CmdExecuteScript:
		return s.executeScript(r)
	case frame.CmdExecutionStatus:
		return s.executionStatus(dst, r)
	case frame.CmdStopExecution:
		return s.stopExecution(r)
	}
	if body, err, ok := s.dataCommand(r); ok {
		return body, err
	}
	if body, err, ok := s.smsCommand(dst, r); ok {
		return body, err
	}
	if err, ok := s.updateCommand(r); ok {
		return nil, err
	}
	return nil, emp.Unsupported(r.Command)
}

// agentAsset is the agent's own asset, always taken.
const agentAsset = "@sys"

// register gives a name to this connection. An owner that is dead, but whose
// end was not seen yet, loses it: a client that reconnects would otherwise be
// refused, and gives up [EMP 7].
func (s *session) register(r *emp.Request) ([]byte, error) {
	p, err := frame.ParseRegister(r.Payload)
	if _, ok := errors.AsType[*frame.NameError](err); ok {
		return nil, frame.StatusBadParameter
	}
	if err != nil {
		return nil, err
	}
	a := s.a
	a.mu.Lock()
	owner, taken := a.assets[p.Name]
	if taken && owner != s {
		if op := owner.peer.Load(); op != nil && op.Dead() {
			delete(owner.names, p.Name)
			taken = false
		}
	}
	refused := taken || p.Name == agentAsset || s.gone
	if !refused {
		a.assets[p.Name] = s
		s.names[p.Name] = true
		close(a.arrival)
		a.arrival = make(chan struct{})
	}
	a.mu.Unlock()
	if refused {
		return nil, frame.StatusBadParameter
	}
	a.event(Event{Event: "register", Asset: p.Name})
	a.describeAgain()
	return nil, nil
}

func (s *session) unregister(r *emp.Request) error {
	p, err := frame.ParseUnregister(r.Payload)
	if err != nil {
		return err
	}
	a := s.a
	a.mu.Lock()
	owner, taken := a.assets[p.Name]
	if taken && owner == s {
		delete(a.assets, p.Name)
		delete(s.names, p.Name)
	}
	a.mu.Unlock()
	switch {
	case !taken && p.Name != agentAsset:
		return frame.StatusBadParameter
	case owner != s:
		return frame.Errorf(frame.StatusNotPermitted, "asset %s belongs to another connection", strings.ToValidUTF8(p.Name, "?"))
	}
	a.event(Event{Event: "unregister", Asset: p.Name})
	a.describeAgain()
	return nil
}

// owner returns the connection that takes what is sent to a path, by the
// path's first segment, or nil.
func (a *Agent) owner(path string) *emp.Peer {
	s := a.application(path)
	if s == nil {
		return nil
	}
	return s.peer.Load()
}

// application is the connection itself.
func (a *Agent) application(path string) *session {
	name, _, _ := strings.Cut(path, ".")
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.assets[name]
}

// call sends a command to the owner of a path and waits for its response.
func (a *Agent) call(ctx context.Context, path string, c frame.Command, payload []byte) (frame.Response, error) {
	p := a.owner(path)
	if p == nil {
		return frame.Response{}, frame.Errorf(frame.StatusNotFound, "no such asset")
	}
	return p.Call(ctx, c, payload)
}
