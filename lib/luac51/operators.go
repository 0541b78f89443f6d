package luac51

// binaryOp and its priorities on both sides: a lower right one makes the
// operator bind to the right.
type binaryOp uint8

const (
	binAdd binaryOp = iota
	binSub
	binMul
	binDiv
	binMod
	binPow
	binConcat
	binNe
	binEq
	binLt
	binLe
	binGt
	binGe
	binAnd
	binOr
	binNone
)

var priority = [...]struct{ left, right int }{
	{6, 6}, {6, 6}, {7, 7}, {7, 7}, {7, 7}, {10, 9}, {5, 4}, {3, 3}, {3, 3}, {3, 3}, {3, 3}, {3, 3}, {3, 3}, {2, 2}, {1, 1},
}

const unaryPriority = 8

func binaryOf(t token) binaryOp {
	switch t {
	case '+':
		return binAdd
	case '-':
		return binSub
	case '*':
		return binMul
	case '/':
		return binDiv
	case '%':
		return binMod
	case '^':
		return binPow
	case tkConcat:
		return binConcat
	case tkNe:
		return binNe
	case tkEq:
		return binEq
	case '<':
		return binLt
	case tkLe:
		return binLe
	case '>':
		return binGt
	case tkGe:
		return binGe
	case tkAnd:
		return binAnd
	case tkOr:
		return binOr
	}
	return binNone
}

// condJump emits a test and its jump.
func (g *gen) condJump(op Op, a, b, c int) int {
	g.abc(op, a, b, c)
	return g.jump()
}

func (g *gen) invert(e *expr) {
	i := g.control(e.info)
	i.setA(1 - i.A())
}

// jumpIf emits a jump taken when the value is cond.
func (g *gen) jumpIf(e *expr, cond int) int {
	if e.kind == exOpen {
		if i := g.p.Code[e.info]; i.Op() == OpNot {
			g.unemit()
			return g.condJump(OpTest, i.B(), 0, 1-cond)
		}
	}
	g.toAnyRegister(e)
	g.releaseExpr(e)
	return g.condJump(OpTestSet, noReg, e.info, cond)
}

// unemit takes back the last instruction.
func (g *gen) unemit() {
	g.p.Code = g.p.Code[:len(g.p.Code)-1]
	g.p.Lines = g.p.Lines[:len(g.p.Lines)-1]
}

// goIfTrue lets the code go on when the value is true and jump otherwise.
func (g *gen) goIfTrue(e *expr) {
	g.read(e)
	j := noJump
	switch e.kind {
	case exConst, exNumber, exTrue:
	case exJump:
		g.invert(e)
		j = e.info
	default:
		j = g.jumpIf(e, 0)
	}
	g.extend(&e.ifNo, j)
	g.landHere(e.ifYes.head)
	e.ifYes = noChain
}

// goIfFalse is the opposite.
func (g *gen) goIfFalse(e *expr) {
	g.read(e)
	j := noJump
	switch e.kind {
	case exNil, exFalse:
	case exJump:
		j = e.info
	default:
		j = g.jumpIf(e, 1)
	}
	g.extend(&e.ifYes, j)
	g.landHere(e.ifNo.head)
	e.ifNo = noChain
}

func (g *gen) not(e *expr) {
	g.read(e)
	switch e.kind {
	case exNil, exFalse:
		e.kind = exTrue
	case exConst, exNumber, exTrue:
		e.kind = exFalse
	case exJump:
		g.invert(e)
	case exOpen, exRegister:
		g.toAnyRegister(e)
		g.releaseExpr(e)
		e.kind, e.info = exOpen, g.abc(OpNot, 0, e.info, 0)
	}
	e.ifYes, e.ifNo = e.ifNo, e.ifYes
	g.dropValues(e.ifNo.head)
	g.dropValues(e.ifYes.head)
}

// fold computes an operation on numerals at once, if it can.
func fold(op Op, a, b *expr) bool {
	if !a.isNumeral() || !b.isNumeral() {
		return false
	}
	r, ok := arith(op, a.num, b.num)
	if ok {
		a.num = r
	}
	return ok
}

func (g *gen) arith(op Op, a, b *expr) {
	if fold(op, a, b) {
		return
	}
	y := 0
	if op != OpUnm && op != OpLen {
		y = g.operand(b)
	}
	x := g.operand(a)
	if x > y { // registers are freed from the top
		g.releaseExpr(a)
		g.releaseExpr(b)
	} else {
		g.releaseExpr(b)
		g.releaseExpr(a)
	}
	a.kind, a.info = exOpen, g.abc(op, 0, x, y)
}

func (g *gen) compare(op Op, cond int, a, b *expr) {
	x := g.operand(a)
	y := g.operand(b)
	g.releaseExpr(b)
	g.releaseExpr(a)
	if cond == 0 && op != OpEq { // a > b is b < a
		x, y, cond = y, x, 1
	}
	a.kind, a.info = exJump, g.condJump(op, cond, x, y)
}

func (g *gen) unary(t token, e *expr) {
	switch t {
	case '-':
		if !e.isNumeral() {
			g.anyRegister(e) // constants that are no numbers cannot be operands
		}
		zero := newExpr(exNumber, 0)
		g.arith(OpUnm, e, &zero)
	case tkNot:
		g.not(e)
	case '#':
		g.anyRegister(e)
		zero := newExpr(exNumber, 0)
		g.arith(OpLen, e, &zero)
	}
}

// infix prepares the left operand before the right one is read.
func (g *gen) infix(op binaryOp, e *expr) {
	switch op {
	case binAnd:
		g.goIfTrue(e)
	case binOr:
		g.goIfFalse(e)
	case binConcat:
		g.nextRegister(e)
	case binAdd, binSub, binMul, binDiv, binMod, binPow:
		if !e.isNumeral() {
			g.operand(e)
		}
	default:
		g.operand(e)
	}
}

func (g *gen) binary(op binaryOp, a, b *expr) {
	switch op {
	case binAnd:
		g.read(b)
		g.append(&b.ifNo, a.ifNo)
		*a = *b
	case binOr:
		g.read(b)
		g.append(&b.ifYes, a.ifYes)
		*a = *b
	case binConcat:
		g.settle(b)
		if b.kind == exOpen && g.p.Code[b.info].Op() == OpConcat {
			g.releaseExpr(a)
			g.p.Code[b.info].setB(a.info)
			a.kind, a.info = exOpen, b.info
		} else {
			g.nextRegister(b)
			g.arith(OpConcat, a, b)
		}
	case binEq:
		g.compare(OpEq, 1, a, b)
	case binNe:
		g.compare(OpEq, 0, a, b)
	case binLt:
		g.compare(OpLt, 1, a, b)
	case binLe:
		g.compare(OpLe, 1, a, b)
	case binGt:
		g.compare(OpLt, 0, a, b)
	case binGe:
		g.compare(OpLe, 0, a, b)
	default:
		g.arith(OpAdd+Op(op-binAdd), a, b)
	}
}
