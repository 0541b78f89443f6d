package luac51

import "math"

// Pow is the operator ^. C libraries round pow almost always correctly;
// math.Pow is off in the last digit now and then, which scripts see when they
// compare. So the power is computed with twice the precision and rounded
// once.
func Pow(x, y float64) float64 {
	switch {
	case y == 2:
		return x * x
	case y == 0.5 && x > 0 && !math.IsInf(x, 0):
		return math.Sqrt(x)
	case y == 0 || x == 1:
		return 1
	case math.IsNaN(x):
		if math.Signbit(x) && math.Abs(math.Mod(y, 2)) == 1 { // as the GNU C library: odd powers of what is negative
			return math.Copysign(x, 1)
		}
		return x
	case math.IsNaN(y):
		return y
	case x == 0 || math.IsInf(x, 0) || math.IsInf(y, 0):
		return math.Pow(x, y)
	case x < 0 && y != math.Trunc(y):
		return math.Copysign(math.NaN(), -1) // as common machines make it
	case y == math.Trunc(y) && math.Abs(y) <= 1024:
		return powInt(x, int(y))
	case x > 0:
		if r, ok := powFloat(x, y); ok {
			return r
		}
	}
	return math.Pow(x, y)
}

// double is an unevaluated sum of two floats, the second below half a unit
// in the last place of the first.
type double struct{ h, l float64 }

func quickSum(a, b float64) double {
	s := a + b
	return double{s, b - (s - a)}
}

func (a double) add(b double) double {
	s := a.h + b.h
	v := s - a.h
	e := (a.h - (s - v)) + (b.h - v)
	return quickSum(s, e+a.l+b.l)
}

func (a double) mul(b double) double {
	p := a.h * b.h
	return quickSum(p, math.FMA(a.h, b.h, -p)+(a.h*b.l+a.l*b.h))
}

// inverse is 1/a.
func (a double) inverse() double {
	r := 1 / a.h
	e := math.FMA(-a.h, r, 1) - a.l*r
	return quickSum(r, r*e)
}

// powInt multiplies, for |n| <= 1024. The power of two in x is put aside, so
// that nothing on the way leaves the normal numbers.
func powInt(x float64, n int) float64 {
	m, e := math.Frexp(x)
	if math.Abs(m) < math.Sqrt2/2 {
		m, e = 2*m, e-1
	}
	r, b := double{1, 0}, double{m, 0}
	for k := max(n, -n); k > 0; k >>= 1 {
		if k&1 != 0 {
			r = r.mul(b)
		}
		b = b.mul(b)
	}
	if n < 0 {
		r = r.inverse()
	}
	return math.Ldexp(r.h+r.l, e*n)
}

var ln2 = double{math.Ln2, 2.3190468138462996e-17}

// inverseFactorial holds 1/n!.
var inverseFactorial = func() (t [14]double) {
	f := double{1, 0}
	for n := range t {
		if n > 0 {
			f = f.mul(double{float64(n), 0})
		}
		t[n] = f.inverse()
	}
	return t
}()

// exp returns e^z as a double and a power of two.
func exp(z double) (double, int) {
	k := math.Round(z.h / math.Ln2)
	r := z.add(ln2.mul(double{-k, 0}))
	const halvings = 5
	r.h, r.l = math.Ldexp(r.h, -halvings), math.Ldexp(r.l, -halvings)
	s := inverseFactorial[len(inverseFactorial)-1]
	for n := len(inverseFactorial) - 2; n >= 0; n-- {
		s = s.mul(r).add(inverseFactorial[n])
	}
	for range halvings {
		s = s.mul(s)
	}
	return s, int(k)
}

// powFloat is e^(y*log x) for x > 0.
func powFloat(x, y float64) (float64, bool) {
	m, e := math.Frexp(x)
	l := math.Log(m)
	s, k := exp(double{-l, 0})
	// m*e^-l is 1 and a little: that little is the error of l.
	d := s.mul(double{math.Ldexp(m, k), 0}).add(double{-1, 0})
	log := double{l, 0}.add(d).add(ln2.mul(double{float64(e), 0}))
	z := log.mul(double{y, 0})
	if math.Abs(z.h) > 707 {
		return 0, false
	}
	r, k := exp(z)
	return math.Ldexp(r.h+r.l, k), true
}
