// Package bysant is the Bysant serializer of M3DA: binary values, each read
// in a context that its surroundings give [BYSANT 1].
//
// Parse and Append work on whole values; a Scanner finds the end of a value
// in a stream. What Append writes is what the original writes: whole numbers
// as integers, other floats in 32 bits where nothing is lost, lists with
// their length and maps without. A collection that was read in another form
// is written in that form again.
package bysant

import (
	"fmt"
	"math"
	"strconv"
)

// Context says how the bytes of a value are to be read.
type Context uint8

// The contexts [BYSANT 1].
const (
	Global  Context = iota // any value
	UIS                    // an unsigned integer of 32 bits, or a string
	Number                 // an integer or a float
	Int32                  // 4 bytes
	Float32                // 4 bytes
	Float64                // 8 bytes
	Listmap                // a list or a map
)

// Kind says what a Value holds.
type Kind uint8

// The kinds.
const (
	Null Kind = iota
	Bool
	Int
	Float
	String
	List
	Map
	Object // an instance of a class, see Class
)

var kindNames = [...]string{"null", "bool", "int", "float", "string", "list", "map", "object"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// form is how a collection or a float is written.
type form uint8

const (
	usual   form = iota // lists with their length, maps without; whole floats as integers
	unusual             // the other way round
)

// Value is one value. The zero Value is null. A Value is not changed after it
// was made; its lists and maps may be shared.
type Value struct {
	kind  Kind
	form  form
	typed bool
	item  Context // of the items, when typed
	class Class
	num   uint64 // a bool, an int, or the bits of a float
	str   string
	sub   *composite
}

type composite struct {
	list    []Value
	members []Member
}

// Key is the key of a map: a string, or an integer of 32 bits without sign.
// 1 and "1" are different keys.
type Key struct {
	str      string
	num      uint32
	isNumber bool
}

// Name is a key that is a string.
func Name(s string) Key { return Key{str: s} }

// Index is a key that is a number.
func Index(n uint32) Key { return Key{num: n, isNumber: true} }

// Number returns the number; ok is false for a string.
func (k Key) Number() (n uint32, ok bool) { return k.num, k.isNumber }

// String is the key as text, also of a number.
func (k Key) String() string {
	if k.isNumber {
		return strconv.FormatUint(uint64(k.num), 10)
	}
	return k.str
}

// Member is one entry of a map.
type Member struct {
	Key   Key
	Value Value
}

// OfBool makes a boolean.
func OfBool(b bool) Value {
	v := Value{kind: Bool}
	if b {
		v.num = 1
	}
	return v
}

// OfInt makes an integer.
func OfInt(n int64) Value { return Value{kind: Int, num: uint64(n)} }

// OfFloat makes a float.
func OfFloat(f float64) Value { return Value{kind: Float, num: math.Float64bits(f)} }

// OfString makes a string of any bytes.
func OfString(s string) Value { return Value{kind: String, str: s} }

// OfList makes a list; it keeps the slice.
func OfList(vs ...Value) Value { return Value{kind: List, sub: &composite{list: vs}} }

// OfMap makes a map with its members in the order given; it keeps the slice.
// The keys must differ.
func OfMap(ms ...Member) Value { return Value{kind: Map, sub: &composite{members: ms}} }

// OfObject makes an instance of a class; it keeps the slice, which has as many
// values as the class has fields.
func OfObject(c Class, fields ...Value) Value {
	return Value{kind: Object, class: c, sub: &composite{list: fields}}
}

// Typed is a list or map whose values are written in a context of their own;
// where one of them does not fit there, Append ignores it.
func (v Value) Typed(c Context) Value {
	if v.kind == List || v.kind == Map {
		v.typed, v.item = true, c
	}
	return v
}

// Sized is a map that is written with its length, as servers do.
func (v Value) Sized() Value {
	if v.kind == Map {
		v.form = unusual
	}
	return v
}

// AsFloat is a float that is written as one also where an integer would do,
// for readers to whom that makes a difference.
func (v Value) AsFloat() Value {
	if v.kind == Float {
		v.form = unusual
	}
	return v
}

// Kind says what v holds.
func (v Value) Kind() Kind { return v.kind }

// IsNull reports whether v is null.
func (v Value) IsNull() bool { return v.kind == Null }

// Bool returns a boolean.
func (v Value) Bool() (b, ok bool) { return v.num != 0, v.kind == Bool }

// Int returns an integer, also of a float that is one exactly.
func (v Value) Int() (int64, bool) {
	switch v.kind {
	case Int:
		return int64(v.num), true
	case Float:
		if n, ok := whole(math.Float64frombits(v.num)); ok {
			return n, true
		}
	}
	return 0, false
}

// whole is a float as an integer, when it is one.
func whole(f float64) (int64, bool) {
	if f != math.Trunc(f) || f < -1<<63 || f >= 1<<63 { // NaN differs from itself
		return 0, false
	}
	return int64(f), true
}

// Float returns a number, converted when it is an integer.
func (v Value) Float() (float64, bool) {
	switch v.kind {
	case Int:
		return float64(int64(v.num)), true
	case Float:
		return math.Float64frombits(v.num), true
	}
	return 0, false
}

// Str returns a string.
func (v Value) Str() (string, bool) { return v.str, v.kind == String }

// Elems returns the items of a list, nil for anything else. The slice must
// not be changed.
func (v Value) Elems() []Value {
	if v.kind != List {
		return nil
	}
	return v.sub.list
}

// Members returns the entries of a map in their order, nil for anything else.
// The slice must not be changed.
func (v Value) Members() []Member {
	if v.kind != Map {
		return nil
	}
	return v.sub.members
}

// Len is the number of items or entries, 0 for anything else.
func (v Value) Len() int { return len(v.Elems()) + len(v.Members()) }

// Get returns the entry of that name; ok is false when v is no map or has no
// such key.
func (v Value) Get(name string) (m Value, ok bool) {
	for _, e := range v.Members() {
		if e.Key == Name(name) {
			return e.Value, true
		}
	}
	return Value{}, false
}

// Object returns the class and the fields of an instance; ok is false for
// anything else. The slice must not be changed.
func (v Value) Object() (c Class, fields []Value, ok bool) {
	if v.kind != Object {
		return 0, nil, false
	}
	return v.class, v.sub.list, true
}

// Equal reports whether both hold the same. Numbers are equal by their value,
// NaN equals itself, and the form of collections does not count; the order of
// members does.
func (v Value) Equal(w Value) bool {
	if v.kind != w.kind {
		x, ok := v.Int()
		y, also := w.Int()
		return ok && also && x == y
	}
	switch v.kind {
	case Null:
		return true
	case String:
		return v.str == w.str
	case Float:
		x, y := math.Float64frombits(v.num), math.Float64frombits(w.num)
		return x == y || x != x && y != y
	case Bool, Int:
		return v.num == w.num
	}
	if v.class != w.class || len(v.sub.list) != len(w.sub.list) || len(v.sub.members) != len(w.sub.members) {
		return false
	}
	for i, e := range v.sub.list {
		if !e.Equal(w.sub.list[i]) {
			return false
		}
	}
	for i, m := range v.sub.members {
		if n := w.sub.members[i]; m.Key != n.Key || !m.Value.Equal(n.Value) {
			return false
		}
	}
	return true
}
