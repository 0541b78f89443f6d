package luac51

func (c *compiler) expr() expr {
	e, _ := c.subexpr(0)
	return e
}

// subexpr reads operands joined by operators that bind tighter than limit,
// and returns the first operator it leaves.
func (c *compiler) subexpr(limit int) (expr, binaryOp) {
	c.enter()
	var e expr
	switch t := c.tok; t {
	case '-', tkNot, '#':
		c.next()
		e, _ = c.subexpr(unaryPriority)
		c.gen.unary(t, &e)
	default:
		e = c.simple()
	}
	op := binaryOf(c.tok)
	for op != binNone && priority[op].left > limit {
		c.next()
		c.gen.infix(op, &e)
		right, nextOp := c.subexpr(priority[op].right)
		c.gen.binary(op, &e, &right)
		op = nextOp
	}
	c.leave()
	return e, op
}

func (c *compiler) simple() expr {
	var e expr
	switch c.tok {
	case tkNumber:
		e = newExpr(exNumber, 0)
		e.num = c.num
	case tkString:
		e = c.stringExpr(c.str)
	case tkNil:
		e = newExpr(exNil, 0)
	case tkTrue:
		e = newExpr(exTrue, 0)
	case tkFalse:
		e = newExpr(exFalse, 0)
	case tkDots:
		if c.gen.p.VarArg == 0 {
			c.failHere("cannot use '...' outside a vararg function")
		}
		c.gen.p.VarArg &^= VarArgNeedsArg
		e = newExpr(exVarArg, c.gen.abc(OpVarArg, 0, 1, 0))
	case '{':
		return c.constructor()
	case tkFunction:
		c.next()
		return c.body(false, c.line)
	default:
		return c.primary()
	}
	c.next()
	return e
}

func (c *compiler) stringExpr(s string) expr { return newExpr(exConst, c.gen.constant(s)) }

func (c *compiler) prefix() expr {
	switch c.tok {
	case '(':
		line := c.line
		c.next()
		e := c.expr()
		c.match(')', '(', line)
		c.gen.read(&e)
		return e
	case tkName:
		return c.variable()
	}
	c.failHere("unexpected symbol")
	return expr{}
}

func (c *compiler) primary() expr {
	e := c.prefix()
	for {
		switch c.tok {
		case '.':
			c.field(&e)
		case '[':
			c.gen.anyRegister(&e)
			k := c.bracket()
			c.gen.index(&e, &k)
		case ':':
			c.next()
			k := c.stringExpr(c.nameToken())
			c.gen.method(&e, &k)
			c.call(&e)
		case '(', tkString, '{':
			c.gen.nextRegister(&e)
			c.call(&e)
		default:
			return e
		}
	}
}

// field reads .NAME or, for a method's name, :NAME.
func (c *compiler) field(e *expr) {
	c.gen.anyRegister(e)
	c.next()
	k := c.stringExpr(c.nameToken())
	c.gen.index(e, &k)
}

// bracket reads [expression].
func (c *compiler) bracket() expr {
	c.next()
	e := c.expr()
	c.gen.settle(&e)
	c.expect(']')
	return e
}

// list reads expressions joined by commas: all but the last go to registers.
func (c *compiler) list() (expr, int) {
	e, n := c.expr(), 1
	for c.test(',') {
		c.gen.nextRegister(&e)
		e = c.expr()
		n++
	}
	return e, n
}

func (c *compiler) call(f *expr) {
	g, line := c.gen, c.line
	args := newExpr(exVoid, 0)
	switch c.tok {
	case '(':
		if line != c.lastLine {
			c.failHere("ambiguous syntax (function call x new statement)")
		}
		c.next()
		if c.tok != ')' {
			args, _ = c.list()
			g.setResults(&args, -1)
		}
		c.match(')', '(', line)
	case '{':
		args = c.constructor()
	case tkString:
		args = c.stringExpr(c.str)
		c.next()
	default:
		c.failHere("function arguments expected")
	}
	base, n := f.info, -1
	if !args.isMulti() {
		if args.kind != exVoid {
			g.nextRegister(&args)
		}
		n = g.freeReg - (base + 1)
	}
	*f = newExpr(exCall, g.abc(OpCall, base, n+1, 2))
	g.fixLine(line)
	g.freeReg = base + 1
}

// body reads a function from its parameters to its end.
func (c *compiler) body(method bool, line int) expr {
	g := c.open()
	g.p.LineDefined = line
	c.expect('(')
	if method {
		g.declare("self", 0)
		g.activate(1)
	}
	c.parameters()
	c.expect(')')
	c.chunk()
	g.p.LastLine = c.line
	c.match(tkEnd, tkFunction, line)
	p := c.close()

	outer := c.gen
	outer.p.Protos = append(outer.p.Protos, p)
	e := newExpr(exOpen, outer.abx(OpClosure, 0, len(outer.p.Protos)-1))
	for _, u := range g.upvals {
		if u.kind == exLocal {
			outer.abc(OpMove, 0, u.info, 0)
		} else {
			outer.abc(OpGetUpval, 0, u.info, 0)
		}
	}
	return e
}

func (c *compiler) parameters() {
	g, n := c.gen, 0
	if c.tok != ')' {
		for {
			switch c.tok {
			case tkName:
				g.declare(c.nameToken(), n)
				n++
			case tkDots:
				c.next()
				g.declare("arg", n)
				n++
				g.p.VarArg = VarArgHasArg | VarArgNeedsArg | VarArgIsVarArg
			default:
				c.failHere("<name> or '...' expected")
			}
			if g.p.VarArg != 0 || !c.test(',') {
				break
			}
		}
	}
	g.activate(n)
	g.p.NumParams = uint8(g.nactive - int(g.p.VarArg&VarArgHasArg))
	g.reserve(g.nactive)
}

// table is a constructor being read.
type table struct {
	reg     int
	item    expr // last list item read
	items   int  // list items
	fields  int  // other items
	toStore int  // list items in registers
}

func (c *compiler) constructor() expr {
	g, line := c.gen, c.line
	pc := g.abc(OpNewTable, 0, 0, 0)
	e := newExpr(exOpen, pc)
	g.nextRegister(&e)
	t := table{reg: e.info, item: newExpr(exVoid, 0)}
	c.expect('{')
	for c.tok != '}' {
		t.flush(g)
		if c.tok == '[' || c.tok == tkName && c.peek() == '=' {
			c.record(&t)
		} else {
			t.item = c.expr()
			t.items++
			t.toStore++
		}
		if !c.test(',') && !c.test(';') {
			break
		}
	}
	c.match('}', '{', line)
	t.finish(g)
	g.p.Code[pc].setB(fbEncode(t.items))
	g.p.Code[pc].setC(fbEncode(t.fields))
	return e
}

func (c *compiler) record(t *table) {
	g, reg := c.gen, c.gen.freeReg
	var k expr
	if c.tok == tkName {
		k = c.stringExpr(c.nameToken())
	} else {
		k = c.bracket()
	}
	t.fields++
	c.expect('=')
	key := g.operand(&k)
	v := c.expr()
	g.abc(OpSetTable, t.reg, key, g.operand(&v))
	g.freeReg = reg
}

// flush brings the last list item to a register and stores a full batch.
func (t *table) flush(g *gen) {
	if t.item.kind == exVoid {
		return
	}
	g.nextRegister(&t.item)
	t.item.kind = exVoid
	if t.toStore == FieldsPerFlush {
		g.setList(t.reg, t.items, t.toStore)
		t.toStore = 0
	}
}

func (t *table) finish(g *gen) {
	if t.toStore == 0 {
		return
	}
	if t.item.isMulti() {
		g.setResults(&t.item, -1)
		g.setList(t.reg, t.items, -1)
		t.items--
		return
	}
	if t.item.kind != exVoid {
		g.nextRegister(&t.item)
	}
	g.setList(t.reg, t.items, t.toStore)
}
