package luavm

import (
	"math"
	"unsafe"
)

// kind is the type of a value. Closures and natives are both functions.
type kind uint8

const (
	kindNil kind = iota
	kindBool
	kindNumber
	kindString
	kindTable
	kindClosure
	kindNative
	kindUserdata
	kindThread
)

var kindNames = [...]string{"nil", "boolean", "number", "string", "table", "function", "function", "userdata", "thread"}

func (k kind) String() string { return kindNames[k] }

// head begins every object. id is the hash of a string, and for the other
// objects a number given when it is first needed as a table key.
type head struct {
	kind  kind
	mark  uint8 // of the last collection that reached it
	flags uint8
	id    uint32
}

// The bits of head.flags.
const (
	flagHashed = 1 << iota // id is set
	flagShared             // may be read by several runs: never written
	flagGC                 // a userdata whose finalizer is registered
)

// value is a Lua value in two words. p points to the head of the object, to
// the marks below for booleans and numbers, or nowhere for nil; n is the
// payload of booleans and numbers. The zero value is nil.
//
// Every p points to something that begins with a head, so looking at a wrong
// kind cannot read what is not there: kinds are checked before conversion.
type value struct {
	p unsafe.Pointer
	n uint64
}

var (
	numberHead = head{kind: kindNumber, flags: flagShared}
	boolHead   = head{kind: kindBool, flags: flagShared}
)

func number(f float64) value {
	return value{unsafe.Pointer(&numberHead), math.Float64bits(f)}
}

func boolean(b bool) value {
	if b {
		return value{unsafe.Pointer(&boolHead), 1}
	}
	return value{unsafe.Pointer(&boolHead), 0}
}

func (v value) isNumber() bool { return v.p == unsafe.Pointer(&numberHead) }
func (v value) num() float64   { return math.Float64frombits(v.n) }

// falsy reports whether v is nil or false.
func (v value) falsy() bool {
	return v.p == nil || v.p == unsafe.Pointer(&boolHead) && v.n == 0
}

func (v value) kind() kind {
	if v.p == nil {
		return kindNil
	}
	return (*head)(v.p).kind
}

func (v value) is(k kind) bool { return v.p != nil && (*head)(v.p).kind == k }

func (v value) isFunction() bool { k := v.kind(); return k == kindClosure || k == kindNative }

// setNumber stores a number; the pointer is written only when it changes,
// which saves the write barrier in numeric code.
func (v *value) setNumber(f float64) {
	if v.p != unsafe.Pointer(&numberHead) {
		v.p = unsafe.Pointer(&numberHead)
	}
	v.n = math.Float64bits(f)
}

// The conversions below are for values whose kind is known.

func (v value) str() *str           { return (*str)(v.p) }
func (v value) table() *table       { return (*table)(v.p) }
func (v value) closure() *closure   { return (*closure)(v.p) }
func (v value) native() *native     { return (*native)(v.p) }
func (v value) userdata() *userdata { return (*userdata)(v.p) }
func (v value) thread() *thread     { return (*thread)(v.p) }

// asTable returns the table that v is, or nil.
func (v value) asTable() *table {
	if v.is(kindTable) {
		return (*table)(v.p)
	}
	return nil
}

// asString returns the string that v is.
func (v value) asString() (string, bool) {
	if v.is(kindString) {
		return (*str)(v.p).s, true
	}
	return "", false
}

// str is a string with its hash, which is computed when first needed.
type str struct {
	head
	s string
}

func (s *str) value() value { return value{p: unsafe.Pointer(s)} }

// hash is that of PUC Lua, so that tables are walked in the same order.
func (s *str) hash() uint32 {
	if s.flags&flagHashed != 0 {
		return s.id
	}
	h := hashString(s.s)
	s.id = h
	s.flags |= flagHashed
	return h
}

func hashString(s string) uint32 {
	h := uint32(len(s))
	step := len(s)>>5 + 1
	for i := len(s); i >= step; i -= step {
		h ^= h<<5 + h>>2 + uint32(s[i-1])
	}
	return h
}

// sharedString makes a string that several runs may use.
func sharedString(s string) *str {
	return &str{head{kind: kindString, flags: flagHashed | flagShared, id: hashString(s)}, s}
}

// singles are the strings of one byte; the last is the empty string.
var singles = func() (t [257]*str) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	text := string(all)
	block := make([]str, 257)
	for i := range 256 {
		block[i] = *sharedString(text[i : i+1])
		t[i] = &block[i]
	}
	block[256] = *sharedString("")
	t[256] = &block[256]
	return t
}()

// single returns the shared object of a string of at most one byte, or nil.
func single(s string) *str {
	switch len(s) {
	case 0:
		return singles[256]
	case 1:
		return singles[s[0]]
	}
	return nil
}

// closure is a function written in Lua.
type closure struct {
	head
	p   *proto
	ups []*upvalue
	env *table
}

// upvalue is a variable that closures share. While the function that
// declares it runs, v points into its stack.
type upvalue struct {
	v      *value
	own    value // the variable after its function returned
	next   *upvalue
	level  int // index in the stack, while open
	marked uint8
}

func (u *upvalue) close() {
	u.own = *u.v
	u.v = &u.own
}

// native is a function written in Go. It finds its arguments at the top of
// the thread's stack, pushes its results and returns their number, or yield.
type native struct {
	head
	fn  func(th *thread) int
	env *table
	ups []value
}

// yields is what a native returns to suspend its coroutine.
const yields = -1

// userdata is a value of the host.
type userdata struct {
	head
	meta *table
	env  *table
	v    any
}

func tableValue(t *table) value {
	if t == nil {
		return value{}
	}
	return value{p: unsafe.Pointer(t)}
}
func (c *closure) value() value  { return value{p: unsafe.Pointer(c)} }
func (f *native) value() value   { return value{p: unsafe.Pointer(f)} }
func (u *userdata) value() value { return value{p: unsafe.Pointer(u)} }
func (t *thread) value() value   { return value{p: unsafe.Pointer(t)} }

// rawEqual compares without metamethods.
func rawEqual(a, b value) bool {
	if a.p == b.p {
		switch {
		case a.isNumber():
			return a.num() == b.num()
		case a.p == unsafe.Pointer(&boolHead):
			return a.n == b.n
		}
		return true
	}
	if a.is(kindString) && b.is(kindString) {
		return a.str().s == b.str().s
	}
	return false
}
