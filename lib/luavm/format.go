package luavm

import (
	"math"
	"strconv"
	"strings"
)

// spec is one directive of string.format.
type spec struct {
	left, plus, space, alt, zero bool
	width                        int
	prec                         int // -1 if not given
	verb                         byte
}

// parseSpec reads the directive after a % and returns what follows it.
func (th *thread) parseSpec(f string) (spec, string) {
	s := spec{prec: -1}
	i := 0
	for ; i < len(f) && strings.IndexByte("-+ #0", f[i]) >= 0; i++ {
		switch f[i] {
		case '-':
			s.left = true
		case '+':
			s.plus = true
		case ' ':
			s.space = true
		case '#':
			s.alt = true
		case '0':
			s.zero = true
		}
	}
	if i >= 6 {
		th.errorf("invalid format (repeated flags)")
	}
	digits := func() int {
		n := 0
		for k := 0; k < 2 && i < len(f) && isDigit(f[i]); k++ {
			n = n*10 + int(f[i]-'0')
			i++
		}
		return n
	}
	s.width = digits()
	if i < len(f) && f[i] == '.' {
		i++
		s.prec = digits()
	}
	if i < len(f) && isDigit(f[i]) {
		th.errorf("invalid format (width or precision too long)")
	}
	if i == len(f) {
		return s, ""
	}
	s.verb = f[i]
	return s, f[i+1:]
}

func stringFormat(th *thread) int {
	f := th.checkString(1)
	top, arg := th.args(), 1
	var stack [128]byte
	out := stack[:0]
	for {
		i := strings.IndexByte(f, '%')
		if i < 0 {
			out = append(out, f...)
			break
		}
		out = append(out, f[:i]...)
		f = f[i+1:]
		if f != "" && f[0] == '%' {
			out = append(out, '%')
			f = f[1:]
			continue
		}
		if arg++; arg > top {
			th.argFault(arg, "no value")
		}
		var s spec
		s, f = th.parseSpec(f)
		out = th.formatOne(out, s, arg)
	}
	return th.ret(th.st.bytes(append([]byte(nil), out...)))
}

func (th *thread) formatOne(out []byte, s spec, arg int) []byte {
	var buf [512]byte
	switch s.verb {
	case 'c':
		c := byte(0) // what C makes of a number that is no int
		if n := th.checkNumber(arg); n > math.MinInt32-1 && n < math.MaxInt32+1 {
			c = byte(int32(n))
		}
		b := s.pad(buf[:0], "", []byte{c}, false)
		for i, x := range b { // C stops at the zero byte
			if x == 0 {
				b = b[:i]
				break
			}
		}
		return append(out, b...)
	case 'd', 'i':
		n := toInt(th.checkNumber(arg))
		sign := s.sign(n < 0)
		u := uint64(n)
		if n < 0 {
			u = -u
		}
		return s.integer(out, sign, strconv.AppendUint(buf[:0], u, 10))
	case 'u':
		return s.integer(out, "", strconv.AppendUint(buf[:0], toUint(th.checkNumber(arg)), 10))
	case 'o':
		return s.integer(out, "", strconv.AppendUint(buf[:0], toUint(th.checkNumber(arg)), 8))
	case 'x', 'X':
		n := toUint(th.checkNumber(arg))
		b, prefix := strconv.AppendUint(buf[:0], n, 16), ""
		if s.alt && n != 0 {
			prefix = "0x"
		}
		if s.verb == 'X' {
			prefix = strings.ToUpper(prefix)
			for i, c := range b {
				if c >= 'a' {
					b[i] = c - 0x20
				}
			}
		}
		return s.integer(out, prefix, b)
	case 'e', 'E', 'f', 'g', 'G':
		return s.float(out, th.checkNumber(arg))
	case 'q':
		return quote(out, th.checkString(arg))
	case 's':
		t := th.checkString(arg)
		if s.prec < 0 && len(t) >= 100 {
			th.st.reserve(len(out) + len(t))
			return append(out, t...)
		}
		if i := strings.IndexByte(t, 0); i >= 0 {
			t = t[:i]
		}
		if s.prec >= 0 && s.prec < len(t) {
			t = t[:s.prec]
		}
		return s.pad(out, "", []byte(t), false)
	}
	verb := ""
	if s.verb != 0 {
		verb = string([]byte{s.verb})
	}
	th.errorf("invalid option '%%%s' to 'format'", verb)
	return nil
}

// toUint converts as C does on common machines: negative numbers wrap.
func toUint(f float64) uint64 {
	if f >= 1<<63 {
		if f >= 1<<64 {
			return 0
		}
		return uint64(f)
	}
	return uint64(toInt(f))
}

func (s *spec) sign(neg bool) string {
	switch {
	case neg:
		return "-"
	case s.plus:
		return "+"
	case s.space:
		return " "
	}
	return ""
}

// integer writes digits with a precision, which overrides the flag 0.
func (s *spec) integer(out []byte, sign string, digits []byte) []byte {
	if s.prec >= 0 {
		s.zero = false
		if s.prec == 0 && len(digits) == 1 && digits[0] == '0' {
			digits = nil
		}
		if n := s.prec - len(digits); n > 0 {
			digits = append([]byte(strings.Repeat("0", n)), digits...)
		}
	}
	if s.verb == 'o' && s.alt && (len(digits) == 0 || digits[0] != '0') {
		digits = append([]byte("0"), digits...)
	}
	return s.pad(out, sign, digits, true)
}

func (s *spec) float(out []byte, f float64) []byte {
	var buf [512]byte
	sign := s.sign(math.Signbit(f))
	if math.IsInf(f, 0) || math.IsNaN(f) {
		word := "inf"
		if math.IsNaN(f) {
			word = "nan"
		}
		return s.pad(out, sign, []byte(caseOf(word, s.verb < 'a')), false)
	}
	f = math.Abs(f)
	prec := s.prec
	if prec < 0 {
		prec = 6
	}
	var b []byte
	switch s.verb {
	case 'f':
		b = strconv.AppendFloat(buf[:0], f, 'f', prec, 64)
		if s.alt && prec == 0 {
			b = append(b, '.')
		}
	case 'e', 'E':
		b = strconv.AppendFloat(buf[:0], f, s.verb, prec, 64)
		if s.alt && prec == 0 {
			b = []byte(strings.Replace(string(b), string(s.verb), "."+string(s.verb), 1))
		}
	default:
		b = appendG(buf[:0], f, prec, s.alt, s.verb == 'G')
	}
	return s.pad(out, sign, b, true)
}

// pad writes a sign or prefix and a body in the width; zeros go between the
// two.
func (s *spec) pad(out []byte, sign string, body []byte, numeric bool) []byte {
	n := s.width - len(sign) - len(body)
	fill := func(c byte) {
		for ; n > 0; n-- {
			out = append(out, c)
		}
	}
	if !s.left && !(s.zero && numeric) {
		fill(' ')
	}
	out = append(out, sign...)
	if !s.left {
		fill('0')
	}
	out = append(out, body...)
	fill(' ')
	return out
}

// quote writes a string so that the compiler reads it back.
func quote(out []byte, s string) []byte {
	out = append(out, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '"', '\\', '\n':
			out = append(out, '\\', c)
		case '\r':
			out = append(out, '\\', 'r')
		case 0:
			out = append(out, '\\', '0', '0', '0')
		default:
			out = append(out, c)
		}
	}
	return append(out, '"')
}
