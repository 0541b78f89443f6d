package luac51

import "math"

// The limits of a function.
const (
	maxLocals   = 200
	maxUpvalues = 60
	maxRegs     = 250
	maxLevels   = 200 // nesting of syntax
	noJump      = -1
)

// scope is a block being compiled.
type scope struct {
	outer   *scope
	breaks  chain // jumps out of the loop
	nactive int   // local variables outside the block
	upvalue bool  // a closure keeps one of the variables
	loop    bool
}

// upref says where a closure finds an upvalue: in a register of the function
// around it, or among that function's own upvalues.
type upref struct {
	kind exprKind // exLocal or exUpvalue
	info int
}

// gen is a function being compiled.
type gen struct {
	p      *Proto
	outer  *gen
	lex    *lexer
	consts map[any]int
	nilK   int // index of the constant nil, or -1
	block  *scope

	lastTarget int // pc of the last jump target
	pending    int // list of jumps to the next instruction
	freeReg    int
	nactive    int
	upvals     []upref
	active     [maxLocals]uint16 // active variables as indexes of p.Locals
}

// limit faults if v is over max.
func (g *gen) limit(v, max int, what string) {
	if v <= max {
		return
	}
	if g.p.LineDefined == 0 {
		g.lex.fail(0, "main function has more than %d %s", max, what)
	}
	g.lex.fail(0, "function at line %d has more than %d %s", g.p.LineDefined, max, what)
}

func (g *gen) pc() int { return len(g.p.Code) }

// emit appends an instruction.
func (g *gen) emit(i Instruction) int { return g.emitAt(i, g.lex.lastLine) }

func (g *gen) emitAt(i Instruction, line int) int {
	g.landPending()
	g.p.Code = append(g.p.Code, i)
	g.p.Lines = append(g.p.Lines, int32(line))
	return len(g.p.Code) - 1
}

func (g *gen) abc(op Op, a, b, c int) int { return g.emit(ABC(op, a, b, c)) }
func (g *gen) abx(op Op, a, bx int) int   { return g.emit(ABx(op, a, bx)) }

// fixLine sets the line of the last instruction.
func (g *gen) fixLine(line int) { g.p.Lines[len(g.p.Lines)-1] = int32(line) }

// Registers.

func (g *gen) checkStack(n int) {
	size := g.freeReg + n
	if size > int(g.p.MaxStack) {
		if size >= maxRegs {
			g.lex.failHere("function or expression too complex")
		}
		g.p.MaxStack = uint8(size)
	}
}

func (g *gen) reserve(n int) {
	g.checkStack(n)
	g.freeReg += n
}

// release frees a register that is no local variable.
func (g *gen) release(reg int) {
	if reg&BitRK == 0 && reg >= g.nactive {
		g.freeReg--
	}
}

func (g *gen) releaseExpr(e *expr) {
	if e.kind == exRegister {
		g.release(e.info)
	}
}

// loadNil sets n registers to nil, joining with a LOADNIL just before.
func (g *gen) loadNil(from, n int) {
	if g.pc() > g.lastTarget {
		if g.pc() == 0 {
			if from >= g.nactive {
				return // registers begin as nil
			}
		} else if prev := &g.p.Code[g.pc()-1]; prev.Op() == OpLoadNil {
			first, last := prev.A(), prev.B()
			if first <= from && from <= last+1 {
				if from+n-1 > last {
					prev.setB(from + n - 1)
				}
				return
			}
		}
	}
	g.abc(OpLoadNil, from, from+n-1, 0)
}

// Constants.

func (g *gen) constant(v any) int {
	if i, ok := g.consts[v]; ok {
		return i
	}
	i := g.addConstant(v)
	g.consts[v] = i
	return i
}

func (g *gen) addConstant(v any) int {
	g.limitConstants()
	g.p.Consts = append(g.p.Consts, v)
	return len(g.p.Consts) - 1
}

func (g *gen) limitConstants() {
	if len(g.p.Consts) > maxBx {
		g.lex.fail(0, "constant table overflow")
	}
}

func (g *gen) nilConstant() int {
	if g.nilK < 0 {
		g.nilK = g.addConstant(nil)
	}
	return g.nilK
}

// Jumps. A list of open jumps is threaded through their offsets; noJump ends
// it.

func (g *gen) jump() int {
	held := g.pending
	g.pending = noJump
	j := g.emit(AsBx(OpJmp, 0, noJump))
	return g.join(j, held)
}

func (g *gen) target() int {
	g.lastTarget = g.pc()
	return g.pc()
}

func (g *gen) fixJump(pc, dest int) {
	offset := dest - (pc + 1)
	if offset > maxSBx || offset < -maxSBx {
		g.lex.failHere("control structure too long")
	}
	g.p.Code[pc].setSBx(offset)
}

// follow returns the jump after pc in its list.
func (g *gen) follow(pc int) int {
	offset := g.p.Code[pc].SBx()
	if offset == noJump {
		return noJump
	}
	return pc + 1 + offset
}

// join appends list b to list a.
func (g *gen) join(a, b int) int {
	if b == noJump {
		return a
	}
	if a == noJump {
		return b
	}
	last := a
	for n := g.follow(last); n != noJump; n = g.follow(last) {
		last = n
	}
	g.fixJump(last, b)
	return a
}

// chain is a list of jumps that knows its end, so that it grows in constant
// time.
type chain struct{ head, last int }

var noChain = chain{noJump, noJump}

// chainOf walks a list to its end.
func (g *gen) chainOf(list int) chain {
	c := chain{list, list}
	if list == noJump {
		return c
	}
	for n := g.follow(c.last); n != noJump; n = g.follow(n) {
		c.last = n
	}
	return c
}

// append joins list b to the end of a.
func (g *gen) append(a *chain, b chain) {
	switch {
	case b.head == noJump:
	case a.head == noJump:
		*a = b
	default:
		g.fixJump(a.last, b.head)
		a.last = b.last
	}
}

// extend joins a plain list to the end of a.
func (g *gen) extend(a *chain, list int) { g.append(a, g.chainOf(list)) }

// control returns the instruction that decides whether the jump at pc runs.
func (g *gen) control(pc int) *Instruction {
	if pc >= 1 {
		switch i := &g.p.Code[pc-1]; i.Op() {
		case OpEq, OpLt, OpLe, OpTest, OpTestSet, OpTForLoop:
			return i
		}
	}
	return &g.p.Code[pc]
}

// needsValue reports whether a jump of the list leaves no value behind.
func (g *gen) needsValue(list int) bool {
	for ; list != noJump; list = g.follow(list) {
		if g.control(list).Op() != OpTestSet {
			return true
		}
	}
	return false
}

// setTestReg makes the test before a jump put its value in reg, or drops the
// value when reg is noReg or the value is there already.
func (g *gen) setTestReg(pc, reg int) bool {
	i := g.control(pc)
	if i.Op() != OpTestSet {
		return false
	}
	if reg != noReg && reg != i.B() {
		i.setA(reg)
	} else {
		*i = ABC(OpTest, i.B(), 0, i.C())
	}
	return true
}

func (g *gen) dropValues(list int) {
	for ; list != noJump; list = g.follow(list) {
		g.setTestReg(list, noReg)
	}
}

// land directs the jumps of a list: those that carry a value, now put in
// reg, to withValue, the others to without.
func (g *gen) land(list, withValue, reg, without int) {
	for list != noJump {
		next := g.follow(list)
		if g.setTestReg(list, reg) {
			g.fixJump(list, withValue)
		} else {
			g.fixJump(list, without)
		}
		list = next
	}
}

func (g *gen) landPending() {
	list := g.pending
	g.pending = noJump
	g.land(list, g.pc(), noReg, g.pc())
}

func (g *gen) landAt(list, dest int) {
	if dest == g.pc() {
		g.landHere(list)
		return
	}
	g.land(list, dest, noReg, dest)
}

func (g *gen) landHere(list int) {
	g.target()
	g.pending = g.join(g.pending, list)
}

// setList stores the items above base in the table at base. total counts all
// items so far, n those in registers; n < 0 means up to the top.
func (g *gen) setList(base, total, n int) {
	c := (total-1)/FieldsPerFlush + 1
	b := max(n, 0)
	if c <= maxC {
		g.abc(OpSetList, base, b, c)
	} else {
		g.abc(OpSetList, base, b, 0)
		g.emit(Instruction(c))
	}
	g.freeReg = base + 1
}

// arith computes an operation on constants as the virtual machine would.
func arith(op Op, a, b float64) (float64, bool) {
	var r float64
	switch op {
	case OpAdd:
		r = a + b
	case OpSub:
		r = a - b
	case OpMul:
		r = a * b
	case OpDiv:
		if b == 0 {
			return 0, false
		}
		r = a / b
	case OpMod:
		if b == 0 {
			return 0, false
		}
		r = Mod(a, b)
	case OpPow:
		r = Pow(a, b)
	case OpUnm:
		r = -a
	default:
		return 0, false
	}
	return r, !math.IsNaN(r)
}

// Mod is the operator % of Lua 5.1.
func Mod(a, b float64) float64 { return a - float64(math.Floor(a/b)*b) }
