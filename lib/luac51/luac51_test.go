package luac51

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// layouts are the forms of chunk that PUC builds write.
var layouts = []Layout{{SizeT: 8}, {SizeT: 4}, {BigEndian: true, SizeT: 8}, {BigEndian: true, SizeT: 4}}

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func sources(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.lua")
	if err != nil || len(files) < 9 {
		t.Fatalf("%d sources, %v", len(files), err)
	}
	return files
}

// The compiler writes the same bytes as luac 5.1 wrote.
func TestCompileGolden(t *testing.T) {
	for _, f := range sources(t) {
		name := filepath.Base(f)
		p, err := Compile("@"+name, read(t, f))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := verify(p); err != nil {
			t.Errorf("%s: our own code: %v", name, err)
		}
		want := read(t, strings.TrimSuffix(f, ".lua")+".luac")
		if got := Dump(p, Host64, name == "items.lua"); !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, not the %d that luac wrote", name, len(got), len(want))
		}
	}
}

// Chunks of every layout, full and stripped, are read and written alike.
func TestUndumpDump(t *testing.T) {
	for _, f := range sources(t) {
		want, err := Undump(read(t, strings.TrimSuffix(f, ".lua")+".luac"))
		if err != nil {
			t.Errorf("%s: %v", f, err)
			continue
		}
		for _, l := range layouts {
			b := Dump(want, l, false)
			got, err := Undump(b)
			if err != nil {
				t.Errorf("%s %+v: %v", f, l, err)
				continue
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%s %+v: %s", f, l, d)
			}
			if !bytes.Equal(Dump(got, l, false), b) {
				t.Errorf("%s %+v: does not write back what was read", f, l)
			}
			s := Dump(want, l, true)
			stripped, err := Undump(s)
			if err != nil {
				t.Errorf("%s %+v stripped: %v", f, l, err)
				continue
			}
			if !bytes.Equal(Dump(stripped, l, true), s) || len(s) >= len(b) && len(want.Lines) > 0 {
				t.Errorf("%s %+v stripped: does not write back what was read", f, l)
			}
		}
	}
}

// luac 5.1 itself, if it is there, agrees on every source at hand.
func TestCompileLikeLuac(t *testing.T) {
	luac, err := exec.LookPath("luac5.1")
	if err != nil {
		if os.Getenv("LANDER_INTEROP") == "1" {
			t.Fatal("luac5.1 is missing")
		}
		t.Skip("luac5.1 is missing")
	}
	files := sources(t)
	for _, pattern := range []string{"../luavm/testdata/scripts/*.lua", "../luavm/testdata/bench/*.lua"} {
		more, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, more...)
	}
	if len(files) < 60 {
		t.Fatalf("only %d sources", len(files))
	}
	out := filepath.Join(t.TempDir(), "out")
	for _, f := range files {
		if text, err := exec.Command(luac, "-o", out, f).CombinedOutput(); err != nil {
			t.Fatalf("%s: %s", f, text)
		}
		p, err := Compile("@"+f, SkipShebang(read(t, f)))
		if err != nil {
			t.Error(err)
			continue
		}
		if !bytes.Equal(Dump(p, Host64, false), read(t, out)) {
			t.Errorf("%s: not the bytes that luac writes", f)
		}
	}
	for _, c := range syntaxErrors {
		c := c
		f := filepath.Join(t.TempDir(), "e.lua")
		if err := os.WriteFile(f, []byte(c.src), 0o666); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(luac, "-p", "e.lua")
		cmd.Dir = filepath.Dir(f)
		text, err := cmd.CombinedOutput()
		if err == nil {
			t.Errorf("luac takes %q", c.src)
		}
		if got := strings.TrimSpace(string(text)[strings.Index(string(text), "luac5.1: ")+len("luac5.1: "):]); got != "e.lua:"+c.want {
			t.Errorf("%q: recorded %q, luac says %q", c.src, "e.lua:"+c.want, got)
		}
	}
}

var syntaxErrors = []struct{ src, want string }{
	{"x =", "1: unexpected symbol near '<eof>'"},
	{"for", "1: '<name>' expected near '<eof>'"},
	{"return 1 +", "1: unexpected symbol near '<eof>'"},
	{"x = = 1", "1: unexpected symbol near '='"},
	{"local 1", "1: '<name>' expected near '1'"},
	{"if x then\n\nelse", "3: 'end' expected (to close 'if' at line 1) near '<eof>'"},
	{"f(", "1: unexpected symbol near '<eof>'"},
	{"f(1\n", "2: ')' expected (to close '(' at line 1) near '<eof>'"},
	{"x = }", "1: unexpected symbol near '}'"},
	{"'open", "1: unfinished string near '<eof>'"},
	{"x = 'a\nb'", "1: unfinished string near ''a'"},
	{"x = [[open", "1: unfinished long string near '<eof>'"},
	{"--[==[ open", "1: unfinished long comment near '<eof>'"},
	{"x = [==open", "1: invalid long string delimiter near '[=='"},
	{"x = [[ [[ ]]", "1: nesting of [[...]] is deprecated near '['"},
	{"x = 1e", "1: malformed number near '1e'"},
	{"x = 0x", "1: malformed number near '0x'"},
	{"x = 3x", "1: malformed number near '3x'"},
	{"x = '\\300'", "1: escape sequence too large near '''"},
	{"goto x", "1: '=' expected near 'x'"},
	{"a.b:c = 1", "1: function arguments expected near '='"},
	{"break", "1: no loop to break near '<eof>'"},
	{"function f(x,) end", "1: <name> or '...' expected near ')'"},
	{"f\n()", "2: ambiguous syntax (function call x new statement) near '('"},
	{"x = ...; function f() return ... end", "1: cannot use '...' outside a vararg function near '...'"},
	{"x = 5 // 2", "1: unexpected symbol near '/'"},
	{";", "1: unexpected symbol near ';'"},
	{"for i do end", "1: '=' or 'in' expected near 'do'"},
	{"for i = 1 do end", "1: ',' expected near 'do'"},
	{"local function 1() end", "1: '<name>' expected near '1'"},
	{"return return", "1: unexpected symbol near 'return'"},
	{"x = {1, 2", "1: '}' expected near '<eof>'"},
	{"x = {\n1, 2", "2: '}' expected (to close '{' at line 1) near '<eof>'"},
	{"(f)", "1: syntax error near '<eof>'"},
	{"f() = 1", "1: unexpected symbol near '='"},
	{"x = \x01", "1: unexpected symbol near 'char(1)'"},
	{"@", "1: unexpected symbol near '@'"},
	{"a ~= 1", "1: '=' expected near '~='"},
	{"x = a ~ b", "1: unexpected symbol near '~'"},
	{"x = 'a\\65' 'b", "1: unfinished string near '<eof>'"},
	{"x = = 'a\\65'", "1: unexpected symbol near '='"},
	{"x 'a\\65\\n' y 5", "1: '=' expected near '5'"},
	{"for 'a\\65' do", "1: '<name>' expected near ''aA''"},
	{"repeat x = 1", "1: 'until' expected near '<eof>'"},
	{"x = 'a\\", "1: unfinished string near '<eof>'"},
	{"local x <const> = 1", "1: unexpected symbol near '<'"},
}

func TestSyntaxErrors(t *testing.T) {
	for _, c := range syntaxErrors {
		_, err := Compile("@e.lua", []byte(c.src))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || err.Error() != "e.lua:"+c.want {
			t.Errorf("%q: %v", c.src, err)
		}
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		s    string
		want float64
		ok   bool
	}{
		{"0", 0, true}, {"10", 10, true}, {" 5 ", 5, true}, {"1e2", 100, true}, {"1E+2", 100, true}, {"1e", 0, false},
		{"010", 10, true}, {"0x10", 16, true}, {"-0x10", -16, true}, {"0xA.8p1", 21, true}, {"0x", 0, false},
		{"0x1_0", 0, false}, {"1_0", 0, false}, {".5", .5, true}, {"5.", 5, true}, {".", 0, false}, {"", 0, false},
		{"- 1", 0, false}, {"--1", 0, false}, {"1 2", 0, false}, {"123456789012345678", 123456789012345678, true},
		{"0b1", 0, false}, {"0o7", 0, false}, {"1e5\t\n", 1e5, true}, {"infinit", 0, false}, {"+7", 7, true},
	} {
		got, ok := ParseNumber(c.s)
		if ok != c.ok || ok && got != c.want {
			t.Errorf("%q: %v %v", c.s, got, ok)
		}
	}
}

func TestPow(t *testing.T) {
	for _, c := range []struct{ x, y, want float64 }{
		{2, 10, 1024}, {10, 20, 1e20}, {10, 22, 1e22}, {3, 40, 12157665459056928801}, {2, 0.5, 1.4142135623730951},
		{-2, 3, -8}, {0, 5, 0}, {7, 0, 1}, {1.5, 2, 2.25}, {2, 1024, inf()}, {10, -3, 0.001}, {15, 13, 1946195068359375},
	} {
		if got := Pow(c.x, c.y); got != c.want {
			t.Errorf("%v^%v: %v, want %v", c.x, c.y, got, c.want)
		}
	}
}

func inf() float64 { n, _ := ParseNumber("inf"); return n }

func TestChunkID(t *testing.T) {
	for _, c := range []struct{ source, want string }{
		{"@file.lua", "file.lua"}, {"=stdin", "stdin"}, {"return 1", `[string "return 1"]`},
		{"a\nb", `[string "a..."]`}, {"", `[string ""]`}, {"x\x00y", `[string "x"]`},
		{"@" + strings.Repeat("d/", 40), "..." + strings.Repeat("d/", 26)},
		{strings.Repeat("x", 60), `[string "` + strings.Repeat("x", 43) + `..."]`},
	} {
		if got := ChunkID(c.source); got != c.want {
			t.Errorf("%q: %q, want %q", c.source, got, c.want)
		}
	}
}

func TestNameOf(t *testing.T) {
	p, err := Compile("@n.lua", []byte("local a = {}\nprint(a.b.c)\na:m()\nreturn function() return a.x end"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for pc, i := range p.Code {
		switch i.Op() {
		case OpGetTable, OpSelf:
			kind, name := NameOf(p, pc, i.B())
			got = append(got, i.Op().String()+" "+kind+" "+name)
		case OpCall:
			kind, name := CalleeOf(p, pc)
			got = append(got, "CALL "+kind+" "+name)
		}
	}
	want := []string{"GETTABLE local a", "GETTABLE field b", "CALL global print", "SELF local a", "CALL method m"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	f := p.Protos[0]
	if kind, name := NameOf(f, 1, f.Code[1].B()); kind != "upvalue" || name != "a" {
		t.Errorf("%s %s", kind, name)
	}
}
