package frame

import (
	"bytes"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxDepth is how deep lists and maps may be nested in one payload.
const MaxDepth = 128

// MaxValues is how many values one payload may hold. It keeps a payload of
// nothing but `[0,0,0...` from costing 20 times its size.
const MaxValues = 1 << 20

// ParseValue reads one JSON value. Blanks around it are fine, an empty text
// is null [EMP 2]. Of a key that comes twice the last one counts. Malformed
// text, trailing text, invalid UTF-8, lone surrogates, numbers out of range,
// more than MaxDepth levels or MaxValues values give a StatusBadParameter
// error. The Value does not share the bytes of b.
func ParseValue(b []byte) (Value, error) {
	d := decoder{b: b}
	d.blanks()
	if d.i == len(b) {
		return Value{}, nil
	}
	v := d.value(0)
	if d.err == nil {
		d.blanks()
		if d.i < len(b) {
			d.fail("text after the value")
		}
	}
	if d.err != nil {
		return Value{}, d.err
	}
	return v, nil
}

// PlainString returns the content of a payload that is nothing but a JSON
// string without escapes, sharing its bytes: the quick way for the commands
// that come most. ok is false for everything else, valid or not.
func PlainString(payload []byte) (s []byte, ok bool) {
	n := len(payload) - 1
	if n < 1 || payload[0] != '"' || payload[n] != '"' {
		return nil, false
	}
	s = payload[1:n]
	for _, c := range s {
		if c < 0x20 || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return nil, false
		}
	}
	return s, true
}

type decoder struct {
	b      []byte
	i      int
	values int
	err    error
}

func (d *decoder) fail(what string) {
	if d.err == nil {
		d.err = badf("malformed JSON at byte %d: %s", d.i, what)
	}
}

func (d *decoder) blanks() {
	for d.i < len(d.b) {
		switch d.b[d.i] {
		case ' ', '\t', '\n', '\r':
			d.i++
		default:
			return
		}
	}
}

// peek is the next byte, 0 at the end: no valid text holds a bare NUL.
func (d *decoder) peek() byte {
	if d.i < len(d.b) {
		return d.b[d.i]
	}
	return 0
}

func (d *decoder) value(depth int) Value {
	if d.values++; d.values > MaxValues {
		d.fail("too many values")
		return Value{}
	}
	switch c := d.peek(); c {
	case '"':
		return String(d.text())
	case '[':
		return d.list(depth + 1)
	case '{':
		return d.dict(depth + 1)
	case 't':
		return d.word("true", Bool(true))
	case 'f':
		return d.word("false", Bool(false))
	case 'n':
		return d.word("null", Value{})
	default:
		if c == '-' || c >= '0' && c <= '9' {
			return d.number()
		}
	}
	d.fail("no value")
	return Value{}
}

func (d *decoder) word(w string, v Value) Value {
	if len(d.b)-d.i < len(w) || string(d.b[d.i:d.i+len(w)]) != w {
		d.fail("no value")
		return Value{}
	}
	d.i += len(w)
	return v
}

func (d *decoder) list(depth int) Value {
	if depth > MaxDepth {
		d.fail("nested too deep")
		return Value{}
	}
	d.i++
	var vs []Value
	for d.blanks(); d.peek() != ']'; d.blanks() {
		if len(vs) > 0 {
			if d.peek() != ',' {
				d.fail("no comma or end of the list")
				return Value{}
			}
			d.i++
			d.blanks()
		}
		vs = append(vs, d.value(depth))
		if d.err != nil {
			return Value{}
		}
	}
	d.i++
	return List(vs...)
}

func (d *decoder) dict(depth int) Value {
	if depth > MaxDepth {
		d.fail("nested too deep")
		return Value{}
	}
	d.i++
	var ms []Member
	var at map[string]int // only for maps too long to be searched
	for d.blanks(); d.peek() != '}'; d.blanks() {
		if len(ms) > 0 {
			if d.peek() != ',' {
				d.fail("no comma or end of the map")
				return Value{}
			}
			d.i++
			d.blanks()
		}
		if d.peek() != '"' {
			d.fail("no key")
			return Value{}
		}
		key := d.text()
		d.blanks()
		if d.err == nil && d.peek() != ':' {
			d.fail("no colon")
		}
		if d.err != nil {
			return Value{}
		}
		d.i++
		d.blanks()
		m := Member{key, d.value(depth)}
		if d.err != nil {
			return Value{}
		}
		if at == nil && len(ms) == 16 {
			at = make(map[string]int, 32)
			for i, e := range ms {
				at[e.Key] = i
			}
		}
		if i := find(ms, at, key); i >= 0 {
			ms[i].Value = m.Value
			continue
		}
		if at != nil {
			at[key] = len(ms)
		}
		ms = append(ms, m)
	}
	d.i++
	return Map(ms...)
}

func find(ms []Member, at map[string]int, key string) int {
	if at != nil {
		if i, ok := at[key]; ok {
			return i
		}
		return -1
	}
	for i := range ms {
		if ms[i].Key == key {
			return i
		}
	}
	return -1
}

func (d *decoder) number() Value {
	start := d.i
	if d.peek() == '-' {
		d.i++
	}
	switch c := d.peek(); {
	case c == '0':
		d.i++
	case c >= '1' && c <= '9':
		d.digits()
	default:
		d.fail("no digit")
		return Value{}
	}
	whole := true
	if d.peek() == '.' {
		whole = false
		d.i++
		d.digits()
	}
	if c := d.peek(); c == 'e' || c == 'E' {
		whole = false
		d.i++
		if c := d.peek(); c == '+' || c == '-' {
			d.i++
		}
		d.digits()
	}
	if d.err != nil {
		return Value{}
	}
	text := string(d.b[start:d.i])
	if whole {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return Int(n)
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) {
		d.fail("number out of range")
		return Value{}
	}
	return Float(f)
}

func (d *decoder) digits() {
	start := d.i
	for c := d.peek(); c >= '0' && c <= '9'; c = d.peek() {
		d.i++
	}
	if d.i == start {
		d.fail("no digit")
	}
}

// text reads a string whose opening quote is next.
func (d *decoder) text() string {
	d.i++
	rest := d.b[d.i:]
	for i, c := range rest {
		switch {
		case c == '"':
			s := rest[:i]
			d.i += i + 1
			return d.valid(s)
		case c == '\\':
			return d.escaped(i)
		case c < 0x20:
			d.i += i
			d.fail("control character in a string")
			return ""
		}
	}
	d.i = len(d.b)
	d.fail("string without end")
	return ""
}

func (d *decoder) valid(s []byte) string {
	if !utf8.Valid(s) {
		d.fail("string is not UTF-8")
		return ""
	}
	return string(s)
}

// escaped goes on with a string whose first n bytes need no care.
func (d *decoder) escaped(n int) string {
	// No escape is shorter than what it stands for.
	size := bytes.IndexByte(d.b[d.i+n:], '"')
	out := make([]byte, 0, n+max(size, 0)+1)
	out = append(out, d.b[d.i:d.i+n]...)
	d.i += n
	for d.i < len(d.b) {
		c := d.b[d.i]
		switch {
		case c == '"':
			d.i++
			return d.valid(out)
		case c < 0x20:
			d.fail("control character in a string")
			return ""
		case c != '\\':
			out = append(out, c)
			d.i++
			continue
		}
		d.i++
		c = d.peek()
		d.i++
		switch c {
		case '"', '\\', '/':
			out = append(out, c)
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r := d.hex4()
			if utf16.IsSurrogate(r) {
				var low rune
				if d.peek() == '\\' && d.i+1 < len(d.b) && d.b[d.i+1] == 'u' {
					d.i += 2
					low = d.hex4()
				}
				if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
					d.fail("lone surrogate")
				}
			}
			out = utf8.AppendRune(out, r)
		default:
			d.i--
			d.fail("unknown escape")
		}
		if d.err != nil {
			return ""
		}
	}
	d.fail("string without end")
	return ""
}

func (d *decoder) hex4() rune {
	if len(d.b)-d.i < 4 {
		d.fail("short escape")
		return 0
	}
	n, err := strconv.ParseUint(string(d.b[d.i:d.i+4]), 16, 16)
	if err != nil {
		d.fail("bad escape")
		return 0
	}
	d.i += 4
	return rune(n)
}
