package luavm

import (
	"strings"

	"lander/lib/luac51"
)

// The debug library as far as it stays within the run: it looks at and
// changes the script's own functions. Hooks are not offered.
var debugFuncs = library(func() funcs {
	return funcs{
		"getfenv": debugGetEnv, "gethook": debugGetHook, "getinfo": debugGetInfo, "getlocal": debugGetLocal,
		"getmetatable": debugGetMeta, "getregistry": debugGetRegistry, "getupvalue": debugGetUpvalue,
		"setfenv": debugSetEnv, "sethook": debugSetHook, "setlocal": debugSetLocal, "setmetatable": debugSetMeta,
		"setupvalue": debugSetUpvalue, "traceback": debugTraceback,
	}
})

func debugGetRegistry(th *thread) int { return th.ret(tableValue(th.st.registry)) }

func debugGetHook(th *thread) int {
	th.push(value{})
	th.push(th.st.string(""))
	th.push(number(0))
	return 3
}

func debugSetHook(th *thread) int {
	if th.args() > 0 && th.arg(1).p != nil {
		th.errorf("hooks are not available")
	}
	return 0
}

func debugGetMeta(th *thread) int { return th.ret(tableValue(th.st.metatable(th.checkAny(1)))) }

func debugSetMeta(th *thread) int {
	mt := th.arg(2)
	if mt.p != nil && mt.asTable() == nil || th.args() < 2 {
		th.argFault(2, "nil or table expected")
	}
	v, t := th.arg(1), mt.asTable()
	switch k := v.kind(); k {
	case kindTable:
		v.table().meta = t
	case kindUserdata:
		v.userdata().meta = t
		th.st.addFinalizer(v.userdata())
	case kindNative:
		th.st.meta[kindClosure] = t
	default:
		th.st.meta[k] = t
	}
	return th.retBool(true)
}

func debugGetEnv(th *thread) int {
	switch v := th.checkAny(1); v.kind() {
	case kindClosure:
		return th.ret(tableValue(v.closure().env))
	case kindNative:
		return th.ret(tableValue(v.native().env))
	case kindUserdata:
		return th.ret(tableValue(v.userdata().env))
	case kindThread:
		return th.ret(tableValue(v.thread().env))
	}
	return th.ret(value{})
}

func debugSetEnv(th *thread) int {
	env := th.checkTable(2)
	switch v := th.arg(1); v.kind() {
	case kindClosure:
		v.closure().env = env
	case kindNative:
		v.native().env = env
	case kindUserdata:
		v.userdata().env = env
	case kindThread:
		v.thread().env = env
	default:
		th.errorf("'setfenv' cannot change environment of given object")
	}
	return th.ret(th.arg(1))
}

// threadArg returns the thread that an optional first argument names, and
// how many arguments it takes.
func (th *thread) threadArg() (*thread, int) {
	if v := th.arg(1); v.is(kindThread) {
		return v.thread(), 1
	}
	return th, 0
}

func debugTraceback(th *thread) int {
	of, n := th.threadArg()
	level := 1
	if of != th {
		level = 0
	}
	last := th.args()
	if l, ok := toNumber(th.arg(n + 2)); ok {
		level = int(int32(toInt(l)))
		last = min(last, n+1)
	}
	s := ""
	if last > n {
		msg, ok := toString(th.arg(n + 1))
		if !ok { // what is no message comes back as it is
			return th.ret(th.arg(last))
		}
		s = msg + "\n"
	}
	return th.retString(s + of.traceback(level))
}

func debugGetInfo(th *thread) int {
	of, n := th.threadArg()
	what := th.optString(n+2, "flnSu")
	f, fr, lost := value{}, (*frame)(nil), false
	if a := th.arg(n + 1); a.isFunction() {
		f = a
	} else if !a.isNumber() {
		if _, ok := toNumber(a); !ok {
			th.argFault(n+1, "function or level expected")
		}
	}
	if f.p == nil {
		fr, lost = of.level(th.checkInt(n + 1))
		if fr == nil && !lost {
			return th.ret(value{})
		}
		if fr != nil {
			f = of.stack[fr.fn]
		}
	}
	if strings.Trim(what, "flnSuL") != "" {
		th.argFault(n+2, "invalid option")
	}
	t := th.st.newTable(0, 10)
	set := func(k string, v value) { t.setString(th.st, k, v) }
	str := func(k, v string) { set(k, th.st.string(v)) }
	num := func(k string, v int) { set(k, number(float64(v))) }
	for _, c := range what {
		switch c {
		case 'S':
			th.infoSource(f, lost, str, num)
		case 'l':
			line := -1
			if fr != nil && fr.cl != nil {
				line = fr.line()
			}
			num("currentline", line)
		case 'u':
			ups := 0
			if f.is(kindClosure) {
				ups = len(f.closure().ups)
			} else if f.is(kindNative) {
				ups = len(f.native().ups)
			}
			num("nups", ups)
		case 'n':
			kind, name := "", ""
			if fr != nil {
				kind, name = of.callee(fr)
			}
			str("namewhat", kind)
			if kind != "" {
				str("name", name)
			}
		case 'L':
			if f.is(kindClosure) {
				lines := th.st.newTable(0, 0)
				for _, l := range f.closure().p.src.Lines {
					lines.setInt(th.st, int(l), boolean(true))
				}
				set("activelines", tableValue(lines))
			}
		case 'f':
			set("func", f)
		}
	}
	return th.ret(tableValue(t))
}

// infoSource fills in the fields of the option S.
func (th *thread) infoSource(f value, lost bool, str func(k, v string), num func(k string, v int)) {
	source, what, first, last := "=[C]", "C", -1, -1
	switch {
	case lost:
		source, what = "=(tail call)", "tail"
	case f.is(kindClosure):
		p := f.closure().p.src
		source, what, first, last = p.Source, "Lua", p.LineDefined, p.LastLine
		if first == 0 {
			what = "main"
		}
	}
	str("source", source)
	str("short_src", luac51.ChunkID(source))
	num("linedefined", first)
	num("lastlinedefined", last)
	str("what", what)
}

// local finds a variable of a frame: its name and slot.
func (th *thread) local(fr *frame, n int) (string, int) {
	if n <= 0 {
		return "", 0
	}
	if fr.cl != nil {
		if name := fr.cl.p.src.LocalName(n, fr.pc-1); name != "" {
			return name, fr.base + n - 1
		}
	}
	limit := th.top
	if fr != th.fr {
		for f := th.fr; f != fr; f = f.prev {
			limit = f.fn
		}
	}
	if limit-fr.base >= n {
		return "(*temporary)", fr.base + n - 1
	}
	return "", 0
}

func (th *thread) localArg() (of *thread, fr *frame, name string, slot, n int) {
	of, n = th.threadArg()
	fr, lost := of.level(th.checkInt(n + 1))
	if fr == nil && !lost {
		th.argFault(n+1, "level out of range")
	}
	if fr != nil {
		name, slot = of.local(fr, th.checkInt(n+2))
	}
	return of, fr, name, slot, n
}

func debugGetLocal(th *thread) int {
	of, _, name, slot, _ := th.localArg()
	if name == "" {
		return th.ret(value{})
	}
	v := of.stack[slot]
	th.push(th.st.string(name))
	th.push(v)
	return 2
}

func debugSetLocal(th *thread) int {
	of, _, name, slot, n := th.localArg()
	v := th.checkAny(n + 3)
	if name == "" {
		return th.ret(value{})
	}
	of.stack[slot] = v
	return th.retString(name)
}

// upvalueArg finds upvalue n of a function: its name and place.
func (th *thread) upvalueArg() (string, *value) {
	n := th.checkInt(2)
	switch f := th.checkFunction(1); f.kind() {
	case kindClosure:
		c := f.closure()
		if n >= 1 && n <= len(c.ups) && n <= len(c.p.src.Upvalues) {
			return c.p.src.Upvalues[n-1], c.ups[n-1].v
		}
	}
	return "", nil
}

func debugGetUpvalue(th *thread) int {
	name, at := th.upvalueArg()
	if at == nil {
		return 0
	}
	th.push(th.st.string(name))
	th.push(*at)
	return 2
}

func debugSetUpvalue(th *thread) int {
	v := th.checkAny(3)
	name, at := th.upvalueArg()
	if at == nil {
		return 0
	}
	*at = v
	return th.retString(name)
}
