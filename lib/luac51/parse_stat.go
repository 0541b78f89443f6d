package luac51

func (c *compiler) blockEnds() bool {
	switch c.tok {
	case tkElse, tkElseif, tkEnd, tkUntil, tkEOF:
		return true
	}
	return false
}

func (c *compiler) chunk() {
	c.enter()
	for last := false; !last && !c.blockEnds(); {
		last = c.statement()
		c.test(';')
		c.gen.freeReg = c.gen.nactive
	}
	c.leave()
}

func (c *compiler) blockBody() {
	c.gen.enterBlock(false)
	c.chunk()
	c.gen.leaveBlock()
}

// statement reads one statement and reports whether it must be the last.
func (c *compiler) statement() bool {
	line := c.line
	switch c.tok {
	case tkIf:
		c.ifStat(line)
	case tkWhile:
		c.whileStat(line)
	case tkDo:
		c.next()
		c.blockBody()
		c.match(tkEnd, tkDo, line)
	case tkFor:
		c.forStat(line)
	case tkRepeat:
		c.repeatStat(line)
	case tkFunction:
		c.functionStat(line)
	case tkLocal:
		c.next()
		if c.test(tkFunction) {
			c.localFunction()
		} else {
			c.localStat()
		}
	case tkReturn:
		c.returnStat()
		return true
	case tkBreak:
		c.next()
		c.breakStat()
		return true
	default:
		c.exprStat()
	}
	return false
}

// condition reads an expression and returns the jumps taken when it is
// false.
func (c *compiler) condition() int {
	e := c.expr()
	if e.kind == exNil {
		e.kind = exFalse
	}
	c.gen.goIfTrue(&e)
	return e.ifNo.head
}

func (c *compiler) ifStat(line int) {
	g, out := c.gen, noChain
	no := c.thenBlock()
	for c.tok == tkElseif {
		g.extend(&out, g.jump())
		g.landHere(no)
		no = c.thenBlock()
	}
	if c.tok == tkElse {
		g.extend(&out, g.jump())
		g.landHere(no)
		c.next()
		c.blockBody()
	} else {
		g.extend(&out, no)
	}
	g.landHere(out.head)
	c.match(tkEnd, tkIf, line)
}

func (c *compiler) thenBlock() int {
	c.next()
	no := c.condition()
	c.expect(tkThen)
	c.blockBody()
	return no
}

func (c *compiler) whileStat(line int) {
	g := c.gen
	c.next()
	start := g.target()
	exit := c.condition()
	g.enterBlock(true)
	c.expect(tkDo)
	c.blockBody()
	g.landAt(g.jump(), start)
	c.match(tkEnd, tkWhile, line)
	g.leaveBlock()
	g.landHere(exit)
}

func (c *compiler) repeatStat(line int) {
	g := c.gen
	start := g.target()
	g.enterBlock(true)
	inner := g.enterBlock(false)
	c.next()
	c.chunk()
	c.match(tkUntil, tkRepeat, line)
	no := c.condition() // sees the variables of the block
	if !inner.upvalue {
		g.leaveBlock()
		g.landAt(no, start)
	} else {
		c.breakStat()
		g.landHere(no)
		g.leaveBlock()
		g.landAt(g.jump(), start)
	}
	g.leaveBlock()
}

func (c *compiler) breakStat() {
	g := c.gen
	b, upvalue := g.block, false
	for b != nil && !b.loop {
		upvalue = upvalue || b.upvalue
		b = b.outer
	}
	if b == nil {
		c.failHere("no loop to break")
	}
	if upvalue {
		g.abc(OpClose, b.nactive, 0, 0)
	}
	g.extend(&b.breaks, g.jump())
}

func (c *compiler) forStat(line int) {
	c.gen.enterBlock(true)
	c.next()
	name := c.nameToken()
	switch c.tok {
	case '=':
		c.numericFor(name, line)
	case ',', tkIn:
		c.genericFor(name)
	default:
		c.failHere("'=' or 'in' expected")
	}
	c.match(tkEnd, tkFor, line)
	c.gen.leaveBlock()
}

func (c *compiler) numericFor(name string, line int) {
	g, base := c.gen, c.gen.freeReg
	g.declare("(for index)", 0)
	g.declare("(for limit)", 1)
	g.declare("(for step)", 2)
	g.declare(name, 3)
	c.expect('=')
	c.exprToNext()
	c.expect(',')
	c.exprToNext()
	if c.test(',') {
		c.exprToNext()
	} else {
		g.abx(OpLoadK, g.freeReg, g.constant(1.0))
		g.reserve(1)
	}
	c.forBody(base, line, 1, true)
}

func (c *compiler) exprToNext() {
	e := c.expr()
	c.gen.nextRegister(&e)
}

func (c *compiler) genericFor(name string) {
	g, base := c.gen, c.gen.freeReg
	g.declare("(for generator)", 0)
	g.declare("(for state)", 1)
	g.declare("(for control)", 2)
	g.declare(name, 3)
	n := 4
	for c.test(',') {
		g.declare(c.nameToken(), n)
		n++
	}
	c.expect(tkIn)
	line := c.line
	e, exprs := c.list()
	g.adjust(3, exprs, &e)
	g.checkStack(3) // for the call of the generator
	c.forBody(base, line, n-3, false)
}

func (c *compiler) forBody(base, line, vars int, numeric bool) {
	g := c.gen
	g.activate(3)
	c.expect(tkDo)
	var prep int
	if numeric {
		prep = g.emit(AsBx(OpForPrep, base, noJump))
	} else {
		prep = g.jump()
	}
	g.enterBlock(false)
	g.activate(vars)
	g.reserve(vars)
	c.blockBody()
	g.leaveBlock()
	g.landHere(prep)
	var end int
	if numeric {
		end = g.emit(AsBx(OpForLoop, base, noJump))
	} else {
		end = g.abc(OpTForLoop, base, 0, vars)
	}
	g.fixLine(line)
	if !numeric {
		end = g.jump()
	}
	g.landAt(end, prep+1)
}

func (c *compiler) functionStat(line int) {
	c.next()
	v := c.variable()
	method := false
	for c.tok == '.' {
		c.field(&v)
	}
	if c.tok == ':' {
		method = true
		c.field(&v)
	}
	e := c.body(method, line)
	c.gen.store(&v, &e)
	c.gen.fixLine(line)
}

func (c *compiler) localFunction() {
	g := c.gen
	g.declare(c.nameToken(), 0)
	v := newExpr(exLocal, g.freeReg)
	g.reserve(1)
	g.activate(1)
	e := c.body(false, c.line)
	g.store(&v, &e)
	g.p.Locals[g.active[g.nactive-1]].Start = g.pc()
}

func (c *compiler) localStat() {
	g, n := c.gen, 0
	for {
		g.declare(c.nameToken(), n)
		n++
		if !c.test(',') {
			break
		}
	}
	e, exprs := newExpr(exVoid, 0), 0
	if c.test('=') {
		e, exprs = c.list()
	}
	g.adjust(n, exprs, &e)
	g.activate(n)
}

// adjust brings exprs values, the last of which is e, to vars registers.
func (g *gen) adjust(vars, exprs int, e *expr) {
	extra := vars - exprs
	if e.isMulti() {
		extra = max(extra+1, 0)
		g.setResults(e, extra)
		if extra > 1 {
			g.reserve(extra - 1)
		}
		return
	}
	if e.kind != exVoid {
		g.nextRegister(e)
	}
	if extra > 0 {
		reg := g.freeReg
		g.reserve(extra)
		g.loadNil(reg, extra)
	}
}

func (c *compiler) returnStat() {
	g := c.gen
	c.next()
	first, n := 0, 0
	if !c.blockEnds() && c.tok != ';' {
		var e expr
		e, n = c.list()
		switch {
		case e.isMulti():
			g.setResults(&e, -1)
			if e.kind == exCall && n == 1 {
				g.p.Code[e.info].setOp(OpTailCall)
			}
			first, n = g.nactive, -1
		case n == 1:
			first = g.anyRegister(&e)
		default:
			g.nextRegister(&e)
			first = g.nactive
		}
	}
	g.abc(OpReturn, first, n+1, 0)
}

func (c *compiler) exprStat() {
	e := c.primary()
	if e.kind == exCall {
		c.gen.p.Code[e.info].setC(1)
		return
	}
	c.assignment(&target{v: e}, 1)
}

// target is a variable on the left of an assignment, with those before it.
type target struct {
	prev *target
	v    expr
}

func (c *compiler) assignment(t *target, n int) {
	g := c.gen
	if t.v.kind < exLocal || t.v.kind > exIndexed {
		c.failHere("syntax error")
	}
	if c.test(',') {
		next := &target{prev: t, v: c.primary()}
		if next.v.kind == exLocal {
			g.guard(t, next.v.info)
		}
		g.limit(n, maxLevels-c.level, "variables in assignment")
		c.assignment(next, n+1)
	} else {
		c.expect('=')
		e, exprs := c.list()
		if exprs == n {
			g.oneResult(&e)
			g.store(&t.v, &e)
			return
		}
		g.adjust(n, exprs, &e)
		if exprs > n {
			g.freeReg -= exprs - n
		}
	}
	e := newExpr(exRegister, g.freeReg-1)
	g.store(&t.v, &e)
}

// guard copies a local variable that is about to be assigned if one of the
// targets before it uses it as table or key.
func (g *gen) guard(t *target, local int) {
	extra, conflict := g.freeReg, false
	for ; t != nil; t = t.prev {
		if t.v.kind != exIndexed {
			continue
		}
		if t.v.info == local {
			t.v.info, conflict = extra, true
		}
		if t.v.aux == local {
			t.v.aux, conflict = extra, true
		}
	}
	if conflict {
		g.abc(OpMove, g.freeReg, local, 0)
		g.reserve(1)
	}
}
