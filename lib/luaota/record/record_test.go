package record_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"lander/lib/luaota/record"
)

func TestParse(t *testing.T) {
	long := strings.Repeat("x", record.MaxAnswer)
	for _, c := range []struct{ name, in, json, rest, err string }{
		{"no data", "{\"s\":\"OK\"}75d7f1\n", `{"s":"OK"}`, "", ""},
		{"data", "{\"a\":\"dl\",\"data\":4,\"name\":\"a.dat\"}8cf561\ntail", `{"a":"dl","data":4,"name":"a.dat"}`, "tail", ""},
		{"no line feed", `{"s":"OK"}75d7f1`, "", "", "no line feed"},
		{"short", "75d7f1\n", "", "", "too short"},
		{"upper case", "{\"s\":\"OK\"}75D7F1\n", "", "", "hex digits"},
		{"no hex", "{\"s\":\"OK\"}75d7f-\n", "", "", "hex digits"},
		{"long", long + "75d7f1\n", "", "", "longer than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, rest, err := record.Parse([]byte(c.in), record.TagBytes)
			if c.err != "" {
				if !errors.Is(err, record.ErrRecord) || !strings.Contains(err.Error(), c.err) || r.JSON != nil || r.Tag != nil || rest != nil {
					t.Fatalf("%v, %v", r, err)
				}
				return
			}
			if err != nil || string(r.JSON) != c.json || string(rest) != c.rest {
				t.Fatalf("%s, rest %q, %v", r.JSON, rest, err)
			}
			if back := append(record.Append(nil, r), rest...); string(back) != c.in {
				t.Errorf("becomes %q", back)
			}
		})
	}
}

func TestParseObject(t *testing.T) {
	for _, c := range []struct{ name, in, out string }{
		{"capture", `{"a":"HI","leave":true,"port":18400,"id":1122867}`, ""},
		{"blanks", "{ \"a\" : [ 1 , { \"b\" : null } ] }\n", `{"a":[1,{"b":null}]}`},
		{"escaped slash", `{"n":"luaOTA\/x"}`, `{"n":"luaOTA/x"}`},
		{"escapes", `{"n":"\"\\\b\u00e9\ud83d\ude00\u0001"}`, `{"n":"\"\\\u0008é😀\u0001"}`},
		{"unescaped backslash", `{"spwd":"a\qb\ud8"}`, `{"spwd":"a\\qb\\ud8"}`},
		{"bytes that are no UTF-8", "{\"ssid\":\"\xff\"}", ""},
		{"numbers kept", `{"n":-1.50e+3,"m":0}`, ""},
		{"lone surrogate", `{"n":"\ud800x"}`, `{"n":"` + "\uFFFD" + `x"}`},
		{"empty", `{}`, ""},
		{"not an object", `[1]`, "!"},
		{"twice", `{"a":1,"a":2}`, "!"},
		{"behind", `{} x`, "!"},
		{"leading zero", `{"a":01}`, "!"},
		{"cut", `{"a":"x`, "!"},
		{"trailing comma", `{"a":1,}`, "!"},
		{"no comma", `{"a":1 "b":2}`, "!"},
		{"no comma in a list", `{"a":[1 2]}`, "!"},
		{"trailing comma in a list", `{"a":[1,]}`, "!"},
		{"no colon", `{"a" 1}`, "!"},
		{"two commas", `{"a":1,,"b":2}`, "!"},
		{"no value", `{"a":}`, "!"},
		{"half a fraction", `{"a":1.}`, "!"},
		{"half an exponent", `{"a":1e+}`, "!"},
		{"lone minus", `{"a":-}`, "!"},
		{"wrong pair", `{"n":"\ud83d\u0041"}`, `{"n":"` + "\uFFFD" + `A"}`},
		{"pair the wrong way round", `{"n":"\ude00\ud83d"}`, `{"n":"` + "\uFFFD\uFFFD" + `"}`},
		{"half a pair at the end", `{"n":"\ud83d\ude0"}`, `{"n":"` + "\uFFFD" + `\\ude0"}`},
		{"as deep as may be", `{"a":` + strings.Repeat("[", 15) + strings.Repeat("]", 15) + `}`, ""},
		{"deeper", `{"a":` + strings.Repeat("[", 17) + strings.Repeat("]", 17) + `}`, "!"},
		{"nan", `{"a":nan}`, "!"},
		{"deep", `{"a":` + strings.Repeat("[", 20) + strings.Repeat("]", 20) + `}`, "!"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, err := record.ParseObject([]byte(c.in))
			if c.out == "!" {
				if !errors.Is(err, record.ErrJSON) || o != nil {
					t.Fatalf("%v, %v", o, err)
				}
				return
			}
			want := c.out
			if want == "" {
				want = c.in
			}
			if err != nil || string(o.Value()) != want {
				t.Errorf("%s, %v; want %s", o.Value(), err, want)
			}
		})
	}
}

func TestObject(t *testing.T) {
	o := record.Object{{Key: "a", Value: record.String("HI")}, {Key: "id", Value: record.Int(7)}, {Key: "x", Value: "true"}}
	if n, ok := o.Get("id").Int(); !ok || n != 7 {
		t.Errorf("id %d %v", n, ok)
	}
	if _, ok := o.Get("a").Int(); ok {
		t.Error("a text is a number")
	}
	if got := o.With("a", "").With("x", record.Int(2)).With("y", record.String("\x00")).Value(); got != `{"id":7,"x":2,"y":"\u0000"}` {
		t.Errorf("%s", got)
	}
	if o.Text("a") != "HI" || o.Text("id") != "" || o.Text("none") != "" {
		t.Errorf("texts of %s", o.Value())
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("{\"a\":\"dl\",\"data\":4,\"name\":\"a.dat\"}8cf561\ntail"), false)
	f.Add([]byte("{\"r\":\"OK!\"}"+strings.Repeat("0f", 32)+"\n"), true)
	f.Fuzz(func(t *testing.T, b []byte, strong bool) {
		width := record.TagBytes
		if strong {
			width = record.SealBytes
		}
		r, rest, err := record.Parse(b, width)
		if err != nil {
			if r.JSON != nil || r.Tag != nil || rest != nil {
				t.Fatalf("%v with an error", r)
			}
			return
		}
		if back := append(record.Append(nil, r), rest...); !bytes.Equal(back, b) {
			t.Fatalf("%q becomes %q", b, back)
		}
	})
}

func FuzzParseObject(f *testing.F) {
	f.Add([]byte(`{"a":"HI","files":{"a.dat":1700000000},"leave":true,"x":[1.5e3,null,"\u00e9\q"]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := record.ParseObject(b)
		if err != nil {
			if o != nil {
				t.Fatalf("%v with an error", o)
			}
			return
		}
		text := o.Append(nil)
		if len(text) > 6*len(b) {
			t.Fatalf("%d bytes become %d", len(b), len(text))
		}
		again, err := record.ParseObject(text)
		if err != nil || !bytes.Equal(again.Append(nil), text) {
			t.Fatalf("%q is not canonical: %v", text, err)
		}
	})
}
