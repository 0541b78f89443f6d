package luavm

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// generator writes random programs that end: every loop and function counts
// against a budget. They mix what is valid with what raises errors, because
// the messages are compared too.
type generator struct {
	r     *rand.Rand
	b     strings.Builder
	vars  []string // in scope
	funcs int      // functions around
	depth int
	loops int
	left  int  // statements that the program may still have
	dots  bool // inside a vararg function
	next  int
}

// prelude counts steps and shows values without addresses.
const prelude = `local steps = 0
local function tick() steps = steps + 1 if steps > 1500 then error("budget", 0) end end
local function show(v, d)
  local t = type(v)
  if t == "string" then return string.format("%q", v) end
  if t ~= "table" then return t == "function" and t or tostring(v) end
  if d > 2 then return "{...}" end
  local s, n = {}, 0
  for k, x in next, v do
    n = n + 1
    if n > 12 then break end
    local tk = type(k)
    if tk == "table" or tk == "function" then return "{by address}" end
    s[n] = show(k, d + 1) .. "=" .. show(x, d + 1)
  end
  return "{" .. table.concat(s, ",") .. "}#" .. #v
end
local function out(...)
  local n, t = select("#", ...), { ... }
  for i = 1, n do t[i] = show(t[i], 0) end
  io.write(table.concat(t, " ", 1, n), "\n")
end
local function rec(f, ...) tick() return pcall(f, ...) end
`

func generate(seed uint64) string {
	g := &generator{r: rand.New(rand.NewPCG(seed, 51))}
	g.b.WriteString(prelude)
	for range 8 + g.r.IntN(5) {
		g.left = 8
		g.line("ga, gb, gc = 1, \"g\", { 1, x = 2 } out(rec(function() return (function(...)")
		saved := len(g.vars)
		dots := g.dots
		g.dots = true
		g.funcs++
		g.block(2 + g.r.IntN(5))
		g.line("return " + g.exprs(3))
		g.funcs--
		g.dots = dots
		g.vars = g.vars[:saved]
		g.line("end)(" + g.exprs(2) + ") end))")
	}
	return g.b.String()
}

func (g *generator) line(s string) { g.b.WriteString(s + "\n") }

func (g *generator) pick(list ...string) string { return list[g.r.IntN(len(list))] }

func (g *generator) pickInt(list ...int) int { return list[g.r.IntN(len(list))] }

func (g *generator) name() string {
	if len(g.vars) == 0 || g.r.IntN(12) == 0 {
		return g.pick("ga", "gb", "gc", "undefined")
	}
	return g.vars[g.r.IntN(len(g.vars))]
}

func (g *generator) fresh() string {
	if len(g.vars) > 0 && g.r.IntN(5) == 0 {
		return g.vars[g.r.IntN(len(g.vars))]
	}
	g.next++
	return fmt.Sprintf("v%d", g.next)
}

func (g *generator) block(n int) {
	if g.depth > 3 {
		n = 1
	}
	g.depth++
	saved := len(g.vars)
	for range n {
		g.statement()
	}
	g.vars = g.vars[:saved]
	g.depth--
}

func (g *generator) statement() {
	g.left--
	kind := g.r.IntN(17)
	if g.left < 0 {
		kind = g.pickInt(0, 3, 13)
	}
	switch kind {
	case 0, 1, 2:
		n := 1 + g.r.IntN(3)
		names := make([]string, n)
		for i := range names {
			names[i] = g.fresh()
		}
		g.line("local " + strings.Join(names, ", ") + " = " + g.exprs(3))
		g.vars = append(g.vars, names...)
	case 3, 4, 5:
		targets := make([]string, 1+g.r.IntN(3))
		for i := range targets {
			targets[i] = g.target()
		}
		g.line(strings.Join(targets, ", ") + " = " + g.exprs(3))
	case 6, 7:
		g.line("if " + g.expr(0) + " then")
		g.block(2)
		if g.r.IntN(2) == 0 {
			g.line("elseif " + g.expr(0) + " then")
			g.block(2)
		}
		if g.r.IntN(2) == 0 {
			g.line("else")
			g.block(2)
		}
		g.line("end")
	case 8:
		v := g.fresh()
		g.line(fmt.Sprintf("for %s = %s, %s do tick()", v, g.small(), g.small()+g.pick("", "", ", 2", ", -1", ", 0.5")))
		g.loop(v)
		g.line("end")
	case 9:
		k, v := g.fresh(), g.fresh()
		g.line(fmt.Sprintf("for %s, %s in %s(%s) do tick()", k, v, g.pick("ipairs", "ipairs", "pairs"), g.table()))
		g.loop(k, v)
		g.line("end")
	case 10:
		g.line("while " + g.expr(0) + " do tick()")
		g.loop()
		g.line("break end")
	case 11:
		g.line("repeat tick()")
		g.loop()
		g.line("until " + g.expr(0) + " or true")
	case 12:
		v := g.fresh()
		g.vars = append(g.vars, v)
		g.line("local function " + v + g.body())
	case 13:
		g.line("out(" + g.exprs(3) + ")")
	case 14:
		g.line("do")
		g.block(3)
		g.line("end")
	case 15:
		g.line("out(rec(" + g.function() + ", " + g.exprs(2) + "))")
	case 16:
		if g.loops > 0 && g.r.IntN(2) == 0 {
			g.line("if " + g.expr(1) + " then break end")
		} else {
			g.line("if " + g.expr(1) + " then return " + g.exprs(2) + " end")
		}
	}
}

func (g *generator) loop(vars ...string) {
	saved := len(g.vars)
	g.vars = append(g.vars, vars...)
	g.loops++
	g.block(3)
	g.loops--
	g.vars = g.vars[:saved]
}

func (g *generator) target() string {
	switch g.r.IntN(6) {
	case 0:
		return g.pick("gc", "gc", g.name()) + "[" + g.key() + "]"
	case 1:
		return g.pick("gc", g.name()) + "." + g.pick("x", "y", "z")
	}
	return g.name()
}

func (g *generator) key() string {
	return g.pick("1", "2", "3", `"x"`, `"k" .. 1`, "0.5", "#"+g.table(), "(tonumber("+g.name()+") or 1)")
}

func (g *generator) small() string {
	return g.pick("1", "2", "3", "5", "0", "(-1)", "1.5", `"2"`, g.name())
}

func (g *generator) exprs(n int) string {
	list := make([]string, 1+g.r.IntN(n))
	for i := range list {
		list[i] = g.expr(0)
	}
	return strings.Join(list, ", ")
}

// body is a function from its parameters to its end.
func (g *generator) body() string {
	outer, loops, dots, saved := g.b.String(), g.loops, g.dots, len(g.vars)
	g.b.Reset()
	g.loops = 0
	g.funcs++
	params := []string{}
	for range g.r.IntN(3) {
		params = append(params, g.fresh())
	}
	g.vars = append(g.vars, params...)
	if g.dots = g.r.IntN(3) == 0; g.dots {
		params = append(params, "...")
	}
	g.line("(" + strings.Join(params, ", ") + ") tick()")
	g.block(2)
	g.line("return " + g.exprs(2))
	g.b.WriteString("end")
	s := g.b.String()
	g.b.Reset()
	g.b.WriteString(outer)
	g.funcs--
	g.loops, g.dots, g.vars = loops, dots, g.vars[:saved]
	return s
}

func (g *generator) function() string {
	if g.depth > 3 || g.funcs > 3 || g.left < 0 {
		return g.name()
	}
	return "function" + g.body()
}

func (g *generator) table() string {
	items := make([]string, g.r.IntN(5))
	for i := range items {
		items[i] = g.literal()
		switch g.r.IntN(5) {
		case 0:
			items[i] = g.pick("x", "y", "z") + " = " + items[i]
		case 1:
			items[i] = "[" + g.pick("1", "2", "10", "0.5", `"a b"`, "-1") + "] = " + items[i]
		}
	}
	return "{" + strings.Join(items, ", ") + "}"
}

func (g *generator) literal() string {
	return g.pick("nil", "true", "false", "0", "1", "2", "3", "7", "(-1)", "0.5", "1e3", "255", "3.25", "0x10", "1e15", `"a"`, `"b c"`,
		`"10"`, `"0x1F"`, `" 5 "`, `""`, `"x1y2"`, `[[long]]`)
}

func (g *generator) expr(d int) string {
	if d > 3 {
		return g.pick(g.literal(), g.name())
	}
	switch g.r.IntN(24) {
	case 0, 1, 2, 3:
		return g.literal()
	case 4, 5, 6, 7:
		return g.name()
	case 8, 9, 10:
		if g.r.IntN(3) == 0 {
			return g.text(d) + " .. " + g.text(d)
		}
		return g.number(d) + " " + g.pick("+", "-", "*", "/", "%", "^") + " " + g.number(d)
	case 11, 12:
		if g.r.IntN(2) == 0 {
			return g.number(d) + " " + g.pick("<", "<=", ">", ">=") + " " + g.number(d)
		}
		return g.expr(d+1) + " " + g.pick("==", "~=", "==", "~=", "<", ">=") + " " + g.expr(d+1)
	case 13, 14:
		return g.expr(d+1) + " " + g.pick("and", "or") + " " + g.expr(d+1)
	case 15:
		switch g.r.IntN(3) {
		case 0:
			return g.pick("- ", "- - ") + g.number(d)
		case 1:
			return "#" + g.pick(g.table(), g.text(d), g.name())
		}
		return "not " + g.expr(d+1)
	case 16:
		return "(" + g.expr(d+1) + ")"
	case 17:
		return g.table()
	case 18:
		return g.pick("gc", "gc", g.name()) + g.pick(".x", ".y", "[1]", "["+g.key()+"]")
	case 19:
		return g.pick("tostring", "type", "(gd or type)", g.name()) + "(" + g.exprs(2) + ")"
	case 20:
		return g.libCall(d)
	case 21:
		return g.function()
	case 22:
		if g.dots {
			return g.pick("...", "(...)", `select("#", ...)`, "{...}", "select(2, ...)")
		}
		return g.literal()
	}
	return "(function(...) tick() return " + g.pick("...", "(...)", "1, ...") + " end)(" + g.expr(d+1) + ")"
}

// number is mostly a number, text mostly a string or number.
func (g *generator) number(d int) string {
	switch g.r.IntN(12) {
	case 0:
		return g.expr(d + 1)
	case 1:
		return "(tonumber(" + g.name() + ") or 2)"
	case 2:
		return `#` + g.table()
	case 3:
		return "(" + g.number(d+1) + g.pick(" + ", " * ", " - ", " % ") + g.number(d+1) + ")"
	case 4:
		return g.pick(`"10"`, `"0x1F"`, `" 5 "`, "ga")
	}
	return g.pick("0", "1", "2", "3", "7", "(-1)", "0.5", "1e3", "255", "3.25", "0x10", "1e15", "(1/3)", "(0/0)", "1e300")
}

func (g *generator) text(d int) string {
	switch g.r.IntN(8) {
	case 0:
		return g.expr(d + 1)
	case 1:
		return g.number(d + 1)
	case 2:
		return "tostring(" + g.name() + ")"
	}
	return g.pick(`"a"`, `"b c"`, `"10"`, `""`, `"x1y2"`, "gb", "5")
}

func (g *generator) libCall(d int) string {
	a, b := g.pick(g.number(d), g.text(d), g.expr(d+1)), g.expr(d+1)
	return g.pick(
		"tostring("+g.literal()+")", "tonumber("+a+")", "type("+a+")", "#"+g.table(),
		"math.floor("+a+")", "math.max("+a+", "+b+")", "math.abs("+a+")", "math.fmod("+a+", 3)",
		"string.rep("+a+", 3)", "("+g.pick(`"abc"`, `"a,b"`, `"x1"`)+"):"+g.pick("upper()", "len()", "sub(2)", "byte(1, -1)", `find("[%w]+")`, `gsub("%w", "%0%0")`, `match("(%a)(.)")`, "rep(2)", "reverse()"),
		"string.format("+g.pick(`"%d"`, `"%5.2f"`, `"%s"`, `"%q"`, `"%x"`, `"%g"`, `"%5s"`)+", "+a+")",
		"table.concat("+g.table()+", \",\")", "unpack("+g.table()+")", "select("+a+", "+b+", 2, 3)",
		"rawget("+g.table()+", "+g.key()+")", "next("+g.table()+")", "pcall("+g.name()+", "+a+")",
		"setmetatable("+g.table()+", {__index = "+g.table()+", __add = function(p, q) return "+g.pick("1", "q", "p")+" end, __call = function(s, ...) return ... end, __lt = function() return true end, __concat = function() return \"cat\" end})",
		"coroutine.wrap(function(...) local c = coroutine.yield("+g.literal()+") return c end)("+a+")",
		"loadstring("+g.pick(`"return 1"`, `"x ="`, `"return ..."`, `"for"`)+")", "tostring(nil)", "error("+a+")", "assert("+a+", "+b+")",
	)
}
