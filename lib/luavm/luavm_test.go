package luavm

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lander/lib/capability"
	"lander/lib/job"
)

var _ job.Runner = (*Runner)(nil)

// runText runs a script under a polled context and returns its output.
func runText(t testing.TB, src string, c Config) (string, []Value, error) {
	t.Helper()
	var out strings.Builder
	c.Stdout = &out
	if c.Capabilities == nil {
		c.Capabilities = capability.Default()
	}
	c.Poll = true
	p, err := Compile("job.lua", []byte(src))
	if err != nil {
		return "", nil, err
	}
	v, err := p.Run(context.Background(), c)
	return out.String(), v, err
}

func TestRun(t *testing.T) {
	out, v, err := runText(t, "#!/usr/bin/lua\nprint('hello', 1, nil, true, args.k) return 1, 'x', {1,2}, {a=1}, nil, false, {}",
		Config{Args: map[string]string{"k": "v"}})
	if err != nil {
		t.Fatal(err)
	}
	if out != "hello\t1\tnil\ttrue\tv\n" {
		t.Errorf("output %q", out)
	}
	want := []Value{1.0, "x", []Value{1.0, 2.0}, map[string]Value{"a": 1.0}, nil, false, map[string]Value{}}
	if d := cmp.Diff(want, v); d != "" {
		t.Error(d)
	}
}

func TestFaults(t *testing.T) {
	for _, c := range []struct {
		src, code, msg string
		line           int
	}{
		{"error('boom')", job.CodeScript, "job.lua:1: boom", 1},
		{"\n\nerror('boom', 0)", job.CodeScript, "boom", 0},
		{"\nerror({})", job.CodeScript, "(error object is a table value)", 0},
		{"error(setmetatable({}, {__tostring = function() return 'made' end}))", job.CodeScript, "made", 0},
		{"error(setmetatable({}, {__tostring = function() return {} end}))", job.CodeScript, "(error object is a table value)", 0},
		{"error()", job.CodeScript, "(error object is a nil value)", 0},
		{"error(42)", job.CodeScript, "job.lua:1: 42", 1},
		{"local t\n\nt.x = 1", job.CodeScript, "job.lua:3: attempt to index local 't' (a nil value)", 3},
		{"x =", job.CodeLoad, "job.lua:1: unexpected symbol near '<eof>'", 1},
		{"\n\nx = = 1", job.CodeLoad, "job.lua:3: unexpected symbol near '='", 3},
		{"loadstring('\\nerror(1)', '@http://h:8080/job')()", job.CodeScript, "http://h:8080/job:2: 1", 2},
		{"loadstring('error(1)', '@a b.lua')()", job.CodeScript, "a b.lua:1: 1", 1},
		{"error('at a: b:5: text', 0)", job.CodeScript, "at a: b:5: text", 0},
		{"loadstring('\\nerror(1)', 'error(1)')()", job.CodeScript, `[string "error(1)"]:2: 1`, 2},
		{"local function f() f() end f()", job.CodeDepth, "job.lua:1: stack overflow", 1},
		{"('x'):rep(1e9)", job.CodeMemory, "not enough memory", 0},
		{"os.exit(3)", job.CodeExit, "exit code 3", 0},
		{"pcall(os.exit, 259)", job.CodeExit, "exit code 3", 0},
		{"coroutine.wrap(function() os.exit(4) end)()", job.CodeExit, "exit code 4", 0},
		{"coroutine.wrap(function() error('in co') end)()", job.CodeScript, "job.lua:1: job.lua:1: in co", 1},
	} {
		_, v, err := runText(t, c.src, Config{Budget: job.Budget{Memory: 8 << 20}})
		var je *job.Error
		if v != nil || !errors.As(err, &je) || je.Code != c.code || je.Message != c.msg || je.Line != c.line {
			t.Errorf("%s: %v (line %d)", c.src, err, je.Line)
		}
	}
	if _, _, err := runText(t, "print('x') os.exit() print('y')", Config{}); err != nil {
		t.Errorf("os.exit(): %v", err)
	}
	_, _, err := runText(t, "os.exit(7)", Config{})
	var exit *Exit
	if !errors.As(err, &exit) || exit.Code != 7 {
		t.Error(err)
	}
}

func TestModule(t *testing.T) {
	var kept *Function
	m := Module{Name: "tree", Word: "tree", Global: true, Values: map[string]Value{"version": 3}, Funcs: map[string]Func{
		"get": func(_ Context, c *Call) ([]Value, error) {
			s, err := c.String(1)
			return []Value{s + "!"}, err
		},
		"watch": func(_ Context, c *Call) (v []Value, err error) {
			kept, err = c.Function(1)
			return nil, err
		},
		"each": func(ctx Context, c *Call) ([]Value, error) {
			f, err := c.Function(1)
			if err != nil {
				return nil, err
			}
			for i := range 3 {
				if _, err := f.Call(ctx, i, fmt.Sprint("v", i)); err != nil {
					return nil, err
				}
			}
			return []Value{"done"}, nil
		},
		"echo": func(_ Context, c *Call) ([]Value, error) { return c.Args, nil },
		"kinds": func(_ Context, c *Call) (v []Value, err error) {
			return []Value{int8(1), uint64(2), float32(0.5), []byte("b"), []string{"x", "y"}, map[string]string{"k": "v"}, kept}, nil
		},
		"fail":  func(Context, *Call) ([]Value, error) { return nil, errors.New("it failed") },
		"raise": func(Context, *Call) ([]Value, error) { return nil, &Raise{map[string]Value{"code": 5}} },
		"deny":  func(Context, *Call) ([]Value, error) { return nil, job.Errorf(job.CodeCapability, "not for you") },
		"panic": func(Context, *Call) ([]Value, error) { panic("a bug of the host") },
	}}
	c := Config{Modules: []Module{m}}
	got := ""
	out, _, err := runText(t, `
local tree = require "tree"
print(tree == _G.tree, tree.version, tree.get "a", pcall(tree.get))
tree.watch(function(v) print("changed", v) return v * 2 end)
print(tree.each(function(i, s) io.write(i, s, " ") end))
print(pcall(tree.each, function() error("inside") end))
print(pcall(tree.each, 5))
print(unpack((tree.echo({ 1, 2, 3 }))), tree.echo({ a = { b = "c" } }).a.b, select("#", tree.echo(nil, 1, nil)))
print(pcall(tree.echo, coroutine.create(function() end)))
local t = {} t.t = t print(pcall(tree.echo, t))
local a, b, c, d, e, f, g = tree.kinds() print(a, b, c, d, e[2], f.k, g(4))
print(pcall(tree.fail)) print(pcall(function() tree.fail() end)) print(select(2, pcall(tree.raise)).code)
`, Config{Modules: []Module{m}, Serve: func(ctx Context) error {
		v, err := kept.Call(ctx, 21)
		if err == nil {
			got = FormatNumber(v[0].(float64))
		}
		return err
	}})
	want := `true	3	a!	false	bad argument #1 to 'get' (string expected, got no value)
0v0 1v1 2v2 done
false	job.lua:6: inside
false	bad argument #1 to 'each' (function expected, got number)
1	c	3
false	bad argument #1 to '?' (a thread cannot be given to the host)
false	bad argument #1 to '?' (table nested too deep, or within itself)
changed	4
1	2	0.5	b	y	v	8
false	it failed
false	job.lua:12: it failed
5
changed	21
`
	if err != nil || out != want || got != "42" {
		t.Errorf("%v\n%s", err, cmp.Diff(want, out))
	}
	_, _, err = runText(t, "tree.deny()", c)
	var je *job.Error
	if !errors.As(err, &je) || je.Code != job.CodeCapability || je.Message != "job.lua:1: not for you" {
		t.Error(err)
	}
	_, _, err = runText(t, "pcall(tree.panic)", c)
	if !errors.As(err, &je) || je.Code != job.CodeInternal {
		t.Error(err)
	}
	c.Capabilities = capability.Set{"base"}
	_, v, err := runText(t, `return tree == nil, pcall(require, "tree")`, c)
	if err != nil || v[0] != true || v[2] != `capability "tree" not granted` {
		t.Errorf("%v %v", v, err)
	}
	// A function outlives its run only as a thing that cannot be called.
	if _, err := kept.Call(context.Background()); !errors.Is(err, errOutside) {
		t.Error(err)
	}
	if _, err := (*Function)(nil).Call(context.Background()); !errors.Is(err, errOutside) {
		t.Error(err)
	}
}

// Errors of Serve end the run with their code; a spent budget in a callback
// ends it too.
func TestServe(t *testing.T) {
	var f *Function
	m := Module{Name: "m", Global: true, Funcs: map[string]Func{"on": func(_ Context, c *Call) (v []Value, err error) {
		f, err = c.Function(1)
		return nil, err
	}}}
	for _, c := range []struct {
		src, code string
		serve     func(ctx Context) error
	}{
		{"m.on(print)", "", func(Context) error { return nil }},
		{"m.on(print)", job.CodeScript, func(Context) error { return errors.New("served badly") }},
		{"m.on(error)", job.CodeScript, func(ctx Context) error { _, err := f.Call(ctx, "x"); return err }},
		{"m.on(function() while true do end end)", job.CodeTimeout, func(ctx Context) error { f.Call(ctx); return nil }},
		{"m.on(function() os.exit(5) end)", job.CodeExit, func(ctx Context) error { f.Call(ctx); return nil }},
		{"m.on(print)", job.CodeTimeout, func(ctx Context) error { <-ctx.Done(); return job.Errorf(job.CodeTimeout, "waited") }},
	} {
		wall := time.Minute
		if c.code == job.CodeTimeout {
			wall = 20 * time.Millisecond
		}
		_, _, err := runText(t, c.src, Config{Modules: []Module{m}, Serve: c.serve, Budget: job.Budget{Wall: wall}})
		checkHostile(t, err, c.code)
	}
}

func TestCallChecks(t *testing.T) {
	c := &Call{Name: "f", Args: []Value{"12", 3.7, nil, map[string]Value{"a": 1.0}, []Value{"x"}, true, "text", math.Inf(1), nil, 0x1p63, -0x1p63, math.Nextafter(0x1p63, 0), math.NaN()}}
	text := func(v any, err error) string { return fmt.Sprint(v, " ", err) }
	for _, x := range []struct{ got, want string }{
		{text(c.String(1)), "12 <nil>"},
		{text(c.String(2)), "3.7 <nil>"},
		{text(c.String(3)), " bad argument #3 to 'f' (string expected, got nil)"},
		{text(c.OptString(3, "d")), "d <nil>"},
		{text(c.Number(1)), "12 <nil>"},
		{text(c.Number(7)), "0 bad argument #7 to 'f' (number expected, got string)"},
		{text(c.OptNumber(9, 5)), "5 <nil>"},
		{text(c.Int(2)), "3 <nil>"},
		{text(c.Int(8)), "0 bad argument #8 to 'f' (number has no integer representation)"},
		{text(c.Int(9)), "0 bad argument #9 to 'f' (number expected, got nil)"},
		{text(c.Int(10)), "0 bad argument #10 to 'f' (number has no integer representation)"},
		{text(c.Int(11)), "-9223372036854775808 <nil>"},
		{text(c.Int(12)), "9223372036854774784 <nil>"},
		{text(c.Int(13)), "0 bad argument #13 to 'f' (number has no integer representation)"},
		{text(c.Int(14)), "0 bad argument #14 to 'f' (number expected, got no value)"},
		{text(c.Table(4)), "map[a:1] <nil>"},
		{text(c.Table(5)), "map[1:x] <nil>"},
		{text(c.Table(6)), "map[] bad argument #6 to 'f' (table expected, got boolean)"},
		{text(c.Function(4)), "<nil> bad argument #4 to 'f' (function expected, got table)"},
		{text(c.N(), c.ArgError(1, "odd %d", 5)), "13 bad argument #1 to 'f' (odd 5)"},
	} {
		if x.got != x.want {
			t.Errorf("got %s, want %s", x.got, x.want)
		}
	}
}

func TestTimeout(t *testing.T) {
	_, _, err := runText(t, "while true do end", Config{Budget: job.Budget{Wall: 20 * time.Millisecond}})
	checkHostile(t, err, job.CodeTimeout)
	ctx, cancel := context.WithCancel(context.Background())
	p, err := Compile("c.lua", []byte("started() while true do end"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Run(ctx, Config{Capabilities: capability.Default(), Poll: true, Modules: []Module{{Name: "x", Global: true}}})
	if err == nil {
		t.Error("started() is nil")
	}
	cancel()
	_, err = p.Run(ctx, Config{Capabilities: capability.Default(), Poll: true})
	checkHostile(t, err, job.CodeInterrupted)
}

func TestClock(t *testing.T) {
	now := time.Date(2024, 2, 29, 12, 34, 56, 0, time.FixedZone("X", 3600))
	_, v, err := runText(t, `return os.time(), os.date(), os.date("!%H"), os.clock(), os.time{year=2024, month=2, day=29, hour=12}, os.date("*t").yday, os.date("%z %Z %U %W %V %G %j %e|%I%p")`,
		Config{Now: func() time.Time { return now }})
	want := []Value{1709206496.0, "Thu Feb 29 12:34:56 2024", "11", 0.0, 1709204400.0, 60.0, "+0100 X 08 09 09 2024 060 29|12PM"}
	if err != nil || !cmp.Equal(v, want) {
		t.Errorf("%v %s", err, cmp.Diff(want, v))
	}
}

func TestRunner(t *testing.T) {
	r := &Runner{Cache: NewCache(1 << 16), Limits: job.Budget{Wall: time.Minute, Memory: 8 << 20, Output: 100, Depth: 100}}
	for _, c := range []struct {
		src, format string
		exit        int
		code        string
		terminated  bool
	}{
		{"print(args.a)", job.FormatLua, 0, "", false},
		{"os.exit(0)", job.FormatLua, 0, "", false},
		{"os.exit(9)", job.FormatLua, 9, job.CodeExit, false},
		{"error('x')", job.FormatLua, 1, job.CodeScript, false},
		{"x =", job.FormatLua, 1, job.CodeLoad, false},
		{"x", job.FormatLuac51, 1, job.CodeLoad, false},
		{"x", job.FormatSh, 1, job.CodeLoad, false},
		{"while true do end", job.FormatLua, 1, job.CodeTimeout, true},
		{"local t = {} while true do t[#t + 1] = {} end", job.FormatLua, 1, job.CodeMemory, true},
		{"local function f(n) return n == 0 and 0 or 1 + f(n - 1) end f(200)", job.FormatLua, 1, job.CodeDepth, true},
		{"io.write(('x'):rep(1.1e6))", job.FormatLua, 1, job.CodeOutput, true},
		{"io.open('/x')", job.FormatLua, 1, job.CodeCapability, false},
	} {
		task := job.Task{Name: "t.lua", Format: c.format, Payload: []byte(c.src), Args: map[string]string{"a": "b"}, Capabilities: capability.Default()}
		if c.code == job.CodeTimeout {
			task.Budget.Wall = 20 * time.Millisecond
		}
		for range 2 { // from the cache the second time
			var out strings.Builder
			o := r.Run(context.Background(), task, job.Streams{Stdout: &out})
			code := ""
			if o.Err != nil {
				code = o.Err.Code
			}
			if o.ExitCode == nil || *o.ExitCode != c.exit || code != c.code || o.Terminated != c.terminated {
				t.Errorf("%s: exit %v, %v, terminated %v", c.src, *o.ExitCode, o.Err, o.Terminated)
			}
		}
	}
}

// Runs of one program at once do not see each other.
func TestConcurrentRuns(t *testing.T) {
	p, err := Compile("c.lua", []byte(`
local t = {} for i = 1, 500 do t["k" .. i % 50] = (t["k" .. i % 50] or 0) + i end
string.extra = args.n getmetatable("").tag = args.n
local s = 0 for _, v in pairs(t) do s = s + v end
return s, ("x").extra, getmetatable("").tag, table.concat({ 1, 2 }, args.n)`))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			arg := fmt.Sprint(n)
			for range 5 {
				v, err := p.Run(context.Background(), Config{Capabilities: capability.Default(), Args: map[string]string{"n": arg}})
				if want := []Value{125250.0, arg, arg, "1" + arg + "2"}; err != nil || !cmp.Equal(v, want) {
					t.Errorf("%v %v", v, err)
				}
			}
		}()
	}
	wg.Wait()
}

func TestCache(t *testing.T) {
	c := NewCache(100)
	load := func(name, src string) *Program {
		t.Helper()
		p, err := c.Load(name, job.FormatLua, []byte(src))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	a := load("a", "x = 1")
	if load("a", "x = 1") != a {
		t.Error("compiled twice")
	}
	if load("b", "x = 1") == a || load("a", "x = 2") == a {
		t.Error("another script has the same program")
	}
	long := strings.Repeat("x = 1 ", 15)
	load("c", long)
	if load("a", "x = 1") == a {
		t.Error("kept beyond the limit")
	}
	if c.size > c.limit || len(c.byKey) != c.order.Len() {
		t.Errorf("%d bytes in %d and %d entries", c.size, len(c.byKey), c.order.Len())
	}
	load("d", strings.Repeat("x = 1 ", 50))
	if c.size > c.limit {
		t.Errorf("%d bytes", c.size)
	}
	if _, err := c.Load("e", job.FormatLua, []byte("x =")); err == nil {
		t.Error("no error")
	}
	if p, err := (*Cache)(nil).Load("a", job.FormatLua, []byte("x = 1")); p == nil || err != nil {
		t.Error(err)
	}
}

func TestFormatNumber(t *testing.T) {
	for _, c := range []struct {
		n    float64
		want string
	}{
		{0, "0"}, {math.Copysign(0, -1), "-0"}, {1, "1"}, {-1, "-1"}, {0.1, "0.1"}, {0.1 + 0.2, "0.3"}, {1.0 / 3, "0.33333333333333"},
		{1e14, "1e+14"}, {99999999999999, "99999999999999"}, {1e15, "1e+15"}, {123456789012345678, "1.2345678901235e+17"},
		{1e-5, "1e-05"}, {0.0001, "0.0001"}, {1e100, "1e+100"}, {1.5e-300, "1.5e-300"}, {math.Inf(1), "inf"}, {math.Inf(-1), "-inf"},
		{math.Copysign(math.NaN(), 1), "nan"}, {math.Copysign(math.NaN(), -1), "-nan"}, {2 << 52, "9.007199254741e+15"},
		{12345678901234.5, "12345678901234"}, {99999999999999.9, "1e+14"}, {math.MaxFloat64, "1.7976931348623e+308"}, {5e-324, "4.9406564584125e-324"},
	} {
		if got := FormatNumber(c.n); got != c.want {
			t.Errorf("%v: %s, want %s", c.n, got, c.want)
		}
	}
}
