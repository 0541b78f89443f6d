package devs

import (
	"bytes"
	"encoding/hex"
	"os"
	"strings"
	"testing"
)

func FuzzProgram(f *testing.F) {
	for _, name := range []string{"panicky.devs", "thrower.devs", "panicky-dbg.json"} {
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, uint32(195))
		f.Add([]byte(hex.EncodeToString(b)), uint32(0))
	}
	f.Fuzz(func(t *testing.T, b []byte, pc uint32) {
		p, err := ParseProgram(b)
		if err != nil {
			if p.Image != nil || p.Map != nil {
				t.Fatal("a program with an error")
			}
			return
		}
		if len(p.Image) > len(b) || len(p.Image)%imageUnit != 0 {
			t.Fatalf("%d bytes out of %d", len(p.Image), len(b))
		}
		again, err := ParseProgram(p.Image)
		if err != nil || !bytes.Equal(again.Image, p.Image) || again.SHA256 != p.SHA256 {
			t.Fatalf("canonical form: %v", err)
		}
		if p.Map != nil {
			p.Map.EventPlace(pc)
			p.Map.TracePlace("at x_F1 (pc:" + hex.EncodeToString([]byte{byte(pc)}) + ")")
		}
	})
}

func FuzzFragments(f *testing.F) {
	f.Add([]byte("\x03\x00\x01abc\x04\x01\x00\xc3"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var fr fragments
		in, out := 0, 0
		for len(b) > 0 {
			n := min(int(b[0]), len(b)-1)
			in += n
			msg, counter, lost, ok := fr.take(b[1 : 1+n])
			if counter < 0 || counter > 255 || lost < 0 || !ok && msg != "" {
				t.Fatalf("%q %d %d %t", msg, counter, lost, ok)
			}
			out += len(msg)
			b = b[1+n:]
		}
		if out > 3*in { // a broken byte becomes a three-byte sign
			t.Fatalf("%d bytes out of %d", out, in)
		}
	})
}

func FuzzLine(f *testing.F) {
	f.Add("DM (123): > \x1b[31mhello\x1b[0m")
	f.Add("*  at inner_F3 (pc:6)")
	f.Fuzz(func(t *testing.T, s string) {
		level, msg, ok := parseLine(s)
		if strings.ContainsAny(msg, "\x1b\x07\x00") || len(msg) > 3*len(s) || level == "" || !ok && msg != "" {
			t.Fatalf("%q: %q %q %t", s, level, msg, ok)
		}
	})
}

func TestParseLine(t *testing.T) {
	for _, c := range []struct {
		line, level, message string
		ok                   bool
	}{
		{"> hello", "log", "hello", true},
		{"DM (17): * start!", "info", "start!", true},
		{"\x1b[31m! verification failure: 1000 at 0x0\x1b[0m", "error", "verification failure: 1000 at 0x0", true},
		{"? x", "debug", "x", true},
		{"# 120 {\"a\":1}", "data", "120 {\"a\":1}", true},
		{"PANIC 1234", "firmware", "PANIC 1234", true},
		{"\x00\x00", "firmware", "", false},
		{"", "firmware", "", false},
	} {
		level, msg, ok := parseLine(c.line)
		if level != c.level || msg != c.message || ok != c.ok {
			t.Errorf("%q: %q %q %t", c.line, level, msg, ok)
		}
	}
}

// Parts join as bytes, gaps are counted, the counter wraps.
func TestFragments(t *testing.T) {
	var f fragments
	for _, c := range []struct {
		payload string
		msg     string
		lost    int
		ok      bool
	}{
		{"\xfe\x01a\xc3", "", 0, false},
		{"\xff\x00\xa9b", "aéb", 0, true},
		{"\x00\x00c", "c", 0, true},
		{"\x00\x00c", "", 0, false}, // brought twice
		{"\x03\x00d", "d", 2, true},
		{"\x04\x01e", "", 0, false},
		{"\x04\x01e", "", 0, false},
		{"\x06\x00f", "f", 1, true},
		{"\x07", "", 0, false},
	} {
		msg, _, lost, ok := f.take([]byte(c.payload))
		if msg != c.msg || lost != c.lost || ok != c.ok {
			t.Errorf("%x: %q %d %t", c.payload, msg, lost, ok)
		}
	}
}

// Places, as the compiler's own map has them.
func TestPlaces(t *testing.T) {
	load := func(name string) *DebugMap {
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		p, err := ParseProgram(b)
		if err != nil {
			t.Fatal(err)
		}
		return p.Map
	}
	panicky, thrower := load("panicky-dbg.json"), load("thrower-dbg.json")
	if p, ok := panicky.EventPlace(195); !ok || p.String() != "src/panicky.ts:4" || p.Func != "boom" {
		t.Errorf("%+v %t", p, ok)
	}
	for trace, want := range map[string]string{
		" at inner_F3 (pc:12)": "src/thrower.ts:4", " at outer_F2 (pc:16)": "src/thrower.ts:8", " at main_F0 (pc:20)": "src/thrower.ts:13",
	} {
		if p, ok := thrower.TracePlace(trace); !ok || p.String() != want {
			t.Errorf("%s: %s %t, want %s", trace, p, ok, want)
		}
	}
	for _, bad := range []string{"at x_F99 (pc:1)", "at x_F0 (pc:0)", "nothing", "at x_F0 (pc:99999999999999999999)"} {
		if p, ok := thrower.TracePlace(bad); ok {
			t.Errorf("%s: %s", bad, p)
		}
	}
	if _, ok := panicky.EventPlace(0); ok {
		t.Error("pc 0 has a place")
	}
}
