package luac51

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// chunk is a small good chunk to make bad ones from.
func chunk(t testing.TB) []byte {
	t.Helper()
	p, err := Compile("@c.lua", []byte("local a, b = 1, 'x' return function(...) return a, ... end"))
	if err != nil {
		t.Fatal(err)
	}
	return Dump(p, Host64, false)
}

func TestRefusedHeaders(t *testing.T) {
	good := chunk(t)
	with := func(at int, b byte) []byte {
		c := bytes.Clone(good)
		c[at] = b
		return c
	}
	for _, c := range []struct {
		name string
		b    []byte
		want string
	}{
		{"LuaJIT", []byte("\x1bLJ\x02\x00"), "LuaJIT"},
		{"5.2", with(4, 0x52), "Lua 5.2"},
		{"5.3", with(4, 0x53), "Lua 5.3"},
		{"5.4", with(4, 0x54), "Lua 5.4"},
		{"5.0", with(4, 0x50), "Lua 5.0"},
		{"format", with(5, 1), "NodeMCU"},
		{"byte order", with(6, 2), "byte order 2"},
		{"int", with(7, 8), "int of 8"},
		{"size_t", with(8, 2), "size_t of 2"},
		{"instruction", with(9, 8), "instructions of 8"},
		{"number", with(10, 4), "numbers of 4 bytes (NodeMCU single precision)"},
		{"integers", with(11, 1), "integer-number build"},
		{"empty", nil, "no Lua signature"},
		{"text", []byte("print(1)"), "no Lua signature"},
		{"header only", good[:7], "broken off"},
		{"half", good[:len(good)/2], ""},
		{"trailing", append(bytes.Clone(good), 0), "1 bytes after the end"},
	} {
		p, err := Undump(c.b)
		if p != nil || !errors.Is(err, ErrBytecode) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// Every length of a chunk but the whole is refused.
func TestBrokenOff(t *testing.T) {
	good := chunk(t)
	for n := range good {
		if p, err := Undump(good[:n]); err == nil || p != nil {
			t.Errorf("%d of %d bytes are taken", n, len(good))
		}
	}
}

func TestVerify(t *testing.T) {
	ret := ABC(OpReturn, 0, 1, 0)
	inner := &Proto{MaxStack: 2, NumUpvalues: 1, Code: []Instruction{ret}}
	for _, c := range []struct {
		name string
		p    Proto
		want string // "" is good
	}{
		{"empty function", Proto{MaxStack: 2, Code: []Instruction{ret}}, ""},
		{"no code", Proto{MaxStack: 2}, "no return"},
		{"no return", Proto{MaxStack: 2, Code: []Instruction{ABC(OpMove, 0, 1, 0)}}, "no return"},
		{"stack", Proto{MaxStack: 251, Code: []Instruction{ret}}, "251 registers"},
		{"parameters", Proto{MaxStack: 2, NumParams: 3, Code: []Instruction{ret}}, "for 3 parameters"},
		{"vararg flags", Proto{MaxStack: 2, VarArg: 8, Code: []Instruction{ret}}, "vararg flags"},
		{"arg without varargs", Proto{MaxStack: 2, VarArg: VarArgHasArg, Code: []Instruction{ret}}, "vararg flags"},
		{"register", Proto{MaxStack: 2, Code: []Instruction{ABC(OpMove, 0, 2, 0), ret}}, "register 2 of 2"},
		{"target", Proto{MaxStack: 2, Code: []Instruction{ABC(OpMove, 5, 0, 0), ret}}, "register 5 of 2"},
		{"constant", Proto{MaxStack: 2, Code: []Instruction{ABx(OpLoadK, 0, 0), ret}}, "constant 0 of 0"},
		{"global name", Proto{MaxStack: 2, Consts: []any{1.0}, Code: []Instruction{ABx(OpGetGlobal, 0, 0), ret}}, "no name"},
		{"self name", Proto{MaxStack: 2, Consts: []any{1.0}, Code: []Instruction{ABC(OpSelf, 0, 0, BitRK), ret}}, "no name"},
		{"self target", Proto{MaxStack: 2, Consts: []any{"x"}, Code: []Instruction{ABC(OpSelf, 1, 0, BitRK), ret}}, "register 2 of 2"},
		{"upvalue", Proto{MaxStack: 2, Code: []Instruction{ABC(OpGetUpval, 0, 0, 0), ret}}, "upvalue 0 of 0"},
		{"jump out", Proto{MaxStack: 2, Code: []Instruction{AsBx(OpJmp, 0, 1), ret}}, "jump to"},
		{"jump before", Proto{MaxStack: 2, Code: []Instruction{AsBx(OpJmp, 0, -2), ret}}, "jump to"},
		{"loop", Proto{MaxStack: 2, Code: []Instruction{AsBx(OpJmp, 0, -1), ret}}, ""},
		{"skip out", Proto{MaxStack: 2, Code: []Instruction{ABC(OpLoadBool, 0, 1, 1), ret}}, "jump to"},
		{"test without jump", Proto{MaxStack: 2, Code: []Instruction{ABC(OpTest, 0, 0, 0), ret}}, "no JMP"},
		{"compare without jump", Proto{MaxStack: 2, Code: []Instruction{ABC(OpEq, 0, 0, 1), ret}}, "no JMP"},
		{"concat order", Proto{MaxStack: 2, Code: []Instruction{ABC(OpConcat, 0, 1, 1), ret}}, "joins registers"},
		{"call arguments", Proto{MaxStack: 2, Code: []Instruction{ABC(OpCall, 0, 3, 1), ret}}, "register 2 of 2"},
		{"call results", Proto{MaxStack: 2, Code: []Instruction{ABC(OpCall, 0, 1, 4), ret}}, "register 2 of 2"},
		{"open arguments", Proto{MaxStack: 2, Code: []Instruction{ABC(OpCall, 0, 0, 1), ret}}, "nothing made"},
		{"open results", Proto{MaxStack: 2, Code: []Instruction{ABC(OpCall, 0, 1, 0), ret}}, "nothing takes"},
		{"open call", Proto{MaxStack: 2, Code: []Instruction{ABC(OpCall, 0, 1, 0), ABC(OpReturn, 0, 0, 0), ret}}, ""},
		{"open return", Proto{MaxStack: 2, Code: []Instruction{ABC(OpReturn, 0, 0, 0), ret}}, "nothing made"},
		{"vararg", Proto{MaxStack: 2, Code: []Instruction{ABC(OpVarArg, 0, 2, 0), ret}}, "no varargs"},
		{"vararg range", Proto{MaxStack: 2, VarArg: VarArgIsVarArg, Code: []Instruction{ABC(OpVarArg, 0, 4, 0), ret}}, "register 2 of 2"},
		{"for registers", Proto{MaxStack: 3, Code: []Instruction{AsBx(OpForPrep, 0, 0), AsBx(OpForLoop, 0, -1), ret}}, "register 3 of 3"},
		{"generic for", Proto{MaxStack: 4, Code: []Instruction{ABC(OpTForLoop, 0, 0, 1), ret}}, "no JMP"},
		{"generic for without variables", Proto{MaxStack: 4, Code: []Instruction{ABC(OpTForLoop, 0, 0, 0), AsBx(OpJmp, 0, -2), ret}}, "of 0 variables"},
		{"set list", Proto{MaxStack: 2, Code: []Instruction{ABC(OpSetList, 0, 2, 1), ret}}, "register 2 of 2"},
		{"set list count", Proto{MaxStack: 2, Code: []Instruction{ABC(OpSetList, 0, 1, 0), ret}}, "no count"},
		{"set list data", Proto{MaxStack: 2, Code: []Instruction{AsBx(OpJmp, 0, 1), ABC(OpSetList, 0, 1, 0), 7, ret}}, "into data"},
		{"closure", Proto{MaxStack: 2, Code: []Instruction{ABx(OpClosure, 0, 0), ret}}, "prototype 0 of 0"},
		{"closure words", Proto{MaxStack: 2, Protos: []*Proto{inner}, Code: []Instruction{ABx(OpClosure, 0, 0), ret}}, "beyond the end"},
		{"closure upvalue", Proto{MaxStack: 2, Protos: []*Proto{inner}, Code: []Instruction{ABx(OpClosure, 0, 0), ABC(OpMove, 0, 9, 0), ret}}, "register 9 of 2"},
		{"closure word", Proto{MaxStack: 2, Protos: []*Proto{inner}, Code: []Instruction{ABx(OpClosure, 0, 0), ret, ret}}, "made by RETURN"},
		{"good closure", Proto{MaxStack: 2, Protos: []*Proto{inner}, Code: []Instruction{ABx(OpClosure, 0, 0), ABC(OpMove, 0, 1, 0), ret}}, ""},
		{"jump to closure word", Proto{MaxStack: 2, Protos: []*Proto{inner}, Code: []Instruction{AsBx(OpJmp, 0, 1), ABx(OpClosure, 0, 0), ABC(OpMove, 0, 1, 0), ret}}, "into data"},
		{"bad inner function", Proto{MaxStack: 2, Protos: []*Proto{{MaxStack: 2}}, Code: []Instruction{ABx(OpClosure, 0, 0), ret}}, "no return"},
		{"operation", Proto{MaxStack: 2, Code: []Instruction{38, ret}}, "operation 38"},
		{"lines", Proto{MaxStack: 2, Code: []Instruction{ret}, Lines: []int32{1, 2}}, "2 lines"},
		{"names", Proto{MaxStack: 2, Code: []Instruction{ret}, Upvalues: []string{"x"}}, "names for 0 upvalues"},
	} {
		err := verify(&c.p)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// FuzzUndump: what is taken is written back to a chunk that reads the same,
// and memory is bounded by the input.
func FuzzUndump(f *testing.F) {
	f.Add(chunk(f))
	for _, s := range []string{"closures", "loops", "varargs", "tables", "coroutines", "errors", "document"} {
		b := read(f, "testdata/"+s+".luac")
		f.Add(b)
		p, err := Undump(b)
		if err != nil {
			f.Fatal(err)
		}
		for _, l := range layouts {
			f.Add(Dump(p, l, true))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Undump(b)
		if err != nil {
			if p != nil {
				t.Error("a prototype with an error")
			}
			return
		}
		for _, l := range layouts {
			again, err := Undump(Dump(p, l, false))
			if err != nil {
				t.Fatalf("%+v: %v", l, err)
			}
			if !bytes.Equal(Dump(again, l, false), Dump(p, l, false)) {
				t.Errorf("%+v: changed", l)
			}
		}
	})
}

// FuzzCompile: any text compiles or is refused, and what comes out is good
// bytecode.
func FuzzCompile(f *testing.F) {
	for _, s := range sources(f) {
		if b := read(f, s); len(b) < 4000 {
			f.Add(b)
		}
	}
	for _, c := range syntaxErrors {
		f.Add([]byte(c.src))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		p, err := Compile("@f.lua", src)
		if err != nil {
			return
		}
		again, err := Undump(Dump(p, Host64, false))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(Dump(again, Host64, false), Dump(p, Host64, false)) {
			t.Error("changed on the way")
		}
	})
}
