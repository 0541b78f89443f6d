package luavm

import (
	"unsafe"

	"lander/lib/luac51"
)

// The parts of instructions that need not be fast.

// registers are what the instructions of a frame address. The stack always
// reaches this far above a frame's base.
type registers = *[frameSlots]value

func (th *thread) registers(base int) registers {
	return registers(unsafe.Pointer(&th.stack[base]))
}

// branch takes the jump at pc if the test held, or passes over it.
func branch(code unsafe.Pointer, pc int, take bool) int {
	if take {
		return pc + 1 + int(int32(*(*instr)(unsafe.Add(code, pc*8))>>32))
	}
	return pc + 1
}

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

// store keeps what an instruction came to and takes the registers anew.
func (th *thread) store(fr *frame, i instr, v value) registers {
	r := th.registers(fr.base)
	r[uint8(i>>8)] = v
	return r
}

// indexInto is GETTABLE and its like where metamethods have a say.
func (th *thread) indexInto(fr *frame, i instr, v, k value) registers {
	return th.store(fr, i, th.index(v, k, int(uint8(i>>16))))
}

// arithRegisters computes on two registers that are not both numbers.
func (th *thread) arithRegisters(op luac51.Op, fr *frame, i instr) registers {
	b, c := int(uint8(i>>16)), int(uint8(i>>32))
	return th.store(fr, i, th.arith(op, th.stack[fr.base+b], th.stack[fr.base+c], b, c))
}

// arithConstant computes on a register that is no number and a constant.
func (th *thread) arithConstant(op luac51.Op, fr *frame, i instr) registers {
	b := int(uint8(i >> 16))
	return th.store(fr, i, th.arith(op, th.stack[fr.base+b], fr.cl.p.k[uint16(i>>32)], b, -1))
}

// arithAny computes on any operands.
func (th *thread) arithAny(op luac51.Op, fr *frame, i instr) registers {
	r, k := th.registers(fr.base), fr.cl.p.k
	x, y := uint16(i>>16), uint16(i>>32)&0x1ff
	b, c := th.rk(r, k, x), th.rk(r, k, y)
	if b.isNumber() && c.isNumber() {
		return th.store(fr, i, number(arithNumbers(op, b.num(), c.num())))
	}
	return th.store(fr, i, th.arith(op, b, c, regOf(x), regOf(y)))
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

// iterate calls the iterator of a generic for. Its results go to the slots
// from first on; it reports whether the loop goes on.
func (th *thread) iterate(fr *frame, first, want int) bool {
	copy(th.stack[first:first+3], th.stack[first-3:first])
	th.top = first + 3
	if f := th.stack[first]; f.is(kindNative) && th.ccalls+1 < maxCCalls {
		th.ccalls++
		th.runNative(f.native(), first, 2, want)
		th.ccalls--
	} else {
		th.call(2, want)
	}
	th.top = fr.top
	v := th.stack[first]
	if v.p == nil {
		return false
	}
	th.stack[first-1] = v
	return true
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
