package luavm

// protect calls the function at slot fn with the nargs arguments above it.
// The results replace it; if an error is raised, its value alone does, and
// the error is returned. handler is called at the point of the error; nil is
// none.
func (th *thread) protect(fn, nargs int, handler value) (err *luaError) {
	fr, ccalls, outer, handling := th.fr, th.ccalls, th.handler, th.handling
	th.handler = handler
	defer func() {
		th.handler = outer
		r := recover()
		if r == nil {
			return
		}
		e, ok := r.(*luaError)
		if !ok {
			panic(r)
		}
		th.closeUpvalues(fn)
		th.fr, th.ccalls, th.handling = fr, ccalls, handling
		th.st.running = th
		th.stack[fn] = e.v
		th.top = fn + 1
		err = e
	}()
	th.call(nargs, -1)
	return nil
}

// newCoroutine makes a coroutine that will run f.
func (st *state) newCoroutine(f value) *thread {
	co := st.newThread()
	co.push(f)
	return co
}

// bodySlot is where the function of a coroutine is.
const bodySlot = 1

// resume runs a coroutine until it yields, returns or fails. The arguments
// are the nargs values at its top; what it gives is left on its stack from
// the returned slot to its top.
func (co *thread) resume(from *thread, nargs int) (first int, err *luaError) {
	st := co.st
	started := co.fr != co.host
	from.status, co.status = statusNormal, statusRunning
	st.running = co
	co.ccalls = from.ccalls + 1
	co.baseCCalls = co.ccalls
	defer func() {
		st.running = from
		from.status = statusRunning
		r := recover()
		if r == nil {
			return
		}
		e, ok := r.(*luaError)
		if !ok {
			panic(r)
		}
		co.status = statusDead
		co.needStack(1)
		first, err = co.top, e
		co.push(e.v)
	}()
	if started {
		co.leave(co.top-nargs, nargs)
		if co.fr != co.host {
			if co.fr.next.want >= 0 {
				co.top = co.fr.top
			}
			co.execute()
		}
	} else {
		co.needStack(minStack)
		if co.enter(bodySlot, nargs, -1) {
			co.fr.stops = true
			co.execute()
		}
	}
	if co.status == statusSuspended {
		return co.fr.base, nil
	}
	co.status = statusDead
	return bodySlot, nil
}

// move gives the values from slot first to the top of one thread to another
// and returns how many they are.
func (co *thread) move(to *thread, first int) int {
	n := co.top - first
	to.needStack(n + minStack)
	copy(to.stack[to.top:], co.stack[first:co.top])
	to.top += n
	co.top = first
	return n
}
