package envelope

import "lander/lib/m3da/bysant"

// Deltas is a column as a DeltasVector: the first value is factor*start, each
// further one the one before plus factor*deltas[i].
func Deltas(factor, start bysant.Value, deltas []int64) bysant.Value {
	return bysant.OfObject(bysant.DeltasVector, factor, start, ints(deltas))
}

// QuasiPeriodic is a column as a QuasiPeriodicVector: after start, shifts are
// pairs of a number of gaps of exactly period and the excess of the gap
// behind them; at the end stands the number of exact gaps that are left.
func QuasiPeriodic(period, start bysant.Value, shifts []int64) bysant.Value {
	return bysant.OfObject(bysant.QuasiPeriodicVector, period, start, ints(shifts))
}

func ints(ns []int64) bysant.Value {
	vs := make([]bysant.Value, len(ns))
	for i, n := range ns {
		vs[i] = bysant.OfInt(n)
	}
	return bysant.OfList(vs...)
}

// Expand gives the values of a column: of a list its items, of a vector all
// that it stands for, of anything else the value itself. More than most values
// are refused: a few bytes of a vector can stand for billions.
func Expand(v bysant.Value, most int) ([]bysant.Value, error) {
	class, f, ok := v.Object()
	if !ok {
		vs := []bysant.Value{v}
		if v.Kind() == bysant.List {
			vs = v.Elems()
		}
		if len(vs) > most {
			return nil, malformed("a column of %d values", len(vs))
		}
		return vs, nil
	}
	x := expansion{most: most}
	for _, s := range f[2].Elems() {
		n, ok := numberOf(s)
		if !ok {
			return nil, malformed("a vector with a %s in it", s.Kind())
		}
		x.steps = append(x.steps, n)
	}
	var first, second bool
	x.by, first = numberOf(f[0])
	x.at, second = numberOf(f[1])
	if !first || !second {
		return nil, malformed("a vector that does not begin with numbers")
	}
	switch class {
	case bysant.DeltasVector:
		return x.deltas()
	case bysant.QuasiPeriodicVector:
		return x.quasiPeriodic()
	}
	return nil, malformed("a column that is a message")
}

// number is an integer, or a float where it is none.
type number struct {
	n     int64
	f     float64
	float bool
}

func numberOf(v bysant.Value) (number, bool) {
	if n, ok := v.Int(); ok {
		return number{n: n, f: float64(n)}, true
	}
	f, ok := v.Float()
	return number{f: f, float: true}, ok
}

func (a number) plus(b number) number {
	return number{a.n + b.n, a.f + b.f, a.float || b.float}
}

func (a number) times(b number) number {
	return number{a.n * b.n, a.f * b.f, a.float || b.float}
}

func (a number) value() bysant.Value {
	if a.float {
		return bysant.OfFloat(a.f)
	}
	return bysant.OfInt(a.n)
}

type expansion struct {
	by, at number
	steps  []number
	most   int
	out    []bysant.Value
}

func (x *expansion) add(n number) error {
	if len(x.out) >= x.most {
		return malformed("a column of more than %d values", x.most)
	}
	x.out = append(x.out, n.value())
	return nil
}

// deltas sums in units of the factor, so that floats do not drift.
func (x *expansion) deltas() ([]bysant.Value, error) {
	for i := 0; ; i++ {
		if err := x.add(x.at.times(x.by)); err != nil {
			return nil, err
		}
		if i == len(x.steps) {
			return x.out, nil
		}
		x.at = x.at.plus(x.steps[i])
	}
}

func (x *expansion) quasiPeriodic() ([]bysant.Value, error) {
	if len(x.steps)%2 == 0 {
		return nil, malformed("a vector of %d shifts", len(x.steps))
	}
	if err := x.add(x.at); err != nil {
		return nil, err
	}
	for i, s := range x.steps {
		if i%2 == 1 {
			x.at = x.at.plus(x.by).plus(s)
			if err := x.add(x.at); err != nil {
				return nil, err
			}
			continue
		}
		if s.float || s.n < 0 {
			return nil, malformed("a number of gaps that is none")
		}
		for range s.n {
			x.at = x.at.plus(x.by)
			if err := x.add(x.at); err != nil {
				return nil, err
			}
		}
	}
	return x.out, nil
}
