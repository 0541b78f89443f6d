package agent

import (
	"testing"

	"lander/lib/emp/frame"
	"lander/lib/m3da/bysant"
	"lander/lib/m3da/envelope"
	"lander/lib/stage"
)

// A column as a vector is smaller than as a list, and gives the same values.
func TestVectorsAreSmaller(t *testing.T) {
	var stamps []frame.Value
	for i := range 1000 {
		stamps = append(stamps, frame.Int(int64(1_700_000_000+60*i+i%3)))
	}
	list := columnValue(stage.Write(frame.Column{Name: "t"}, stamps))
	size := len(bysant.Append(nil, list))
	for _, c := range []frame.Column{{Serialization: "deltasvector", Factor: frame.Int(1)}, {Serialization: "quasiperiodicvector", Period: frame.Int(61)}, {Serialization: "smallest"}} {
		v := columnValue(stage.Write(c, stamps))
		b := bysant.Append(nil, v)
		if _, _, ok := v.Object(); !ok || len(b) >= size/2 {
			t.Errorf("%s: %d bytes, the list has %d", c.Serialization, len(b), size)
		}
		got, _, err := bysant.Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		values, err := envelope.Expand(got, 1000)
		if err != nil || !bysant.OfList(values...).Equal(list) {
			t.Errorf("%s: other values (%v)", c.Serialization, err)
		}
	}
}

// The original server multiplies a vector as integers unless its start or one
// of its deltas is a float: 0.1*200 would be 0 there.
func TestVectorOfFractionsSaysSo(t *testing.T) {
	for _, c := range []struct {
		factor frame.Value
		values []frame.Value
		start  bysant.Value
	}{
		{frame.Float(0.5), []frame.Value{frame.Float(20), frame.Float(20.5), frame.Float(20.5)}, bysant.OfFloat(40)},
		{frame.Float(0.5), []frame.Value{frame.Float(0), frame.Float(0.5), frame.Float(1)}, bysant.OfFloat(0)},
		{frame.Int(10), []frame.Value{frame.Int(20), frame.Int(40), frame.Int(30)}, bysant.OfInt(2)},
		{frame.Float(10), []frame.Value{frame.Int(20), frame.Int(40), frame.Int(30)}, bysant.OfInt(2)},
	} {
		got, _, err := bysant.Parse(bysant.Append(nil, columnValue(stage.Write(frame.Column{Serialization: "deltasvector", Factor: c.factor}, c.values))))
		if err != nil {
			t.Fatal(err)
		}
		class, fields, ok := got.Object()
		if !ok || class != bysant.DeltasVector || fields[1].Kind() != c.start.Kind() || !fields[1].Equal(c.start) {
			t.Errorf("factor %s: class %v, fields %v", c.factor, class, fields)
			continue
		}
		values, err := envelope.Expand(got, 10)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range values {
			f, isFloat := v.Float()
			if n, ok := v.Int(); ok && !isFloat {
				f = float64(n)
			}
			want, isFloat := c.values[i].Float()
			if n, ok := c.values[i].Int(); ok && !isFloat {
				want = float64(n)
			}
			if f != want {
				t.Errorf("factor %s: value %d is %v, not %v", c.factor, i, f, want)
			}
		}
	}
}

// What the server sends becomes what applications get, and back.
func TestValuesBothWays(t *testing.T) {
	for _, text := range []string{`null`, `true`, `-5`, `1.5`, `"x"`, `[1,"a",[]]`, `{"a":{"b":[null]},"c":false}`} {
		v, err := frame.ParseValue([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		back, err := fromBysant(toBysant(v))
		if err != nil || !back.Equal(v) {
			t.Errorf("%s became %s (%v)", text, back, err)
		}
	}
	same := bysant.OfMap(bysant.Member{Key: bysant.Index(1), Value: bysant.OfInt(1)}, bysant.Member{Key: bysant.Name("1"), Value: bysant.OfInt(2)})
	if v, err := fromBysant(same); err != nil || v.String() != `{"1":1}` {
		t.Errorf("keys that read the same: %s (%v)", v, err)
	}
	endless := envelope.QuasiPeriodic(bysant.OfInt(1), bysant.OfInt(0), []int64{1 << 40})
	if _, err := fromBysant(endless); err == nil {
		t.Error("a vector of 2^40 values is read")
	}
}
