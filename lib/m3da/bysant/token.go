package bysant

import (
	"errors"
	"fmt"
	"math"
)

// What Parse and Scanner refuse.
var (
	// ErrShort is a value that is not complete: more bytes may make it so.
	ErrShort = errors.New("the value is not complete")
	// ErrMalformed is wrapped by all that no more bytes can mend.
	ErrMalformed = errors.New("malformed value")
)

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// token is the head of a value: all of it for scalars but the bytes of a
// string, of a collection what comes before its items.
type token struct {
	kind    Kind
	chunked bool // a string in pieces
	unknown bool // a collection that a null ends
	typed   bool
	item    Context // of the items; Global where not typed
	size    int     // bytes of the head
	n       int64   // an int or bool, the length of a string, the number of items, the class
	f       float64
}

// be reads n bytes, most significant first.
func be(s string) (n uint64) {
	for i := range len(s) {
		n = n<<8 | uint64(s[i])
	}
	return n
}

// head reads the head of a value in a context.
func head(c Context, s string) (t token, err error) {
	if s == "" {
		return t, ErrShort
	}
	switch c {
	case Global:
		return globalHead(s)
	case UIS:
		return uisHead(s)
	case Number:
		return numberHead(s)
	case Listmap:
		return listmapHead(s)
	}
	return rawHead(c, s)
}

func globalHead(s string) (t token, err error) {
	op := s[0]
	switch {
	case op >= 0x80 && op <= 0xDF:
		return token{kind: Int, n: int64(op) - 0x9F, size: 1}, nil
	case op >= 0xE0:
		return longInt(s, op-0xE0, &globalInts)
	case op >= 0x03 && op <= 0x23:
		return token{kind: String, n: int64(op) - 3, size: 1}, nil
	case op == 0:
		return token{size: 1}, nil
	case op <= 0x02:
		return token{kind: Bool, n: int64(2 - op), size: 1}, nil
	case op <= 0x27:
		return longString(s, 1, 33+int64(op-0x24)*256)
	case op == 0x28:
		return longString(s, 2, 1057)
	case op == 0x29:
		return token{kind: String, chunked: true, size: 1}, nil
	case op <= 0x35:
		return collection(s, List, op-0x2A, 9, false)
	case op <= 0x40:
		return collection(s, List, op-0x35, 9, true)
	case op <= 0x4C:
		return collection(s, Map, op-0x41, 9, false)
	case op <= 0x57:
		return collection(s, Map, op-0x4C, 9, true)
	case op >= 0x60 && op < 0x70:
		if n := op - 0x60; n < byte(classes) {
			return token{kind: Object, n: int64(n), size: 1}, nil
		}
		return t, malformed("class %d is not known", op-0x60)
	}
	return t, malformed("opcode %02X", op)
}

// collection reads the head of a list or map. op counts: 0 is empty, then one
// to most items, a length that follows, and the unknown length; the typed
// ones have no empty form.
func collection(s string, kind Kind, op, most byte, typed bool) (t token, err error) {
	t = token{kind: kind, typed: typed, n: int64(op), size: 1}
	switch {
	case op == most+1:
		length, err := uisHead(s[1:])
		if err != nil {
			return token{}, err
		}
		if length.kind != Int {
			return token{}, malformed("a length that is no number")
		}
		t.n, t.size = int64(most)+1+length.n, 1+length.size
	case op > most+1:
		t.n, t.unknown = 0, true
	}
	if typed {
		if len(s) <= t.size {
			return token{}, ErrShort
		}
		t.item = Context(s[t.size])
		t.size++
		if t.item > Listmap {
			return token{}, malformed("context %d", t.item)
		}
	}
	return t, nil
}

func longString(s string, bytes int, base int64) (token, error) {
	if len(s) <= bytes {
		return token{}, ErrShort
	}
	return token{kind: String, n: base + int64(be(s[1:1+bytes])), size: 1 + bytes}, nil
}

// ranges are the integers of more than one byte of a context: for each count
// of bytes the number of opcodes of each sign and the smallest value.
type ranges struct {
	ops   [3]byte
	plus  [3]int64
	minus [3]int64
}

var (
	globalInts = ranges{[3]byte{8, 4, 2}, [3]int64{65, 2113, 264257}, [3]int64{-32, -2080, -264224}}
	numberInts = ranges{[3]byte{16, 8, 4}, [3]int64{98, 4194, 528482}, [3]int64{-98, -4194, -528482}}
)

// longInt reads a number of which op counts from the first long integer on:
// one to three bytes, plus and minus, then i32, i64, f32 and f64.
func longInt(s string, op byte, r *ranges) (token, error) {
	for i, ops := range r.ops {
		bytes := i + 1
		if op >= 2*ops {
			op -= 2 * ops
			continue
		}
		if len(s) <= bytes {
			return token{}, ErrShort
		}
		low := int64(be(s[1 : 1+bytes]))
		if op < ops {
			return token{kind: Int, n: r.plus[i] + int64(op)<<(8*bytes) + low, size: 1 + bytes}, nil
		}
		return token{kind: Int, n: r.minus[i] - (int64(op-ops)<<(8*bytes) + low), size: 1 + bytes}, nil
	}
	bytes := 4
	if op == 1 || op == 3 {
		bytes = 8
	}
	if len(s) <= bytes {
		return token{}, ErrShort
	}
	bits := be(s[1 : 1+bytes])
	t := token{kind: Int, size: 1 + bytes}
	switch op {
	case 0:
		t.n = int64(int32(bits))
	case 1:
		t.n = int64(bits)
	case 2:
		t.kind, t.f = Float, float64(math.Float32frombits(uint32(bits)))
	default:
		t.kind, t.f = Float, math.Float64frombits(bits)
	}
	return t, nil
}

func uisHead(s string) (t token, err error) {
	if s == "" {
		return t, ErrShort
	}
	op := s[0]
	long := func(bytes int, base int64) (token, error) {
		if len(s) <= bytes {
			return token{}, ErrShort
		}
		return token{kind: Int, n: base + int64(be(s[1:1+bytes])), size: 1 + bytes}, nil
	}
	switch {
	case op >= 0x3B && op <= 0xC6:
		return token{kind: Int, n: int64(op) - 0x3B, size: 1}, nil
	case op == 0:
		return token{size: 1}, nil
	case op <= 0x30:
		return token{kind: String, n: int64(op) - 1, size: 1}, nil
	case op <= 0x38:
		return longString(s, 1, 48+int64(op-0x31)*256)
	case op == 0x39:
		return longString(s, 2, 2096)
	case op == 0x3A:
		return token{kind: String, chunked: true, size: 1}, nil
	case op <= 0xE6:
		return long(1, 140+int64(op-0xC7)<<8)
	case op <= 0xF6:
		return long(2, 8332+int64(op-0xE7)<<16)
	case op <= 0xFE:
		return long(3, 1056908+int64(op-0xF7)<<24)
	}
	return long(4, 0)
}

func numberHead(s string) (token, error) {
	switch op := s[0]; {
	case op == 0:
		return token{size: 1}, nil
	case op <= 0xC3:
		return token{kind: Int, n: int64(op) - 0x62, size: 1}, nil
	default:
		return longInt(s, op-0xC4, &numberInts)
	}
}

// rawHead reads the contexts of fixed size, each of which has one pattern that
// a byte behind it explains.
func rawHead(c Context, s string) (t token, err error) {
	bytes, escape := 4, uint64(0x80000000)
	switch c {
	case Float32:
		escape = 0xFFFFFFFF
	case Float64:
		bytes, escape = 8, math.MaxUint64
	}
	if len(s) < bytes {
		return t, ErrShort
	}
	bits := be(s[:bytes])
	t.size = bytes
	if bits == escape {
		if len(s) == bytes {
			return token{}, ErrShort
		}
		t.size++
		switch s[bytes] {
		case 0:
			return t, nil
		case 1:
		default:
			return token{}, malformed("escape %02X", s[bytes])
		}
	}
	switch c {
	case Int32:
		t.kind, t.n = Int, int64(int32(bits))
	case Float32:
		t.kind, t.f = Float, float64(math.Float32frombits(uint32(bits)))
	default:
		t.kind, t.f = Float, math.Float64frombits(bits)
	}
	return t, nil
}

func listmapHead(s string) (t token, err error) {
	switch op := s[0]; {
	case op == 0:
		return token{size: 1}, nil
	case op <= 0x3F:
		return collection(s, List, op-0x01, 60, false)
	case op <= 0x7D:
		return collection(s, List, op-0x3F, 60, true)
	case op <= 0x82:
		return t, malformed("opcode %02X", op)
	case op <= 0xC1:
		return collection(s, Map, op-0x83, 60, false)
	default:
		return collection(s, Map, op-0xC1, 60, true)
	}
}

// chunk reads the length of one piece of a string, 0 for the last.
func chunk(s string) (int, error) {
	if len(s) < 2 {
		return 0, ErrShort
	}
	return int(be(s[:2])), nil
}
