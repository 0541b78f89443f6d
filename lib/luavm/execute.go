package luavm

import (
	"math"
	"unsafe"

	"lander/lib/luac51"
)

// execute runs the running frame and those it calls until a frame returns
// whose stops flag is set, or the coroutine yields.
//
// Whatever may run other code, and so move the stack, is followed by taking
// the registers anew; the pc is stored in the frame before anything that may
// raise an error.
func (th *thread) execute() {
	var (
		st   = th.st
		fr   *frame
		cl   *closure
		p    *proto
		code unsafe.Pointer // first instruction
		k    []value
		r    registers
		pc   int
	)
enter:
	fr = th.fr
	cl = fr.cl
	p = cl.p
	code = unsafe.Pointer(unsafe.SliceData(p.code))
	k = p.k
	pc = fr.pc
	r = th.registers(fr.base)
	for {
		i := *(*instr)(unsafe.Add(code, pc*8))
		pc++
		ra := &r[uint8(i>>8)]
		switch luac51.Op(i) {
		case luac51.OpMove:
			*ra = r[uint8(i>>16)]

		case luac51.OpLoadK:
			*ra = k[i>>32]

		case luac51.OpLoadBool:
			*ra = boolean(uint16(i>>16) != 0)
			if uint16(i>>32) != 0 {
				pc++
			}

		case luac51.OpLoadNil:
			for n := int(uint8(i >> 8)); n <= int(uint8(i>>16)); n++ {
				r[uint8(n)] = value{}
			}

		case luac51.OpGetUpval:
			*ra = *cl.ups[uint8(i>>16)].v

		case luac51.OpSetUpval:
			*cl.ups[uint8(i>>16)].v = *ra

		case luac51.OpGetGlobal:
			key := k[i>>32]
			v := cl.env.getString(key.str())
			if v.p == nil && cl.env.meta != nil {
				fr.pc = pc
				v = th.index(tableValue(cl.env), key, -1)
				r = th.registers(fr.base)
				ra = &r[uint8(i>>8)]
			}
			*ra = v

		case luac51.OpSetGlobal:
			key := k[i>>32]
			if s := cl.env.slotString(key.str()); s != nil && s.p != nil {
				*s = *ra
				cl.env.absent = 0
				continue
			}
			fr.pc = pc
			th.setIndex(tableValue(cl.env), key, *ra, -1)
			r = th.registers(fr.base)

		case opGetField:
			b, key := r[uint8(i>>16)], k[uint16(i>>32)]
			if b.is(kindTable) {
				t := b.table()
				if v := t.getString(key.str()); v.p != nil || t.meta == nil {
					*ra = v
					continue
				}
			}
			fr.pc = pc
			r = th.indexInto(fr, i, b, key)

		case luac51.OpGetTable:
			b, key := r[uint8(i>>16)], &r[uint8(i>>32)]
			if b.is(kindTable) {
				t := b.table()
				if key.isNumber() {
					f := key.num()
					if n := int(f); float64(n) == f && uint(n-1) < uint(len(t.arr)) {
						if v := t.arr[n-1]; v.p != nil || t.meta == nil {
							*ra = v
							continue
						}
					}
				}
				if v := t.get(*key); v.p != nil || t.meta == nil {
					*ra = v
					continue
				}
			}
			fr.pc = pc
			r = th.indexInto(fr, i, b, *key)

		case opGetTableK:
			fr.pc = pc
			r = th.indexInto(fr, i, r[uint8(i>>16)], k[uint16(i>>32)])

		case opSetField, opSetFieldK:
			var v value
			if luac51.Op(i) == opSetField {
				v = r[uint8(i>>32)]
			} else {
				v = k[uint16(i>>32)]
			}
			key := k[uint16(i>>16)]
			if ra.is(kindTable) {
				t := ra.table()
				if s := t.slotString(key.str()); s != nil && (s.p != nil || t.meta == nil) {
					*s = v
					t.absent = 0
					continue
				}
			}
			fr.pc = pc
			th.setIndex(*ra, key, v, int(uint8(i>>8)))
			r = th.registers(fr.base)

		case luac51.OpSetTable, opSetTableRK, opSetTableK:
			var key, v value
			switch luac51.Op(i) {
			case luac51.OpSetTable:
				key, v = r[uint8(i>>16)], r[uint8(i>>32)]
			case opSetTableRK:
				key, v = r[uint8(i>>16)], k[uint16(i>>32)]
			default:
				key, v = th.rk(r, k, uint16(i>>16)), th.rk(r, k, uint16(i>>32))
			}
			if ra.is(kindTable) {
				t := ra.table()
				if key.isNumber() {
					f := key.num()
					if n := int(f); float64(n) == f && uint(n-1) < uint(len(t.arr)) {
						if s := &t.arr[n-1]; s.p != nil || t.meta == nil {
							*s = v
							continue
						}
					}
				}
			}
			fr.pc = pc
			th.setIndex(*ra, key, v, int(uint8(i>>8)))
			r = th.registers(fr.base)

		case luac51.OpNewTable:
			fr.pc = pc
			*ra = tableValue(st.newTable(int(uint16(i>>16)), int(uint16(i>>32))))

		case opSelfS, luac51.OpSelf:
			b := r[uint8(i>>16)]
			var key value
			if luac51.Op(i) == opSelfS {
				key = k[uint16(i>>32)]
			} else {
				key = th.rk(r, k, uint16(i>>32))
			}
			r[uint8(i>>8)+1] = b
			if b.is(kindTable) && key.is(kindString) {
				t := b.table()
				if v := t.getString(key.str()); v.p != nil || t.meta == nil {
					*ra = v
					continue
				}
			}
			fr.pc = pc
			r = th.indexInto(fr, i, b, key)

		case luac51.OpAdd:
			b, c := &r[uint8(i>>16)], &r[uint8(i>>32)]
			if b.isNumber() && c.isNumber() {
				ra.setNumber(b.num() + c.num())
				continue
			}
			fr.pc = pc
			r = th.arithRegisters(luac51.OpAdd, fr, i)

		case luac51.OpSub:
			b, c := &r[uint8(i>>16)], &r[uint8(i>>32)]
			if b.isNumber() && c.isNumber() {
				ra.setNumber(b.num() - c.num())
				continue
			}
			fr.pc = pc
			r = th.arithRegisters(luac51.OpSub, fr, i)

		case luac51.OpMul:
			b, c := &r[uint8(i>>16)], &r[uint8(i>>32)]
			if b.isNumber() && c.isNumber() {
				ra.setNumber(b.num() * c.num())
				continue
			}
			fr.pc = pc
			r = th.arithRegisters(luac51.OpMul, fr, i)

		case luac51.OpDiv:
			b, c := &r[uint8(i>>16)], &r[uint8(i>>32)]
			if b.isNumber() && c.isNumber() {
				ra.setNumber(b.num() / c.num())
				continue
			}
			fr.pc = pc
			r = th.arithRegisters(luac51.OpDiv, fr, i)

		case luac51.OpMod, luac51.OpPow:
			b, c := &r[uint8(i>>16)], &r[uint8(i>>32)]
			if b.isNumber() && c.isNumber() {
				ra.setNumber(arithNumbers(luac51.Op(i), b.num(), c.num()))
				continue
			}
			fr.pc = pc
			r = th.arithRegisters(luac51.Op(i), fr, i)

		case opAddN:
			if b := &r[uint8(i>>16)]; b.isNumber() {
				ra.setNumber(b.num() + k[uint16(i>>32)].num())
				continue
			}
			fr.pc = pc
			r = th.arithConstant(luac51.OpAdd, fr, i)

		case opSubN:
			if b := &r[uint8(i>>16)]; b.isNumber() {
				ra.setNumber(b.num() - k[uint16(i>>32)].num())
				continue
			}
			fr.pc = pc
			r = th.arithConstant(luac51.OpSub, fr, i)

		case opMulN:
			if b := &r[uint8(i>>16)]; b.isNumber() {
				ra.setNumber(b.num() * k[uint16(i>>32)].num())
				continue
			}
			fr.pc = pc
			r = th.arithConstant(luac51.OpMul, fr, i)

		case opDivN:
			if b := &r[uint8(i>>16)]; b.isNumber() {
				ra.setNumber(b.num() / k[uint16(i>>32)].num())
				continue
			}
			fr.pc = pc
			r = th.arithConstant(luac51.OpDiv, fr, i)

		case opModN:
			if b := &r[uint8(i>>16)]; b.isNumber() {
				x, y := b.num(), k[uint16(i>>32)].num()
				ra.setNumber(x - float64(math.Floor(x/y)*y))
				continue
			}
			fr.pc = pc
			r = th.arithConstant(luac51.OpMod, fr, i)

		case opPowN:
			if b := &r[uint8(i>>16)]; b.isNumber() {
				ra.setNumber(luac51.Pow(b.num(), k[uint16(i>>32)].num()))
				continue
			}
			fr.pc = pc
			r = th.arithConstant(luac51.OpPow, fr, i)

		case opArith:
			fr.pc = pc
			r = th.arithAny(luac51.Op(i>>48), fr, i)

		case luac51.OpUnm:
			b := &r[uint8(i>>16)]
			if b.isNumber() {
				ra.setNumber(-b.num())
				continue
			}
			fr.pc = pc
			v := th.arith(luac51.OpUnm, *b, *b, int(uint8(i>>16)), int(uint8(i>>16)))
			r = th.registers(fr.base)
			r[uint8(i>>8)] = v

		case luac51.OpNot:
			*ra = boolean(r[uint8(i>>16)].falsy())

		case luac51.OpLen:
			b := r[uint8(i>>16)]
			if b.is(kindTable) {
				ra.setNumber(float64(b.table().length()))
				continue
			}
			fr.pc = pc
			v := th.length(b, int(uint8(i>>16)))
			r = th.registers(fr.base)
			r[uint8(i>>8)] = v

		case luac51.OpConcat:
			fr.pc = pc
			v := th.concat(fr.base+int(uint8(i>>16)), fr.base+int(uint8(i>>32)), fr.base)
			r = th.registers(fr.base)
			r[uint8(i>>8)] = v

		case luac51.OpJmp:
			pc += int(int32(i >> 32))
			if int32(i>>32) < 0 && st.stop.Load() != 0 {
				fr.pc = pc
				st.poll(th)
				r = th.registers(fr.base)
			}

		case luac51.OpEq, opEqK, opEqAny:
			var b, c value
			switch luac51.Op(i) {
			case luac51.OpEq:
				b, c = r[uint8(i>>16)], r[uint8(i>>32)]
			case opEqK:
				b, c = r[uint8(i>>16)], k[uint16(i>>32)]
			default:
				b, c = th.rk(r, k, uint16(i>>16)), th.rk(r, k, uint16(i>>32))
			}
			var eq bool
			switch {
			case b.isNumber():
				eq = c.isNumber() && b.num() == c.num()
			case b.p == c.p:
				eq = b.n == c.n
			default:
				fr.pc = pc
				eq = th.equal(b, c)
				r = th.registers(fr.base)
			}
			pc = branch(code, pc, eq == (uint8(i>>8) != 0))
			goto polled

		case luac51.OpLt:
			b, c := &r[uint8(i>>16)], &r[uint8(i>>32)]
			if b.isNumber() && c.isNumber() {
				pc = branch(code, pc, (b.num() < c.num()) == (uint8(i>>8) != 0))
				goto polled
			}
			fr.pc = pc
			lt := th.less(*b, *c)
			r = th.registers(fr.base)
			pc = branch(code, pc, lt == (uint8(i>>8) != 0))
			goto polled

		case luac51.OpLe:
			b, c := &r[uint8(i>>16)], &r[uint8(i>>32)]
			if b.isNumber() && c.isNumber() {
				pc = branch(code, pc, (b.num() <= c.num()) == (uint8(i>>8) != 0))
				goto polled
			}
			fr.pc = pc
			le := th.lessEqual(*b, *c)
			r = th.registers(fr.base)
			pc = branch(code, pc, le == (uint8(i>>8) != 0))
			goto polled

		case opLtN:
			b, c := &r[uint8(i>>16)], &k[uint16(i>>32)]
			if !b.isNumber() {
				fr.pc = pc
				th.compareFault(*b, *c)
			}
			pc = branch(code, pc, (b.num() < c.num()) == (uint8(i>>8) != 0))
			goto polled

		case opGtN:
			b, c := &k[uint16(i>>16)], &r[uint8(i>>32)]
			if !c.isNumber() {
				fr.pc = pc
				th.compareFault(*b, *c)
			}
			pc = branch(code, pc, (b.num() < c.num()) == (uint8(i>>8) != 0))
			goto polled

		case opLeN:
			b, c := &r[uint8(i>>16)], &k[uint16(i>>32)]
			if !b.isNumber() {
				fr.pc = pc
				th.compareFault(*b, *c)
			}
			pc = branch(code, pc, (b.num() <= c.num()) == (uint8(i>>8) != 0))
			goto polled

		case opGeN:
			b, c := &k[uint16(i>>16)], &r[uint8(i>>32)]
			if !c.isNumber() {
				fr.pc = pc
				th.compareFault(*b, *c)
			}
			pc = branch(code, pc, (b.num() <= c.num()) == (uint8(i>>8) != 0))
			goto polled

		case opLtAny, opLeAny:
			fr.pc = pc
			b, c := th.rk(r, k, uint16(i>>16)), th.rk(r, k, uint16(i>>32))
			var yes bool
			if luac51.Op(i) == opLtAny {
				yes = th.less(b, c)
			} else {
				yes = th.lessEqual(b, c)
			}
			r = th.registers(fr.base)
			pc = branch(code, pc, yes == (uint8(i>>8) != 0))
			goto polled

		case luac51.OpTest:
			pc = branch(code, pc, ra.falsy() == (uint16(i>>32) == 0))
			goto polled

		case luac51.OpTestSet:
			if b := r[uint8(i>>16)]; b.falsy() == (uint16(i>>32) == 0) {
				*ra = b
				pc = branch(code, pc, true)
				goto polled
			}
			pc++

		case luac51.OpCall:
			fn := fr.base + int(uint8(i>>8))
			nargs := int(uint16(i>>16)) - 1
			if nargs < 0 {
				nargs = max(th.top-fn-1, 0)
			}
			fr.pc = pc
			if st.stop.Load() != 0 {
				th.pollCall(fn + nargs + 1)
				ra = &th.stack[fn]
			}
			for {
				if ra.is(kindClosure) {
					th.enterLua(ra.closure(), fn, nargs, int(uint16(i>>32))-1)
					goto enter
				}
				if ra.is(kindNative) {
					break
				}
				th.insertCallee(fn, nargs)
				nargs++
				ra = &th.stack[fn]
			}
			if th.runNative(ra.native(), fn, nargs, int(uint16(i>>32))-1) {
				return
			}
			if uint16(i>>32) != 0 {
				th.top = fr.top
			}
			r = th.registers(fr.base)

		case luac51.OpTailCall:
			fn := fr.base + int(uint8(i>>8))
			nargs := int(uint16(i>>16)) - 1
			if nargs < 0 {
				nargs = max(th.top-fn-1, 0)
			}
			fr.pc = pc
			if st.stop.Load() != 0 {
				th.pollCall(fn + nargs + 1)
				ra = &th.stack[fn]
			}
			if !ra.isFunction() {
				th.insertCallee(fn, nargs)
				nargs++
				ra = &th.stack[fn]
			}
			if ra.is(kindClosure) {
				th.tailCall(fr, fn, nargs)
				goto enter
			}
			if th.runNative(ra.native(), fn, nargs, -1) {
				return
			}
			r = th.registers(fr.base)

		case luac51.OpReturn, opReturn0, opReturn1:
			if th.open != nil {
				th.closeUpvalues(fr.base)
			}
			first := fr.base + int(uint8(i>>8))
			n := int(uint16(i>>16)) - 1
			if n < 0 {
				n = max(th.top-first, 0)
			}
			want, stops := fr.want, fr.stops
			if n == 1 && want == 1 {
				th.stack[fr.fn] = *ra
				th.fr = fr.prev
				th.top = fr.fn + 1
			} else {
				th.leave(first, n)
			}
			if stops {
				return
			}
			if want >= 0 {
				th.top = th.fr.top
			}
			goto enter

		case luac51.OpForLoop:
			step := r[uint8(i>>8)+2].num()
			idx := ra.num() + step
			limit := r[uint8(i>>8)+1].num()
			if step > 0 && idx <= limit || step <= 0 && limit <= idx {
				pc += int(int32(i >> 32))
				ra.setNumber(idx)
				r[uint8(i>>8)+3].setNumber(idx)
				if st.stop.Load() != 0 {
					fr.pc = pc
					st.poll(th)
					r = th.registers(fr.base)
				}
			}

		case luac51.OpForPrep:
			fr.pc = pc
			init := th.forNumber(ra, "initial value")
			th.forNumber(&r[uint8(i>>8)+1], "limit")
			step := th.forNumber(&r[uint8(i>>8)+2], "step")
			ra.setNumber(init - step)
			pc += int(int32(i >> 32))

		case luac51.OpTForLoop:
			fr.pc = pc
			more := th.iterate(fr, fr.base+int(uint8(i>>8))+3, int(uint16(i>>32)))
			r = th.registers(fr.base)
			pc = branch(code, pc, more)
			goto polled

		case luac51.OpSetList:
			n, c := int(uint16(i>>16)), int(uint16(i>>32))
			if n == 0 {
				n = max(th.top-(fr.base+int(uint8(i>>8)))-1, 0)
				th.top = fr.top
			}
			if c == 0 {
				c = int(*(*instr)(unsafe.Add(code, pc*8)))
				pc++
			}
			fr.pc = pc
			th.setList(fr.base+int(uint8(i>>8)), (c-1)*luac51.FieldsPerFlush, n)

		case luac51.OpClose:
			th.closeUpvalues(fr.base + int(uint8(i>>8)))

		case luac51.OpClosure:
			fr.pc = pc
			c := st.newClosure(p.protos[i>>32], cl.env)
			for n := range c.ups {
				u := *(*instr)(unsafe.Add(code, pc*8))
				pc++
				if luac51.Op(u) == luac51.OpMove {
					c.ups[n] = th.findUpvalue(fr.base + int(uint8(u>>16)))
				} else {
					c.ups[n] = cl.ups[uint8(u>>16)]
				}
			}
			*ra = c.value()

		case luac51.OpVarArg:
			fr.pc = pc
			th.varArgs(fr, int(uint8(i>>8)), int(uint16(i>>16))-1)
			r = th.registers(fr.base)

		default:
			fr.pc = pc
			th.fault("bad instruction")
		}
		continue

	polled:
		// A test was followed by a jump, perhaps backwards.
		if st.stop.Load() != 0 {
			fr.pc = pc
			st.poll(th)
			r = th.registers(fr.base)
		}
	}
}
