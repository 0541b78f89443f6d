//go:build unix

package remote

import (
	"fmt"

	"lander/lib/capability"
	"lander/lib/emp/frame"
	"lander/lib/luavm"
)

// offers are the modules of one conversation with the agent.
type offers struct {
	call func(frame.Command, []byte) (frame.Response, error)
}

// modules are what an agent offers to a script in its child. Each is reached
// by require, and stands under its capability word.
func (p offers) modules() []luavm.Module {
	return []luavm.Module{
		{Name: "tree", Word: capability.Tree, Global: true, Funcs: map[string]luavm.Func{"get": p.treeGet, "set": p.treeSet, "list": p.treeList, "watch": p.treeWatch}},
		{Name: "device", Word: capability.Device, Global: true, Funcs: map[string]luavm.Func{"id": p.deviceID, "groups": p.deviceGroups}},
		{Name: "data", Word: capability.Data, Global: true, Funcs: map[string]luavm.Func{"send": p.dataSend, "flush": p.dataFlush}},
		{Name: "agent.monitoring", Word: capability.Monitoring, Funcs: p.monitoring()},
		{Name: "log", Word: capability.Log, Global: true, Funcs: map[string]luavm.Func{
			"error": p.log("error"), "warning": p.log("warning"), "info": p.log("info"), "debug": p.log("debug"),
		}},
	}
}

// ask sends a command and returns the body of a good answer.
func (p offers) ask(c frame.Command, payload []byte) (frame.Value, error) {
	r, err := p.call(c, payload)
	if err != nil {
		return frame.Value{}, fmt.Errorf("asking the agent: %w", err)
	}
	if err := r.Err(); err != nil {
		return frame.Value{}, err
	}
	return r.Value()
}

// treeGet is tree.get(path): the value, or nil for a node and for nothing.
func (p offers) treeGet(_ luavm.Context, c *luavm.Call) ([]luavm.Value, error) {
	v, err := p.variable(c)
	if err != nil || v.Len() == 0 {
		return []luavm.Value{nil}, err
	}
	return []luavm.Value{luaValue(v.Elems()[0])}, nil
}

// treeList is tree.list(path): the absolute paths of the direct children, an
// empty table where there are none.
func (p offers) treeList(_ luavm.Context, c *luavm.Call) ([]luavm.Value, error) {
	v, err := p.variable(c)
	if err != nil {
		return nil, err
	}
	children := []luavm.Value{}
	if v.Len() > 1 {
		for _, e := range v.Elems()[1].Elems() {
			children = append(children, luaValue(e))
		}
	}
	return []luavm.Value{children}, nil
}

func (p offers) variable(c *luavm.Call) (frame.Value, error) {
	path, err := c.OptString(1, "")
	if err != nil {
		return frame.Value{}, err
	}
	return p.ask(frame.CmdGetVariable, frame.GetVariable{Paths: []string{path}}.Append(nil))
}

// treeSet is tree.set(path, value): it sets, deletes with nil, and returns
// true, or nil and a message.
func (p offers) treeSet(_ luavm.Context, c *luavm.Call) ([]luavm.Value, error) {
	path, err := c.String(1)
	if err != nil {
		return nil, err
	}
	v, err := frameValue(c.Arg(2))
	if err != nil {
		return nil, c.ArgError(2, "%v", err)
	}
	if _, err := p.ask(frame.CmdSetVariable, frame.SetVariable{Path: path, Value: v}.Append(nil)); err != nil {
		return []luavm.Value{nil, err.Error()}, nil
	}
	return []luavm.Value{true}, nil
}

func (p offers) deviceID(luavm.Context, *luavm.Call) ([]luavm.Value, error) {
	return p.device("id")
}

func (p offers) deviceGroups(luavm.Context, *luavm.Call) ([]luavm.Value, error) {
	return p.device("groups")
}

func (p offers) device(key string) ([]luavm.Value, error) {
	v, err := p.ask(CmdDevice, nil)
	if err != nil {
		return nil, err
	}
	m, _ := v.Get(key)
	return []luavm.Value{luaValue(m)}, nil
}

func (p offers) log(level string) luavm.Func {
	return func(_ luavm.Context, c *luavm.Call) ([]luavm.Value, error) {
		text, err := c.String(1)
		if err != nil {
			return nil, err
		}
		_, err = p.ask(CmdLog, frame.Map(frame.Member{Key: "level", Value: frame.String(level)}, frame.Member{Key: "text", Value: frame.String(text)}).Append(nil))
		return nil, err
	}
}
