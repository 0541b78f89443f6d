package remote

import (
	"errors"
	"math"
	"slices"
	"sort"
	"time"

	"lander/lib/capability"
	"lander/lib/emp/frame"
	"lander/lib/luavm"
	"lander/lib/stage"
)

// module is what the prelude stands on.
func (r *rule) module() luavm.Module {
	needTree := func(f luavm.Func) luavm.Func {
		return func(ctx luavm.Context, c *luavm.Call) ([]luavm.Value, error) {
			if !r.caps.Allows(capability.Tree) {
				return nil, errors.New(`capability "tree" not granted`)
			}
			return f(ctx, c)
		}
	}
	return luavm.Module{Name: "agent.rules", Funcs: map[string]luavm.Func{
		"text": func(luavm.Context, *luavm.Call) ([]luavm.Value, error) { return []luavm.Value{r.text}, nil },
		"name": func(luavm.Context, *luavm.Call) ([]luavm.Value, error) { return []luavm.Value{r.name}, nil },
		"time": func(luavm.Context, *luavm.Call) ([]luavm.Value, error) {
			return []luavm.Value{float64(r.e.clock.Now().Unix())}, nil
		},
		"get": needTree(r.get), "set": needTree(r.set), "sendtimestampeddata": r.send, "connect": r.connect, "filter": r.filter,
		"onchange": needTree(r.onChange), "onhold": needTree(r.onHold), "onthreshold": needTree(r.onThreshold), "ondeadband": needTree(r.onDeadband),
		"onperiod": r.onPeriod, "ondate": r.onDate, "onboot": func(luavm.Context, *luavm.Call) ([]luavm.Value, error) { return r.add(&trigger{kind: "onboot"}) },
	}}
}

func (r *rule) get(_ luavm.Context, c *luavm.Call) ([]luavm.Value, error) {
	path, err := c.String(1)
	if err != nil {
		return nil, err
	}
	v, isNode := r.value(path)
	return []luavm.Value{luaValue(v), isNode}, nil
}

func (r *rule) set(_ luavm.Context, c *luavm.Call) ([]luavm.Value, error) {
	path, err := c.String(1)
	if err != nil {
		return nil, err
	}
	v, err := frameValue(c.Arg(2))
	if err == nil {
		err = r.e.host.Set(treePaths(path)[0], v)
	}
	if err != nil {
		return []luavm.Value{nil, err.Error()}, nil
	}
	return []luavm.Value{true}, nil
}

// send is sendtimestampeddata(path, {name = {timestamps = {...}, data = {...}}}):
// one message for the variables that have the same timestamps.
func (r *rule) send(_ luavm.Context, c *luavm.Call) ([]luavm.Value, error) {
	if !r.caps.Allows(capability.Data) {
		return nil, errors.New(`capability "data" not granted`)
	}
	path, err := c.String(1)
	if err != nil {
		return nil, err
	}
	all, err := c.Table(2)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	sort.Strings(names)
	var sets []RuleData
	for _, name := range names {
		m, _ := all[name].(map[string]luavm.Value)
		stamps, ok := m["timestamps"].([]luavm.Value)
		if !ok {
			return nil, c.ArgError(2, "%s has no timestamps", name)
		}
		values, _ := m["data"].([]luavm.Value) // of none it is an empty table
		if len(values) > len(stamps) {
			return nil, c.ArgError(2, "%s has %d timestamps for %d values", name, len(stamps), len(values))
		}
		ts, vs := make([]frame.Value, len(stamps)), make([]frame.Value, len(stamps))
		for i := range stamps {
			if ts[i], err = frameValue(stamps[i]); err == nil && i < len(values) {
				vs[i], err = frameValue(values[i])
			}
			if err != nil {
				return nil, c.ArgError(2, "%v", err)
			}
		}
		k := slices.IndexFunc(sets, func(d RuleData) bool { return slices.EqualFunc(d.Timestamps, ts, frame.Value.Equal) })
		if k < 0 {
			k, sets = len(sets), append(sets, RuleData{Path: path, Timestamps: ts})
		}
		sets[k].Columns, sets[k].Values = append(sets[k].Columns, name), append(sets[k].Values, vs)
	}
	for _, d := range sets {
		if err := r.e.host.Send(d); err != nil {
			return nil, err
		}
	}
	return []luavm.Value{true}, nil
}

func (r *rule) add(t *trigger) ([]luavm.Value, error) {
	if len(r.triggers) >= maxTriggers {
		return nil, errors.New("too many triggers")
	}
	r.triggers = append(r.triggers, t)
	return []luavm.Value{len(r.triggers)}, nil
}

func (r *rule) at(c *luavm.Call, i int) (*trigger, error) {
	n, err := c.Int(i)
	if err != nil || n < 1 || n > int64(len(r.triggers)) {
		return nil, c.ArgError(i, "trigger expected")
	}
	return r.triggers[n-1], nil
}

func (r *rule) connect(_ luavm.Context, c *luavm.Call) ([]luavm.Value, error) {
	t, err := r.at(c, 1)
	if err != nil {
		return nil, err
	}
	f, err := c.Function(2)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(t.actions, f.Same) {
		t.actions = append(t.actions, f)
	}
	if r.serving {
		r.arm(t)
	}
	return nil, nil
}

// filter is a trigger of its own, with one more test.
func (r *rule) filter(_ luavm.Context, c *luavm.Call) ([]luavm.Value, error) {
	f, err := c.Function(1)
	if err != nil {
		return nil, err
	}
	of, err := r.at(c, 2)
	if err != nil {
		return nil, err
	}
	t := *of
	t.armed, t.stop, t.timer, t.actions, t.polled = false, nil, nil, nil, nil
	t.tests = append(slices.Clone(of.tests), f)
	return r.add(&t)
}

// pathsFrom are the arguments from place i on: paths, or tables of them.
func pathsFrom(c *luavm.Call, i int) (out []string, err error) {
	for ; i <= c.N(); i++ {
		if list, ok := c.Arg(i).([]luavm.Value); ok {
			for _, v := range list {
				s, ok := v.(string)
				if !ok {
					return nil, c.ArgError(i, "paths expected")
				}
				out = append(out, rulePath(s))
			}
			continue
		}
		s, err := c.String(i)
		if err != nil {
			return nil, err
		}
		out = append(out, rulePath(s))
	}
	if len(out) == 0 {
		return nil, c.ArgError(i, "path expected")
	}
	return out, nil
}

func (r *rule) onChange(_ luavm.Context, c *luavm.Call) ([]luavm.Value, error) {
	paths, err := pathsFrom(c, 1)
	if err != nil {
		return nil, err
	}
	return r.add(&trigger{kind: "onchange", paths: paths})
}

// seconds is an argument that is a time.
func seconds(c *luavm.Call, i int) (time.Duration, bool, error) {
	s, err := c.Number(i)
	if err == nil && (math.IsNaN(s) || math.Abs(s) > 1e9) {
		err = c.ArgError(i, "seconds expected")
	}
	return time.Duration(math.Abs(s) * float64(time.Second)), s > 0, err
}

// onHold fires when variables were left alone for so long; a negative time
// has it fire again and again until they change.
func (r *rule) onHold(_ luavm.Context, c *luavm.Call) ([]luavm.Value, error) {
	d, positive, err := seconds(c, 1)
	if err != nil {
		return nil, err
	}
	paths, err := pathsFrom(c, 2)
	if err != nil {
		return nil, err
	}
	return r.add(&trigger{kind: "onhold", paths: paths, after: max(d, shortest), again: !positive})
}

// shortest keeps a rule from firing without end.
const shortest = 10 * time.Millisecond

// onPeriod fires every so often, or once after a time that is not positive.
func (r *rule) onPeriod(_ luavm.Context, c *luavm.Call) ([]luavm.Value, error) {
	d, positive, err := seconds(c, 1)
	if err != nil {
		return nil, err
	}
	if positive {
		d = max(d, shortest)
	}
	return r.add(&trigger{kind: "onperiod", after: d, again: positive})
}

func (r *rule) onDate(_ luavm.Context, c *luavm.Call) ([]luavm.Value, error) {
	text, err := c.String(1)
	if err != nil {
		return nil, err
	}
	cron, err := stage.ParseCron(text)
	if err != nil {
		return nil, c.ArgError(1, "%v", err)
	}
	return r.add(&trigger{kind: "ondate", cron: cron})
}

func (r *rule) onThreshold(_ luavm.Context, c *luavm.Call) ([]luavm.Value, error) {
	t := &trigger{kind: "onthreshold"}
	var err error
	if t.limit, err = c.Number(1); err != nil {
		return nil, err
	}
	path, err := c.String(2)
	if err != nil {
		return nil, err
	}
	way, err := c.OptString(3, "both")
	if err != nil {
		return nil, err
	}
	t.paths, t.up, t.down = []string{rulePath(path)}, way != "down", way != "up"
	if way != "up" && way != "down" && way != "both" {
		return nil, c.ArgError(3, `"up", "down" or "both" expected`)
	}
	return r.add(t)
}

func (r *rule) onDeadband(_ luavm.Context, c *luavm.Call) ([]luavm.Value, error) {
	t := &trigger{kind: "ondeadband"}
	var err error
	if t.limit, err = c.Number(1); err != nil {
		return nil, err
	}
	path, err := c.String(2)
	if err != nil {
		return nil, err
	}
	t.paths = []string{rulePath(path)}
	return r.add(t)
}
