package luavm

import (
	"strings"
	"unsafe"

	"lander/lib/job"
)

// Go frees the memory. What is done here is what Go cannot do for Lua: to
// know how much memory a run holds, to empty weak tables, and to call
// finalizers. A collection walks all that the run can reach.

// minHeap is the size below which a run with weak tables or finalizers does
// not collect by itself.
const minHeap = 1 << 20

// errMemory is what a run ends with that holds more than its budget.
func errMemory() *job.Error { return job.Errorf(job.CodeMemory, "not enough memory") }

// pressure is called when used has reached next; n bytes are about to be
// allocated.
func (st *state) pressure(n int) {
	if n < 0 || n > st.limit {
		st.used -= max(n, 0)
		st.running.throwCode(sharedString("not enough memory").value(), job.CodeMemory)
	}
	if st.used < st.limit {
		st.next = st.limit
		if !st.gcStopped {
			st.request(stopCollect)
		}
		return
	}
	c := collector{st: st, measure: true}
	c.run()
	st.live, st.used = c.size, c.size+n
	if st.used > st.limit {
		panic(&fatal{errMemory()})
	}
	st.setNext()
	st.next = max(st.next, st.used+st.limit/4)
}

// reserve checks that n bytes more would be within the budget.
func (st *state) reserve(n int) {
	if n < 0 || st.used+n > st.limit {
		st.used += n
		st.pressure(n)
		st.used -= n
	}
}

// setNext decides when to look again.
func (st *state) setNext() {
	st.next = st.limit
	if (st.weakSeen || len(st.finalize) > 0) && !st.gcStopped {
		st.next = min(st.next, max(2*st.live, minHeap))
	}
}

// watch makes the state collect by itself from now on, because a weak table
// or a finalizer exists.
func (st *state) watch() {
	if !st.gcStopped {
		st.next = min(st.next, max(st.used+st.used/2, minHeap))
	}
}

// collect is a whole collection, at a point where all that is alive is on a
// stack.
func (st *state) collect(th *thread) {
	c := collector{st: st}
	c.run()
	dead := c.separate()
	for _, t := range c.weak {
		t.clearWeak(st, &c)
	}
	st.live, st.used = c.size, c.size
	st.setNext()
	for _, u := range dead {
		st.finalizeOne(th, u)
	}
}

// step counts n bytes of the work of a collection, as scripts that collect
// step by step expect it, and collects when all of it is done.
func (st *state) step(th *thread, n int) bool {
	if st.stepped += n; st.stepped < st.used {
		return false
	}
	st.stepped = 0
	st.collect(th)
	return true
}

// finalizeOne calls the finalizer of a userdata; an error in it goes to the
// running script, as in PUC.
func (st *state) finalizeOne(th *thread, u *userdata) {
	if h := st.tableEvent(u.meta, evGC); h.isFunction() {
		th.push(h)
		th.push(u.value())
		th.call(1, 0)
	}
}

// finalizeAll calls the finalizers that are left at the end of a run, the
// newest first; what they create is not finalized any more.
func (st *state) finalizeAll(th *thread) {
	list := st.finalize
	st.finalize = nil
	for i := len(list) - 1; i >= 0; i-- {
		u := list[i]
		if h := st.tableEvent(u.meta, evGC); h.isFunction() {
			fn := th.top
			th.push(h)
			th.push(u.value())
			th.protect(fn, 1, value{})
			th.top = fn
		}
	}
}

// addFinalizer registers a userdata whose metatable may have __gc.
func (st *state) addFinalizer(u *userdata) {
	if u.flags&flagGC == 0 {
		u.flags |= flagGC
		st.finalize = append(st.finalize, u)
		st.watch()
	}
}

// collector is one walk over all that is reachable.
type collector struct {
	st      *state
	measure bool // only count
	size    int
	work    []value
	weak    []*table
	dead    map[unsafe.Pointer]bool // userdata about to be finalized: weak values lose them
}

func (c *collector) run() {
	st := c.st
	if st.epoch++; st.epoch == 0 {
		st.epoch = 1
	}
	c.table(st.globals)
	c.table(st.registry)
	c.value(st.main.value())
	c.value(st.running.value())
	for _, t := range st.meta {
		c.table(t)
	}
	for _, p := range st.run.held {
		if f := p.Value(); f != nil {
			c.value(f.f)
		}
	}
	c.propagate()
	c.size += c.size / 4 // what the allocator and its collector need beside
}

func (c *collector) table(t *table) {
	if t != nil {
		c.value(tableValue(t))
	}
}

// value marks a value and puts it on the list of what is to be walked.
func (c *collector) value(v value) {
	if v.p == nil {
		return
	}
	h := (*head)(v.p)
	if h.mark == c.st.epoch || h.flags&flagShared != 0 {
		return
	}
	h.mark = c.st.epoch
	if h.kind == kindString {
		c.size += len((*str)(v.p).s) + int(unsafe.Sizeof(str{}))
		return
	}
	c.work = append(c.work, v)
}

func (c *collector) marked(v value) bool {
	if v.p == nil {
		return true
	}
	h := (*head)(v.p)
	if h.kind == kindString {
		c.value(v) // strings are never weak
	}
	return h.mark == c.st.epoch || h.flags&flagShared != 0
}

func (c *collector) propagate() {
	for len(c.work) > 0 {
		v := c.work[len(c.work)-1]
		c.work = c.work[:len(c.work)-1]
		switch v.kind() {
		case kindTable:
			c.walkTable(v.table())
		case kindClosure:
			f := v.closure()
			c.size += int(unsafe.Sizeof(closure{})) + 8*len(f.ups)
			c.table(f.env)
			for _, u := range f.ups {
				if u != nil && u.marked != c.st.epoch {
					u.marked = c.st.epoch
					c.size += int(unsafe.Sizeof(upvalue{}))
					c.value(*u.v)
				}
			}
		case kindNative:
			f := v.native()
			c.size += int(unsafe.Sizeof(native{})) + 16*len(f.ups)
			c.table(f.env)
			for _, u := range f.ups {
				c.value(u)
			}
		case kindUserdata:
			u := v.userdata()
			c.size += int(unsafe.Sizeof(userdata{}))
			if h, ok := u.v.(holder); ok {
				c.size += h.held()
			}
			c.table(u.meta)
			c.table(u.env)
		case kindThread:
			c.walkThread(v.thread())
		}
	}
}

// holder is a value of the host that holds memory for a script.
type holder interface{ held() int }

const (
	weakKeys = 1 << iota
	weakValues
)

func (c *collector) walkTable(t *table) {
	c.size += int(unsafe.Sizeof(table{})) + len(t.arr)*int(unsafe.Sizeof(value{}))
	if t.hasNodes() {
		c.size += len(t.nodes) * int(unsafe.Sizeof(node{}))
	}
	t.weak = 0
	if t.meta != nil {
		c.table(t.meta)
		if mode, ok := c.st.tableEvent(t.meta, evMode).asString(); ok {
			if strings.Contains(mode, "k") {
				t.weak |= weakKeys
			}
			if strings.Contains(mode, "v") {
				t.weak |= weakValues
			}
		}
	}
	if t.weak != 0 && !c.measure {
		c.weak = append(c.weak, t)
		c.st.weakSeen = true
	}
	if t.weak&weakValues == 0 {
		for _, v := range t.arr {
			c.value(v)
		}
	}
	for i := range t.nodes {
		n := &t.nodes[i]
		if n.val.p == nil {
			continue
		}
		if t.weak&weakKeys == 0 {
			c.value(n.key())
		}
		if t.weak&weakValues == 0 {
			c.value(n.val)
		}
	}
}

func (c *collector) walkThread(t *thread) {
	c.size += len(t.stack)*int(unsafe.Sizeof(value{})) + int(unsafe.Sizeof(thread{}))
	c.table(t.env)
	c.value(t.handler)
	for f := t.fr; f != nil; f = f.prev {
		c.size += int(unsafe.Sizeof(frame{}))
		if f.cl != nil { // setlocal may have put something else in its slot
			c.value(f.cl.value())
		}
	}
	for _, v := range t.stack[:t.top] {
		c.value(v)
	}
	if !c.measure {
		clear(t.stack[t.top:])
	}
}

// separate takes the userdata out of the list that only finalizers will see,
// and marks what they need.
func (c *collector) separate() []*userdata {
	var dead, kept []*userdata
	for _, u := range c.st.finalize {
		switch {
		case u.mark == c.st.epoch:
			kept = append(kept, u)
		case c.st.tableEvent(u.meta, evGC).p != nil:
			dead = append(dead, u)
		default:
			u.flags &^= flagGC
		}
	}
	c.st.finalize = kept
	for i, j := 0, len(dead)-1; i < j; i, j = i+1, j-1 {
		dead[i], dead[j] = dead[j], dead[i]
	}
	for _, u := range dead {
		u.flags &^= flagGC
		c.value(u.value())
		if c.dead == nil {
			c.dead = map[unsafe.Pointer]bool{}
		}
		c.dead[unsafe.Pointer(u)] = true
	}
	c.propagate()
	return dead
}

// tombstone is the key of an entry that a collection removed.
var tombstone = head{kind: kindNil, flags: flagShared}

// clearWeak removes the entries whose weak part is gone.
func (t *table) clearWeak(st *state, c *collector) {
	if t.weak&weakValues != 0 {
		for i, v := range t.arr {
			if !c.marked(v) || c.dead[v.p] {
				t.arr[i] = value{}
			}
		}
	}
	for i := range t.nodes {
		n := &t.nodes[i]
		if n.val.p == nil {
			continue
		}
		if t.weak&weakKeys != 0 && !c.marked(n.key()) || t.weak&weakValues != 0 && (!c.marked(n.val) || c.dead[n.val.p]) {
			n.val = value{}
			n.kp, n.kn = unsafe.Pointer(&tombstone), 0
		}
	}
}
