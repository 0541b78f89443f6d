package provision_test

import (
	"bytes"
	"strings"
	"testing"

	"lander/lib/luavm"
	"lander/lib/provision"
)

func TestTrim(t *testing.T) {
	for _, c := range []struct{ name, in, out string }{
		{"comment and blanks", "  local n = 1   -- one\n\treturn n\n", "local n = 1\nreturn n\n"},
		{"a string with dashes", "s = '--no' -- yes\nreturn s", "s = '--no'\nreturn s"},
		{"escaped quote", "s = 'a\\'--b' -- c\n", "s = 'a\\'--b'\n"},
		{"long comment keeps lines", "a = 1 --[[ x\ny\n]] b = 2\n", "a = 1\n\nb = 2\n"},
		{"long comment on a line", "a =--[[ x ]]1\n", "a = 1\n"},
		{"levels", "--[==[ ]] \n]==]x = 1\n", "\nx = 1\n"},
		{"not a long comment", "--[=x\ny = 1\n", "\ny = 1\n"},
		{"long string is kept", "s = [[\n   indented  \n -- no comment\n]]\n", "s = [[\n   indented  \n -- no comment\n]]\n"},
		{"string over lines", "s = 'a\\\n   b'\n", "s = 'a\\\n   b'\n"},
		{"CRLF", "a = 1 -- x\r\nb = 2\r\n", "a = 1\nb = 2\n"},
		{"CR", "a = 1 -- x\rb = 2\r", "a = 1\nb = 2\n"},
		{"LFCR", "a = 1 -- x\n\rb = 2\n\r", "a = 1\nb = 2\n"},
		{"string over lines with CRLF", "s = 'a\\\r\n   b -- c'\r\n", "s = 'a\\\n   b -- c'\n"},
		{"long string with CRLF", "s = [[\r\n  a \r\n]] -- b\r\n", "s = [[\n  a \n]]\n"},
		{"string that skips blanks", "s = 'a\\z\n   \n b -- c' -- d\n", "s = 'a\\z\n   \n b -- c'\n"},
		{"first line", "#!/usr/bin/lua\nx = 1", "\nx = 1"},
		{"minus minus at the end", "x = 1 --", "x = 1"},
		{"subtraction apart", "x = a - --[[c]]-b\n", "x = a -  -b\n"},
	} {
		if got := string(provision.Trim([]byte(c.in))); got != c.out {
			t.Errorf("%s: %q, want %q", c.name, got, c.out)
		}
	}
}

// What a board compiles it gets without a first line that only loadfile skips;
// bytecode is never taken for a source.
func TestDelivered(t *testing.T) {
	code := "\x1bLuaQ\x00--SAFETRIM\n  x"
	tree := load(t, map[string]string{
		"default.json": `{"secret":"s","files":["a.lua",{"path":"a.lua","name":"b.lua","mode":"source"},"c.lua",{"path":"a.lua","name":"d.txt","mode":"raw"}]}`,
		"a.lua":        "#!/usr/bin/lua\nreturn 1\n", "c.lua": code,
	}, provision.LoadOptions{})
	want := map[string]string{"a.lc": "\nreturn 1\n", "b.lua": "#!/usr/bin/lua\nreturn 1\n", "c.lc": code, "d.txt": "#!/usr/bin/lua\nreturn 1\n"}
	for _, it := range tree.Default.Items {
		if string(it.Content) != want[it.Name] {
			t.Errorf("%s is %q, want %q", it.Name, it.Content, want[it.Name])
		}
	}
	if len(tree.Default.Items) != len(want) || tree.Broken() {
		t.Errorf("%d files, %v", len(tree.Default.Items), tree.Problems)
	}
}

// Trimmed source compiles where the source does, keeps its lines, and is trimmed.
func FuzzTrim(f *testing.F) {
	for _, s := range []string{"local a = 1 -- x\n", "s = [==[ -- ]==]\n", "x = 'a\\'--b' --[[ y\n]] z = 2", "#!lua\nx=1", "a\r\n", "a=\"\\\n\" --\n", "a='\\\r\n  --b' -- c\r\n", "a='\\z\n --b' -- c\n", "-- a\rb=1\r", "#\r0\nx=1"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		out := provision.Trim(src)
		if len(out) > len(src) {
			t.Fatalf("%d bytes become %d", len(src), len(out))
		}
		if !bytes.ContainsAny(src, "#\r") && bytes.Count(out, []byte("\n")) != bytes.Count(src, []byte("\n")) {
			t.Fatalf("%q becomes %q: other lines", src, out)
		}
		if luavm.Check("x.lua", src) == nil && !strings.ContainsAny(string(src), "\x00\v\f") {
			if err := luavm.Check("x.lua", out); err != nil {
				t.Fatalf("%q becomes %q: %v", src, out, err)
			}
		}
	})
}
