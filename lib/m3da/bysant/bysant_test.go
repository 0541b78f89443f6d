package bysant_test

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	. "lander/lib/m3da/bysant"
)

func vectors(t testing.TB, section string) map[string]string {
	t.Helper()
	b, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]map[string]string
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	if len(all[section]) == 0 {
		t.Fatalf("no section %s", section)
	}
	return all[section]
}

// same compares bytes with a vector, which may be cut with length and MD5.
func same(t *testing.T, got []byte, want string) {
	t.Helper()
	text := hex.EncodeToString(got)
	if begin, sum, cut := strings.Cut(want, "..."); cut {
		have := fmt.Sprintf("%d bytes, md5 %x", len(got), md5.Sum(got))
		if !strings.HasPrefix(text, begin) || have != sum {
			t.Errorf("%.80s... %s, want %s", text, have, want)
		}
	} else if text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}

// described makes the value that a vector's name describes.
func described(t *testing.T, name string) Value {
	t.Helper()
	if s, ok := strings.CutPrefix(name, "number "); ok {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatal(err)
		}
		return OfFloat(f)
	}
	var n int
	if _, err := fmt.Sscanf(name, "string of %d 'x'", &n); err == nil {
		return OfString(strings.Repeat("x", n))
	}
	zeros := make([]Value, 10)
	var keys []Member
	for i := range zeros {
		zeros[i] = OfInt(0)
		keys = append(keys, Member{Index(uint32(i)), Value{}})
	}
	for i := range keys {
		keys[i].Value = OfInt(int64([]int{-37, -36, -35, -34, -33, -32, -31, -31, -31, -31}[i]))
	}
	v, ok := map[string]Value{
		"null": {}, "false": OfBool(false), "list {1,2,3}": OfList(OfInt(1), OfInt(2), OfInt(3)), "empty list": OfList(),
		"list of 10 zeros":                    OfList(zeros...),
		"typed list (int32) {1,-2147483648}":  OfList(OfInt(1), OfInt(math.MinInt32)).Typed(Int32),
		"typed list (double) {1.5}":           OfList(OfFloat(1.5)).Typed(Float64),
		"map of unknown length {a=1,b=\"x\"}": OfMap(Member{Name("a"), OfInt(1)}, Member{Name("b"), OfString("x")}),
		"map of 10, keys 0..9":                Value{},
	}[name]
	if !ok {
		t.Fatalf("vector %q is not described", name)
	}
	return v
}

func TestGlobalVectors(t *testing.T) {
	for name, want := range vectors(t, "global") {
		t.Run(name, func(t *testing.T) {
			if name == "map of 10, keys 0..9" {
				// The vector is of ten pairs whose values are in the global context.
				b, _ := hex.DecodeString(want)
				v, rest, err := Parse(b)
				if err != nil || len(rest) != 0 || v.Len() != 10 {
					t.Fatalf("%v, %d entries, %d bytes left", err, v.Len(), len(rest))
				}
				for i, m := range v.Members() {
					if n, ok := m.Key.Number(); !ok || n != uint32(i) {
						t.Errorf("key %d is %s", i, m.Key)
					}
				}
				same(t, Append(nil, v), want)
				return
			}
			v := described(t, name)
			b := Append([]byte("head"), v)[4:]
			same(t, b, want)
			got, rest, err := Parse(b)
			if err != nil || len(rest) != 0 || !got.Equal(v) {
				t.Errorf("parsing: %v, %d bytes left, equal %v", err, len(rest), got.Equal(v))
			}
		})
	}
}

func TestMessageFieldVectors(t *testing.T) {
	for name, want := range vectors(t, "unsigned-or-string (inside Message.path and Message.ticketid, empty body)") {
		t.Run(name, func(t *testing.T) {
			path, ticket := OfString("p"), Value{}
			var n int64
			if _, err := fmt.Sscanf(name, "ticketid %d", &n); err == nil {
				ticket = OfInt(n)
			} else {
				fmt.Sscanf(name, "path of %d 'x'", &n)
				path, ticket = OfString(strings.Repeat("x", int(n))), OfInt(0)
			}
			v := OfObject(Message, path, ticket, OfMap().Sized())
			b := Append(nil, v)
			same(t, b, want)
			if got, rest, err := Parse(b); err != nil || len(rest) != 0 || !got.Equal(v) {
				t.Errorf("parsing: %v", err)
			}
		})
	}
	for name, want := range vectors(t, "number (inside Response.status, ticket 1, data null)") {
		t.Run(name, func(t *testing.T) {
			n, err := strconv.ParseInt(strings.TrimPrefix(name, "status "), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			for _, status := range []Value{OfInt(n), OfFloat(float64(n))} {
				b := Append(nil, OfObject(Response, OfInt(1), status, Value{}))
				same(t, b, want)
			}
			b, _ := hex.DecodeString(want)
			got, _, err := Parse(b)
			if err != nil {
				t.Fatal(err)
			}
			_, f, _ := got.Object()
			if m, ok := f[1].Int(); !ok || m != n {
				t.Errorf("status %d", m)
			}
		})
	}
}

// What others send, in whatever form, is parsed and written again as it was.
func TestObjectVectors(t *testing.T) {
	for name, want := range vectors(t, "objects") {
		b, err := hex.DecodeString(want)
		if err != nil {
			t.Fatal(err)
		}
		v, rest, err := Parse(b)
		if err != nil || len(rest) != 0 {
			t.Errorf("%s: %v, %d bytes left", name, err, len(rest))
			continue
		}
		again := hex.EncodeToString(Append(nil, v))
		if again != want {
			t.Errorf("%s:\n got %s\nwant %s", name, again, want)
		}
	}
}

// Every integer near a border of any encoding keeps its value and takes as few
// bytes as the table gives it.
func TestIntegers(t *testing.T) {
	borders := []int64{0, 47, 64, 97, 139, 2079, 2112, 4193, 8331, 264223, 264256, 528481, 1056907, 33818655, 33818688, 67637345, 135274635, math.MaxInt32, math.MaxUint32, 1 << 53, math.MaxInt64}
	for _, border := range borders {
		for d := int64(-3); d <= 3; d++ {
			for _, n := range []int64{border + d, -border + d, -border - d} {
				for _, c := range []Context{Global, Number, UIS, Int32, Float64} {
					if !Fits(c, OfInt(n)) {
						continue
					}
					b := AppendIn(nil, c, OfInt(n))
					v, rest, err := ParseString(c, string(b))
					if m, ok := v.Int(); err != nil || rest != "" || !ok || m != n {
						t.Errorf("context %d: %d became %x and then %d (%v)", c, n, b, m, err)
					}
				}
			}
		}
	}
}

func TestFloats(t *testing.T) {
	for _, tt := range []struct {
		f    float64
		want string
	}{
		{0, "9f"}, {math.Copysign(0, -1), "9f"}, {1.5, "fe3fc00000"}, {0.1, "ff3fb999999999999a"}, {math.Inf(1), "fe7f800000"}, {math.Inf(-1), "feff800000"},
		{math.NaN(), "fe7fc00000"}, {1 << 62, "fd4000000000000000"}, {1 << 63, "fe5f000000"}, {-1 << 63, "fd8000000000000000"}, {1e300, "ff7e37e43c8800759c"},
	} {
		b := Append(nil, OfFloat(tt.f))
		if got := hex.EncodeToString(b); got != tt.want {
			t.Errorf("%v is %s, want %s", tt.f, got, tt.want)
		}
		v, _, err := Parse(b)
		if f, ok := v.Float(); err != nil || !ok || f != tt.f && f == f {
			t.Errorf("%v became %v (%v)", tt.f, f, err)
		}
	}
	nan := math.Float64frombits(math.MaxUint64)
	for _, c := range []Context{Float32, Float64} {
		b := AppendIn(nil, c, OfFloat(nan))
		if v, rest, err := ParseString(c, string(b)); err != nil || rest != "" || !v.Equal(OfFloat(nan)) {
			t.Errorf("context %d: the escaped NaN is %x, then %v (%v)", c, b, v.Kind(), err)
		}
	}
}

// A float that says so is not made an integer, wherever it stands.
func TestAsFloat(t *testing.T) {
	for _, x := range []struct {
		c    Context
		v    Value
		want string
	}{
		{Global, OfFloat(200).AsFloat(), "fe43480000"},
		{Number, OfFloat(200).AsFloat(), "fe43480000"},
		{Number, OfFloat(0).AsFloat(), "fe00000000"},
		{Number, OfFloat(1 << 40).AsFloat(), "fe53800000"},
		{Number, OfFloat(1<<40 + 1).AsFloat(), "ff4270000000001000"},
		{Number, OfFloat(200), "c466"},
		{Number, OfInt(200).AsFloat(), "c466"},
		{Float64, OfFloat(200).AsFloat(), "4069000000000000"},
	} {
		got := AppendIn(nil, x.c, x.v)
		if s := hex.EncodeToString(got); s != x.want {
			t.Errorf("%v in context %d: %s, want %s", x.v, x.c, s, x.want)
		}
	}
	v, _, err := Parse(AppendIn(nil, Global, OfFloat(200).AsFloat()))
	if err != nil || v.Kind() != Float || !v.Equal(OfInt(200)) {
		t.Errorf("reads as %v (%v)", v, err)
	}
}

func TestLongCollections(t *testing.T) {
	for _, n := range []int{0, 1, 9, 10, 60, 61, 148, 149, 9000} {
		var list []Value
		var members []Member
		for i := range n {
			list = append(list, OfInt(int64(i)))
			members = append(members, Member{Index(uint32(i)), OfInt(int64(-i))})
		}
		for _, v := range []Value{OfList(list...), OfMap(members...), OfMap(members...).Sized(), OfList(list...).Typed(Number), OfMap(members...).Typed(Int32).Sized()} {
			for _, c := range []Context{Global, Listmap} {
				b := AppendIn(nil, c, v)
				if got, rest, err := ParseString(c, string(b)); err != nil || rest != "" || !got.Equal(v) {
					t.Errorf("%s of %d in context %d: %v", v.Kind(), n, c, err)
				}
			}
		}
	}
}

// The forms that nobody of ours writes are read.
func TestForeignForms(t *testing.T) {
	for _, tt := range []struct{ in, canonical string }{
		{"29000161000262630000", "06616263"}, // a string in pieces
		{"35a0a100", "35a0a100"},             // a list of unknown length
		{"400300000001000000028000000000", "40030000000100000002" + "8000000000"},
		{"4202613f", ""},
		{"42026100", "4202" + "6100"},                  // null as a value
		{"4c02610000", "4c02610000"},                   // and where a null ends the map
		{"ff3ff8000000000000", "fe3fc00000"},           // a double that a float holds
		{"ff4000000000000000", "a1"},                   // and one that is whole
		{"613a000170000000" + "83", "61027000" + "83"}, // a path in pieces
	} {
		b, err := hex.DecodeString(tt.in)
		if err != nil {
			t.Fatal(err)
		}
		v, rest, err := Parse(b)
		if tt.canonical == "" {
			if err == nil {
				t.Errorf("%s is read", tt.in)
			}
			continue
		}
		if err != nil || len(rest) != 0 {
			t.Errorf("%s: %v, %d bytes left", tt.in, err, len(rest))
			continue
		}
		if got := hex.EncodeToString(Append(nil, v)); got != tt.canonical {
			t.Errorf("%s is written as %s, want %s", tt.in, got, tt.canonical)
		}
	}
}

func TestRefused(t *testing.T) {
	deep := strings.Repeat("2b", MaxDepth+1) + "a0"
	for _, tt := range []struct {
		name, in string
		want     error
	}{
		{"nothing", "", ErrShort}, {"half an integer", "fc0000", ErrShort}, {"free opcode", "58", ErrMalformed}, {"free opcode 7f", "7f", ErrMalformed},
		{"unknown class", "65", ErrMalformed}, {"numbered class", "703b", ErrMalformed}, {"definition of a class", "7105033b", ErrMalformed},
		{"too deep", deep, ErrMalformed}, {"key twice", "4c0261a00261a000", ErrMalformed}, {"more items than bytes", "34ffffffffffa0", ErrShort},
		{"null as a key", "4200a0", ErrMalformed}, {"context that is none", "3607a0", ErrMalformed}, {"number as a map", "6004", ErrShort},
		{"free opcode in a list or map", "6103" + "00" + "00" + "7e", ErrShort}, {"string beyond the end", "05aa", ErrShort}, {"escape", "3603800000000300", ErrMalformed},
		{"length that is a string", "340261", ErrMalformed},
	} {
		b, err := hex.DecodeString(tt.in)
		if err != nil {
			t.Fatal(err)
		}
		v, rest, err := Parse(b)
		if !errors.Is(err, tt.want) || !v.IsNull() || rest != nil {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	in, _ := hex.DecodeString(strings.Repeat("2b", MaxDepth) + "a0")
	if _, _, err := Parse(in); err != nil {
		t.Errorf("the greatest depth: %v", err)
	}
}

// Nested lengths promise no more memory than the bytes can fill.
func TestPromisesAreBounded(t *testing.T) {
	n := 1 << 16
	b := append([]byte(strings.Repeat("\x34\xff\x00\x00\x70\x00", 30)), make([]byte, n)...)
	allocs := testing.Benchmark(func(tb *testing.B) {
		tb.ReportAllocs()
		for tb.Loop() {
			if _, _, err := Parse(b); err == nil {
				t.Fatal("parsed")
			}
		}
	})
	if got := allocs.AllocedBytesPerOp(); got > int64(70*len(b)) {
		t.Errorf("%d bytes of memory for %d bytes of input", got, len(b))
	}
}

func TestScanner(t *testing.T) {
	var stream []byte
	var ends []int
	for _, section := range []string{"global", "objects"} {
		for _, text := range vectors(t, section) {
			if b, err := hex.DecodeString(text); err == nil {
				stream = append(stream, b...)
				ends = append(ends, len(stream))
			}
		}
	}
	for _, step := range []int{1, 2, 3, 7, 1000} {
		var s Scanner
		var got []int
		from := 0
		for to := 0; to <= len(stream); to += step {
			for from < len(stream) {
				n, err := s.Scan(stream[from:min(to, len(stream))])
				if errors.Is(err, ErrShort) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				from += n
				got = append(got, from)
			}
		}
		for from < len(stream) {
			n, err := s.Scan(stream[from:])
			if err != nil {
				t.Fatal(err)
			}
			from += n
			got = append(got, from)
		}
		if fmt.Sprint(got) != fmt.Sprint(ends) {
			t.Errorf("pieces of %d: ends %v, want %v", step, got, ends)
		}
	}
	s := Scanner{Max: 100}
	if _, err := s.Scan(Append(nil, OfString(strings.Repeat("x", 200)))); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a string of 200 bytes: %v", err)
	}
	if _, err := s.Scan([]byte(strings.Repeat("\x35\x9f", 10) + strings.Repeat("\x9f", 100))); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a list without end: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, section := range []string{"global", "objects", "number (inside Response.status, ticket 1, data null)"} {
		for _, text := range vectors(f, section) {
			if b, err := hex.DecodeString(text); err == nil {
				f.Add(b)
			}
		}
	}
	f.Add([]byte("\x29\x00\x01a\x00\x00"))
	f.Add([]byte("\x57\x03\x02a\x80\x00\x00\x00\x01\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, rest, err := Parse(b)
		var s Scanner
		n, serr := s.Scan(b)
		if err != nil {
			if !v.IsNull() || rest != nil {
				t.Fatal("a value beside an error")
			}
			if !errors.Is(err, ErrShort) && !errors.Is(err, ErrMalformed) {
				t.Fatalf("error %v", err)
			}
			if errors.Is(err, ErrShort) && serr == nil {
				t.Fatalf("the scanner finds an end at %d of a value that is not complete", n)
			}
			return
		}
		if serr != nil || n != len(b)-len(rest) {
			t.Fatalf("the scanner ends at %d (%v), the parser at %d", n, serr, len(b)-len(rest))
		}
		canonical := Append(nil, v)
		w, rest, err := Parse(canonical)
		if err != nil || len(rest) != 0 || !w.Equal(v) {
			t.Fatalf("%x is written as %x, which gives %v", b, canonical, err)
		}
		if again := Append(nil, w); string(again) != string(canonical) {
			t.Fatalf("%x is written as %x and then as %x", b, canonical, again)
		}
	})
}
