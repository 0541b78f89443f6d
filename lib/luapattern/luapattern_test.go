package luapattern_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"lander/lib/luapattern"
)

const steps = 100_000

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		start, end    int // -1: no match
	}{
		{"", "abc", 0, 0},
		{"^%+33", "+3312", 0, 3},
		{"^%+33", "x+33", -1, 0},
		{"hello", "say hello", 4, 9},
		{"a.-b", "xaabbb", 1, 4},
		{"a.*b", "xaabbb", 1, 6},
		{"%d+$", "a1b22", 3, 5},
		{"^$", "", 0, 0},
		{"$x", "a$x", 1, 3},
		{"x^", "x^", 0, 2},
		{"[]]", "a]", 1, 2},
		{"[^]]", "]a", 1, 2},
		{"[a-]", "-", 0, 1},
		{"[a-c%d]+", "zb2z", 1, 3},
		{"[%]]", "]", 0, 1},
		{"(%a+)=%1", "a=b=b", 2, 5},
		{"()a()", "xa", 1, 2},
		{"%b()", "f(a(b)c)d)", 1, 8},
		{"%bxx", "axbxc", 1, 4},
		{"%f[%w]%w+", "  word ", 2, 6},
		{"%f[%z]", "ab", 2, 2},
		{"x?y", "y", 0, 1},
		{"a**", "aa*", 0, 3},
		{"%%", "%", 0, 1},
		{"%S%s%U%A%D%P%W%X", "a bb.abZ", -1, 0},
		{"%z", "a\x00", 1, 2},
		{".", "\xff", 0, 1},
		{"(a*(.)%w(%s*))", "aab  ", 0, 5},
	} {
		p, err := luapattern.Compile(c.pattern)
		if err != nil {
			t.Errorf("%q: %v", c.pattern, err)
			continue
		}
		start, end, ok, err := p.Find(c.text, steps)
		if err != nil || ok != (c.start >= 0) || ok && (start != c.start || end != c.end) {
			t.Errorf("%q in %q: %d,%d,%v,%v, want %d,%d", c.pattern, c.text, start, end, ok, err, c.start, c.end)
		}
	}
	for _, pattern := range []string{"%", "a%", "[", "[a", "[]", "[^", "[%", "[%]", "(", "(a", "a)", "()(", "%1", "(a%1)", "%0", "%b", "%bx", "%f", "%fa", "%f[", strings.Repeat("(", 33) + strings.Repeat(")", 33), strings.Repeat("a", 2000)} {
		if p, err := luapattern.Compile(pattern); err == nil || p != nil {
			t.Errorf("%.40q is taken", pattern)
		}
	}
}

// A pattern that would never end on a text ends at its budget.
func TestSteps(t *testing.T) {
	p, err := luapattern.Compile(strings.Repeat("a*", 30) + "b")
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if ok, err := p.Match(strings.Repeat("a", 1000), steps); ok || !errors.Is(err, luapattern.ErrSteps) {
		t.Errorf("%v, %v", ok, err)
	}
	if d := time.Since(began); d > time.Second {
		t.Errorf("%d steps took %v", steps, d)
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("^(a-[^%d]+)%1$", "abcabc")
	f.Add("%b()%f[%w](.)", "((a))b")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		p, err := luapattern.Compile(pattern)
		if err != nil {
			if p != nil {
				t.Fatal("a pattern beside an error")
			}
			return
		}
		if p.String() != pattern {
			t.Fatalf("%q comes back as %q", pattern, p)
		}
		start, end, ok, err := p.Find(text, steps)
		if ok && (err != nil || start < 0 || end < start || end > len(text)) {
			t.Fatalf("%d, %d, %v", start, end, err)
		}
	})
}

// The original: lua5.1 gives the same on random patterns and texts.
func TestLikeLua(t *testing.T) {
	lua, err := exec.LookPath("lua5.1")
	if err != nil {
		if os.Getenv("LANDER_INTEROP") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"a", "b", ".", "%a", "%d", "%S", "[ab]", "[^a]", "[a-c1]", "*", "+", "-", "?", "(", ")", "()", "%1", "%bab", "%f[%w]", "$", "^", "x", "%", "[", "]", "1", "%z", "%."}
	var script bytes.Buffer
	type pair struct{ pattern, text string }
	var pairs []pair
	script.WriteString("local function t(p,s) local ok,a,b=pcall(string.find,s,p) print(ok and (a and a-1 ..','..b or 'none') or 'error') end\n")
	for range 20_000 {
		var c pair
		for range 1 + r.IntN(6) {
			c.pattern += pieces[r.IntN(len(pieces))]
		}
		for range r.IntN(8) {
			c.text += string("ab1. x"[r.IntN(6)])
		}
		pairs = append(pairs, c)
		fmt.Fprintf(&script, "t(%s,%s)\n", quote(c.pattern), quote(c.text))
	}
	cmd := exec.Command(lua, "-")
	cmd.Stdin = &script
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	bad, compared := 0, 0
	for i, want := range strings.Fields(string(out)) {
		c := pairs[i]
		got := "none"
		p, err := luapattern.Compile(c.pattern)
		if err != nil {
			continue // Lua complains too, when it gets there
		}
		if start, end, ok, _ := p.Find(c.text, steps); ok {
			got = fmt.Sprintf("%d,%d", start, end)
		}
		compared++
		if got != want {
			if bad++; bad < 10 {
				t.Errorf("%q in %q: %s, lua says %s", c.pattern, c.text, got, want)
			}
		}
	}
	if compared < 5000 {
		t.Errorf("only %d compared", compared)
	}
}

func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		fmt.Fprintf(&b, "\\%03d", s[i])
	}
	b.WriteByte('"')
	return b.String()
}
