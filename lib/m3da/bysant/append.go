package bysant

import (
	"encoding/binary"
	"math"
	"strconv"
)

// Append writes a value in the global context, in its canonical form.
func Append(dst []byte, v Value) []byte { return AppendIn(dst, Global, v) }

// AppendIn writes a value in a context. What a context has no form for is
// written as the nearest that it has: in UIS other scalars as their text, and
// null where there is nothing near. Fits tells them apart.
func AppendIn(dst []byte, c Context, v Value) []byte {
	switch c {
	case Global:
		return appendGlobal(dst, v)
	case UIS:
		return appendUIS(dst, v)
	case Number:
		return appendNumber(dst, v)
	case Listmap:
		if v.kind == List || v.kind == Map {
			return appendCollection(dst, v, 0x01, 0x3F, 0x83, 0xC1, 60)
		}
		return append(dst, 0)
	}
	return appendRaw(dst, c, v)
}

// Fits reports whether a value keeps its meaning in a context.
func Fits(c Context, v Value) bool {
	n, isInt := v.Int()
	switch {
	case c == Global || v.kind == Null:
		return true
	case c == UIS:
		return v.kind == String || isInt && n >= 0 && n <= math.MaxUint32
	case c == Listmap:
		return v.kind == List || v.kind == Map
	case c == Int32:
		return isInt && n == int64(int32(n))
	}
	f, isNumber := v.Float()
	switch c {
	case Float32:
		return isNumber && (!isInt || int64(f) == n) && float64(float32(f)) == f
	case Float64:
		return isNumber && (!isInt || f < 1<<63 && int64(f) == n)
	}
	return isNumber
}

func appendGlobal(dst []byte, v Value) []byte {
	switch v.kind {
	case Null:
		return append(dst, 0)
	case Bool:
		return append(dst, 2-byte(v.num))
	case Int:
		if n := int64(v.num); n >= -31 && n <= 64 {
			return append(dst, byte(n+0x9F))
		}
		return appendInt(dst, int64(v.num), 0xE0, &globalInts)
	case Float:
		return appendFloat(dst, v, Global)
	case String:
		switch n := len(v.str); {
		case n <= 32:
			dst = append(dst, 0x03+byte(n))
		case n <= 1056:
			dst = append(dst, 0x24+byte((n-33)>>8), byte(n-33))
		case n <= 66592:
			dst = append(dst, 0x28, byte((n-1057)>>8), byte(n-1057))
		default:
			return appendChunks(append(dst, 0x29), v.str)
		}
		return append(dst, v.str...)
	case Object:
		dst = append(dst, 0x60+byte(v.class))
		for i, c := range fields[v.class] {
			var f Value
			if i < len(v.sub.list) {
				f = v.sub.list[i]
			}
			dst = AppendIn(dst, c, f)
		}
		return dst
	}
	return appendCollection(dst, v, 0x2A, 0x35, 0x41, 0x4C, 9)
}

func appendChunks(dst []byte, s string) []byte {
	for s != "" {
		n := min(len(s), math.MaxUint16)
		dst = append(binary.BigEndian.AppendUint16(dst, uint16(n)), s[:n]...)
		s = s[n:]
	}
	return append(dst, 0, 0)
}

// appendInt writes what has no opcode of its own; first is the opcode that
// longInt counts from.
func appendInt(dst []byte, n int64, first byte, r *ranges) []byte {
	for i, ops := range r.ops {
		bytes := i + 1
		low := n - r.plus[i]
		op := first
		if n < 0 {
			low = r.minus[i] - n
			op += ops
		}
		if low>>(8*bytes) < int64(ops) {
			dst = append(dst, op+byte(low>>(8*bytes)))
			for j := bytes - 1; j >= 0; j-- {
				dst = append(dst, byte(low>>(8*j)))
			}
			return dst
		}
		first += 2 * ops
	}
	if n == int64(int32(n)) {
		return binary.BigEndian.AppendUint32(append(dst, 0xFC), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, 0xFD), uint64(n))
}

// appendFloat writes a float in the contexts that know integers too.
func appendFloat(dst []byte, v Value, c Context) []byte {
	f := math.Float64frombits(v.num)
	if n, ok := whole(f); ok && v.form == usual {
		return AppendIn(dst, c, OfInt(n))
	}
	if g := float32(f); float64(g) == f || f != f {
		return binary.BigEndian.AppendUint32(append(dst, 0xFE), math.Float32bits(g))
	}
	return binary.BigEndian.AppendUint64(append(dst, 0xFF), math.Float64bits(f))
}

func appendNumber(dst []byte, v Value) []byte {
	switch v.kind {
	case Int:
		if n := int64(v.num); n >= -97 && n <= 97 {
			return append(dst, byte(n+0x62))
		}
		return appendInt(dst, int64(v.num), 0xC4, &numberInts)
	case Float:
		return appendFloat(dst, v, Number)
	}
	return append(dst, 0)
}

func appendUIS(dst []byte, v Value) []byte {
	switch v.kind {
	case String:
		return appendUISString(dst, v.str)
	case Bool:
		return appendUISString(dst, strconv.FormatBool(v.num != 0))
	case Int, Float:
		if n, ok := v.Int(); ok {
			if n >= 0 && n <= math.MaxUint32 {
				return appendUint(dst, uint32(n))
			}
			return appendUISString(dst, strconv.FormatInt(n, 10))
		}
		f, _ := v.Float()
		return appendUISString(dst, strconv.FormatFloat(f, 'g', -1, 64))
	}
	return append(dst, 0)
}

func appendUint(dst []byte, n uint32) []byte {
	switch {
	case n <= 139:
		return append(dst, 0x3B+byte(n))
	case n <= 8331:
		n -= 140
		return append(dst, 0xC7+byte(n>>8), byte(n))
	case n <= 1056907:
		n -= 8332
		return append(dst, 0xE7+byte(n>>16), byte(n>>8), byte(n))
	case n <= 135274635:
		n -= 1056908
		return append(dst, 0xF7+byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return binary.BigEndian.AppendUint32(append(dst, 0xFF), n)
}

func appendUISString(dst []byte, s string) []byte {
	switch n := len(s); {
	case n <= 47:
		dst = append(dst, 0x01+byte(n))
	case n <= 2095:
		dst = append(dst, 0x31+byte((n-48)>>8), byte(n-48))
	case n <= 67631:
		dst = append(dst, 0x39, byte((n-2096)>>8), byte(n-2096))
	default:
		return appendChunks(append(dst, 0x3A), s)
	}
	return append(dst, s...)
}

// appendCollection writes a list or map, with the opcodes from which each
// form counts: see collection.
func appendCollection(dst []byte, v Value, list, typedList, maps, typedMap, most byte) []byte {
	n, items := len(v.sub.list)+len(v.sub.members), Global
	op := list
	if v.kind == Map {
		op = maps
	}
	typed := v.typed && n > 0 && v.allFit()
	if typed {
		if items = v.item; v.kind == Map {
			op = typedMap
		} else {
			op = typedList
		}
	}
	unknown := (v.form == unusual) != (v.kind == Map) && (v.kind == Map || v.endable())
	switch {
	case unknown:
		dst = append(dst, op+most+2)
	case n <= int(most):
		dst = append(dst, op+byte(n))
	default:
		dst = appendUint(append(dst, op+most+1), uint32(n-int(most)-1))
	}
	if typed {
		dst = append(dst, byte(items))
	}
	for i := range v.sub.list {
		dst = AppendIn(dst, items, v.sub.list[i])
	}
	for i := range v.sub.members {
		m := &v.sub.members[i]
		if m.Key.isNumber {
			dst = appendUint(dst, m.Key.num)
		} else {
			dst = appendUISString(dst, m.Key.str)
		}
		dst = AppendIn(dst, items, m.Value)
	}
	switch {
	case unknown && v.kind == Map:
		dst = append(dst, 0)
	case unknown:
		dst = AppendIn(dst, items, Value{})
	}
	return dst
}

func (v Value) allFit() bool {
	for _, e := range v.sub.list {
		if !Fits(v.item, e) {
			return false
		}
	}
	for _, m := range v.sub.members {
		if !Fits(v.item, m.Value) {
			return false
		}
	}
	return true
}

// endable reports whether a null can end a list: none of the items may look
// like one.
func (v Value) endable() bool {
	for _, e := range v.sub.list {
		if e.kind == Null {
			return false
		}
	}
	return true
}

func appendRaw(dst []byte, c Context, v Value) []byte {
	escaped := func(b []byte, explained byte, escape bool) []byte {
		if escape {
			b = append(b, explained)
		}
		return b
	}
	f, ok := v.Float()
	n, _ := v.Int()
	switch c {
	case Int32:
		if !Fits(c, v) || v.kind == Null {
			return append(dst, 0x80, 0, 0, 0, 0)
		}
		return escaped(binary.BigEndian.AppendUint32(dst, uint32(n)), 1, n == math.MinInt32)
	case Float32:
		if !ok {
			return append(dst, 0xFF, 0xFF, 0xFF, 0xFF, 0)
		}
		bits := math.Float32bits(float32(f))
		return escaped(binary.BigEndian.AppendUint32(dst, bits), 1, bits == math.MaxUint32)
	}
	if !ok {
		return append(dst, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0)
	}
	bits := math.Float64bits(f)
	return escaped(binary.BigEndian.AppendUint64(dst, bits), 1, bits == math.MaxUint64)
}
