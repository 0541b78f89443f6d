package luac51

import "strings"

// NameOf tells how the source names what register reg holds when the
// instruction at pc runs: the kind ("local", "global", "field", "upvalue",
// "method") and the name, or two empty strings when the code does not say.
func NameOf(p *Proto, pc, reg int) (kind, name string) {
	if name := p.LocalName(reg+1, pc); name != "" {
		return "local", name
	}
	switch i := p.Code[lastSetter(p, pc, reg)]; i.Op() {
	case OpGetGlobal:
		return "global", constantName(p, i.Bx())
	case OpMove:
		if i.B() < i.A() {
			return NameOf(p, pc, i.B())
		}
	case OpGetTable:
		return "field", keyName(p, i.C())
	case OpGetUpval:
		if i.B() < len(p.Upvalues) {
			return "upvalue", p.Upvalues[i.B()]
		}
		return "upvalue", "?"
	case OpSelf:
		return "method", keyName(p, i.C())
	}
	return "", ""
}

// CalleeOf tells how the source names the function that the call at pc
// calls; empty when pc is no call.
func CalleeOf(p *Proto, pc int) (kind, name string) {
	if pc < 0 || pc >= len(p.Code) {
		return "", ""
	}
	switch i := p.Code[pc]; i.Op() {
	case OpCall, OpTailCall, OpTForLoop:
		return NameOf(p, pc, i.A())
	}
	return "", ""
}

// constantName returns constant k if it is a string, up to its first NUL, as
// C prints it.
func constantName(p *Proto, k int) string {
	if k < len(p.Consts) {
		if s, ok := p.Consts[k].(string); ok {
			s, _, _ = strings.Cut(s, "\x00")
			return s
		}
	}
	return "?"
}

// keyName returns the key that operand c is, if it is a constant string.
func keyName(p *Proto, c int) string {
	if c&BitRK == 0 {
		return "?"
	}
	return constantName(p, c&^BitRK)
}

// setsA says which operations put a value in register A.
var setsA = [numOps]bool{
	OpMove: true, OpLoadK: true, OpLoadBool: true, OpLoadNil: true, OpGetUpval: true, OpGetGlobal: true,
	OpGetTable: true, OpNewTable: true, OpSelf: true, OpAdd: true, OpSub: true, OpMul: true, OpDiv: true,
	OpMod: true, OpPow: true, OpUnm: true, OpNot: true, OpLen: true, OpConcat: true, OpTest: true,
	OpTestSet: true, OpCall: true, OpTailCall: true, OpForLoop: true, OpForPrep: true, OpClosure: true,
	OpVarArg: true,
}

// lastSetter walks the code up to pc, taking forward jumps that do not pass
// it, and returns the instruction that changed reg last; the final return if
// there is none.
func lastSetter(p *Proto, end, reg int) int {
	last := len(p.Code) - 1
	for pc := 0; pc < end; pc++ {
		i := p.Code[pc]
		op, a := i.Op(), i.A()
		if setsA[op] && a == reg {
			last = pc
		}
		switch op {
		case OpLoadNil:
			if a <= reg && reg <= i.B() {
				last = pc
			}
		case OpSelf:
			if reg == a+1 {
				last = pc
			}
		case OpTForLoop:
			if reg >= a+2 {
				last = pc
			}
		case OpCall, OpTailCall:
			if reg >= a {
				last = pc
			}
		case OpJmp, OpForLoop, OpForPrep:
			if dest := pc + 1 + i.SBx(); pc < dest && dest <= end {
				pc = dest - 1
			}
		case OpSetList:
			if i.C() == 0 {
				pc++
			}
		case OpClosure:
			pc += int(p.Protos[i.Bx()].NumUpvalues)
		}
	}
	return last
}
