package nodemcu

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"lander/lib/capability"
	"lander/lib/luavm"
)

// eval is the value of a Lua expression.
func eval(t testing.TB, expr string) string {
	t.Helper()
	p, err := luavm.Compile("line", []byte("return "+expr))
	if err != nil {
		t.Fatalf("%q: %v", expr, err)
	}
	v, err := p.Run(context.Background(), luavm.Config{Capabilities: capability.Set{capability.Base}})
	if err != nil {
		t.Fatalf("%q: %v", expr, err)
	}
	return v[0].(string)
}

// What is quoted is a literal of the same bytes, in one line that the console
// does not edit, and never too long.
func FuzzQuote(f *testing.F) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	f.Add(all, true)
	f.Add(all, false)
	f.Add([]byte("\\1\n12\x0023\"]]'"), true)
	f.Add(bytes.Repeat([]byte{0}, 300), false)
	f.Fuzz(func(t *testing.T, data []byte, high bool) {
		data = data[:min(len(data), 4096)]
		var back []byte
		for rest := data; len(rest) > 0; {
			line, n := chunk(rest, MaxLine, high)
			if n == 0 || len(line) > MaxLine || strings.ContainsAny(line, "\n\r\x00\x08\x7f") {
				t.Fatalf("%d bytes in %q", n, line)
			}
			head, literal, _ := strings.Cut(strings.TrimSuffix(line, ")"), ",")
			if head != fmt.Sprintf("w(%d", n) {
				t.Fatalf("%q does not say %d", head, n)
			}
			part := eval(t, literal)
			if len(part) != n {
				t.Fatalf("%d bytes, not %d", len(part), n)
			}
			if !high && strings.ContainsFunc(literal, func(r rune) bool { return r >= 128 }) {
				t.Fatalf("%q has bytes from 128 on", literal)
			}
			back = append(back, part...)
			rest = rest[n:]
		}
		if !bytes.Equal(back, data) {
			t.Fatalf("%q became %q", data, back)
		}
		if name := string(data[:min(len(data), 60)]); eval(t, Quote(name)) != name {
			t.Fatalf("name %q became %q", name, eval(t, Quote(name)))
		}
	})
}

func TestWire(t *testing.T) {
	// A full line carries 241 plain bytes, or 60 that are escaped by four.
	for _, c := range []struct {
		content string
		want    int
	}{
		{"", 0},
		{"x", len(`w(1,"x")`) + 1},
		{strings.Repeat("x", 241), MaxLine + 1},
		{strings.Repeat("x", 242), MaxLine + 1 + len(`w(1,"x")`) + 1},
		{strings.Repeat("\x00", 60), len(`w(60,"")`) + 240 + 1},
	} {
		if got := Wire([]byte(c.content)); got != c.want {
			t.Errorf("%d bytes take %d on the wire, want %d", len(c.content), got, c.want)
		}
	}
}

func line(tag, text string) string { return fmt.Sprintf("~%s%s~%d\r\n", tag, text, sum(tag+text)) }

// However much has come, an answer is whole or not there.
func TestAnswersCutAnywhere(t *testing.T) {
	whole := "H\"x\"H\"y\"\r\n" + line("H", "~of.1=00ff") + "tick\r\n" + line("H", "y=-") + "> "
	first := strings.Index(whole, "tick")
	second := strings.Index(whole, "> ")
	for cut := range len(whole) + 1 {
		got := answers([]byte(whole[:cut]))
		want := 0
		if cut >= first {
			want++
		}
		if cut >= second {
			want++
		}
		// A carriage return alone does not end a line.
		if len(got) != want {
			t.Errorf("%d answers in %q, want %d", len(got), whole[:cut], want)
		}
	}
}

// A flipped bit or a lost byte never gives another answer.
func TestAnswersDamaged(t *testing.T) {
	good := line("H", "luaOTA/check.lua=0123456789abcdef0123456789abcdef")
	for i := range len(good) - 2 {
		for bit := range 8 {
			b := []byte(good)
			b[i] ^= 1 << bit
			for _, a := range answers(b) {
				t.Errorf("bit %d of byte %d: %q", bit, i, a.text)
			}
		}
		for _, a := range answers([]byte(good[:i] + good[i+1:])) {
			t.Errorf("without byte %d: %q", i, a.text)
		}
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add([]byte(line("H", "a=b") + "> "))
	f.Add([]byte("~S1~2~3\n~~\n"))
	f.Fuzz(func(t *testing.T, rx []byte) {
		for _, a := range answers(rx) {
			if !bytes.Contains(rx, fmt.Appendf(nil, "~%s%s~", a.tag, a.text)) {
				t.Fatalf("%q is not in %q", a.text, rx)
			}
			again := answers([]byte(line(a.tag, a.text)))
			if len(again) != 1 || again[0].tag != a.tag || again[0].text != a.text {
				t.Fatalf("%+v became %+v", a, again)
			}
		}
		// What looks at the same bytes must take them, too.
		stored(rx, "x")
		promptAtEnd(rx)
		over(rx)
	})
}

// The sum is what the board computes.
func TestSumOnTheBoard(t *testing.T) {
	for _, s := range []string{"", "x", strings.Repeat("\xff", 200), "~of.1=0"} {
		p, err := luavm.Compile("sum", []byte(sumFunc+" A(\"H\","+Quote(s)+")"))
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if _, err := p.Run(context.Background(), luavm.Config{Capabilities: capability.Set{capability.Base}, Stdout: &out}); err != nil {
			t.Fatal(err)
		}
		if got := answers(out.Bytes()); len(got) != 1 || got[0].text != s {
			t.Errorf("%q is answered as %q", s, out.String())
		}
	}
}

// Adler-32 as the board computes it is that of the host.
func TestDigests(t *testing.T) {
	d := Digest{Alg: "adler32"}
	if got := d.Of([]byte("Wikipedia")); got != "4582,920" { // 11E60398
		t.Errorf("%s", got)
	}
	i := Info{Hashes: []string{"sha1", "md5"}}
	if got := i.Choose([]Digest{{Alg: "sha256"}, {Alg: "md5"}}); got.Alg != "md5" {
		t.Errorf("%s", got.Alg)
	}
	if got := (Info{}).Choose([]Digest{{Alg: "sha256"}}); got.Alg != "adler32" {
		t.Errorf("%s", got.Alg)
	}
}

// The console's buffer restarts behind 255 characters, and what is sent stays
// clear of it.
func TestHasherLines(t *testing.T) {
	for _, c := range []Console{{}, {toHex: "encoder.toHex"}, {toHex: "crypto.toHex"}} {
		for _, alg := range []string{"sha256", "sha1", "md5", "adler32"} {
			for _, line := range c.hasherOf(alg) {
				if len(line) > MaxLine {
					t.Errorf("%s: %d bytes in %q", alg, len(line), line)
				}
			}
		}
	}
}
