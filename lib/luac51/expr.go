package luac51

// exprKind says where the value of an expression is.
type exprKind uint8

const (
	exVoid     exprKind = iota // no value
	exNil                      // constants
	exTrue                     //
	exFalse                    //
	exConst                    // info = index of the constant
	exNumber                   // num
	exLocal                    // info = register of a local variable
	exUpvalue                  // info = index of the upvalue
	exGlobal                   // info = constant that is the name
	exIndexed                  // info = register of the table, aux = register or constant of the key
	exJump                     // info = pc of the jump after a comparison
	exOpen                     // info = pc of the instruction whose target register is not chosen
	exRegister                 // info = register
	exCall                     // info = pc of the call
	exVarArg                   // info = pc of the VARARG
)

// expr describes an expression whose code is not finished.
type expr struct {
	kind  exprKind
	info  int
	aux   int
	num   float64
	ifYes chain // jumps taken when the value is true
	ifNo  chain // jumps taken when it is false
}

func newExpr(kind exprKind, info int) expr {
	return expr{kind: kind, info: info, ifYes: noChain, ifNo: noChain}
}

func (e *expr) jumps() bool { return e.ifYes.head != e.ifNo.head }

func (e *expr) isNumeral() bool { return e.kind == exNumber && !e.jumps() }

func (e *expr) isMulti() bool { return e.kind == exCall || e.kind == exVarArg }

// setResults fixes the number of results of a call or vararg; -1 is all.
func (g *gen) setResults(e *expr, n int) {
	switch e.kind {
	case exCall:
		g.p.Code[e.info].setC(n + 1)
	case exVarArg:
		g.p.Code[e.info].setB(n + 1)
		g.p.Code[e.info].setA(g.freeReg)
		g.reserve(1)
	}
}

func (g *gen) oneResult(e *expr) {
	switch e.kind {
	case exCall:
		e.kind, e.info = exRegister, g.p.Code[e.info].A()
	case exVarArg:
		g.p.Code[e.info].setB(2)
		e.kind = exOpen
	}
}

// read emits what reads a variable, so that the value is in a register to be
// chosen.
func (g *gen) read(e *expr) {
	switch e.kind {
	case exLocal:
		e.kind = exRegister
	case exUpvalue:
		e.kind, e.info = exOpen, g.abc(OpGetUpval, 0, e.info, 0)
	case exGlobal:
		e.kind, e.info = exOpen, g.abx(OpGetGlobal, 0, e.info)
	case exIndexed:
		g.release(e.aux)
		g.release(e.info)
		e.kind, e.info = exOpen, g.abc(OpGetTable, 0, e.info, e.aux)
	case exCall, exVarArg:
		g.oneResult(e)
	}
}

func (g *gen) loadBool(reg, value, skip int) int {
	g.target()
	return g.abc(OpLoadBool, reg, value, skip)
}

// toRegister puts the value, jumps aside, in reg.
func (g *gen) toRegister(e *expr, reg int) {
	g.read(e)
	switch e.kind {
	case exNil:
		g.loadNil(reg, 1)
	case exFalse:
		g.abc(OpLoadBool, reg, 0, 0)
	case exTrue:
		g.abc(OpLoadBool, reg, 1, 0)
	case exConst:
		g.abx(OpLoadK, reg, e.info)
	case exNumber:
		g.abx(OpLoadK, reg, g.constant(e.num))
	case exOpen:
		g.p.Code[e.info].setA(reg)
	case exRegister:
		if reg != e.info {
			g.abc(OpMove, reg, e.info, 0)
		}
	default: // nothing to put
		return
	}
	e.kind, e.info = exRegister, reg
}

func (g *gen) toAnyRegister(e *expr) {
	if e.kind != exRegister {
		g.reserve(1)
		g.toRegister(e, g.freeReg-1)
	}
}

// finish puts the whole value, jumps resolved, in reg.
func (g *gen) finish(e *expr, reg int) {
	g.toRegister(e, reg)
	if e.kind == exJump {
		g.extend(&e.ifYes, e.info)
	}
	if e.jumps() {
		loadNo, loadYes := noJump, noJump
		if g.needsValue(e.ifYes.head) || g.needsValue(e.ifNo.head) {
			skip := noJump
			if e.kind != exJump {
				skip = g.jump()
			}
			loadNo = g.loadBool(reg, 0, 1)
			loadYes = g.loadBool(reg, 1, 0)
			g.landHere(skip)
		}
		end := g.target()
		g.land(e.ifNo.head, end, reg, loadNo)
		g.land(e.ifYes.head, end, reg, loadYes)
	}
	*e = newExpr(exRegister, reg)
}

func (g *gen) nextRegister(e *expr) {
	g.read(e)
	g.releaseExpr(e)
	g.reserve(1)
	g.finish(e, g.freeReg-1)
}

// anyRegister puts the value in some register and returns it.
func (g *gen) anyRegister(e *expr) int {
	g.read(e)
	if e.kind == exRegister {
		if !e.jumps() {
			return e.info
		}
		if e.info >= g.nactive { // no local variable: may be overwritten
			g.finish(e, e.info)
			return e.info
		}
	}
	g.nextRegister(e)
	return e.info
}

// settle makes the value independent of variables that may change.
func (g *gen) settle(e *expr) {
	if e.jumps() {
		g.anyRegister(e)
	} else {
		g.read(e)
	}
}

// operand returns the value as a register or constant operand.
func (g *gen) operand(e *expr) int {
	g.settle(e)
	switch e.kind {
	case exNumber, exTrue, exFalse, exNil:
		if len(g.p.Consts) > BitRK-1 {
			break
		}
		switch e.kind {
		case exNil:
			e.info = g.nilConstant()
		case exNumber:
			e.info = g.constant(e.num)
		default:
			e.info = g.constant(e.kind == exTrue)
		}
		e.kind = exConst
		return e.info | BitRK
	case exConst:
		if e.info <= BitRK-1 {
			return e.info | BitRK
		}
	}
	return g.anyRegister(e)
}

// store assigns the value to a variable.
func (g *gen) store(v, e *expr) {
	switch v.kind {
	case exLocal:
		g.releaseExpr(e)
		g.finish(e, v.info)
		return
	case exUpvalue:
		g.abc(OpSetUpval, g.anyRegister(e), v.info, 0)
	case exGlobal:
		g.abx(OpSetGlobal, g.anyRegister(e), v.info)
	case exIndexed:
		rk := g.operand(e)
		g.abc(OpSetTable, v.info, v.aux, rk)
	}
	g.releaseExpr(e)
}

// method prepares a call of e:key().
func (g *gen) method(e, key *expr) {
	g.anyRegister(e)
	g.releaseExpr(e)
	f := g.freeReg
	g.reserve(2)
	g.abc(OpSelf, f, e.info, g.operand(key))
	g.releaseExpr(key)
	e.kind, e.info = exRegister, f
}

// index makes e into e[k].
func (g *gen) index(e, k *expr) {
	e.aux = g.operand(k)
	e.kind = exIndexed
}
