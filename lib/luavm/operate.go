package luavm

import "lander/lib/luac51"

// The parts of instructions that need not be fast.

// rk returns a register or constant operand.
func (th *thread) rk(r registers, k []value, x uint16) value {
	if x&rkFlag != 0 {
		return k[x&^rkFlag]
	}
	return r[uint8(x)]
}

// regOf is the register that an operand is, or -1 for a constant.
func regOf(x uint16) int {
	if x&rkFlag != 0 {
		return -1
	}
	return int(x)
}

// arithConstant computes R + K when R is no number, and stores the result.
func (th *thread) arithConstant(op luac51.Op, fr *frame, i instr) registers {
	b := int(uint8(i >> 16))
	v := th.arith(op, th.stack[fr.base+b], fr.cl.p.k[uint16(i>>32)], b, -1)
	r := th.registers(fr.base)
	r[uint8(i>>8)] = v
	return r
}

// forNumber makes a control value of a numeric for a number.
func (th *thread) forNumber(v *value, what string) float64 {
	n, ok := toNumber(*v)
	if !ok {
		th.fault("'for' %s must be a number", what)
	}
	*v = number(n)
	return n
}

// tailCall replaces the running frame by a call of the closure at fn.
func (th *thread) tailCall(fr *frame, fn, nargs int) {
	if th.open != nil {
		th.closeUpvalues(fr.base)
	}
	to, want, tails, stops := fr.fn, fr.want, fr.tails, fr.stops
	copy(th.stack[to:to+nargs+1], th.stack[fn:fn+nargs+1])
	th.fr = fr.prev
	th.enterLua(th.stack[to].closure(), to, nargs, want)
	th.fr.tails = tails + 1
	th.fr.stops = stops
}

// pollCall polls between the arguments of a call and the call.
func (th *thread) pollCall(top int) {
	was := th.top
	th.top = top
	th.st.poll(th)
	th.top = was
}

// setList stores the n values above the slot in the table there, after the
// given number of items.
func (th *thread) setList(slot, after, n int) {
	t := th.stack[slot].asTable()
	if t == nil {
		th.fault("bad instruction")
	}
	if last := after + n; last > len(t.arr) {
		nodes := 0
		if t.hasNodes() {
			nodes = len(t.nodes)
		}
		t.resize(th.st, last, nodes)
	}
	for i := 1; i <= n; i++ {
		t.setInt(th.st, after+i, th.stack[slot+i])
	}
}

// varArgs copies the extra arguments to register a on: want of them, or all
// and sets the top.
func (th *thread) varArgs(fr *frame, a, want int) {
	have := max(fr.base-fr.fn-1-fr.cl.p.numParams, 0)
	n := want
	if want < 0 {
		n = have
		th.ensure(fr.base + a + n + minStack)
		th.top = fr.base + a + n
	}
	to := th.stack[fr.base+a : fr.base+a+n]
	m := copy(to, th.stack[fr.base-have:fr.base])
	clear(to[min(m, n):])
}
