package agent

import (
	"context"
	"slices"
	"sort"
	"strconv"
	"strings"

	"lander/lib/emp/frame"
	"lander/lib/m3da/bysant"
	"lander/lib/m3da/envelope"
)

// todo is one command of the server, or one write to the tree.
type todo struct {
	name string
	slow bool // other messages need not wait for it
	run  func(ctx context.Context, o occasion) outcome
}

// occasion is what a command is done for.
type occasion struct {
	ticket frame.Value // null: nobody waits for an answer
	key    string      // of the ticket's record
}

// plan reads what a message asks for. Path and keys are one: they are joined
// with dots, so that a command can stand in either. The commands of one
// message are done in the order of their names.
func (c *commands) plan(m envelope.Message) (path string, all []todo) {
	refuse := func(text string) []todo {
		return []todo{{run: func(context.Context, occasion) outcome { return failed("%s", text) }}}
	}
	path = strings.Join(segments(m.Path), ".")
	if asset, _, _ := strings.Cut(path, "."); asset != agentAsset {
		return path, []todo{{slow: true, run: func(ctx context.Context, o occasion) outcome { return c.sendData(ctx, path, m.Body, o) }}}
	}
	_, below, _ := strings.Cut(path, ".")
	name, isCommand := strings.CutPrefix(below, commandsNode+".")
	switch {
	case isCommand:
		return path, []todo{c.command(name, m.Body)}
	case m.Body.Len() == 0:
		return path, refuse("invalid message: message body is nil or empty")
	case below != "" && below != commandsNode:
		return path, []todo{c.treeWrite(below, singles(m.Body))}
	case m.Body.Kind() != bysant.Map:
		return path, refuse("bad-arguments: a list is no command")
	}
	for _, e := range byKey(m.Body.Members()) {
		key := strings.Join(segments(e.Key.String()), ".")
		if below == commandsNode {
			key = commandsNode + "." + key
		}
		name, isCommand := strings.CutPrefix(key, commandsNode+".")
		switch {
		case isCommand:
			all = append(all, c.command(name, e.Value))
		case key == commandsNode:
			for _, e := range byKey(single(e.Value).Members()) {
				all = append(all, c.command(e.Key.String(), e.Value))
			}
		default:
			all = append(all, c.treeWrite(key, single(e.Value)))
		}
	}
	return path, all
}

// single is a value of a body: a list of one is that one, for servers send
// single values in either way, and the original knows only the list [M3DA 2].
func single(v bysant.Value) bysant.Value {
	if vs := v.Elems(); v.Kind() == bysant.List && len(vs) == 1 {
		return vs[0]
	}
	return v
}

// singles are the values of a body by their names.
func singles(body bysant.Value) bysant.Value {
	if body.Kind() != bysant.Map {
		return body
	}
	ms := slices.Clone(body.Members())
	for i := range ms {
		ms[i].Value = single(ms[i].Value)
	}
	return bysant.OfMap(ms...)
}

// commandsNode is where commands are, below the agent's own asset.
const commandsNode = "commands"

func segments(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '.' })
}

func byKey(ms []bysant.Member) []bysant.Member {
	ms = slices.Clone(ms)
	sort.Slice(ms, func(i, j int) bool { return ms[i].Key.String() < ms[j].Key.String() })
	return ms
}

// perform does the commands of one message up to the first that fails.
func (c *commands) perform(o occasion, all []todo) (last outcome) {
	later := false
	for _, t := range all {
		last = t.run(c.ctx, o)
		if last.code != 0 {
			return last
		}
		later = later || last.later
	}
	last.later = later
	return last
}

// arguments are those of a command: a map by name or by place, or a list.
type arguments struct{ v bysant.Value }

// argumentsIn finds them in the value of a body. What was sent as one value
// may be all of them: no command has a list or a map for its only argument.
func argumentsIn(v bysant.Value) arguments {
	if one := single(v); one.Kind() == bysant.List || one.Kind() == bysant.Map {
		return arguments{one}
	}
	return arguments{v}
}

// get finds an argument by its name, or by its place counted from 1.
func (a arguments) get(name string, place int) bysant.Value {
	for _, k := range []bysant.Key{bysant.Name(name), bysant.Index(uint32(place)), bysant.Name(strconv.Itoa(place))} {
		for _, m := range a.v.Members() {
			if m.Key == k {
				return single(m.Value)
			}
		}
	}
	if vs := a.v.Elems(); place <= len(vs) {
		return single(vs[place-1])
	}
	return bysant.Value{}
}

// text is an argument that is a string, or a number as text.
func (a arguments) text(name string, place int) string {
	v := a.get(name, place)
	if n, ok := v.Int(); ok {
		return strconv.FormatInt(n, 10)
	}
	s, _ := v.Str()
	return s
}

// places are all arguments by their place: 1 to the first that is not there.
func (a arguments) places() (out []string) {
	for i := 1; ; i++ {
		s := a.text("", i)
		if s == "" {
			return out
		}
		out = append(out, s)
	}
}

// named are the arguments of a script, given by name.
func (a arguments) named() frame.Value {
	v, err := fromBysant(a.get("args", 3))
	if err != nil || v.Kind() != frame.KindMap {
		return frame.Value{}
	}
	return v
}

// treeWrite sets a variable of the device.
func (c *commands) treeWrite(path string, v bysant.Value) todo {
	return todo{name: path, run: func(ctx context.Context, _ occasion) outcome {
		value, err := fromBysant(v)
		if err == nil {
			err = c.a.tree.SetWait(ctx, path, value)
		}
		if err != nil {
			return failed("%s", textOf(err))
		}
		return outcome{text: "ok"}
	}}
}

// sendData hands a message to the application that owns its path. What was
// delivered is the application's to acknowledge [EMP 4, 1].
func (c *commands) sendData(ctx context.Context, path string, v bysant.Value, o occasion) outcome {
	app := c.a.application(path)
	if app == nil {
		return failed("unknown assetid")
	}
	body, err := fromBysant(v)
	if err != nil {
		return failed("%v", err)
	}
	ticket, isInt := o.ticket.Int()
	if !isInt && !o.ticket.IsNull() {
		return failed("bad-arguments: the ticket of an asset is a number")
	}
	if o.key != "" {
		c.mu.Lock()
		c.waiting[o.ticket.String()] = waiter{o.key, app}
		c.mu.Unlock()
		if err := c.mark(o.key, func(r *taken) { r.Asset = true }); err != nil {
			c.a.cfg.Log.Error("keeping a ticket", "error", err)
		}
	}
	c.a.event(Event{Event: "data", Path: path, Ticket: ticketText(ticket)})
	r, err := c.a.call(ctx, path, frame.CmdSendData, frame.SendData{Path: path, Ticket: ticket, Body: body}.Append(nil))
	if err == nil {
		if r.Status != frame.StatusOK {
			c.a.cfg.Log.Info("an application refuses data", "path", path, "status", r.Status.Name())
		}
		return outcome{later: true}
	}
	c.mu.Lock()
	delete(c.waiting, o.ticket.String())
	c.mu.Unlock()
	return failed("%s", textOf(err))
}

// acknowledged notes what an application answers to a ticket: the stage sends
// it, and the same ticket is not handed out again.
func (c *commands) acknowledged(p frame.PAcknowledge) {
	c.mu.Lock()
	w, ok := c.waiting[p.Ticket.String()]
	if ok = ok && w.app != nil; ok {
		delete(c.waiting, p.Ticket.String())
	}
	c.mu.Unlock()
	if !ok {
		return
	}
	err := c.mark(w.key, func(r *taken) {
		r.Done, r.Sent, r.Code, r.Text, r.Policy = true, true, p.Status, p.Message, p.Policy
	})
	if err != nil {
		c.a.cfg.Log.Error("keeping an answer", "ticket", p.Ticket.String(), "error", err)
	}
	c.finished(w.key)
}
