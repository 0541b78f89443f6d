package luavm

import (
	"math"

	"lander/lib/luac51"
)

// toNumber converts numbers and numerals.
func toNumber(v value) (float64, bool) {
	if v.isNumber() {
		return v.num(), true
	}
	if s, ok := v.asString(); ok {
		return luac51.ParseNumber(s)
	}
	return 0, false
}

// index is v[k] with metamethods; reg is the register that holds v, or -1.
func (th *thread) index(v, k value, reg int) value {
	for range maxTagLoop {
		var h value
		if t := v.asTable(); t != nil {
			x := t.get(k)
			if x.p != nil || t.meta == nil {
				return x
			}
			if h = th.st.tableEvent(t.meta, evIndex); h.p == nil {
				return value{}
			}
		} else if h = th.st.metamethod(v, evIndex); h.p == nil {
			th.operandFault("index", v, reg)
		}
		if h.isFunction() {
			return th.call1(h, v, k)
		}
		v, reg = h, -1
	}
	th.fault("loop in gettable")
	return value{}
}

// setIndex is v[k] = x with metamethods.
func (th *thread) setIndex(v, k, x value, reg int) {
	for range maxTagLoop {
		var h value
		if t := v.asTable(); t != nil {
			s := t.slot(k)
			if s != nil && s.p != nil {
				*s = x
				t.absent = 0
				return
			}
			if h = th.st.tableEvent(t.meta, evNewIndex); h.p == nil {
				if s == nil {
					th.checkKey(k)
					s = t.newKey(th.st, k)
				}
				*s = x
				t.absent = 0
				return
			}
		} else if h = th.st.metamethod(v, evNewIndex); h.p == nil {
			th.operandFault("index", v, reg)
		}
		if h.isFunction() {
			th.push(h)
			th.push(v)
			th.push(k)
			th.push(x)
			th.call(3, 0)
			return
		}
		v, reg = h, -1
	}
	th.fault("loop in settable")
}

// rawSet stores without metamethods, refusing what is no key.
func (th *thread) rawSet(t *table, k, x value) {
	th.checkKey(k)
	t.set(th.st, k, x)
}

func (th *thread) checkKey(k value) {
	if k.p == nil {
		th.fault("table index is nil")
	}
	if k.isNumber() && math.IsNaN(k.num()) {
		th.fault("table index is NaN")
	}
}

// arith computes an operation whose operands are not both numbers; ra and rb
// are their registers, or -1.
func (th *thread) arith(op luac51.Op, a, b value, ra, rb int) value {
	if x, ok := toNumber(a); ok {
		if y, ok := toNumber(b); ok {
			return number(arithNumbers(op, x, y))
		}
	}
	e := evAdd + event(op-luac51.OpAdd)
	h := th.st.metamethod(a, e)
	if h.p == nil {
		h = th.st.metamethod(b, e)
	}
	if h.p == nil {
		th.arithFault(a, b, ra, rb)
	}
	return th.call1(h, a, b)
}

func arithNumbers(op luac51.Op, x, y float64) float64 {
	switch op {
	case luac51.OpAdd:
		return x + y
	case luac51.OpSub:
		return x - y
	case luac51.OpMul:
		return x * y
	case luac51.OpDiv:
		return x / y
	case luac51.OpMod:
		return luac51.Mod(x, y)
	case luac51.OpPow:
		return luac51.Pow(x, y)
	}
	return -x
}

// length is #v.
func (th *thread) length(v value, reg int) value {
	switch v.kind() {
	case kindTable:
		return number(float64(v.table().length()))
	case kindString:
		return number(float64(len(v.str().s)))
	}
	h := th.st.metamethod(v, evLen)
	if h.p == nil {
		th.operandFault("get length of", v, reg)
	}
	return th.call1(h, v, value{})
}

// equal is a == b with metamethods.
func (th *thread) equal(a, b value) bool {
	if rawEqual(a, b) {
		return true
	}
	ka := a.kind()
	if ka != b.kind() || ka != kindTable && ka != kindUserdata {
		return false
	}
	h := th.sharedEvent(a, b, evEq)
	return h.p != nil && !th.call1(h, a, b).falsy()
}

// sharedEvent returns the handler of a comparison if both operands have the
// same.
func (th *thread) sharedEvent(a, b value, e event) value {
	h := th.st.metamethod(a, e)
	if h.p == nil {
		return h
	}
	if !rawEqual(h, th.st.metamethod(b, e)) {
		return value{}
	}
	return h
}

func (th *thread) less(a, b value) bool {
	if ka := a.kind(); ka != b.kind() && !(a.isFunction() && b.isFunction()) {
		th.compareFault(a, b)
	} else if ka == kindNumber {
		return a.num() < b.num()
	} else if ka == kindString {
		return a.str().s < b.str().s
	}
	h := th.sharedEvent(a, b, evLt)
	if h.p == nil {
		th.compareFault(a, b)
	}
	return !th.call1(h, a, b).falsy()
}

func (th *thread) lessEqual(a, b value) bool {
	if ka := a.kind(); ka != b.kind() && !(a.isFunction() && b.isFunction()) {
		th.compareFault(a, b)
	} else if ka == kindNumber {
		return a.num() <= b.num()
	} else if ka == kindString {
		return a.str().s <= b.str().s
	}
	if h := th.sharedEvent(a, b, evLe); h.p != nil {
		return !th.call1(h, a, b).falsy()
	}
	h := th.sharedEvent(b, a, evLt)
	if h.p == nil {
		th.compareFault(a, b)
	}
	return th.call1(h, b, a).falsy()
}

// concat joins the values in the slots from first to last, from the right.
// base is the first register of the frame, to name operands.
func (th *thread) concat(first, last, base int) value {
	acc, accReg := th.stack[last], last-base
	for i := last - 1; i >= first; {
		a := th.stack[i]
		if !joins(a) || !joins(acc) {
			h := th.st.metamethod(a, evConcat)
			if h.p == nil {
				h = th.st.metamethod(acc, evConcat)
			}
			if h.p == nil {
				th.concatFault(a, acc, i-base, accReg)
			}
			acc, accReg = th.call1(h, a, acc), -1
			i--
			continue
		}
		// Take all that can be joined at once.
		from := i
		for from > first && joins(th.stack[from-1]) {
			from--
		}
		acc, accReg = th.join(th.stack[from:i+1], acc), -1
		i = from - 1
	}
	return acc
}

func joins(v value) bool { return v.isNumber() || v.is(kindString) }

// join makes one string of values that are strings and numbers.
func (th *thread) join(list []value, last value) value {
	n, numbers := 0, 0
	measure := func(v value) {
		if v.isNumber() {
			numbers++
		} else {
			n += len(v.str().s)
		}
	}
	for _, v := range list {
		measure(v)
	}
	measure(last)
	if n >= 1<<20 {
		th.st.reserve(n)
	}
	buf := make([]byte, 0, n+numbers*20)
	for _, v := range list {
		buf = appendValue(buf, v)
	}
	return th.st.bytes(appendValue(buf, last))
}

// appendValue appends a string or number.
func appendValue(dst []byte, v value) []byte {
	if v.isNumber() {
		return AppendNumber(dst, v.num())
	}
	return append(dst, v.str().s...)
}

// toString converts strings and numbers to a string.
func toString(v value) (string, bool) {
	if v.isNumber() {
		return FormatNumber(v.num()), true
	}
	return v.asString()
}
