package luac51

import (
	"math"
	"strconv"
	"strings"
)

// ParseNumber reads a numeral as Lua 5.1 on a C99 library does: decimal or
// hexadecimal, integer or float, with blanks around it; also the words inf
// and nan, which strtod takes. To C a string ends at its first NUL.
func ParseNumber(s string) (float64, bool) {
	s, _, _ = strings.Cut(s, "\x00")
	s = strings.Trim(s, " \t\n\v\f\r")
	if s == "" {
		return 0, false
	}
	neg := false
	switch s[0] {
	case '-':
		neg, s = true, s[1:]
	case '+':
		s = s[1:]
	}
	n, ok := parseMagnitude(s)
	if neg {
		n = -n
	}
	return n, ok
}

func parseMagnitude(s string) (float64, bool) {
	if s == "" {
		return 0, false
	}
	if len(s) <= 15 {
		if n, ok := parseDigits(s); ok {
			return n, true
		}
	}
	c := s[0]
	switch {
	case c == '0' && len(s) > 1 && s[1]|0x20 == 'x':
		return parseHex(s[2:])
	case isDigit(c) || c == '.':
		for i := 0; i < len(s); i++ {
			switch c := s[i]; {
			case isDigit(c), c == '.', c|0x20 == 'e', c == '+', c == '-':
			default:
				return 0, false
			}
		}
		n, err := strconv.ParseFloat(s, 64)
		if err != nil && err.(*strconv.NumError).Err != strconv.ErrRange {
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

// parseDigits is the fast way for short runs of digits.
func parseDigits(s string) (float64, bool) {
	n := int64(0)
	for i := 0; i < len(s); i++ {
		if !isDigit(s[i]) {
			return 0, false
		}
		n = n*10 + int64(s[i]-'0')
	}
	return float64(n), true
}

// parseHex reads what follows 0x: hexadecimal digits with an optional
// fraction and binary exponent. strconv rounds; a mantissa is needed first.
func parseHex(s string) (float64, bool) {
	if !strings.ContainsAny(s, "pP") {
		s += "p0"
	}
	if strings.ContainsRune(s, '_') {
		return 0, false
	}
	n, err := strconv.ParseFloat("0x"+s, 64)
	if err != nil && err.(*strconv.NumError).Err != strconv.ErrRange {
		return 0, false
	}
	return n, true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }
