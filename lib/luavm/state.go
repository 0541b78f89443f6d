package luavm

import (
	"sync/atomic"
	"unsafe"
)

// Limits of PUC Lua.
const (
	maxCCalls   = 200 // Go functions and metamethods within each other
	hostCalls   = 1   // of them, those of the stand-alone interpreter before a chunk runs
	errorCalls  = 1000
	minStack    = 40  // slots a native may push without asking
	frameSlots  = 256 // what an instruction can address
	firstStack  = 2*frameSlots + minStack
	maxTagLoop  = 100
	maxStackArg = 8000 // values that a native may push
)

// state is what the threads of one run share.
type state struct {
	globals  *table
	registry *table
	main     *thread
	running  *thread
	meta     [kindThread + 1]*table // metatables of the basic types
	events   [numEvents]*str

	run      *run    // whose state it is
	tostring value   // the function of that name, for print
	random   *random // of math.random, once it is used

	stop     atomic.Uint32 // reasons to leave the straight path, bits below
	poll     func(th *thread)
	maxDepth int

	ids uint32 // source of head.id

	// Memory, estimated: live is what the last collection found, used adds
	// what was allocated since.
	used, live, next, limit int
	epoch                   uint8
	weakSeen                bool        // a weak table exists
	finalize                []*userdata // userdata with __gc, in order of creation
	stepped                 int         // bytes of work done by steps
	gcStopped               bool
}

// Bits of state.stop.
const (
	stopContext = 1 << iota
	stopCollect
)

func newState(limit, depth int) *state {
	st := &state{limit: limit, next: limit, maxDepth: depth, epoch: 1}
	for i, name := range eventNames {
		st.events[i] = st.str(name)
	}
	st.globals = st.newTable(0, 0)
	st.registry = st.newTable(0, 0)
	st.main = st.newThread()
	st.main.stack[0] = st.newNative(func(*thread) int { return 0 }).value() // the stand-alone interpreter's function
	st.main.status = statusRunning
	st.running = st.main
	st.main.ccalls = hostCalls
	return st
}

// request sets a bit of stop from any goroutine.
func (st *state) request(bit uint32) { st.stop.Or(bit) }

// charge counts n bytes that are about to be allocated.
func (st *state) charge(n int) {
	if st.used += n; st.used >= st.next || n < 0 {
		st.pressure(n)
	}
}

func (st *state) newTable(narr, nhash int) *table {
	t := &table{head: head{kind: kindTable}, nodes: noNodes}
	st.charge(int(unsafe.Sizeof(table{})))
	if narr > 0 || nhash > 0 {
		t.resize(st, narr, nhash)
	}
	return t
}

// str makes a string object.
func (st *state) str(s string) *str {
	if o := single(s); o != nil {
		return o
	}
	st.charge(len(s) + int(unsafe.Sizeof(str{})))
	return &str{head{kind: kindString}, s}
}

func (st *state) string(s string) value { return st.str(s).value() }

// part makes a string of a part of another one, copying it when it would
// keep much more memory alive than it needs.
func (st *state) part(whole string, from, to int) value {
	s := whole[from:to]
	if len(s) > 1 && len(s) < len(whole)/2 {
		s = string(append([]byte(nil), s...))
	}
	return st.string(s)
}

// bytes makes a string of b, which the caller gives away.
func (st *state) bytes(b []byte) value {
	if len(b) <= 1 {
		return st.string(string(b))
	}
	if cap(b)-len(b) > len(b)/4+32 {
		return st.string(string(b))
	}
	return st.string(unsafe.String(unsafe.SliceData(b), len(b)))
}

func (st *state) newNative(fn func(th *thread) int, ups ...value) *native {
	st.charge(int(unsafe.Sizeof(native{})))
	return &native{head: head{kind: kindNative}, fn: fn, env: st.globals, ups: ups}
}

func (st *state) newClosure(p *proto, env *table) *closure {
	st.charge(int(unsafe.Sizeof(closure{})) + 8*p.numUps)
	c := &closure{head: head{kind: kindClosure}, p: p, env: env}
	if p.numUps > 0 {
		c.ups = make([]*upvalue, p.numUps)
	}
	return c
}

func (st *state) newUserdata(v any, meta *table) *userdata {
	st.charge(int(unsafe.Sizeof(userdata{})))
	if h, ok := v.(holder); ok {
		st.charge(h.held())
	}
	return &userdata{head: head{kind: kindUserdata}, v: v, meta: meta, env: st.globals}
}

// metatable returns the metatable of any value, or nil.
func (st *state) metatable(v value) *table {
	switch k := v.kind(); k {
	case kindTable:
		return v.table().meta
	case kindUserdata:
		return v.userdata().meta
	case kindNative:
		return st.meta[kindClosure]
	default:
		return st.meta[k]
	}
}

// event is a metamethod.
type event uint8

const (
	evIndex event = iota
	evNewIndex
	evEq
	evMode
	evGC
	evAdd
	evSub
	evMul
	evDiv
	evMod
	evPow
	evUnm
	evLen
	evLt
	evLe
	evConcat
	evCall
	evToString
	evMetatable
	numEvents
	numCached = evGC + 1 // events whose absence tables remember
)

var eventNames = [numEvents]string{
	"__index", "__newindex", "__eq", "__mode", "__gc", "__add", "__sub", "__mul", "__div", "__mod", "__pow",
	"__unm", "__len", "__lt", "__le", "__concat", "__call", "__tostring", "__metatable",
}

// metamethod returns the handler of a value for an event, nil if none.
func (st *state) metamethod(v value, e event) value {
	return st.tableEvent(st.metatable(v), e)
}

// tableEvent looks an event up in a metatable.
func (st *state) tableEvent(mt *table, e event) value {
	if mt == nil || e < numCached && mt.absent&(1<<e) != 0 {
		return value{}
	}
	v := mt.getString(st.events[e])
	if v.p == nil && e < numCached {
		mt.absent |= 1 << e
	}
	return v
}
