package luavm

import (
	"math"
	"strconv"
	"strings"
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
	if !containsByte(b, '.') {
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

func containsByte(b []byte, c byte) bool {
	for _, x := range b {
		if x == c {
			return true
		}
	}
	return false
}

// ParseNumber reads a numeral as Lua 5.1 on a C99 library does: decimal or
// hexadecimal, integer or float, with blanks around it; also the words inf
// and nan that strtod takes.
func ParseNumber(s string) (float64, bool) {
	s = strings.Trim(s, " \t\n\v\f\r")
	if s == "" {
		return 0, false
	}
	body, neg := s, false
	switch body[0] {
	case '-':
		neg, body = true, body[1:]
	case '+':
		body = body[1:]
	}
	n, ok := parseMagnitude(body)
	if neg {
		n = -n
	}
	return n, ok
}

func parseMagnitude(s string) (float64, bool) {
	if s == "" {
		return 0, false
	}
	c := s[0]
	switch {
	case c == '0' && len(s) > 1 && (s[1] == 'x' || s[1] == 'X'):
		return parseHex(s[2:])
	case c >= '0' && c <= '9' || c == '.':
		for i := 0; i < len(s); i++ {
			switch c := s[i]; {
			case c >= '0' && c <= '9', c == '.', c == 'e', c == 'E', c == '+', c == '-':
			default:
				return 0, false
			}
		}
		n, err := strconv.ParseFloat(s, 64)
		if err != nil && !isRange(err) {
			return 0, false
		}
		return n, true
	}
	switch strings.ToLower(s) {
	case "inf", "infinity":
		return math.Inf(1), true
	case "nan":
		return math.NaN(), true
	}
	return 0, false
}

// parseHex reads what follows 0x: hexadecimal digits with an optional
// fraction and binary exponent.
func parseHex(s string) (float64, bool) {
	digits, exp, point := 0, 0, false
	mant := 0.0
	i := 0
	for ; i < len(s); i++ {
		c := s[i]
		if c == '.' && !point {
			point = true
			continue
		}
		d, ok := hexDigit(c)
		if !ok {
			break
		}
		digits++
		mant = mant*16 + float64(d)
		if point {
			exp -= 4
		}
	}
	if digits == 0 {
		return 0, false
	}
	if i < len(s) {
		if s[i] != 'p' && s[i] != 'P' {
			return 0, false
		}
		e, err := strconv.Atoi(s[i+1:])
		if err != nil {
			return 0, false
		}
		exp += e
	}
	return math.Ldexp(mant, exp), true
}

func hexDigit(c byte) (int, bool) {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0'), true
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10, true
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10, true
	}
	return 0, false
}

func isRange(err error) bool {
	ne, ok := err.(*strconv.NumError)
	return ok && ne.Err == strconv.ErrRange
}
