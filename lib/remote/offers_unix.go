//go:build unix

package remote

import (
	"encoding/json"
	"strings"

	"lander/lib/emp/frame"
	"lander/lib/luavm"
)

// nilAnd is the Lua convention for what did not work.
func nilAnd(err error) ([]luavm.Value, error) { return []luavm.Value{nil, err.Error()}, nil }

// dataSend is data.send(path, table [, policy]): it hands values to the
// agent, which sends them when the policy says so; true, or nil and a message.
func (p offers) dataSend(_ luavm.Context, c *luavm.Call) ([]luavm.Value, error) {
	path, err := c.String(1)
	if err != nil {
		return nil, err
	}
	t, err := c.Table(2)
	if err != nil {
		return nil, err
	}
	policy, err := c.OptString(3, frame.PolicyDefault)
	if err != nil {
		return nil, err
	}
	v, err := frameValue(t)
	if err != nil {
		return nil, c.ArgError(2, "%v", err)
	}
	asset, below, _ := strings.Cut(path, ".")
	if _, err := p.ask(frame.CmdPData, frame.PData{Asset: asset, Path: below, Policy: policy, Data: v}.Append(nil)); err != nil {
		return nilAnd(err)
	}
	return []luavm.Value{true}, nil
}

// dataFlush is data.flush([policy]): it has what waits sent now.
func (p offers) dataFlush(_ luavm.Context, c *luavm.Call) ([]luavm.Value, error) {
	policy, err := c.OptString(1, frame.PolicyAll)
	if err != nil {
		return nil, err
	}
	v, err := p.ask(frame.CmdPFlush, frame.PFlush{Policy: policy}.Append(nil))
	if err != nil {
		return nilAnd(err)
	}
	if text, ok := v.Str(); ok {
		return []luavm.Value{nil, text}, nil
	}
	return []luavm.Value{true}, nil
}

// treeWatch is tree.watch(paths, seconds): it waits for a change at or below
// one of the paths and returns what changed, or nil when the time is over.
func (p offers) treeWatch(_ luavm.Context, c *luavm.Call) ([]luavm.Value, error) {
	var o WatchOrder
	if list, ok := c.Arg(1).([]luavm.Value); ok {
		for _, v := range list {
			s, ok := v.(string)
			if !ok {
				return nil, c.ArgError(1, "paths expected")
			}
			o.Paths = append(o.Paths, s)
		}
	} else {
		s, err := c.String(1)
		if err != nil {
			return nil, err
		}
		o.Paths = []string{s}
	}
	var err error
	if o.Seconds, err = c.Number(2); err != nil {
		return nil, err
	}
	b, err := json.Marshal(o)
	if err != nil {
		return nil, c.ArgError(2, "seconds expected")
	}
	v, err := p.ask(CmdWatch, b)
	if err != nil {
		return nil, err
	}
	return []luavm.Value{luaValue(v)}, nil
}

// monitoring is the module agent.monitoring.
func (p offers) monitoring() map[string]luavm.Func {
	ask := func(o MonitoringOrder) ([]luavm.Value, error) {
		b, err := json.Marshal(o)
		if err != nil {
			return nil, err
		}
		v, err := p.ask(CmdMonitoring, b)
		if err != nil {
			return nilAnd(err)
		}
		return []luavm.Value{luaValue(v)}, nil
	}
	named := func(op string) luavm.Func {
		return func(_ luavm.Context, c *luavm.Call) ([]luavm.Value, error) {
			name, err := c.String(1)
			if err != nil {
				return nil, err
			}
			return ask(MonitoringOrder{Op: op, Name: name})
		}
	}
	withText := func(op string) luavm.Func {
		return func(_ luavm.Context, c *luavm.Call) ([]luavm.Value, error) {
			o := MonitoringOrder{Op: op}
			var err error
			if o.Name, err = c.String(1); err != nil {
				return nil, err
			}
			if _, isFunction := c.Arg(2).(*luavm.Function); isFunction {
				return []luavm.Value{nil, "a function stays in its script: give the text of the rule"}, nil
			}
			if chunks, ok := c.Arg(2).([]luavm.Value); ok {
				for _, chunk := range chunks {
					s, ok := chunk.(string)
					if !ok {
						return nil, c.ArgError(2, "pieces of text expected")
					}
					o.Text += s
				}
			} else if o.Text, err = c.String(2); err != nil {
				return nil, err
			}
			// Nothing, true and "now" have the rule work from now on.
			o.Off = c.Arg(3) == false
			return ask(o)
		}
	}
	return map[string]luavm.Func{
		"install": withText(MonitoringInstall), "load": withText(MonitoringLoad),
		"uninstall": named(MonitoringUninstall), "disable": named(MonitoringDisable), "unload": named(MonitoringUnload),
		"enable": func(ctx luavm.Context, c *luavm.Call) ([]luavm.Value, error) {
			if c.Arg(2) == false { // as the original has it
				return named(MonitoringDisable)(ctx, c)
			}
			return named(MonitoringEnable)(ctx, c)
		},
		"uninstallall": func(luavm.Context, *luavm.Call) ([]luavm.Value, error) {
			return ask(MonitoringOrder{Op: MonitoringUninstallAll})
		},
		"list": func(_ luavm.Context, c *luavm.Call) ([]luavm.Value, error) {
			what, err := c.OptString(1, "installed")
			if err != nil {
				return nil, err
			}
			return ask(MonitoringOrder{Op: MonitoringList, Name: what})
		},
	}
}
