package luavm

import (
	"math"

	"lander/lib/luac51"
)

var mathFuncs = library(func() funcs {
	return funcs{
		"abs": mathAbs, "acos": unary(math.Acos), "asin": unary(math.Asin), "atan": unary(math.Atan),
		"ceil": unary(math.Ceil), "cos": unary(negative(math.Cos)), "cosh": unary(math.Cosh), "exp": unary(math.Exp),
		"floor": unary(math.Floor), "log": unary(negative(math.Log)), "log10": unary(math.Log10), "sin": unary(negative(math.Sin)),
		"sinh": unary(math.Sinh), "sqrt": unary(negative(math.Sqrt)), "tan": unary(negative(math.Tan)), "tanh": unary(math.Tanh),
		"deg":   unary(func(x float64) float64 { return x / (math.Pi / 180) }),
		"rad":   unary(func(x float64) float64 { return x * (math.Pi / 180) }),
		"atan2": binary(math.Atan2), "fmod": binary(fmod), "mod": binary(fmod),
		"pow":    binary(mathPow),
		"random": mathRandom, "randomseed": mathRandomSeed,
		"frexp": mathFrexp, "ldexp": mathLdexp, "modf": mathModf, "max": mathMax, "min": mathMin,
	}
})

// openMath adds the constants.
func (st *state) openMath() {
	t := st.globals.get(st.string("math")).table()
	t.setString(st, "pi", number(math.Pi))
	t.setString(st, "huge", number(math.Inf(1)))
}

// unary makes a library function of one of Go's. A nan goes through with its
// sign, as C libraries let it.
func unary(f func(float64) float64) func(*thread) int {
	return func(th *thread) int {
		x := th.checkNumber(1)
		if math.IsNaN(x) {
			return th.retNumber(x)
		}
		return th.retNumber(f(x))
	}
}

// negative gives the nan of f outside its domain the sign it has there in the
// C library.
func negative(f func(float64) float64) func(float64) float64 {
	return func(x float64) float64 {
		r := f(x)
		if math.IsNaN(r) {
			r = math.Copysign(r, -1)
		}
		return r
	}
}

func binary(f func(x, y float64) float64) func(*thread) int {
	return func(th *thread) int {
		x, y := th.checkNumber(1), th.checkNumber(2)
		switch r := f(x, y); {
		case !math.IsNaN(r):
			return th.retNumber(r)
		case math.IsNaN(x):
			return th.retNumber(x)
		case math.IsNaN(y):
			return th.retNumber(y)
		default:
			return th.retNumber(r)
		}
	}
}

// fmod is C's; the sign of its nan is that of common machines.
func fmod(x, y float64) float64 {
	switch {
	case math.IsNaN(x):
		return x
	case math.IsNaN(y):
		return y
	case math.IsInf(x, 0) || y == 0:
		return math.Copysign(math.NaN(), -1)
	}
	return math.Mod(x, y)
}

func mathFrexp(th *thread) int {
	x := th.checkNumber(1)
	m, e := math.Frexp(x)
	if math.IsNaN(x) {
		m = x
	}
	th.push(number(m))
	th.push(number(float64(e)))
	return 2
}

func mathLdexp(th *thread) int {
	return th.retNumber(math.Ldexp(th.checkNumber(1), int(int32(th.checkInt(2)))))
}

func mathModf(th *thread) int {
	x := th.checkNumber(1)
	i := math.Trunc(x)
	f := math.Copysign(x-i, x)
	if math.IsInf(x, 0) {
		f = math.Copysign(0, x)
	}
	th.push(number(i))
	th.push(number(f))
	return 2
}

func mathMax(th *thread) int {
	n, top := th.args(), th.checkNumber(1)
	for i := 2; i <= n; i++ {
		if x := th.checkNumber(i); x > top {
			top = x
		}
	}
	return th.retNumber(top)
}

func mathMin(th *thread) int {
	n, low := th.args(), th.checkNumber(1)
	for i := 2; i <= n; i++ {
		if x := th.checkNumber(i); x < low {
			low = x
		}
	}
	return th.retNumber(low)
}

func mathRandomSeed(th *thread) int {
	th.st.random = newRandom(uint32(th.checkInt(1)))
	return 0
}

func mathRandom(th *thread) int {
	if th.st.random == nil {
		th.st.random = newRandom(1)
	}
	const top = math.MaxInt32
	r := float64(th.st.random.next()%top) / top
	switch th.args() {
	case 0:
		return th.retNumber(r)
	case 1:
		u := float64(th.checkInt(1))
		if u < 1 {
			th.argFault(1, "interval is empty")
		}
		return th.retNumber(math.Floor(r*u) + 1)
	case 2:
		l, u := float64(th.checkInt(1)), float64(th.checkInt(2))
		if l > u {
			th.argFault(2, "interval is empty")
		}
		return th.retNumber(math.Floor(r*(u-l+1)) + l)
	}
	th.errorf("wrong number of arguments")
	return 0
}

// random is the additive feedback generator that the C library of common
// machines has as rand, so that scripts see the numbers they are used to. It
// is no source of secrets.
type random struct {
	r [31]uint32
	i int
}

func newRandom(seed uint32) *random {
	if seed == 0 {
		seed = 1
	}
	g := &random{i: 3}
	word := int64(int32(seed))
	for i := range g.r {
		g.r[i] = uint32(word)
		word = 16807 * word % math.MaxInt32
		if word < 0 {
			word += math.MaxInt32
		}
	}
	for range 310 {
		g.next()
	}
	return g
}

func (g *random) next() uint32 {
	g.r[g.i] += g.r[(g.i+28)%31]
	v := g.r[g.i] >> 1
	g.i = (g.i + 1) % 31
	return v
}

func mathPow(x, y float64) float64 { return luac51.Pow(x, y) }

func mathAbs(th *thread) int { return th.retNumber(math.Abs(th.checkNumber(1))) }
