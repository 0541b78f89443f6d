package record

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// ErrJSON is wrapped by the error about a text that is no JSON object, also not
// leniently read.
var ErrJSON = errors.New("not a JSON object")

// maxDepth bounds the nesting of a value.
const maxDepth = 16

// Object is a JSON object with its members in the order of the text: what a
// device said is echoed to it, so neither order nor spelling of a number is
// lost.
type Object []Member

// Member is one member. Key is the decoded name, any bytes; Value is canonical
// JSON text: no blanks, in strings only the quote, the backslash and control
// characters escaped.
type Member struct {
	Key   string
	Value Value
}

// Value is a canonical JSON text.
type Value string

// String makes a value of a text, which may hold any bytes.
func String(s string) Value { return Value(appendString(nil, s)) }

// Int makes a value of a number.
func Int(n int64) Value { return Value(strconv.FormatInt(n, 10)) }

// Text is the decoded text of a string value.
func (v Value) Text() (string, bool) {
	if len(v) < 2 || v[0] != '"' {
		return "", false
	}
	p := parser{b: []byte(v)}
	s, err := p.str()
	return s, err == nil
}

// Int is the integer of a number value; a number such as 1e3 or 12.0 is none.
func (v Value) Int() (int64, bool) {
	n, err := strconv.ParseInt(string(v), 10, 64)
	return n, err == nil
}

// Object is the members of an object value.
func (v Value) Object() (Object, bool) {
	o, err := ParseObject([]byte(v))
	return o, err == nil
}

// Get returns the value of a member, "" when it is not there.
func (o Object) Get(key string) Value {
	for _, m := range o {
		if m.Key == key {
			return m.Value
		}
	}
	return ""
}

// Text returns the text of a string member, "" when there is none.
func (o Object) Text(key string) string {
	s, _ := o.Get(key).Text()
	return s
}

// With returns a copy in which key has the value, at its old place or the end;
// the value "" drops the member.
func (o Object) With(key string, v Value) Object {
	out := make(Object, 0, len(o)+1)
	found := false
	for _, m := range o {
		if m.Key == key {
			found = true
			if v == "" {
				continue
			}
			m.Value = v
		}
		out = append(out, m)
	}
	if !found && v != "" {
		out = append(out, Member{key, v})
	}
	return out
}

// Value is the object as a value.
func (o Object) Value() Value { return Value(o.Append(nil)) }

// Append appends the canonical text.
func (o Object) Append(dst []byte) []byte {
	dst = append(dst, '{')
	for i, m := range o {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, m.Key)
		dst = append(dst, ':')
		dst = append(dst, m.Value...)
	}
	return append(dst, '}')
}

//go:noinline // many call it, none in a hurry: each copy is size
func appendString(dst []byte, s string) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// ParseObject reads a JSON object. Members may not repeat. It is lenient
// where devices are wrong: a backslash that begins no escape stands for itself,
// since sjson does not escape it, and control characters may stand in strings.
func ParseObject(b []byte) (Object, error) {
	p := parser{b: b}
	p.blank()
	o, err := p.object(0)
	if err != nil {
		return nil, err
	}
	p.blank()
	if p.i != len(b) {
		return nil, p.fault("text behind it")
	}
	return o, nil
}

type parser struct {
	b []byte
	i int
}

func (p *parser) fault(what string) error {
	return fmt.Errorf("%w: %s at byte %d", ErrJSON, what, p.i)
}

func (p *parser) peek() byte {
	if p.i < len(p.b) {
		return p.b[p.i]
	}
	return 0
}

func (p *parser) blank() {
	for p.i < len(p.b) && (p.b[p.i] == ' ' || p.b[p.i] == '\t' || p.b[p.i] == '\n' || p.b[p.i] == '\r') {
		p.i++
	}
}

func (p *parser) object(depth int) (Object, error) {
	if p.peek() != '{' {
		return nil, p.fault("no {")
	}
	p.i++
	o := Object{}
	seen := map[string]bool{}
	for p.blank(); p.peek() != '}'; p.blank() {
		if len(o) > 0 {
			if p.peek() != ',' {
				return nil, p.fault("no comma")
			}
			p.i++
			p.blank()
		}
		key, err := p.str()
		if err != nil {
			return nil, err
		}
		if seen[key] {
			return nil, p.fault("a member twice")
		}
		seen[key] = true
		p.blank()
		if p.peek() != ':' {
			return nil, p.fault("no colon")
		}
		p.i++
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		o = append(o, Member{key, Value(v)})
	}
	p.i++
	return o, nil
}

// value reads any value and returns its canonical text.
func (p *parser) value(depth int) ([]byte, error) {
	p.blank()
	if depth > maxDepth {
		return nil, p.fault("nested too deep")
	}
	switch c := p.peek(); {
	case c == '{':
		o, err := p.object(depth)
		if err != nil {
			return nil, err
		}
		return o.Append(nil), nil
	case c == '[':
		return p.array(depth)
	case c == '"':
		s, err := p.str()
		return appendString(nil, s), err
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	}
	for _, word := range []string{"true", "false", "null"} {
		if len(p.b)-p.i >= len(word) && string(p.b[p.i:p.i+len(word)]) == word {
			p.i += len(word)
			return []byte(word), nil
		}
	}
	return nil, p.fault("no value")
}

func (p *parser) array(depth int) ([]byte, error) {
	p.i++
	out := []byte{'['}
	for p.blank(); p.peek() != ']'; p.blank() {
		if len(out) > 1 {
			if p.peek() != ',' {
				return nil, p.fault("no comma")
			}
			p.i++
			out = append(out, ',')
		}
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		out = append(out, v...)
	}
	p.i++
	return append(out, ']'), nil
}

func (p *parser) number() ([]byte, error) {
	from := p.i
	digits := func() bool {
		n := p.i
		for p.peek() >= '0' && p.peek() <= '9' {
			p.i++
		}
		return p.i > n
	}
	if p.peek() == '-' {
		p.i++
	}
	zero := p.peek() == '0'
	first := p.i
	if !digits() || zero && p.i > first+1 {
		return nil, p.fault("no number")
	}
	if p.peek() == '.' {
		p.i++
		if !digits() {
			return nil, p.fault("no number")
		}
	}
	if p.peek() == 'e' || p.peek() == 'E' {
		p.i++
		if p.peek() == '+' || p.peek() == '-' {
			p.i++
		}
		if !digits() {
			return nil, p.fault("no number")
		}
	}
	return p.b[from:p.i:p.i], nil
}

func (p *parser) str() (string, error) {
	if p.peek() != '"' || p.i >= len(p.b) {
		return "", p.fault("no string")
	}
	p.i++
	var out []byte
	for p.i < len(p.b) {
		c := p.b[p.i]
		p.i++
		switch {
		case c == '"':
			return string(out), nil
		case c == '\\':
			out = p.escape(out)
		default:
			out = append(out, c)
		}
	}
	return "", p.fault("a string without end")
}

// escape reads what follows a backslash. Where that is no escape, the backslash
// stands for itself.
func (p *parser) escape(out []byte) []byte {
	plain := map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}
	c := p.peek()
	if e, ok := plain[c]; ok {
		p.i++
		return append(out, e)
	}
	if r, ok := p.unicode(p.i); ok {
		p.i += 5
		if utf16.IsSurrogate(r) {
			low, ok := rune(0), false
			if p.peek() == '\\' {
				low, ok = p.unicode(p.i + 1)
			}
			if pair := utf16.DecodeRune(r, low); ok && pair != utf8.RuneError {
				p.i += 6
				return utf8.AppendRune(out, pair)
			}
			r = utf8.RuneError
		}
		return utf8.AppendRune(out, r)
	}
	return append(out, '\\')
}

func (p *parser) unicode(at int) (rune, bool) {
	if at+5 > len(p.b) || p.b[at] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(p.b[at+1:at+5]), 16, 16)
	return rune(n), err == nil
}
