package luavm

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"lander/lib/capability"
	"lander/lib/job"
)

// run is one execution of a program.
type run struct {
	ctx  context.Context
	c    Config
	l    *lua.LState
	in   *bufio.Reader
	out  [2]int64   // bytes written to stdout and stderr
	err  *job.Error // a fault with a code, kept until it ends the run or is caught
	exit *int       // code given to os.exit
}

func newRun(ctx context.Context, c Config) *run {
	if c.Stdin == nil {
		c.Stdin = strings.NewReader("")
	}
	if c.Stdout == nil {
		c.Stdout = io.Discard
	}
	if c.Stderr == nil {
		c.Stderr = io.Discard
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	r := &run{ctx: ctx, c: c, in: bufio.NewReader(c.Stdin)}
	r.l = lua.NewState(lua.Options{
		SkipOpenLibs: true, CallStackSize: 200, RegistrySize: 5120,
		RegistryMaxSize: 1 << 20, RegistryGrowStep: 1 << 16, MinimizeStackMemory: true,
	})
	if c.Poll {
		r.l.SetContext(ctx)
	}
	r.open()
	return r
}

func (r *run) open() {
	l := r.l
	args := l.NewTable()
	for k, v := range r.c.Args {
		args.RawSetString(k, lua.LString(v))
	}
	l.SetGlobal("args", args)
	if !r.c.Capabilities.Allows(capability.Base) {
		return
	}
	for _, open := range []lua.LGFunction{lua.OpenBase, lua.OpenString, lua.OpenTable, lua.OpenMath, lua.OpenCoroutine} {
		l.Push(l.NewFunction(open))
		l.Call(0, 0)
	}
	for _, name := range []string{"_printregs", "_GOPHER_LUA_VERSION", "dofile", "loadfile", "load", "loadstring", "module", "collectgarbage"} {
		l.SetGlobal(name, lua.LNil)
	}
	l.SetGlobal("loadstring", l.NewFunction(r.loadstring))
	r.openModules()
}

// openModules makes the base streams, the safe part of os, and what the host
// offers.
func (r *run) openModules() {
	mods := append([]Module{r.ioModule(), r.osModule()}, r.c.Modules...)
	byName := map[string]*lua.LTable{}
	word := map[string]string{}
	for _, m := range mods {
		word[m.Name] = m.Word
		if m.Word != "" && !r.c.Capabilities.Allows(m.Word) {
			continue
		}
		t := r.l.NewTable()
		for name, f := range m.Funcs {
			t.RawSetString(name, r.wrap(name, f))
		}
		for name, v := range m.Values {
			t.RawSetString(name, r.toLua(v))
		}
		byName[m.Name] = t
		if m.Global {
			r.l.SetGlobal(m.Name, t)
		}
	}
	for _, w := range []string{capability.Tree, capability.Device, capability.Monitoring, capability.Log, capability.Data} {
		if _, ok := word[w]; !ok {
			word[w] = w
		}
	}
	r.l.SetGlobal("require", r.l.NewFunction(func(l *lua.LState) int {
		name := l.CheckString(1)
		if t, ok := byName[name]; ok {
			l.Push(t)
			return 1
		}
		if v := l.GetGlobal(name); v != lua.LNil {
			l.Push(v)
			return 1
		}
		if w := word[name]; w != "" && !r.c.Capabilities.Allows(w) {
			r.raise(denied(w))
		}
		r.raise(fmt.Errorf("module '%s' not found", name))
		return 0
	}))
}

// denied is the error of using what was not granted.
func denied(word string) *job.Error {
	return job.Errorf(job.CodeCapability, "capability %q not granted", word)
}

func (r *run) loadstring(l *lua.LState) int {
	p, err := Compile(l.OptString(2, "[string]"), []byte(l.CheckString(1)))
	if err != nil {
		l.Push(lua.LNil)
		l.Push(lua.LString(err.Error()))
		return 2
	}
	l.Push(l.NewFunctionFromProto(p.proto))
	return 1
}

// raise raises a Go error in the script.
func (r *run) raise(err error) {
	var rs *Raise
	if errors.As(err, &rs) {
		r.l.Error(r.toLua(rs.Value), 0)
	}
	var je *job.Error
	if errors.As(err, &je) && je.Code != job.CodeScript {
		r.err = je
	}
	r.l.RaiseError("%s", err.Error())
}

func (r *run) wrap(name string, f Func) *lua.LFunction {
	return r.l.NewFunction(func(l *lua.LState) int {
		call := &Call{Name: name}
		for i := 1; i <= l.GetTop(); i++ {
			v, err := r.toGo(l.Get(i), 0)
			if err != nil {
				r.raise(call.ArgError(i, "%v", err))
			}
			call.Args = append(call.Args, v)
		}
		out, err := f(r.ctx, call)
		if err != nil {
			r.raise(err)
		}
		for _, v := range out {
			l.Push(r.toLua(v))
		}
		return len(out)
	})
}

func (r *run) main(p *Program) ([]Value, error) {
	r.l.Push(r.l.NewFunctionFromProto(p.proto))
	if err := r.fault(r.l.PCall(0, lua.MultRet, nil)); err != nil {
		return nil, err
	}
	var values []Value
	for i := 1; i <= r.l.GetTop(); i++ {
		v, err := r.toGo(r.l.Get(i), 0)
		if err != nil {
			v = r.l.Get(i).Type().String()
		}
		values = append(values, v)
	}
	r.l.SetTop(0)
	if r.c.Serve != nil {
		if err := r.c.Serve(r.ctx); err != nil {
			return values, r.fault(err)
		}
	}
	return values, nil
}

var placed = regexp.MustCompile(`^[^\n]*?:(\d+): `)

// fault turns what ended a call into a *job.Error.
func (r *run) fault(err error) error {
	switch {
	case err == nil:
		return nil
	case r.exit != nil:
		if *r.exit == 0 {
			return nil
		}
		return &Exit{Code: *r.exit, Err: job.Errorf(job.CodeExit, "exit code %d", *r.exit)}
	case r.ctx.Err() != nil:
		return stopped(r.ctx)
	}
	var je *job.Error
	if errors.As(err, &je) {
		return je
	}
	text := err.Error()
	var api *lua.ApiError
	if errors.As(err, &api) {
		switch api.Object.(type) {
		case lua.LString, lua.LNumber:
			text = api.Object.String()
		default:
			text = fmt.Sprintf("(error object is a %s value)", api.Object.Type())
		}
	}
	text = strings.Replace(text, ":  ", ": ", 1)
	out := &job.Error{Code: job.CodeScript, Message: text}
	if m := placed.FindStringSubmatch(text); m != nil {
		out.Line, _ = strconv.Atoi(m[1])
	}
	if r.err != nil && strings.Contains(text, r.err.Message) {
		out.Code = r.err.Code
	} else if strings.HasSuffix(text, "stack overflow") {
		out.Code = job.CodeDepth
	}
	return out
}

func (r *run) toLua(v Value) lua.LValue {
	switch v := v.(type) {
	case nil:
		return lua.LNil
	case bool:
		return lua.LBool(v)
	case string:
		return lua.LString(v)
	case []byte:
		return lua.LString(v)
	case float64:
		return lua.LNumber(v)
	case int:
		return lua.LNumber(v)
	case int64:
		return lua.LNumber(v)
	case []Value:
		t := r.l.NewTable()
		for i, x := range v {
			t.RawSetInt(i+1, r.toLua(x))
		}
		return t
	case []string:
		t := r.l.NewTable()
		for i, x := range v {
			t.RawSetInt(i+1, lua.LString(x))
		}
		return t
	case map[string]Value:
		t := r.l.NewTable()
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		for _, k := range keys {
			t.RawSetString(k, r.toLua(v[k]))
		}
		return t
	}
	return lua.LString(fmt.Sprint(v))
}

func (r *run) toGo(v lua.LValue, depth int) (Value, error) {
	switch v := v.(type) {
	case *lua.LNilType:
		return nil, nil
	case lua.LBool:
		return bool(v), nil
	case lua.LNumber:
		return float64(v), nil
	case lua.LString:
		return string(v), nil
	case *lua.LFunction:
		return &Function{call: func(ctx Context, args []Value) ([]Value, error) {
			top := r.l.GetTop()
			r.l.Push(v)
			for _, a := range args {
				r.l.Push(r.toLua(a))
			}
			if err := r.fault(r.l.PCall(len(args), lua.MultRet, nil)); err != nil {
				return nil, err
			}
			var out []Value
			for i := top + 1; i <= r.l.GetTop(); i++ {
				x, err := r.toGo(r.l.Get(i), 0)
				if err != nil {
					return nil, err
				}
				out = append(out, x)
			}
			r.l.SetTop(top)
			return out, nil
		}}, nil
	case *lua.LTable:
		if depth > 100 {
			return nil, errors.New("table nested too deep")
		}
		n := v.Len()
		list := make([]Value, 0, n)
		dict := map[string]Value{}
		plain := true
		var err error
		v.ForEach(func(k, x lua.LValue) {
			g, e := r.toGo(x, depth+1)
			if e != nil {
				err = e
			}
			if i, ok := k.(lua.LNumber); ok && int(i) == len(list)+1 {
				list = append(list, g)
			} else {
				plain = false
			}
			dict[k.String()] = g
		})
		if plain && len(list) > 0 {
			return list, err
		}
		return dict, err
	}
	return nil, fmt.Errorf("a %s cannot be given to the host", v.Type())
}
