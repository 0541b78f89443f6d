package bysant

import (
	"math"
	"strings"
)

// MaxDepth is how many collections and objects may lie within each other.
const MaxDepth = 32

// Parse reads one value in the global context and returns what is behind it.
// Strings of the value share one copy of b.
func Parse(b []byte) (v Value, rest []byte, err error) {
	v, behind, err := ParseString(Global, string(b))
	if err != nil {
		return Value{}, nil, err
	}
	return v, b[len(b)-len(behind):], nil
}

// ParseString reads one value in a context. The strings of the value are
// parts of s. Memory is bounded by about 64 times the bytes of the value.
func ParseString(c Context, s string) (v Value, rest string, err error) {
	p := parser{s: s, room: len(s)}
	if err := p.value(&v, c, 0); err != nil {
		return Value{}, "", err
	}
	return v, p.s[p.at:], nil
}

// parser reads a string from at on.
type parser struct {
	s    string
	at   int
	room int // items that may still be promised: each takes a byte at least
	vs   []Value
	ms   []Member
}

// value reads into v, which is zero.
func (p *parser) value(v *Value, c Context, depth int) error {
	if c == Global && p.scalar(v) {
		return nil
	}
	t, err := head(c, p.s[p.at:])
	if err != nil {
		return err
	}
	p.at += t.size
	return p.body(v, t, depth)
}

// scalar reads the most frequent values at once; for all others, and those
// that are not complete, it does nothing.
func (p *parser) scalar(v *Value) bool {
	s := p.s[p.at:]
	if s == "" {
		return false
	}
	switch op := s[0]; {
	case op >= 0x80 && op <= 0xDF:
		v.kind, v.num = Int, uint64(int64(op)-0x9F)
		p.at++
	case op >= 0xE0 && op <= 0xE7 && len(s) > 1:
		v.kind, v.num = Int, 65+uint64(op-0xE0)<<8+uint64(s[1])
		p.at += 2
	case op == 0xFC && len(s) > 4:
		v.kind, v.num = Int, uint64(int32(be4(s[1:])))
		p.at += 5
	case op == 0xFE && len(s) > 4:
		v.kind, v.num = Float, math.Float64bits(float64(math.Float32frombits(be4(s[1:]))))
		p.at += 5
	case op == 0xFF && len(s) > 8:
		v.kind, v.num = Float, uint64(be4(s[1:]))<<32|uint64(be4(s[5:]))
		p.at += 9
	case op >= 0x03 && op <= 0x23 && len(s) > int(op-0x03):
		v.kind, v.str = String, s[1:1+int(op-0x03)]
		p.at += 1 + int(op-0x03)
	default:
		return false
	}
	return true
}

func be4(s string) uint32 {
	_ = s[3]
	return uint32(s[0])<<24 | uint32(s[1])<<16 | uint32(s[2])<<8 | uint32(s[3])
}

// body reads what follows a head.
func (p *parser) body(v *Value, t token, depth int) (err error) {
	switch t.kind {
	case Bool, Int:
		*v = Value{kind: t.kind, num: uint64(t.n)}
	case Float:
		*v = Value{kind: Float, num: math.Float64bits(t.f)}
	case String:
		*v = Value{kind: String}
		v.str, err = p.text(t)
	case Null:
		*v = Value{}
	default:
		if depth >= MaxDepth {
			return malformed("nested more than %d deep", MaxDepth)
		}
		*v = Value{kind: t.kind, typed: t.typed, item: t.item, sub: &composite{}}
		if t.unknown != (t.kind == Map) {
			v.form = unusual
		}
		switch t.kind {
		case List:
			v.sub.list, err = p.list(t, depth+1)
		case Map:
			v.sub.members, err = p.members(t, depth+1)
		default:
			v.class, v.form = Class(t.n), usual
			v.sub.list, err = p.object(v.class, depth+1)
		}
	}
	return err
}

func (p *parser) text(t token) (string, error) {
	if !t.chunked {
		return p.take(t.n)
	}
	var b strings.Builder
	for {
		n, err := chunk(p.s[p.at:])
		if err != nil {
			return "", err
		}
		p.at += 2
		if n == 0 {
			return b.String(), nil
		}
		piece, err := p.take(int64(n))
		if err != nil {
			return "", err
		}
		b.WriteString(piece)
	}
}

func (p *parser) take(n int64) (string, error) {
	if n > int64(len(p.s)-p.at) {
		return "", ErrShort
	}
	s := p.s[p.at : p.at+int(n)]
	p.at += int(n)
	return s, nil
}

// promise checks a length before memory is set aside for it.
func (p *parser) promise(n int64) error {
	if n > int64(len(p.s)-p.at) {
		return ErrShort
	}
	if p.room -= int(n); p.room < 0 {
		return malformed("more items than bytes")
	}
	return nil
}

func (p *parser) list(t token, depth int) ([]Value, error) {
	if !t.unknown {
		if err := p.promise(t.n); err != nil {
			return nil, err
		}
		vs := make([]Value, t.n)
		for i := range vs {
			if err := p.value(&vs[i], t.item, depth); err != nil {
				return nil, err
			}
		}
		return vs, nil
	}
	base := len(p.vs)
	for {
		var v Value
		if err := p.value(&v, t.item, depth); err != nil {
			return nil, err
		}
		if v.kind == Null {
			vs := append([]Value(nil), p.vs[base:]...)
			p.vs = p.vs[:base]
			return vs, nil
		}
		p.vs = append(p.vs, v)
	}
}

func (p *parser) members(t token, depth int) ([]Member, error) {
	base := len(p.ms)
	var ms []Member
	if !t.unknown {
		if err := p.promise(t.n); err != nil {
			return nil, err
		}
		ms = make([]Member, 0, t.n)
	}
	for t.unknown || len(ms) < int(t.n) {
		h, err := uisHead(p.s[p.at:])
		if err != nil {
			return nil, err
		}
		p.at += h.size
		var m Member
		switch h.kind {
		case Int:
			m.Key = Index(uint32(h.n))
		case String:
			if m.Key.str, err = p.text(h); err != nil {
				return nil, err
			}
		default:
			if !t.unknown {
				return nil, malformed("a key is null")
			}
			ms = append([]Member(nil), p.ms[base:]...)
			p.ms = p.ms[:base]
			return ms, distinct(ms)
		}
		if err := p.value(&m.Value, t.item, depth); err != nil {
			return nil, err
		}
		if t.unknown {
			p.ms = append(p.ms, m)
		} else {
			ms = append(ms, m)
		}
	}
	return ms, distinct(ms)
}

// distinct refuses a key that is there twice.
func distinct(ms []Member) error {
	if len(ms) <= 16 {
		for i, m := range ms {
			for _, n := range ms[:i] {
				if n.Key == m.Key {
					return malformed("the key %q is there twice", m.Key.String())
				}
			}
		}
		return nil
	}
	seen := make(map[Key]struct{}, len(ms))
	for _, m := range ms {
		if _, ok := seen[m.Key]; ok {
			return malformed("the key %q is there twice", m.Key.String())
		}
		seen[m.Key] = struct{}{}
	}
	return nil
}

func (p *parser) object(c Class, depth int) ([]Value, error) {
	vs := make([]Value, len(fields[c]))
	for i, context := range fields[c] {
		if err := p.value(&vs[i], context, depth); err != nil {
			return nil, err
		}
	}
	return vs, nil
}
