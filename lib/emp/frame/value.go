package frame

import (
	"fmt"
	"maps"
	"math"
	"slices"
)

// Kind says what a Value holds.
type Kind uint8

// The kinds. Integers and floats are different: 1 stays 1 and 1.0 stays 1.0
// [EMP 2.2].
const (
	KindNull Kind = iota
	KindBool
	KindInt
	KindFloat
	KindString
	KindList
	KindMap
)

func (k Kind) String() string {
	switch k {
	case KindNull:
		return "null"
	case KindBool:
		return "boolean"
	case KindInt:
		return "integer"
	case KindFloat:
		return "number"
	case KindString:
		return "string"
	case KindList:
		return "list"
	case KindMap:
		return "map"
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// some is the kind with its article, for messages.
func (k Kind) some() string {
	switch k {
	case KindNull:
		return "null"
	case KindInt:
		return "an integer"
	}
	return "a " + k.String()
}

// Value is one JSON value. The zero Value is null. A Value is not changed
// after it was made; its lists and maps may be shared.
type Value struct {
	kind Kind
	num  uint64 // bool, int64 or the bits of a float64
	str  string
	sub  *composite
}

type composite struct {
	list    []Value
	members []Member
}

// Member is one entry of a map.
type Member struct {
	Key   string
	Value Value
}

// Bool makes a boolean.
func Bool(b bool) Value {
	v := Value{kind: KindBool}
	if b {
		v.num = 1
	}
	return v
}

// Int makes an integer.
func Int(i int64) Value { return Value{kind: KindInt, num: uint64(i)} }

// Float makes a float. JSON has no NaN and no infinity: they become null.
func Float(f float64) Value {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return Value{}
	}
	return Value{kind: KindFloat, num: math.Float64bits(f)}
}

// String makes a string. What is not UTF-8 in it is replaced by U+FFFD when
// it is encoded.
func String(s string) Value { return Value{kind: KindString, str: s} }

// List makes a list; it keeps the slice.
func List(vs ...Value) Value { return Value{kind: KindList, sub: &composite{list: vs}} }

// Strings makes a list of strings.
func Strings(ss []string) Value {
	vs := make([]Value, len(ss))
	for i, s := range ss {
		vs[i] = String(s)
	}
	return List(vs...)
}

// Map makes a map with its members in the order given; it keeps the slice.
// The keys must differ.
func Map(ms ...Member) Value { return Value{kind: KindMap, sub: &composite{members: ms}} }

// Kind says what v holds.
func (v Value) Kind() Kind { return v.kind }

// IsNull reports whether v is null.
func (v Value) IsNull() bool { return v.kind == KindNull }

// Bool returns a boolean.
func (v Value) Bool() (b, ok bool) { return v.num != 0, v.kind == KindBool }

// Int returns an integer, also of a float that is one exactly.
func (v Value) Int() (int64, bool) {
	switch v.kind {
	case KindInt:
		return int64(v.num), true
	case KindFloat:
		f := math.Float64frombits(v.num)
		// 1<<63 is a float64 exactly; every float below it fits.
		if f == math.Trunc(f) && f >= -1<<63 && f < 1<<63 {
			return int64(f), true
		}
	}
	return 0, false
}

// Float returns a number, converted when it is an integer.
func (v Value) Float() (float64, bool) {
	switch v.kind {
	case KindInt:
		return float64(int64(v.num)), true
	case KindFloat:
		return math.Float64frombits(v.num), true
	}
	return 0, false
}

// Str returns a string.
func (v Value) Str() (string, bool) { return v.str, v.kind == KindString }

// Len is the number of elements or members, 0 for anything else.
func (v Value) Len() int {
	if v.sub == nil {
		return 0
	}
	return len(v.sub.list) + len(v.sub.members)
}

// Elems returns the elements of a list, nil for anything else. The slice must
// not be changed.
func (v Value) Elems() []Value {
	if v.kind != KindList || v.sub == nil {
		return nil
	}
	return v.sub.list
}

// Members returns the entries of a map in their order, nil for anything else.
// The slice must not be changed.
func (v Value) Members() []Member {
	if v.kind != KindMap || v.sub == nil {
		return nil
	}
	return v.sub.members
}

// Get returns the member of that key; ok is false when v is no map or has no
// such key.
func (v Value) Get(key string) (m Value, ok bool) {
	for _, e := range v.Members() {
		if e.Key == key {
			return e.Value, true
		}
	}
	return Value{}, false
}

// Scalar reports whether v is neither a list nor a map.
func (v Value) Scalar() bool { return v.kind < KindList }

// Equal reports whether both hold the same kind and content. The order of the
// members of a map does not count; 1 and 1.0 differ.
func (v Value) Equal(w Value) bool {
	if v.kind != w.kind {
		return false
	}
	switch v.kind {
	case KindFloat:
		return v.num == w.num || math.Float64frombits(v.num) == math.Float64frombits(w.num)
	case KindString:
		return v.str == w.str
	case KindList:
		return slices.EqualFunc(v.Elems(), w.Elems(), Value.Equal)
	case KindMap:
		if v.Len() != w.Len() {
			return false
		}
		at := make(map[string]Value, w.Len())
		for _, m := range w.Members() {
			at[m.Key] = m.Value
		}
		for _, m := range v.Members() {
			if other, ok := at[m.Key]; !ok || !m.Value.Equal(other) {
				return false
			}
		}
		return true
	}
	return v.num == w.num
}

// String is the JSON text of v.
//
//go:noinline // many call it, none in a hurry: each copy is size
func (v Value) String() string { return string(v.Append(nil)) }

// MarshalJSON implements json.Marshaler.
func (v Value) MarshalJSON() ([]byte, error) { return v.Append(nil), nil }

// UnmarshalJSON implements json.Unmarshaler.
func (v *Value) UnmarshalJSON(b []byte) error {
	w, err := ParseValue(b)
	if err != nil {
		return err
	}
	*v = w
	return nil
}

// Any returns v as nil, bool, int64, float64, string, []any or
// map[string]any.
func (v Value) Any() any {
	switch v.kind {
	case KindBool:
		return v.num != 0
	case KindInt:
		return int64(v.num)
	case KindFloat:
		return math.Float64frombits(v.num)
	case KindString:
		return v.str
	case KindList:
		out := make([]any, v.Len())
		for i, e := range v.Elems() {
			out[i] = e.Any()
		}
		return out
	case KindMap:
		out := make(map[string]any, v.Len())
		for _, m := range v.Members() {
			out[m.Key] = m.Value.Any()
		}
		return out
	}
	return nil
}

// Of makes a Value of what Any returns, and of int and []string. Maps come
// out in the order of their keys. Other types are an error.
func Of(x any) (Value, error) {
	switch x := x.(type) {
	case nil:
		return Value{}, nil
	case Value:
		return x, nil
	case bool:
		return Bool(x), nil
	case int:
		return Int(int64(x)), nil
	case int64:
		return Int(x), nil
	case float64:
		return Float(x), nil
	case string:
		return String(x), nil
	case []string:
		return Strings(x), nil
	case []any:
		out := make([]Value, len(x))
		for i, e := range x {
			v, err := Of(e)
			if err != nil {
				return Value{}, within(fmt.Sprintf("element %d", i+1), err)
			}
			out[i] = v
		}
		return List(out...), nil
	case map[string]any:
		out := make([]Member, 0, len(x))
		for _, k := range slices.Sorted(maps.Keys(x)) {
			v, err := Of(x[k])
			if err != nil {
				return Value{}, within(k, err)
			}
			out = append(out, Member{k, v})
		}
		return Map(out...), nil
	}
	return Value{}, badf("a %T has no JSON form", x)
}
