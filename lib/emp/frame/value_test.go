package frame

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseValue(t *testing.T) {
	for _, tt := range []struct {
		in, out string // out "": an error
		v       Value
	}{
		{"", "null", Value{}},
		{"  \t\r\n", "null", Value{}},
		{"null", "null", Value{}},
		{" true ", "true", Bool(true)},
		{"false", "false", Bool(false)},
		{"1", "1", Int(1)},
		{"-0", "0", Int(0)},
		{"12345678901", "12345678901", Int(12345678901)},
		{"9223372036854775807", "9223372036854775807", Int(math.MaxInt64)},
		{"-9223372036854775808", "-9223372036854775808", Int(math.MinInt64)},
		{"9223372036854775808", "9.223372036854776e+18", Float(1 << 63)},
		{"1.0", "1.0", Float(1)},
		{"1.5", "1.5", Float(1.5)},
		{"-0.0", "-0.0", Float(math.Copysign(0, -1))},
		{"1e2", "100.0", Float(100)},
		{"1E+30", "1e+30", Float(1e30)},
		{"0.1", "0.1", Float(0.1)},
		{`""`, `""`, String("")},
		{`"a/b"`, `"a/b"`, String("a/b")},
		{`"a\/b\b\f\n\r\t\"\\"`, `"a/b\u0008\u000c\n\r\t\"\\"`, String("a/b\b\f\n\r\t\"\\")},
		{`"\u00e9\u20ac"`, `"é€"`, String("é€")},
		{`"\ud83d\ude00"`, `"😀"`, String("😀")},
		{`"😀é"`, `"😀é"`, String("😀é")},
		{`"\u0000"`, `"\u0000"`, String("\x00")},
		{"[]", "[]", List()},
		{"[ ]", "[]", List()},
		{"[1 , [2],\n{}]", "[1,[2],{}]", List(Int(1), List(Int(2)), Map())},
		{"{}", "{}", Map()},
		{`{ "b" : 1 , "a" : null }`, `{"b":1,"a":null}`, Map(Member{"b", Int(1)}, Member{"a", Value{}})},
		{`{"a":1,"b":2,"a":3}`, `{"a":3,"b":2}`, Map(Member{"a", Int(3)}, Member{"b", Int(2)})},
		{`"a","b"`, "", Value{}},
		{"1 2", "", Value{}},
		{"nul", "", Value{}},
		{"truefalse", "", Value{}},
		{"01", "", Value{}},
		{"+1", "", Value{}},
		{"1.", "", Value{}},
		{".5", "", Value{}},
		{"1e", "", Value{}},
		{"-", "", Value{}},
		{"1e999", "", Value{}},
		{"NaN", "", Value{}},
		{"[1,]", "", Value{}},
		{"[,1]", "", Value{}},
		{"[1", "", Value{}},
		{"[1 2]", "", Value{}},
		{`{"a"}`, "", Value{}},
		{`{"a":}`, "", Value{}},
		{`{"a":1,}`, "", Value{}},
		{`{a:1}`, "", Value{}},
		{`{"a":1`, "", Value{}},
		{`"abc`, "", Value{}},
		{`"a\`, "", Value{}},
		{`"\x"`, "", Value{}},
		{`"\u12"`, "", Value{}},
		{`"\u12g4"`, "", Value{}},
		{`"\ud83d"`, "", Value{}},
		{`"\ud83d\u0041"`, "", Value{}},
		{`"\ude00"`, "", Value{}},
		{"\"a\nb\"", "", Value{}},
		{"\"\xff\"", "", Value{}},
		{"\"\\n\xc3\"", "", Value{}},
		{"\xff", "", Value{}},
		{"\x00", "", Value{}},
		{"[\"a\"\x00]", "", Value{}},
		{strings.Repeat("[", 128) + strings.Repeat("]", 128), strings.Repeat("[", 128) + strings.Repeat("]", 128), Value{kind: KindList}},
		{strings.Repeat("[", 129) + strings.Repeat("]", 129), "", Value{}},
		{strings.Repeat(`{"":`, 129), "", Value{}},
	} {
		v, err := ParseValue([]byte(tt.in))
		if tt.out == "" {
			if !errors.Is(err, StatusBadParameter) || !cmp.Equal(v, Value{}, valueEqual) {
				t.Errorf("%.40q: %v, error %v, want a bad parameter and null", tt.in, v, err)
			}
			continue
		}
		if err != nil || v.String() != tt.out {
			t.Errorf("%.40q gives %v, error %v, want %s", tt.in, v, err, tt.out)
		}
		if tt.v.Len() > 0 || tt.v.Scalar() {
			if !v.Equal(tt.v) || !tt.v.Equal(v) {
				t.Errorf("%.40q is not equal to %v", tt.in, tt.v)
			}
		}
	}
}

func TestLongMapKeepsOrderAndLastValue(t *testing.T) {
	var in strings.Builder
	in.WriteByte('{')
	for i := range 100 {
		k := string(AppendString(nil, strings.Repeat("k", i%50)))
		if i > 0 {
			in.WriteByte(',')
		}
		in.WriteString(k + ":" + Int(int64(i)).String())
	}
	in.WriteByte('}')
	v, err := ParseValue([]byte(in.String()))
	if err != nil || v.Len() != 50 {
		t.Fatalf("%d members, error %v", v.Len(), err)
	}
	for i, m := range v.Members() {
		if n, _ := m.Value.Int(); len(m.Key) != i || n != int64(i+50) {
			t.Errorf("member %d is %q: %d", i, m.Key, n)
		}
	}
}

func TestValueAccess(t *testing.T) {
	if n, ok := Float(3).Int(); n != 3 || !ok {
		t.Error("3.0 is an integer")
	}
	for _, v := range []Value{Float(1.5), Float(1 << 63), Float(1e300), String("1"), Bool(true), {}} {
		if _, ok := v.Int(); ok {
			t.Errorf("%v is no integer", v)
		}
	}
	if n, ok := Float(-1 << 63).Int(); n != math.MinInt64 || !ok {
		t.Error("the least integer is one")
	}
	if !Float(math.NaN()).IsNull() || !Float(math.Inf(1)).IsNull() {
		t.Error("JSON has no NaN and no infinity")
	}
	if Int(1).Equal(Float(1)) || Float(0).Equal(Float(math.Copysign(0, -1))) == false {
		t.Error("1 and 1.0 differ, 0.0 and -0.0 do not")
	}
	if got := String("a\xffb").String(); got != `"a`+"\ufffd"+`b"` {
		t.Errorf("invalid UTF-8 is encoded as %s", got)
	}
	a := Map(Member{"x", Int(1)}, Member{"y", List(Bool(false), Value{})})
	b := Map(Member{"y", List(Bool(false), Value{})}, Member{"x", Int(1)})
	if !a.Equal(b) || a.Equal(Map(Member{"x", Int(1)}, Member{"z", Value{}})) {
		t.Error("maps are equal by their members")
	}
}

func TestAny(t *testing.T) {
	v, err := ParseValue([]byte(`{"a":[1,1.5,"x",true,null],"b":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"a": []any{int64(1), 1.5, "x", true, nil}, "b": map[string]any{}}
	if diff := cmp.Diff(want, v.Any()); diff != "" {
		t.Error(diff)
	}
	back, err := Of(v.Any())
	if err != nil || !back.Equal(v) {
		t.Errorf("comes back as %v, error %v", back, err)
	}
	if _, err := Of([]any{struct{}{}}); err == nil {
		t.Error("a struct has no JSON form")
	}
	js, err := json.Marshal(struct{ V Value }{v})
	if err != nil || string(js) != `{"V":{"a":[1,1.5,"x",true,null],"b":{}}}` {
		t.Errorf("%s, error %v", js, err)
	}
	var into struct{ V Value }
	if err := json.Unmarshal(js, &into); err != nil || !into.V.Equal(v) {
		t.Errorf("%v, error %v", into.V, err)
	}
}

func TestPlainString(t *testing.T) {
	for in, want := range map[string]string{`"a.b"`: "a.b", `""`: ""} {
		if got, ok := PlainString([]byte(in)); !ok || string(got) != want {
			t.Errorf("%s: %q %v", in, got, ok)
		}
	}
	for _, in := range []string{"", `"`, "1", `"a`, `a"`, `"a"b"`, `"a\n"`, "\"\x1f\"", `"é"`, ` "a"`} {
		if _, ok := PlainString([]byte(in)); ok {
			t.Errorf("%s is not plain", in)
		}
	}
	b := []byte(`"config.agent.deviceId"`)
	if n := testing.AllocsPerRun(100, func() { PlainString(b) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestMemoryOfHostileValues(t *testing.T) {
	for _, in := range []string{
		"[" + strings.Repeat("0,", MaxValues),
		strings.Repeat("[", 1<<20),
		`"` + strings.Repeat(`\u0000`, 1<<18),
		"{" + strings.Repeat(`"":0,`, MaxValues),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := ParseValue([]byte(in))
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%.20q is no value", in)
		}
		if got := after.TotalAlloc - before.TotalAlloc; got > 140*uint64(len(in)) {
			t.Errorf("%.20q: %d bytes for %d", in, got, len(in))
		}
	}
}

func FuzzValue(f *testing.F) {
	for _, s := range []string{"", "null", "-0.0", "1e2", "12345678901", `"\ud83d\ude00"`, `{"a":[1,2.0,"x"],"a":{}}`, `[[],{},"\u0000"]`, "9223372036854775808"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := ParseValue(b)
		if err != nil {
			if !v.IsNull() || !errors.Is(err, StatusBadParameter) {
				t.Fatalf("%v beside %v", v, err)
			}
			return
		}
		text := v.Append(nil)
		if !json.Valid(text) {
			t.Fatalf("%q is encoded as %q, which is no JSON", b, text)
		}
		if len(b) > 0 && len(bytes.TrimSpace(b)) > 0 && !json.Valid(b) {
			t.Fatalf("%q is no JSON", b)
		}
		again, err := ParseValue(text)
		if err != nil || !again.Equal(v) || !bytes.Equal(again.Append(nil), text) {
			t.Fatalf("%q gives %s, then %s, error %v", b, text, again, err)
		}
		if s, ok := PlainString(b); ok {
			if want, isText := v.Str(); !isText || want != string(s) {
				t.Fatalf("%q is plain %q and %v", b, s, v)
			}
		}
	})
}

func BenchmarkParseValue(b *testing.B) {
	in := []byte(`{"asset":"a","policy":"hourly","path":"p","data":{"x":1,"y":2.5}}`)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseValue(in); err != nil {
			b.Fatal(err)
		}
	}
}
