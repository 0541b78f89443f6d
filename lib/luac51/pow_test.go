package luac51

import (
	"fmt"
	"math"
	"strconv"
	"testing"
)

// Powers of ten are what the numerals say, down to the least of the normal
// numbers; so are their inverses.
func TestPowExtremes(t *testing.T) {
	for e := -307; e <= 308; e++ {
		want, err := strconv.ParseFloat(fmt.Sprintf("1e%d", e), 64)
		if err != nil {
			t.Fatal(err)
		}
		if got := Pow(10, float64(e)); got != want {
			t.Errorf("10^%d: %.17g, want %.17g", e, got, want)
		}
	}
	for e := -1074; e <= 1023; e++ {
		want := math.Ldexp(1, e)
		if got := Pow(2, float64(e)); got != want {
			t.Errorf("2^%d: %g, want %g", e, got, want)
		}
		if got := Pow(0.5, float64(-e)); e >= -1024 && got != want {
			t.Errorf("0.5^%d: %g, want %g", -e, got, want)
		}
	}
	nan, inf := math.Copysign(math.NaN(), 1), math.Inf(1)
	for _, c := range []struct {
		x, y float64
		want string
	}{
		{-nan, 1, "NaN"}, {-nan, 2, "-NaN"}, {-nan, -3, "NaN"}, {-nan, inf, "-NaN"}, {nan, 3, "NaN"}, {-nan, 0, "1"}, {1, nan, "1"},
		{-8, 1. / 3, "-NaN"}, {-2, 3, "-8"}, {-2, -2, "0.25"}, {0, -1, "+Inf"}, {10, 309, "+Inf"}, {10, -400, "0"}, {-10, 309, "-Inf"}, {5e-324, 1, "5e-324"},
	} {
		got := Pow(c.x, c.y)
		text := fmt.Sprint(got)
		if math.IsNaN(got) && math.Signbit(got) {
			text = "-" + text
		}
		if text != c.want {
			t.Errorf("%v^%v: %s, want %s", c.x, c.y, text, c.want)
		}
	}
}
