package luavm

import (
	"bytes"
	"math"
	"strconv"
	"strings"

	"lander/lib/luac51"
)

// FormatNumber writes a number as Lua does: C's "%.14g".
func FormatNumber(n float64) string { return string(AppendNumber(nil, n)) }

// AppendNumber appends FormatNumber(n) to dst.
func AppendNumber(dst []byte, n float64) []byte {
	if i := int64(n); float64(i) == n && i > -1e14 && i < 1e14 {
		if i == 0 && math.Signbit(n) {
			return append(dst, "-0"...)
		}
		return strconv.AppendInt(dst, i, 10)
	}
	return appendG(dst, n, 14, false, false)
}

// appendG appends n as C's %g with the given precision does; alt keeps
// trailing zeros, as the flag # does.
func appendG(dst []byte, n float64, prec int, alt, upper bool) []byte {
	switch {
	case math.IsNaN(n):
		if math.Signbit(n) {
			dst = append(dst, '-')
		}
		return append(dst, caseOf("nan", upper)...)
	case math.IsInf(n, 0):
		if n < 0 {
			dst = append(dst, '-')
		}
		return append(dst, caseOf("inf", upper)...)
	}
	if prec == 0 {
		prec = 1
	}
	// The exponent after rounding to prec digits decides the form.
	var buf [400]byte
	e := strconv.AppendFloat(buf[:0], n, 'e', prec-1, 64)
	at := len(e) - 1
	for e[at] != 'e' {
		at--
	}
	exp, _ := strconv.Atoi(string(e[at+1:]))
	if exp < -4 || exp >= prec {
		mant := e[:at]
		if !alt {
			mant = trimZeros(mant)
		} else if prec == 1 {
			mant = append(mant[:at:at], '.')
		}
		dst = append(dst, mant...)
		if upper {
			dst = append(dst, 'E')
		} else {
			dst = append(dst, 'e')
		}
		return append(dst, e[at+1:]...)
	}
	f := strconv.AppendFloat(buf[:0], n, 'f', prec-1-exp, 64)
	if !alt {
		f = trimZeros(f)
	} else if prec-1-exp == 0 {
		f = append(f, '.')
	}
	return append(dst, f...)
}

func caseOf(s string, upper bool) string {
	if upper {
		return strings.ToUpper(s)
	}
	return s
}

// trimZeros drops zeros after a decimal point, and the point if it is last.
func trimZeros(b []byte) []byte {
	if bytes.IndexByte(b, '.') < 0 {
		return b
	}
	for b[len(b)-1] == '0' {
		b = b[:len(b)-1]
	}
	if b[len(b)-1] == '.' {
		b = b[:len(b)-1]
	}
	return b
}

// ParseNumber reads a numeral as Lua does: decimal or hexadecimal, with
// blanks around it.
func ParseNumber(s string) (float64, bool) { return luac51.ParseNumber(s) }
