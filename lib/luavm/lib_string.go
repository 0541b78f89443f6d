package luavm

import (
	"strings"

	"lander/lib/job"
	"lander/lib/luapattern"
)

var stringFuncs = library(func() funcs {
	return funcs{
		"byte": stringByte, "char": stringChar, "dump": stringDump, "find": stringFind, "format": stringFormat,
		"gmatch": stringGMatch, "gsub": stringGSub, "len": stringLen, "lower": stringLower, "match": stringMatch,
		"rep": stringRep, "reverse": stringReverse, "sub": stringSub, "upper": stringUpper,
	}
})

func (st *state) openString() {
	t := st.fill(st.newTable(0, 16), stringFuncs())
	t.setString(st, "gfind", t.get(st.string("gmatch")))
	st.globals.setString(st, "string", tableValue(t))
	mt := st.newTable(0, 1)
	mt.setString(st, "__index", tableValue(t))
	st.meta[kindString] = mt
}

// relative turns a position that may count from the end into one from the
// start.
func relative(pos, n int) int {
	if pos < 0 {
		pos += n + 1
	}
	return max(pos, 0)
}

func stringLen(th *thread) int { return th.retNumber(float64(len(th.checkString(1)))) }

func stringSub(th *thread) int {
	s := th.checkString(1)
	i := relative(th.checkInteger(2), len(s))
	j := relative(th.optInteger(3, -1), len(s))
	i, j = max(i, 1), min(j, len(s))
	if i > j {
		return th.retString("")
	}
	if i == 1 && j == len(s) && th.arg(1).is(kindString) {
		return th.ret(th.arg(1))
	}
	return th.ret(th.st.part(s, i-1, j))
}

func stringByte(th *thread) int {
	s := th.checkString(1)
	i := relative(th.optInteger(2, 1), len(s))
	j := relative(th.optInteger(3, i), len(s))
	i, j = max(i, 1), min(j, len(s))
	if i > j {
		return 0
	}
	n := j - i + 1
	if n >= maxStackArg {
		th.errorf("stack overflow (string slice too long)")
	}
	th.needStack(n + minStack)
	for ; i <= j; i++ {
		th.push(number(float64(s[i-1])))
	}
	return n
}

func stringChar(th *thread) int {
	b := make([]byte, th.args())
	for i := range b {
		c := th.checkInt(i + 1)
		if c < 0 || c > 255 {
			th.argFault(i+1, "invalid value")
		}
		b[i] = byte(c)
	}
	return th.ret(th.st.bytes(b))
}

// stringDump refuses: bytecode comes only in bundles that say so, and a
// script could not load what it would give.
func stringDump(th *thread) int {
	th.checkFunction(1)
	th.errorf("unable to dump given function")
	return 0
}

func stringLower(th *thread) int { return th.mapBytes('A', 'Z') }
func stringUpper(th *thread) int { return th.mapBytes('a', 'z') }

// mapBytes changes the case of the letters in a range.
func (th *thread) mapBytes(from, to byte) int {
	s := th.checkString(1)
	i := 0
	for i < len(s) && (s[i] < from || s[i] > to) {
		i++
	}
	if i == len(s) {
		return th.retString(s)
	}
	th.st.reserve(len(s))
	b := []byte(s)
	for ; i < len(b); i++ {
		if b[i] >= from && b[i] <= to {
			b[i] ^= 0x20
		}
	}
	return th.ret(th.st.bytes(b))
}

func stringReverse(th *thread) int {
	s := th.checkString(1)
	th.st.reserve(len(s))
	b := make([]byte, len(s))
	for i := range b {
		b[len(s)-1-i] = s[i]
	}
	return th.ret(th.st.bytes(b))
}

func stringRep(th *thread) int {
	s, n := th.checkString(1), th.checkInt(2)
	if n <= 0 || s == "" {
		return th.retString("")
	}
	if n > th.st.limit/len(s) {
		th.throwCode(sharedString("not enough memory").value(), job.CodeMemory)
	}
	th.st.reserve(n * len(s))
	return th.retString(strings.Repeat(s, n))
}

// matcher matches a pattern until the run is stopped.
func (th *thread) matcher(text, pattern string) *luapattern.Matcher {
	return &luapattern.Matcher{Text: text, Pattern: pattern, Tick: func() error {
		th.pollStop()
		return nil
	}}
}

// findNext raises what is wrong with the pattern.
func (th *thread) findNext(m *luapattern.Matcher, init int, anchor bool) (start, end int) {
	start, end, err := m.Find(init, anchor)
	if err != nil {
		th.errorf("%s", err)
	}
	return start, end
}

func stringFind(th *thread) int  { return th.find(true) }
func stringMatch(th *thread) int { return th.find(false) }

func (th *thread) find(positions bool) int {
	s, p := th.checkString(1), th.checkString(2)
	init := min(max(relative(th.optInteger(3, 1), len(s))-1, 0), len(s))
	if positions && (!th.arg(4).falsy() || isPlain(p)) {
		i := strings.Index(s[init:], p)
		if i < 0 {
			return th.ret(value{})
		}
		th.push(number(float64(init + i + 1)))
		th.push(number(float64(init + i + len(p))))
		return 2
	}
	m := th.matcher(s, p)
	start, end := th.findNext(m, init, true)
	switch {
	case start < 0:
		return th.ret(value{})
	case !positions:
		return th.pushCaptures(m, true)
	}
	th.push(number(float64(start + 1)))
	th.push(number(float64(end)))
	return 2 + th.pushCaptures(m, false)
}

// isPlain reports whether a pattern has no special characters before its
// first zero byte.
func isPlain(p string) bool {
	if i := strings.IndexByte(p, 0); i >= 0 {
		p = p[:i]
	}
	return !strings.ContainsAny(p, "^$*+?.([%-")
}

func (th *thread) captureValue(m *luapattern.Matcher, i int) value {
	from, to, pos, err := m.Capture(i)
	if err != nil {
		th.errorf("%s", err)
	}
	if pos > 0 {
		return number(float64(pos))
	}
	return th.st.part(m.Text, from, to)
}

func (th *thread) pushCaptures(m *luapattern.Matcher, whole bool) int {
	n := m.Captures(whole)
	for i := range n {
		th.push(th.captureValue(m, i))
	}
	return n
}

func stringGMatch(th *thread) int {
	m := th.matcher(th.checkString(1), th.checkString(2))
	pos := 0
	next := func(th *thread) int {
		start, end := th.findNext(m, pos, false)
		if start < 0 {
			pos = len(m.Text) + 1
			return 0
		}
		if pos = end; end == start {
			pos++
		}
		return th.pushCaptures(m, true)
	}
	return th.ret(th.st.newNative(next).value())
}

func stringGSub(th *thread) int {
	s, p := th.checkString(1), th.checkString(2)
	limit := th.optInt(4, len(s)+1)
	repl := th.arg(3)
	switch repl.kind() {
	case kindNumber, kindString, kindTable, kindClosure, kindNative:
	default:
		th.argFault(3, "string/function/table expected")
	}
	g := &substitution{th: th, m: th.matcher(s, p), repl: repl}
	if t, ok := toString(repl); ok {
		g.text = t
		g.isText = true
	}
	g.run(limit)
	if !g.changed && th.arg(1).is(kindString) {
		th.push(th.arg(1))
	} else {
		th.push(th.st.bytes(g.out))
	}
	th.push(number(float64(g.count)))
	return 2
}

// substitution is one call of gsub.
type substitution struct {
	th      *thread
	m       *luapattern.Matcher
	repl    value
	text    string
	isText  bool
	out     []byte
	count   int
	changed bool
}

func (g *substitution) run(limit int) {
	m, at, copied := g.m, 0, 0
	for g.count < limit && at <= len(m.Text) {
		start, end := g.th.findNext(m, at, true)
		if start < 0 {
			break
		}
		g.count++
		g.changed = true
		g.append(m.Text[copied:start])
		g.replace(start, end)
		if copied, at = end, end; end == start {
			at++
		}
		if m.Anchored() {
			break
		}
	}
	if g.changed {
		g.append(m.Text[copied:])
	}
}

func (g *substitution) append(s string) {
	if len(g.out)+len(s) > cap(g.out) {
		g.th.st.reserve(2*len(g.out) + len(s))
	}
	g.out = append(g.out, s...)
}

func (g *substitution) replace(start, end int) {
	th, v := g.th, value{}
	switch {
	case g.isText:
		g.expand(start, end)
		return
	case g.repl.is(kindTable):
		v = th.index(g.repl, th.captureValue(g.m, 0), -1)
	default:
		th.push(g.repl)
		th.call(th.pushCaptures(g.m, true), 1)
		v = th.pop()
	}
	if v.falsy() {
		g.append(g.m.Text[start:end])
		return
	}
	s, ok := toString(v)
	if !ok {
		th.errorf("invalid replacement value (a %s)", v.kind())
	}
	g.append(s)
}

// expand appends the replacement text with its %0 to %9 filled in.
func (g *substitution) expand(start, end int) {
	t := g.text
	for {
		i := strings.IndexByte(t, '%')
		if i < 0 {
			g.append(t)
			return
		}
		g.append(t[:i])
		if i+1 == len(t) {
			g.append("\x00") // what PUC finds after the last byte
			return
		}
		c := t[i+1]
		t = t[i+2:]
		switch {
		case c == '0':
			g.append(g.m.Text[start:end])
		case isDigit(c):
			s, _ := toString(g.th.captureValue(g.m, int(c-'1')))
			g.append(s)
		default:
			g.append(string([]byte{c}))
		}
	}
}
