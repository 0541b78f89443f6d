package luavm

import (
	"math"
	"sync"
	"unsafe"
)

// The arguments of the running native, counted from 1.

// args returns how many there are, counting what has been pushed since.
func (th *thread) args() int { return th.top - th.fr.base }

// arg returns argument i, nil if there is none.
func (th *thread) arg(i int) value {
	if n := th.fr.base + i - 1; n < th.top {
		return th.stack[n]
	}
	return value{}
}

// setArgs cuts or fills the arguments to n.
func (th *thread) setArgs(n int) {
	top := th.fr.base + n
	if top > th.top {
		th.needStack(top - th.top)
		clear(th.stack[th.top:top])
	}
	th.top = top
}

func (th *thread) checkAny(i int) value {
	if i > th.args() {
		th.argFault(i, "value expected")
	}
	return th.arg(i)
}

func (th *thread) checkTable(i int) *table {
	t := th.arg(i).asTable()
	if t == nil {
		th.typeFault(i, "table")
	}
	return t
}

func (th *thread) checkFunction(i int) value {
	v := th.arg(i)
	if !v.isFunction() {
		th.typeFault(i, "function")
	}
	return v
}

func (th *thread) checkNumber(i int) float64 {
	v := th.arg(i)
	if v.isNumber() {
		return v.num()
	}
	n, ok := toNumber(v)
	if !ok {
		th.typeFault(i, "number")
	}
	return n
}

func (th *thread) optNumber(i int, def float64) float64 {
	if th.arg(i).p == nil {
		return def
	}
	return th.checkNumber(i)
}

// toInt cuts a number to an integer as C does on common machines.
func toInt(f float64) int64 {
	if f >= math.MinInt64 && f < math.MaxInt64 {
		return int64(f)
	}
	return math.MinInt64
}

// size cuts a number to an int: what does not fit becomes the nearest.
func size(f float64) int {
	return int(max(math.MinInt, min(math.MaxInt, toInt(f))))
}

// checkInt returns argument i as a C int: cut to 32 bits.
func (th *thread) checkInt(i int) int { return int(int32(toInt(th.checkNumber(i)))) }

func (th *thread) optInt(i, def int) int {
	if th.arg(i).p == nil {
		return def
	}
	return th.checkInt(i)
}

// checkInteger returns argument i as an integer of the machine's size.
func (th *thread) checkInteger(i int) int { return size(th.checkNumber(i)) }

// checkWide returns argument i as 64 bits, whatever the machine's size: a time,
// or an offset in a file.
func (th *thread) checkWide(i int) int64 { return toInt(th.checkNumber(i)) }

func (th *thread) optInteger(i, def int) int {
	if th.arg(i).p == nil {
		return def
	}
	return th.checkInteger(i)
}

func (th *thread) checkString(i int) string {
	v := th.arg(i)
	if v.is(kindString) {
		return v.str().s
	}
	s, ok := toString(v)
	if !ok {
		th.typeFault(i, "string")
	}
	return s
}

func (th *thread) optString(i int, def string) string {
	if th.arg(i).p == nil {
		return def
	}
	return th.checkString(i)
}

// checkOption returns the index of argument i in a list of words.
func (th *thread) checkOption(i int, def string, words ...string) int {
	s := def
	if def == "" || th.arg(i).p != nil {
		s = th.checkString(i)
	}
	for n, w := range words {
		if w == s {
			return n
		}
	}
	th.argFault(i, "invalid option '"+s+"'")
	return 0
}

// The results of the running native.

func (th *thread) ret(v value) int {
	th.push(v)
	return 1
}

func (th *thread) retString(s string) int { return th.ret(th.st.string(s)) }

func (th *thread) retNumber(f float64) int { return th.ret(number(f)) }

func (th *thread) retBool(b bool) int { return th.ret(boolean(b)) }

// retError returns nil and a message.
func (th *thread) retError(text string) int {
	th.push(value{})
	th.push(th.st.string(text))
	return 2
}

// display is tostring: with __tostring, always a string.
func (th *thread) display(v value) value {
	if h := th.st.metamethod(v, evToString); h.p != nil {
		return th.call1(h, v)
	}
	return th.st.string(text(v))
}

// funcs are the functions of a library by name, entry one of them ready to
// be put in a table.
type funcs map[string]func(*thread) int

type entry struct {
	name *str
	fn   func(*thread) int
}

// library makes a list of functions, sorted so that its table is the same in
// every run, when it is first used. The names are shared by all runs.
func library(f func() funcs) func() []entry {
	return sync.OnceValue(func() []entry {
		m := f()
		list := make([]entry, 0, len(m))
		for _, name := range sorted(m) {
			list = append(list, entry{sharedString(name), m[name]})
		}
		return list
	})
}

// fill puts the functions of a library in a table.
func (st *state) fill(t *table, list []entry) *table {
	block := make([]native, len(list))
	st.charge(len(list) * int(unsafe.Sizeof(native{})))
	for i, e := range list {
		f := &block[i]
		*f = native{head: head{kind: kindNative}, fn: e.fn, env: st.globals}
		t.set(st, e.name.value(), f.value())
	}
	return t
}
