package stage_test

import (
	"testing"
	"time"

	"lander/lib/emp/frame"
	"lander/lib/stage"
)

func value(t testing.TB, text string) frame.Value {
	t.Helper()
	v, err := frame.ParseValue([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestWrite(t *testing.T) {
	for _, c := range []struct{ column, values, want string }{
		{`{"name":"x"}`, `[1,null,"a"]`, `[1,null,"a"]`},
		{`{"name":"x","serialization":"fastest"}`, `[1,2]`, `[1,2]`},
		{`{"name":"x","serialization":"list","asfloat":true}`, `[1,2.5,null]`, `[1.0,2.5,null]`},
		{`{"name":"x","serialization":"deltasvector","factor":10}`, `[100,114,95,96]`, `{"factor":10,"start":10,"deltas":[1,-1,0]}`},
		{`{"name":"x","serialization":"deltasvector","factor":10}`, `[-5,-4,5,4,-15,-14]`, `{"factor":10,"start":-1,"deltas":[1,1,-1,-2,1]}`},
		{`{"name":"x","serialization":"deltasvector","factor":0.1}`, `[21.5,21.6,21.4]`, `{"factor":0.1,"start":215,"deltas":[1,-2]}`},
		{`{"name":"x","serialization":"deltasvector","factor":1}`, `[1,null]`, `[1,null]`},
		{`{"name":"x","serialization":"deltasvector","factor":1}`, `[9223372036854775807,-9223372036854775808]`, `[9223372036854775807,-9223372036854775808]`},
		// The example of the M3DA document.
		{`{"name":"x","serialization":"quasiperiodicvector","period":20}`, `[143,163,183,203,224,244,264,282,302,322,342]`, `{"period":20,"start":143,"shifts":[3,1,2,-2,3]}`},
		{`{"name":"x","serialization":"quasiperiodicvector","period":20}`, `[1.5]`, `[1.5]`},
		{`{"name":"x","serialization":"quasiperiodicvector","period":20}`, `[7]`, `{"period":20,"start":7,"shifts":[0]}`},
		{`{"name":"x","serialization":"smallest"}`, `[1000,2000,3000,4000,5000,6000,7000]`, `{"period":1000,"start":1000,"shifts":[6]}`},
		{`{"name":"x","serialization":"smallest"}`, `[1400000000000,1300000000000,1400000000000,1500000000000]`, `{"factor":100000000000,"start":14,"deltas":[-1,1,1]}`},
		{`{"name":"x","serialization":"smallest"}`, `[1,2]`, `[1,2]`},
		{`{"name":"x","serialization":"smallest"}`, `[1,"x",3]`, `[1,"x",3]`},
		{`{"name":"x","serialization":"smallest"}`, `[0,0,0]`, `[0,0,0]`},
	} {
		p, err := frame.ParseTableNew([]byte(`{"asset":"a","columns":[` + c.column + `]}`))
		if err != nil {
			t.Fatal(err)
		}
		if got := stage.Write(p.Columns[0], value(t, c.values).Elems()).Value().String(); got != c.want {
			t.Errorf("%s of %s: %s, want %s", c.column, c.values, got, c.want)
		}
	}
}

// Every form of integers gives them back; deltas to half a factor.
func FuzzWrite(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 200, 7}, int64(10), uint8(3))
	f.Add([]byte{1, 1, 1, 1}, int64(1), uint8(0))
	f.Add([]byte{255, 0, 255}, int64(7), uint8(60))
	f.Fuzz(func(t *testing.T, b []byte, unit int64, shift uint8) {
		if unit <= 0 || unit > 1<<40 || len(b) == 0 {
			return
		}
		var values []frame.Value
		for _, n := range b {
			values = append(values, frame.Int((int64(n)-128)<<(shift%56)))
		}
		for _, c := range []frame.Column{
			{Name: "x", Serialization: "smallest"},
			{Name: "x", Serialization: "quasiperiodicvector", Period: frame.Int(unit)},
			{Name: "x", Serialization: "list"},
		} {
			w := stage.Write(c, values)
			if got := w.Expand(); !frame.List(got...).Equal(frame.List(values...)) {
				t.Fatalf("%s of %v as %v gives %v", c.Serialization, values, w.Value(), got)
			}
		}
		w := stage.Write(frame.Column{Name: "x", Serialization: "deltasvector", Factor: frame.Int(unit)}, values)
		got := w.Expand()
		if len(got) != len(values) {
			t.Fatalf("%d values become %d", len(values), len(got))
		}
		for i, v := range values {
			a, _ := v.Int()
			b, _ := got[i].Int()
			if d := a - b; d > unit/2 || -d > unit/2 {
				t.Fatalf("%d becomes %d by factor %d", a, b, unit)
			}
		}
	})
}

func TestConsolidate(t *testing.T) {
	for _, c := range []struct{ column, first, last, max, mean, median, middle, min, sum string }{
		{`[3,1,2]`, "3", "2", "3", "2", "2", "1", "1", "6"},
		{`[4,1,3,2]`, "4", "2", "4", "2.5", "3", "3", "1", "10"},
		{`[1,2.5]`, "1", "2.5", "2.5", "1.75", "2.5", "2.5", "1", "3.5"},
		{`[1,null,3]`, "1", "3", "null", "null", "null", "null", "null", "null"},
		{`["a","b"]`, `"a"`, `"b"`, "null", "null", "null", `"b"`, "null", "null"},
		{`[9223372036854775807,1]`, "9223372036854775807", "1", "9223372036854775807", "4611686018427387904.0", "9223372036854775807", "1", "1", "9223372036854775808.0"},
		{`[]`, "null", "null", "null", "null", "null", "null", "null", "null"},
	} {
		for i, m := range frame.Methods() {
			want := []string{c.first, c.last, c.max, c.mean, c.median, c.middle, c.min, c.sum}[i]
			got := stage.Consolidate(m, value(t, c.column).Elems())
			if !got.Equal(value(t, want)) {
				t.Errorf("%s of %s is %v, want %s", m, c.column, got, want)
			}
		}
	}
}

// A sink's column says the same as the values; see the M3DA forms.
func TestSinkKeepsAFileWhole(t *testing.T) {
	path := t.TempDir() + "/sink"
	for i := range 3 {
		f, err := stage.OpenSink(path)
		if err != nil {
			t.Fatal(err)
		}
		s := stage.NewSink(f, func() time.Time { return time.Unix(0, 0) })
		if err := s.Send(t.Context(), []stage.Message{{Ticket: frame.Int(int64(i))}}); err != nil {
			t.Fatal(err)
		}
		f.WriteString(`{"time":"1970-01-01T00:00:00.000Z","kind":"da`) // as a crash leaves it
		f.Close()
	}
	f, err := stage.OpenSink(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1000)
	n, _ := f.ReadAt(b, 0)
	want := ""
	for _, i := range []string{"0", "1", "2"} {
		want += `{"time":"1970-01-01T00:00:00.000Z","kind":"acknowledge","ticket":` + i + `,"status":0,"text":""}` + "\n"
	}
	if string(b[:n]) != want {
		t.Errorf("the file is\n%s\nwant\n%s", b[:n], want)
	}
}
