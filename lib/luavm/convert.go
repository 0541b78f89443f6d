package luavm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"weak"
)

// maxConvert bounds tables within tables that are given to the host.
const maxConvert = 100

var errDeep = errors.New("table nested too deep, or within itself")

// fromGo makes a Lua value of one of the host.
func (st *state) fromGo(v Value) value {
	switch v := v.(type) {
	case nil:
		return value{}
	case bool:
		return boolean(v)
	case string:
		return st.string(v)
	case []byte:
		return st.string(string(v))
	case float64:
		return number(v)
	case float32:
		return number(float64(v))
	case int:
		return number(float64(v))
	case int8:
		return number(float64(v))
	case int16:
		return number(float64(v))
	case int32:
		return number(float64(v))
	case int64:
		return number(float64(v))
	case uint:
		return number(float64(v))
	case uint8:
		return number(float64(v))
	case uint16:
		return number(float64(v))
	case uint32:
		return number(float64(v))
	case uint64:
		return number(float64(v))
	case []Value:
		t := st.newTable(len(v), 0)
		for i, x := range v {
			t.setInt(st, i+1, st.fromGo(x))
		}
		return tableValue(t)
	case []string:
		t := st.newTable(len(v), 0)
		for i, x := range v {
			t.setInt(st, i+1, st.string(x))
		}
		return tableValue(t)
	case map[string]Value:
		t := st.newTable(0, len(v))
		for _, k := range sorted(v) {
			t.setString(st, k, st.fromGo(v[k]))
		}
		return tableValue(t)
	case map[string]string:
		t := st.newTable(0, len(v))
		for _, k := range sorted(v) {
			t.setString(st, k, st.string(v[k]))
		}
		return tableValue(t)
	case *Function:
		if v != nil && v.r != nil && v.r.st == st {
			return v.f
		}
	}
	return st.string(fmt.Sprint(v))
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// toGo makes a value for the host.
func (r *run) toGo(v value) (Value, error) { return r.convert(v, 0) }

func (r *run) convert(v value, depth int) (Value, error) {
	switch v.kind() {
	case kindNil:
		return nil, nil
	case kindBool:
		return v.n != 0, nil
	case kindNumber:
		return v.num(), nil
	case kindString:
		return v.str().s, nil
	case kindClosure, kindNative:
		return r.function(v), nil
	case kindTable:
		return r.convertTable(v.table(), depth+1)
	}
	return nil, fmt.Errorf("a %s cannot be given to the host", v.kind())
}

func (r *run) convertTable(t *table, depth int) (Value, error) {
	if depth > maxConvert {
		return nil, errDeep
	}
	count, list := 0, true
	n := t.length()
	for k, _, _ := t.next(value{}); k.p != nil; k, _, _ = t.next(k) {
		count++
		i := arrayIndex(k)
		list = list && i >= 1 && i <= n
	}
	r.st.charge(32 * count)
	if list && count == n && n > 0 {
		out := make([]Value, n)
		for i := range out {
			v, err := r.convert(t.getInt(i+1), depth)
			if err != nil {
				return nil, err
			}
			out[i] = v
		}
		return out, nil
	}
	out := make(map[string]Value, count)
	for k, v, _ := t.next(value{}); k.p != nil; k, v, _ = t.next(k) {
		g, err := r.convert(v, depth)
		if err != nil {
			return nil, err
		}
		out[text(k)] = g
	}
	return out, nil
}

// function makes what the host sees of a Lua function. The host may keep it,
// so a collection counts it as reachable until Go finds that it does not.
func (r *run) function(f value) *Function {
	h := &Function{r: r, f: f}
	if len(r.held) >= r.heldNext {
		r.held = slices.DeleteFunc(r.held, func(p weak.Pointer[Function]) bool { return p.Value() == nil })
		r.heldNext = 2*len(r.held) + 64
	}
	r.held = append(r.held, weak.Make(h))
	return h
}

// Call calls the function inside the run that ctx belongs to: from a Func of
// that run, or from Config.Serve. An error that the function raises comes
// back as a *job.Error, and the run goes on. What ends the whole run, such as
// a spent budget, ends it here too.
func (f *Function) Call(ctx context.Context, args ...Value) ([]Value, error) {
	r, _ := ctx.Value(runKey{}).(*run)
	if f == nil || r == nil || f.r != r || !r.inside {
		return nil, errOutside
	}
	r.inside = false
	defer func() { r.inside = true }()
	th := r.st.running
	slot := th.top
	defer func() { th.top = slot }()
	th.push(f.f)
	for _, a := range args {
		th.push(r.st.fromGo(a))
	}
	if e := th.protect(slot, len(args), value{}); e != nil {
		return nil, r.raised(th, e)
	}
	var out []Value
	for _, v := range th.stack[slot:th.top] {
		g, err := r.toGo(v)
		if err != nil {
			return nil, err
		}
		out = append(out, g)
	}
	return out, nil
}

// host makes a native of a function of the host.
func (r *run) host(name string, f Func) value {
	return r.st.newNative(func(th *thread) int {
		call := &Call{Name: name}
		for i := 1; i <= th.args(); i++ {
			v, err := r.toGo(th.arg(i))
			if err != nil {
				th.argFault(i, err.Error())
			}
			call.Args = append(call.Args, v)
		}
		r.inside = true
		out, err := f(r.ctx, call)
		r.inside = false
		if err != nil {
			th.raiseErr(err)
		}
		th.needStack(len(out) + minStack)
		for _, v := range out {
			th.push(r.st.fromGo(v))
		}
		return len(out)
	}).value()
}
