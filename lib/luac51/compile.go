package luac51

import "bytes"

// MaxSource is the size of the largest source that Compile takes.
const MaxSource = 64 << 20

// Compile compiles a source text to the prototype of its main chunk, which
// has the instructions that luac 5.1 gives it. name is the chunk name, with
// @ before a file name or = before any other text. The error is a
// *SyntaxError. Time and memory are bounded by a constant times the input,
// and nesting by the 200 levels of PUC.
func Compile(name string, source []byte) (*Proto, error) { return CompileWithin(name, source, 0) }

// CompileWithin is Compile for a caller that is itself calls levels deep: PUC
// counts C calls and syntax levels together.
func CompileWithin(name string, source []byte, calls int) (p *Proto, err error) {
	l := &lexer{src: source, source: name, line: 1, lastLine: 1, interned: map[string]string{}}
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(*SyntaxError)
			if !ok {
				panic(r)
			}
			p, err = nil, e
		}
	}()
	if len(source) > MaxSource {
		l.fail(0, "chunk has too many bytes")
	}
	c := &compiler{lexer: l, level: calls}
	c.open()
	c.gen.p.VarArg = VarArgIsVarArg
	c.next()
	c.chunk()
	c.check(tkEOF)
	return c.close(), nil
}

// SkipShebang returns source without a first line that begins with #; the
// line end stays, so that lines count as they did.
func SkipShebang(source []byte) []byte {
	if len(source) == 0 || source[0] != '#' {
		return source
	}
	if i := bytes.IndexByte(source, '\n'); i >= 0 {
		return source[i:]
	}
	return nil
}

// compiler is the parser: it reads tokens and tells gen what to emit.
type compiler struct {
	*lexer
	gen   *gen // innermost function
	level int  // depth of recursion
}

func (c *compiler) enter() {
	if c.level++; c.level > maxLevels {
		c.fail(0, "chunk has too many syntax levels")
	}
}

func (c *compiler) leave() { c.level-- }

// open begins a function.
func (c *compiler) open() *gen {
	g := &gen{
		p:          &Proto{Source: c.source, MaxStack: 2},
		outer:      c.gen,
		lex:        c.lexer,
		consts:     map[any]int{},
		nilK:       -1,
		lastTarget: -1,
		pending:    noJump,
	}
	c.gen = g
	return g
}

// close ends the function and returns it.
func (c *compiler) close() *Proto {
	g := c.gen
	g.dropLocals(0)
	g.abc(OpReturn, 0, 1, 0)
	g.p.NumUpvalues = uint8(len(g.upvals))
	c.gen = g.outer
	return g.p
}

// Tokens.

func (c *compiler) test(t token) bool {
	if c.tok != t {
		return false
	}
	c.next()
	return true
}

func (c *compiler) check(t token) {
	if c.tok != t {
		c.failHere("'%s' expected", t)
	}
}

func (c *compiler) expect(t token) {
	c.check(t)
	c.next()
}

// match expects what closes the opening token at the given line.
func (c *compiler) match(what, opening token, line int) {
	if c.test(what) {
		return
	}
	if line == c.line {
		c.failHere("'%s' expected", what)
	}
	c.failHere("'%s' expected (to close '%s' at line %d)", what, opening, line)
}

func (c *compiler) nameToken() string {
	c.check(tkName)
	s := c.str
	c.next()
	return s
}

// Variables.

// declare makes a variable that becomes active later, after n others.
func (g *gen) declare(name string, n int) {
	g.limit(g.nactive+n+1, maxLocals, "local variables")
	g.p.Locals = append(g.p.Locals, Local{Name: name})
	g.active[g.nactive+n] = uint16(len(g.p.Locals) - 1)
}

// activate brings n declared variables into scope.
func (g *gen) activate(n int) {
	for ; n > 0; n-- {
		g.p.Locals[g.active[g.nactive]].Start = g.pc()
		g.nactive++
	}
}

func (g *gen) dropLocals(to int) {
	for g.nactive > to {
		g.nactive--
		g.p.Locals[g.active[g.nactive]].End = g.pc()
	}
}

func (g *gen) findLocal(name string) int {
	for i := g.nactive - 1; i >= 0; i-- {
		if g.p.Locals[g.active[i]].Name == name {
			return i
		}
	}
	return -1
}

// markUpvalue notes that the block of a variable must be closed.
func (g *gen) markUpvalue(level int) {
	b := g.block
	for b != nil && b.nactive > level {
		b = b.outer
	}
	if b != nil {
		b.upvalue = true
	}
}

func (g *gen) upvalue(name string, ref upref) int {
	for i, u := range g.upvals {
		if u == ref {
			return i
		}
	}
	g.limit(len(g.upvals)+1, maxUpvalues, "upvalues")
	g.upvals = append(g.upvals, ref)
	g.p.Upvalues = append(g.p.Upvalues, name)
	return len(g.upvals) - 1
}

// resolve finds what a name stands for in g; base says that g is the
// function which uses it.
func (g *gen) resolve(name string, base bool) expr {
	if g == nil {
		return newExpr(exGlobal, noReg)
	}
	if i := g.findLocal(name); i >= 0 {
		if !base {
			g.markUpvalue(i)
		}
		return newExpr(exLocal, i)
	}
	e := g.outer.resolve(name, false)
	if e.kind == exGlobal {
		return e
	}
	return newExpr(exUpvalue, g.upvalue(name, upref{e.kind, e.info}))
}

func (c *compiler) variable() expr {
	name := c.nameToken()
	e := c.gen.resolve(name, true)
	if e.kind == exGlobal {
		e.info = c.gen.constant(name)
	}
	return e
}

// Blocks.

func (g *gen) enterBlock(loop bool) *scope {
	b := &scope{outer: g.block, breaks: noChain, nactive: g.nactive, loop: loop}
	g.block = b
	return b
}

func (g *gen) leaveBlock() {
	b := g.block
	g.block = b.outer
	g.dropLocals(b.nactive)
	if b.upvalue {
		g.abc(OpClose, b.nactive, 0, 0)
	}
	g.freeReg = g.nactive
	g.landHere(b.breaks.head)
}
