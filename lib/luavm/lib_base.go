package luavm

import (
	"fmt"
	"math"
	"strings"

	"lander/lib/luac51"
)

// text is how a value appears without metamethods.
func text(v value) string {
	switch v.kind() {
	case kindNil:
		return "nil"
	case kindBool:
		if v.n != 0 {
			return "true"
		}
		return "false"
	case kindNumber:
		return FormatNumber(v.num())
	case kindString:
		return v.str().s
	}
	return fmt.Sprintf("%s: 0x%012x", v.kind(), uintptr(v.p))
}

var baseFuncs = library(func() funcs {
	return funcs{
		"assert": baseAssert, "collectgarbage": baseCollect, "error": baseError, "gcinfo": baseGCInfo,
		"getfenv": baseGetEnv, "getmetatable": baseGetMeta, "load": baseLoad, "loadstring": baseLoadString,
		"next": baseNext, "pcall": basePCall, "rawequal": baseRawEqual, "rawget": baseRawGet, "rawset": baseRawSet,
		"select": baseSelect, "setfenv": baseSetEnv, "setmetatable": baseSetMeta, "tonumber": baseToNumber,
		"tostring": baseToString, "type": baseType, "unpack": baseUnpack, "xpcall": baseXPCall,
	}
})

// openBase makes the functions that need nothing from outside.
func (st *state) openBase() {
	g := st.globals
	g.setString(st, "_G", tableValue(g))
	g.setString(st, "_VERSION", st.string("Lua 5.1"))
	st.fill(g, baseFuncs())
	next := g.get(st.string("next"))
	st.tostring = g.get(st.string("tostring"))
	g.setString(st, "pairs", st.newNative(basePairs, next).value())
	g.setString(st, "ipairs", st.newNative(baseIPairs, st.newNative(ipairsStep).value()).value())
	proxies := st.newTable(0, 0)
	mode := st.newTable(0, 1)
	mode.setString(st, "__mode", st.string("kv"))
	proxies.meta = mode
	g.setString(st, "newproxy", st.newNative(baseNewProxy, tableValue(proxies)).value())
}

func baseAssert(th *thread) int {
	n := th.args()
	if !th.checkAny(1).falsy() {
		return n
	}
	th.errorf("%s", th.optString(2, "assertion failed!"))
	return 0
}

func baseCollect(th *thread) int {
	st := th.st
	switch th.checkOption(1, "collect", "stop", "restart", "collect", "count", "step", "setpause", "setstepmul") {
	case 0:
		st.gcStopped = true
		st.setNext()
	case 1:
		st.gcStopped = false
		st.setNext()
	case 2:
		st.collect(th)
	case 3:
		return th.retNumber(float64(st.used) / 1024)
	case 4:
		return th.retBool(st.step(th, max(th.optInt(2, 0), 1)<<10))
	case 5, 6: // kept, as scripts set them and set them back
		key := st.string("collectgarbage " + th.checkString(1))
		old := st.registry.get(key)
		if old.p == nil {
			old = number(200)
		}
		st.registry.set(st, key, number(float64(th.optInt(2, 0))))
		return th.ret(old)
	}
	return th.retNumber(0)
}

func baseGCInfo(th *thread) int { return th.retNumber(math.Floor(float64(th.st.used) / 1024)) }

func baseError(th *thread) int {
	level := th.optInt(2, 1)
	v := th.arg(1)
	if s, ok := toString(v); ok && level > 0 {
		v = th.st.string(th.where(level) + s)
	}
	th.throw(v)
	return 0
}

// envFunction returns the function that argument 1 of getfenv and setfenv
// names: itself, or that at a level.
func (th *thread) envFunction(def int) value {
	v := th.arg(1)
	if v.isFunction() {
		return v
	}
	level := def
	if def < 0 || v.p != nil {
		level = th.checkInt(1)
	}
	if level < 0 {
		th.argFault(1, "level must be non-negative")
	}
	f, lost := th.level(level)
	switch {
	case lost:
		th.errorf("no function environment for tail call at level %d", level)
	case f == nil:
		th.argFault(1, "invalid level")
	}
	return th.stack[f.fn]
}

func baseGetEnv(th *thread) int {
	f := th.envFunction(1)
	if f.is(kindNative) {
		return th.ret(tableValue(th.env))
	}
	return th.ret(tableValue(f.closure().env))
}

func baseSetEnv(th *thread) int {
	env := th.checkTable(2)
	f := th.envFunction(-1)
	if n, ok := toNumber(th.arg(1)); ok && n == 0 {
		th.env = env
		return 0
	}
	if f.is(kindNative) {
		th.errorf("'setfenv' cannot change environment of given object")
	}
	f.closure().env = env
	return th.ret(f)
}

func baseGetMeta(th *thread) int {
	mt := th.st.metatable(th.checkAny(1))
	if h := th.st.tableEvent(mt, evMetatable); h.p != nil {
		return th.ret(h)
	}
	return th.ret(tableValue(mt))
}

func baseSetMeta(th *thread) int {
	mt := th.arg(2)
	t := th.checkTable(1)
	if mt.p != nil && mt.asTable() == nil || th.args() < 2 {
		th.argFault(2, "nil or table expected")
	}
	if th.st.tableEvent(t.meta, evMetatable).p != nil {
		th.errorf("cannot change a protected metatable")
	}
	t.meta = mt.asTable()
	if t.meta != nil && th.st.tableEvent(t.meta, evMode).p != nil {
		th.st.weakSeen = true
		th.st.watch()
	}
	return th.ret(th.arg(1))
}

// loaded gives the results of a load function.
func (th *thread) loaded(chunk, source string) int {
	f, err := th.st.compile(chunk, []byte(source))
	if err != nil {
		return th.retError(err.Error())
	}
	return th.ret(f.value())
}

// compile makes a function of source text or, where it is let in, bytecode.
func (st *state) compile(chunk string, source []byte) (*closure, error) {
	if luac51.IsBytecode(source) {
		return nil, fmt.Errorf("%s: bad header in precompiled chunk", luac51.ChunkID(chunk))
	}
	st.reserve(8 * len(source))
	p, err := luac51.CompileWithin(chunk, source, st.running.ccalls)
	if err != nil {
		return nil, err
	}
	st.charge(8 * len(source))
	return st.newClosure(load(p), st.running.env), nil
}

func baseLoadString(th *thread) int {
	s := th.checkString(1)
	return th.loaded(th.optString(2, s), s)
}

func baseLoad(th *thread) int {
	f := th.checkFunction(1)
	name := th.optString(2, "=(load)")
	var b strings.Builder
	for {
		slot := th.top
		th.push(f)
		if err := th.protect(slot, 0, th.handler); err != nil {
			v := th.pop()
			th.push(value{})
			th.push(v)
			return 2
		}
		v := value{}
		if th.top > slot {
			v = th.stack[slot]
		}
		th.top = slot
		if v.p == nil {
			break
		}
		s, ok := toString(v)
		if !ok {
			return th.retError(th.where(1) + "reader function must return a string")
		}
		if s == "" {
			break
		}
		th.st.reserve(b.Len() + len(s))
		b.WriteString(s)
	}
	return th.loaded(name, b.String())
}

func baseNext(th *thread) int {
	t := th.checkTable(1)
	k, v, ok := t.next(th.arg(2))
	if !ok {
		th.fault("invalid key to 'next'")
	}
	th.push(k)
	if k.p == nil {
		return 1
	}
	th.push(v)
	return 2
}

func basePairs(th *thread) int {
	t := th.checkTable(1)
	th.push(th.self().ups[0])
	th.push(tableValue(t))
	th.push(value{})
	return 3
}

// self returns the running native.
func (th *thread) self() *native { return th.stack[th.fr.fn].native() }

func baseIPairs(th *thread) int {
	t := th.checkTable(1)
	th.push(th.self().ups[0])
	th.push(tableValue(t))
	th.push(number(0))
	return 3
}

func ipairsStep(th *thread) int {
	i := th.checkInt(2) + 1
	v := th.checkTable(1).getInt(i)
	if v.p == nil {
		return 0
	}
	th.push(number(float64(i)))
	th.push(v)
	return 2
}

func basePCall(th *thread) int {
	th.checkAny(1)
	fn := th.fr.base
	return th.protected(fn, th.args()-1, value{})
}

func baseXPCall(th *thread) int {
	h := th.arg(2)
	if th.args() < 2 {
		th.argFault(2, "value expected")
	}
	th.setArgs(1)
	if h.p == nil {
		h = boolean(false) // no function: an error in it
	}
	return th.protected(th.fr.base, 0, h)
}

// protected calls the function at slot fn and puts true or false before
// what comes of it.
func (th *thread) protected(fn, nargs int, handler value) int {
	err := th.protect(fn, nargs, handler)
	n := th.top - fn
	th.needStack(1)
	copy(th.stack[fn+1:], th.stack[fn:th.top])
	th.stack[fn] = boolean(err == nil)
	th.top++
	return n + 1
}

func baseRawEqual(th *thread) int {
	return th.retBool(rawEqual(th.checkAny(1), th.checkAny(2)))
}

func baseRawGet(th *thread) int { return th.ret(th.checkTable(1).get(th.checkAny(2))) }

func baseRawSet(th *thread) int {
	t, k, v := th.checkTable(1), th.checkAny(2), th.checkAny(3)
	th.rawSet(t, k, v)
	return th.ret(th.arg(1))
}

func baseSelect(th *thread) int {
	n := th.args()
	if s, ok := th.arg(1).asString(); ok && strings.HasPrefix(s, "#") {
		return th.retNumber(float64(n - 1))
	}
	i := th.checkInt(1)
	if i < 0 {
		i += n
	} else if i > n {
		i = n
	}
	if i < 1 {
		th.argFault(1, "index out of range")
	}
	return n - i
}

func baseToNumber(th *thread) int {
	base := th.optInt(2, 10)
	if base == 10 {
		if n, ok := toNumber(th.checkAny(1)); ok {
			return th.retNumber(n)
		}
		return th.ret(value{})
	}
	s := th.checkString(1)
	if base < 2 || base > 36 {
		th.argFault(2, "base out of range")
	}
	if n, ok := parseBase(s, base); ok {
		return th.retNumber(n)
	}
	return th.ret(value{})
}

// parseBase reads an integer as C's strtoul does.
func parseBase(s string, base int) (float64, bool) {
	s, _, _ = strings.Cut(s, "\x00")
	s = strings.Trim(s, " \t\n\v\f\r")
	neg := strings.HasPrefix(s, "-")
	if neg || strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	if base == 16 && len(s) > 2 && s[0] == '0' && s[1]|0x20 == 'x' {
		s = s[2:]
	}
	if s == "" {
		return 0, false
	}
	n, over := uint64(0), false
	for i := 0; i < len(s); i++ {
		c, d := s[i]|0x20, 99
		switch {
		case s[i] >= '0' && s[i] <= '9':
			d = int(s[i] - '0')
		case c >= 'a' && c <= 'z':
			d = int(c-'a') + 10
		}
		if d >= base {
			return 0, false
		}
		if n > (math.MaxUint64-uint64(d))/uint64(base) {
			over = true
		}
		n = n*uint64(base) + uint64(d)
	}
	switch {
	case over:
		n = math.MaxUint64
	case neg:
		n = -n
	}
	return float64(n), true
}

func baseToString(th *thread) int { return th.ret(th.display(th.checkAny(1))) }

func baseType(th *thread) int {
	return th.ret(typeNames[th.checkAny(1).kind()].value())
}

var typeNames = func() (t [len(kindNames)]*str) {
	for i, s := range kindNames {
		t[i] = sharedString(s)
	}
	return t
}()

func baseUnpack(th *thread) int {
	t := th.checkTable(1)
	i := th.optInt(2, 1)
	j := 0
	if th.arg(3).p == nil {
		j = t.length()
	} else {
		j = th.checkInt(3)
	}
	if i > j {
		return 0
	}
	n := j - i + 1
	if n <= 0 || n >= maxStackArg {
		th.errorf("too many results to unpack")
	}
	th.needStack(n + minStack)
	for ; i <= j; i++ {
		th.stack[th.top] = t.getInt(i)
		th.top++
	}
	return n
}

func baseNewProxy(th *thread) int {
	proxies := th.self().ups[0].table()
	th.setArgs(1)
	u := th.st.newUserdata(nil, nil)
	switch v := th.arg(1); {
	case v.falsy():
		return th.ret(u.value())
	case v.kind() == kindBool:
		u.meta = th.st.newTable(0, 0)
		proxies.set(th.st, tableValue(u.meta), boolean(true))
	default:
		ok := false
		if v.is(kindUserdata) && v.userdata().meta != nil {
			ok = !proxies.get(tableValue(v.userdata().meta)).falsy()
		}
		if !ok {
			th.argFault(1, "boolean or proxy expected")
		}
		u.meta = v.userdata().meta
	}
	th.st.addFinalizer(u)
	return th.ret(u.value())
}
