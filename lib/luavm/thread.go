package luavm

import "unsafe"

// status is the state of a coroutine.
type status uint8

const (
	statusSuspended status = iota // not started, or yielded
	statusRunning
	statusNormal // it resumed another
	statusDead
)

// thread is a coroutine, or the main thread.
type thread struct {
	head
	status status
	st     *state
	stack  []value  // frameSlots more than any frame needs
	top    int      // first free slot
	host   *frame   // stands for the caller of everything
	fr     *frame   // the running one
	open   *upvalue // variables on the stack, highest first
	env    *table   // globals for what is loaded here

	ccalls     int   // calls from Go to Lua within each other
	baseCCalls int   // the same when the coroutine was resumed
	handler    value // of the innermost xpcall, nil under pcall
	handling   bool  // the handler runs
}

// frame is a function being run. Frames are linked and used again, so that
// their addresses stay.
type frame struct {
	prev  *frame
	next  *frame
	index int      // depth, the host's is 0
	cl    *closure // nil for natives and the host
	fn    int      // slot of the function; its arguments follow
	base  int      // first register
	top   int      // end of the registers
	pc    int      // index of the next instruction
	want  int      // results wanted, -1 for all
	tails int      // tail calls lost under this frame
	stops bool     // returning from it leaves execute
}

func (st *state) newThread() *thread {
	st.charge(firstStack*int(unsafe.Sizeof(value{})) + 4*int(unsafe.Sizeof(frame{})) + int(unsafe.Sizeof(thread{})))
	th := &thread{head: head{kind: kindThread}, st: st, env: st.globals}
	th.stack = make([]value, firstStack)
	th.host = &frame{base: 1, top: minStack}
	th.fr = th.host
	th.top = 1
	return th
}

// needStack makes room for n slots above the top.
func (th *thread) needStack(n int) {
	if th.top+n+frameSlots > len(th.stack) {
		th.growStack(th.top + n + frameSlots)
	}
}

// ensure makes slots up to the given one usable by a frame.
func (th *thread) ensure(slot int) {
	if slot+frameSlots > len(th.stack) {
		th.growStack(slot + frameSlots)
	}
}

func (th *thread) growStack(size int) {
	size = max(size, 2*len(th.stack))
	th.st.charge((size - len(th.stack)) * int(unsafe.Sizeof(value{})))
	old := th.stack
	th.stack = make([]value, size)
	copy(th.stack, old)
	for u := th.open; u != nil; u = u.next {
		u.v = &th.stack[u.level]
	}
}

// pushFrame enters a function.
func (th *thread) pushFrame() *frame {
	f := th.fr.next
	if f == nil || f.index == th.st.maxDepth {
		f = th.moreFrames()
	}
	th.fr = f
	return f
}

// moreFrames returns the frame after the running one where the straight way
// does not: none is there yet, or the depth has reached its limit, beyond
// which only the handler of that error may go.
func (th *thread) moreFrames() *frame {
	if th.fr.index+1 >= th.st.maxDepth {
		if !th.handling {
			th.fault("stack overflow")
		} else if th.fr.index+1 >= th.st.maxDepth+errorCalls {
			panic(errorInHandler)
		}
	}
	if th.fr.next == nil {
		n := min(max(4, th.fr.index), 256)
		th.st.charge(n * int(unsafe.Sizeof(frame{})))
		block := make([]frame, n)
		last := th.fr
		for i := range block {
			f := &block[i]
			f.prev, f.index = last, last.index+1
			last.next = f
			last = f
		}
	}
	return th.fr.next
}

func (th *thread) push(v value) {
	if th.top+frameSlots >= len(th.stack) {
		th.needStack(minStack)
	}
	th.stack[th.top] = v
	th.top++
}

func (th *thread) pop() value {
	th.top--
	return th.stack[th.top]
}

// findUpvalue returns the upvalue for a slot of the stack.
func (th *thread) findUpvalue(level int) *upvalue {
	at := &th.open
	for *at != nil && (*at).level >= level {
		if (*at).level == level {
			return *at
		}
		at = &(*at).next
	}
	th.st.charge(int(unsafe.Sizeof(upvalue{})))
	u := &upvalue{v: &th.stack[level], level: level, next: *at}
	*at = u
	return u
}

// closeUpvalues closes the variables at and above a slot.
func (th *thread) closeUpvalues(level int) {
	for th.open != nil && th.open.level >= level {
		u := th.open
		th.open = u.next
		u.next = nil
		u.close()
	}
}

// call calls the function below nargs arguments at the top, from Go. The
// results replace it; want < 0 keeps all.
func (th *thread) call(nargs, want int) {
	th.pollStop()
	th.ccalls++
	if th.ccalls >= maxCCalls {
		if th.ccalls == maxCCalls {
			th.fault("C stack overflow")
		} else if th.ccalls >= maxCCalls+maxCCalls/8 {
			panic(errorInHandler)
		}
	}
	if th.enter(th.top-nargs-1, nargs, want) {
		th.fr.stops = true
		th.execute()
	}
	th.ccalls--
}

// pollStop ends the run if it is to be stopped. Natives that loop use it:
// unlike poll it may come where values are in Go variables alone.
func (th *thread) pollStop() {
	if th.st.stop.Load()&stopContext != 0 {
		th.st.poll(th)
	}
}

// call1 calls f with the arguments and returns its first result.
func (th *thread) call1(f value, args ...value) value {
	th.push(f)
	for _, a := range args {
		th.push(a)
	}
	th.call(len(args), 1)
	return th.pop()
}

// enter begins a call of the value at slot fn with nargs arguments above it.
// It reports whether a Lua function was entered, which execute must run; a
// native has then returned already. A native that yields ends in a panic
// here: only execute can call those.
func (th *thread) enter(fn, nargs, want int) bool {
	if f := th.stack[fn]; f.is(kindClosure) {
		th.enterLua(f.closure(), fn, nargs, want)
		return true
	} else if f.is(kindNative) {
		th.runNative(f.native(), fn, nargs, want)
		return false
	}
	th.insertCallee(fn, nargs)
	return th.enter(fn, nargs+1, want)
}

// insertCallee puts the __call handler of the value at fn before it.
func (th *thread) insertCallee(fn, nargs int) {
	h := th.st.metamethod(th.stack[fn], evCall)
	if !h.isFunction() {
		th.callFault(fn)
	}
	th.top = fn + nargs + 1
	th.needStack(1)
	copy(th.stack[fn+1:fn+nargs+2], th.stack[fn:fn+nargs+1])
	th.stack[fn] = h
	th.top++
}

// enterLua makes the frame of a Lua function.
func (th *thread) enterLua(cl *closure, fn, nargs, want int) {
	p := cl.p
	base := fn + 1
	th.ensure(base + nargs + p.maxStack + minStack)
	if p.varArg != 0 {
		base = th.moveVarArgs(p, base, nargs)
		nargs = p.numParams + int(p.varArg&1)
	}
	if nargs > p.numParams && p.varArg == 0 {
		nargs = p.numParams
	}
	top := base + p.maxStack
	clear(th.stack[base+nargs : top])
	f := th.pushFrame()
	f.cl, f.fn, f.base, f.top, f.pc, f.want, f.tails, f.stops = cl, fn, base, top, 0, want, 0, false
	th.top = top
}

// moveVarArgs puts the fixed parameters above all arguments, and the table
// arg if the function needs it; it returns the first register.
func (th *thread) moveVarArgs(p *proto, first, nargs int) int {
	for ; nargs < p.numParams; nargs++ {
		th.stack[first+nargs] = value{}
	}
	base := first + nargs
	th.ensure(base + p.maxStack + minStack)
	copy(th.stack[base:base+p.numParams], th.stack[first:first+p.numParams])
	clear(th.stack[first : first+p.numParams])
	if p.varArg&1 != 0 {
		v := value{}
		if p.varArg&4 != 0 {
			n := nargs - p.numParams
			t := th.st.newTable(n, 1)
			copy(t.arr, th.stack[first+p.numParams:first+nargs])
			t.setString(th.st, "n", number(float64(n)))
			v = tableValue(t)
		}
		th.stack[base+p.numParams] = v
	}
	return base
}

// runNative calls a native function and moves its results to fn. It reports
// whether the native asks to yield.
func (th *thread) runNative(f *native, fn, nargs, want int) bool {
	th.top = fn + 1 + nargs
	th.needStack(minStack)
	fr := th.pushFrame()
	fr.cl, fr.fn, fr.base, fr.top, fr.want, fr.tails, fr.stops = nil, fn, fn+1, th.top+minStack, want, 0, false
	n := f.fn(th)
	if n == yields {
		return true
	}
	th.leave(th.top-n, n)
	return false
}

// leave ends the running frame: n results from slot first go where the call
// began, as many as wanted.
func (th *thread) leave(first, n int) {
	to, want := th.fr.fn, th.fr.want
	th.fr = th.fr.prev
	if want < 0 {
		copy(th.stack[to:to+n], th.stack[first:first+n])
		th.top = to + n
		return
	}
	if n > want {
		n = want
	}
	copy(th.stack[to:to+n], th.stack[first:first+n])
	clear(th.stack[to+n : to+want])
	th.top = to + want
}
