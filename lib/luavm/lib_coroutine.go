package luavm

var coroutineFuncs = library(func() funcs {
	return funcs{
		"create": coCreate, "resume": coResume, "running": coRunning, "status": coStatus, "wrap": coWrap, "yield": coYield,
	}
})

func (th *thread) checkThread(i int) *thread {
	v := th.arg(i)
	if !v.is(kindThread) {
		th.argFault(i, "coroutine expected")
	}
	return v.thread()
}

// checkBody returns the function of a new coroutine, which PUC wants to be
// written in Lua.
func (th *thread) checkBody() value {
	f := th.arg(1)
	if !f.is(kindClosure) {
		th.argFault(1, "Lua function expected")
	}
	return f
}

func coCreate(th *thread) int { return th.ret(th.st.newCoroutine(th.checkBody()).value()) }

func coWrap(th *thread) int {
	co := th.st.newCoroutine(th.checkBody())
	return th.ret(th.st.newNative(coWrapped, co.value()).value())
}

func (co *thread) statusName() string {
	return [...]string{"suspended", "running", "normal", "dead"}[co.status]
}

// transfer resumes co with the values above slot first of th, and leaves
// what it gives on the stack of th. The error has a message alone there.
func (th *thread) transfer(co *thread, first int) (n int, ok bool) {
	if co.status != statusSuspended {
		th.push(th.st.string("cannot resume " + resumeState(co) + " coroutine"))
		return 1, false
	}
	if th.ccalls >= maxCCalls {
		th.push(th.st.string("C stack overflow"))
		return 1, false
	}
	given := th.move(co, first)
	from, err := co.resume(th, given)
	return co.move(th, from), err == nil
}

func resumeState(co *thread) string {
	if co.status == statusNormal {
		return "normal"
	}
	if co.status == statusRunning {
		return "running"
	}
	return "dead"
}

func coResume(th *thread) int {
	co := th.checkThread(1)
	base := th.fr.base
	n, ok := th.transfer(co, base+1)
	th.needStack(1)
	th.push(value{})
	copy(th.stack[th.top-n:th.top], th.stack[th.top-n-1:th.top-1])
	th.stack[th.top-n-1] = boolean(ok)
	return n + 1
}

func coWrapped(th *thread) int {
	co := th.self().ups[0].thread()
	n, ok := th.transfer(co, th.fr.base)
	if !ok {
		v := th.pop()
		if s, isText := toString(v); isText {
			v = th.st.string(th.where(1) + s)
		}
		th.throw(v)
	}
	return n
}

func coYield(th *thread) int {
	if th == th.st.main || th.ccalls > th.baseCCalls {
		th.fault("attempt to yield across metamethod/C-call boundary")
	}
	th.status = statusSuspended
	return yields
}

func coRunning(th *thread) int {
	if th == th.st.main {
		return th.ret(value{})
	}
	return th.ret(th.value())
}

func coStatus(th *thread) int { return th.retString(th.checkThread(1).statusName()) }
