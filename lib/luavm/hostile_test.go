package luavm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"lander/lib/capability"
	"lander/lib/job"
)

// The scripts of people who mean harm. All of them are stopped in this
// process, with a polled context and the memory budget; none needs the limits
// of a child process. want lists the codes that are right; "" is a script
// that ends by itself in good time.
var hostile = []struct{ name, src, want string }{
	{"loop", "while true do end", "timeout"},
	{"repeat", "repeat until false", "timeout"},
	{"for", "for i = 1, 1e308 do end", "timeout"},
	{"for without step", "for i = 1, 2, 0 do end for i = 1, 1, 0 do end", "timeout"},
	{"generic for", "for _ in function() return 1 end do end", "timeout"},
	{"pcall loop", "while true do pcall(error) end", "timeout"},
	{"pcall around a loop", "pcall(function() while true do end end) pcall(function() while true do end end)", "timeout"},
	{"xpcall handler", "xpcall(function() while true do end end, function() while true do end end)", "timeout"},
	{"loop in a handler", "xpcall(error, function() while true do end end)", "timeout"},
	{"gsub callback", "while true do (('x'):rep(1000)):gsub('.', function() end) end", "timeout"},
	{"sort with a bad order", "local t = {} for i = 1, 1e5 do t[i] = i end while true do pcall(table.sort, t, function() return true end) end", "timeout"},
	{"sort without an order", "local t = {} for i = 1, 1e5 do t[i] = i * 7919 % 1e5 end while true do table.sort(t) t[1] = 5e4 end", "timeout"},
	{"coroutine loop", "local co = coroutine.wrap(function() while true do coroutine.yield() end end) while true do co() end", "timeout"},
	{"loop in a coroutine", "coroutine.wrap(function() while true do end end)()", "timeout"},
	{"tail recursion", "local function f() return f() end f()", "timeout"},
	{"recursion", "local function f() return 1 + f() end f()", "depth"},
	{"recursion caught", "local function f() return pcall(f) end f() while true do f() end", "timeout"},
	{"recursion by metamethod", "local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k] end return t.x", "depth"},
	{"recursion by tostring", "local t = setmetatable({}, {__tostring = function(t) return tostring(t) end}) print(t)", "depth"},
	{"index chain", "local t = {} for i = 1, 1e5 do t = setmetatable({}, {__index = t}) end return t.x", "script timeout"},
	{"index loop", "local t = {} setmetatable(t, {__index = t}) return t.x", "script"},
	{"coroutine recursion", "local function f() return coroutine.wrap(f)() end f()", "depth"},
	{"coroutine recursion caught", "local function f() pcall(coroutine.wrap(f)) pcall(coroutine.wrap(f)) end f()", "timeout"},
	{"many coroutines", "local t = {} while true do t[#t + 1] = coroutine.create(function() end) end", "memory"},
	{"dropped coroutines", "while true do local co = coroutine.wrap(function() coroutine.yield() end) co() end", "timeout"},
	{"rep", "local s = ('x'):rep(512 * 1024 * 1024)", "memory"},
	{"rep again", "return (('x'):rep(1e6)):rep(1e9)", "memory"},
	{"rep overflow", "return (('x'):rep(1e6)):rep(2^31 - 1)", "memory"},
	{"doubling", "local s = 'x' while true do s = s .. s end", "memory"},
	{"doubling caught", "local s = 'x' while true do pcall(function() s = s .. s end) end", "timeout memory"},
	{"many strings", "local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end", "memory"},
	{"kept parts", "local t = {} while true do local s = ('x'):rep(1e5) .. #t t[#t + 1] = s:sub(1, 10) end", "timeout memory"},
	{"table growth", "local t = {} while true do t[#t + 1] = {} end", "memory"},
	{"hash growth", "local t, i = {}, 0 while true do i = i + 1 t['k' .. i] = i end", "memory"},
	{"closures", "local t = {} while true do local x = {} t[#t + 1] = function() return x end end", "memory"},
	{"keys come and go", "local t = {} local i = 0 while true do i = i + 1 t[i .. ''] = 1 t[i .. ''] = nil end", "timeout"},
	{"sparse array", "local t = {} t[60000000] = 1 t[2^53] = 2 return #t", ""},
	{"constructor", "local function f(...) return {...} end local t = {f(unpack({}, 1, 7000))} return #t", ""},
	{"unpack", "unpack({}, 1, 1e7)", "script"},
	{"unpack all", "unpack({}, -2^31, 2^31 - 1)", "script"},
	{"select", "local function f(...) return select('#', ...) end local t = {} for i = 1, 7000 do t[i] = i end while true do f(unpack(t)) end", "timeout"},
	{"concat of a table", "local t = {} for i = 1, 1e4 do t[i] = ('x'):rep(1e3) end while true do t[#t + 1] = table.concat(t) end", "memory"},
	{"insert far below", "local t = {} table.insert(t, -2^31, 1)", "timeout"},
	{"pattern", "return (('a'):rep(40)):find(('a*'):rep(40) .. 'b')", "timeout"},
	{"pattern over much", "while true do (('a'):rep(3e5)):find('.-b') end", "timeout"},
	{"pattern nested", "return (('a'):rep(1e6)):find(('a?'):rep(1e6) .. ('a'):rep(1e6))", "script timeout"},
	{"pattern of captures", "return (('x'):rep(100)):find(('(.-)'):rep(32) .. '%32y')", "timeout script"},
	{"pattern in gmatch", "for _ in (('a'):rep(1e5)):gmatch('.-b') do end while true do end", "timeout"},
	{"pattern balance", "local s = ('('):rep(1e5) while true do s:find('%b()') end", "timeout"},
	{"gsub growth", "local s = 'x' while true do s = s:gsub('x', ('x'):rep(100)) end", "memory"},
	{"format width", "while true do string.format('%99.99f %99s', 1e308, 'x') end", "timeout"},
	{"output", "while true do print(('x'):rep(1000)) end", "output"},
	{"output in parts", "local s = ('x'):rep(100) while true do io.write(s, 1) end", "output"},
	{"exit", "os.exit(3)", "exit"},
	{"exit caught", "pcall(os.exit, 3) while true do end", "exit"},
	{"load without end", "load(function() return 'x = 1 ' end)", "memory timeout"},
	{"load much", "local s = ('x = {}\\n'):rep(1e5) while true do loadstring(s) end", "timeout memory"},
	{"load nested", "assert(loadstring('return ' .. ('('):rep(1e6)))", "script"},
	{"load bytecode", "assert(loadstring('\\27Lua' .. ('x'):rep(100)))", "script"},
	{"finalizer", "getmetatable(newproxy(true)).__gc = function() while true do end end while true do local p = {} end", "timeout"},
	{"finalizers", "while true do getmetatable(newproxy(true)).__gc = function() newproxy(true) end end", "timeout"},
	{"finalizer at the end", "local p = newproxy(true) getmetatable(p).__gc = function() while true do end end", "timeout"},
	{"collectgarbage", "local t = {} for i = 1, 1e5 do t[i] = {} end while true do collectgarbage() end", "timeout"},
	{"weak growth", "local t = setmetatable({}, {__mode = 'v'}) local i = 0 while true do i = i + 1 t[i] = {} end", "timeout memory"},
	{"environment", "setfenv(0, {}) setfenv(1, {}) local function f() f() end f()", "script depth"},
	{"error object", "error(setmetatable({}, {__tostring = function() while true do end end}))", "timeout"},
	{"error with a deep object", "local t = {} t.t = t error(t)", "script"},
	{"self in a result", "local t = {} t.t = t return t", ""},
	{"traceback", "local function f(n) if n == 0 then while true do debug.traceback() end end return 1 + f(n - 1) end f(15000)", "timeout"},
	{"getinfo", "while true do debug.getinfo(1) end", "timeout"},
	{"tmpfile", "local f = io.tmpfile() while true do f:write(('x'):rep(1e5)) end", "memory"},
	{"tmpfiles", "local t = {} while true do t[#t + 1] = io.tmpfile() end", "memory"},
	{"date", "while true do os.date(('%c'):rep(1000)) end", "timeout"},
	{"string library", "string.format = nil string.rep = error getmetatable('').__index = nil return ('x'):rep(2)", "script"},
	{"next of a changed table", "local t = {} for i = 1, 100 do t[i .. ''] = i end for k in pairs(t) do t[k .. 'x'] = 1 end", "script timeout "},
}

const hostileWall = 60 * time.Millisecond

// patience is how late the end of a run may be: far less is usual, but the
// machine may be busy.
const patience = 10 * time.Second

func TestHostile(t *testing.T) {
	for _, h := range hostile {
		t.Run(strings.ReplaceAll(h.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			p, err := Compile("h.lua", []byte(h.src))
			if err != nil {
				t.Fatal(err)
			}
			wall := hostileWall
			if !strings.Contains(h.want, job.CodeTimeout) {
				wall = time.Minute // something else must be what ends it
			}
			begin := time.Now()
			_, err = p.Run(context.Background(), Config{
				Capabilities: capability.Default(), Poll: true, Stdout: io.Discard,
				Budget: job.Budget{Wall: wall, Memory: 32 << 20, Output: 1 << 16},
			})
			checkHostile(t, err, h.want)
			if d := time.Since(begin); d > hostileWall+patience && !raceEnabled {
				t.Errorf("took %v", d)
			}
		})
	}
}

func checkHostile(t *testing.T, err error, want string) {
	t.Helper()
	code := ""
	var je *job.Error
	if errors.As(err, &je) {
		code = je.Code
	} else if err != nil {
		t.Fatalf("%T %v", err, err)
	}
	for _, w := range strings.Split(want, " ") {
		if w == code {
			return
		}
	}
	t.Errorf("code %q, want %q: %v", code, want, err)
}

// Sources that are meant to break a compiler: each is compiled or refused,
// quickly and without overflowing anything.
func TestHostileSource(t *testing.T) {
	rep := strings.Repeat
	n := 1 << 20
	for _, c := range []struct{ name, src, want string }{
		{"million #", "local x=" + rep("#", n), "chunk has too many syntax levels"},
		{"million -", "local x=" + rep("- ", n), "chunk has too many syntax levels"},
		{"million not", "local x=" + rep("not ", n/4), "chunk has too many syntax levels"},
		{"nested do", rep("do ", 140000), "chunk has too many syntax levels"},
		{"nested while", rep("while x do ", n/8), "chunk has too many syntax levels"},
		{"nested repeat", rep("repeat ", n/8), "chunk has too many syntax levels"},
		{"nested if", rep("if x then ", n/8), "chunk has too many syntax levels"},
		{"else if", rep("if x then else ", n/8), "chunk has too many syntax levels"},
		{"nested for", rep("for i=1,2 do ", n/8), "more than 200 local variables"},
		{"nested function", rep("function f() ", n/8), "chunk has too many syntax levels"},
		{"nested expression functions", "x=" + rep("function() return ", n/16), "chunk has too many syntax levels"},
		{"brackets", "x=" + rep("(", n), "chunk has too many syntax levels"},
		{"braces", "x=" + rep("{", n), "chunk has too many syntax levels"},
		{"indexes", "x=" + rep("a[", n/2), "chunk has too many syntax levels"},
		{"calls", rep("f{", n/2), "function or expression too complex"},
		{"call arguments", rep("f(", n/2), "chunk has too many syntax levels"},
		{"concat", "x=" + rep("a..", 300000) + "a", "chunk has too many syntax levels"},
		{"power", "x=" + rep("a^", 300000) + "a", "chunk has too many syntax levels"},
		{"targets", rep("a,", n/2) + "a=1", "variables in assignment"},
		{"locals", "local " + rep("a,", n/2) + "a", "local variables"},
		{"parameters", "function f(" + rep("a,", n/2) + "a) end", "local variables"},
		{"arguments", "f(" + rep("a,", n/2) + "a)", "function or expression too complex"},
		{"and", "x=" + rep("a and ", n/8) + "a", "control structure too long"},
		{"or", "x=" + rep("a or ", n/8) + "a", "control structure too long"},
		{"elseif", "if a then " + rep("elseif a then ", n/16) + "end", "control structure too long"},
		{"breaks", "while a do " + rep("if a then break end ", n/16) + "end", "control structure too long"},
		{"long body", "while a do " + rep("a=1 ", n/4) + "end", "control structure too long"},
		{"sums", "x=" + rep("a+", n/2) + "a", ""},
		{"fields", "x=a" + rep(".b", n/4), ""},
		{"methods", "a" + rep(":b()", n/8), ""},
		{"call chain", "f" + rep("()", n/4), ""},
		{"strings", "f" + rep("''", n/4), ""},
		{"items", "x={" + rep("1,", n/2) + "}", ""},
		{"records", "x={" + rep("a=1;", n/4) + "}", ""},
		{"statements", rep("a=1;", n/4), ""},
		{"constants", manyConstants(50000), ""},
		{"functions", rep("f=function() end ", n/32), ""},
		{"open string", "x='" + rep("a", n), "unfinished string"},
		{"open long string", "x=[[" + rep("a", n), "unfinished long string"},
		{"open comment", "--[[" + rep("a", n), "unfinished long comment"},
		{"brackets in a comment", "--[==[" + rep("(", n) + "]==]", ""},
		{"brackets in a string", "x='" + rep("(", n) + "'", ""},
		{"equal signs", "x=[" + rep("=", n), "invalid long string delimiter"},
		{"escapes", "x='" + rep("\\65", n/4) + "'", ""},
		{"long name", rep("a", n) + "=1", ""},
		{"long number", "x=" + rep("1", n), ""},
		{"bad number", "x=" + rep("1.", n/2), "malformed number"},
		{"lines", rep("\n", n), ""},
		{"zero bytes", rep("\x00", n), "unexpected symbol"},
		{"binary", "\x1bLua" + rep("Q", n), "precompiled chunk"},
		{"shebang only", "#!" + rep("x", n), ""},
	} {
		begin := time.Now()
		err := Check("h.lua", []byte(c.src))
		if d := time.Since(begin); d > patience && !raceEnabled {
			t.Errorf("%s took %v", c.name, d)
		}
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			s := fmt.Sprint(err)
			t.Errorf("%s: %.200s", c.name, s)
		}
	}
}

func manyConstants(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "a=%d.5;", i)
	}
	return b.String()
}
