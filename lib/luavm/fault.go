package luavm

import (
	"errors"
	"fmt"
	"strings"

	"lander/lib/job"
	"lander/lib/luac51"
)

// luaError is what a raised Lua error panics with: the value, and the code
// it has when nothing catches it.
type luaError struct {
	v    value
	code string // "" for job.CodeScript
}

// fatal is a panic that no pcall catches: a budget was spent, the run was
// stopped, or os.exit was called.
type fatal struct{ err error }

// errorInHandler is raised when handling an error fails again and again.
var errorInHandler = &luaError{v: sharedString("error in error handling").value()}

// throw raises v as it is. The handler of xpcall runs here, while the stack
// still shows where the error came from.
func (th *thread) throw(v value) { th.throwCode(v, "") }

func (th *thread) throwCode(v value, code string) {
	if th.handler.p != nil {
		v = th.handle(v)
	}
	panic(&luaError{v, code})
}

// handle calls the handler of the innermost xpcall.
func (th *thread) handle(v value) value {
	if !th.handler.isFunction() {
		panic(errorInHandler)
	}
	was := th.handling
	th.handling = true
	th.needStack(minStack)
	v = th.call1(th.handler, v)
	th.handling = was
	return v
}

// fault raises a message with the position of the running Lua function
// before it; in a native it has none.
func (th *thread) fault(format string, args ...any) {
	th.throw(th.st.string(th.position(th.fr) + fmt.Sprintf(format, args...)))
}

// errorf raises a message with the position of the function that called the
// running native.
func (th *thread) errorf(format string, args ...any) {
	th.throw(th.st.string(th.where(1) + fmt.Sprintf(format, args...)))
}

// raiseErr raises a Go error in the script, or ends the run.
func (th *thread) raiseErr(err error) {
	var (
		raise *Raise
		je    *job.Error
		exit  *Exit
	)
	switch {
	case errors.As(err, &raise):
		th.throw(th.st.fromGo(raise.Value))
	case errors.As(err, &exit):
		panic(&fatal{exit})
	case errors.As(err, &je):
		switch je.Code {
		case job.CodeScript: // from a callback: it has its position
			th.throw(th.st.string(je.Message))
		case job.CodeTimeout, job.CodeInterrupted, job.CodeOutput, job.CodeInternal:
			panic(&fatal{je})
		}
		th.throwCode(th.st.string(th.where(1)+err.Error()), je.Code)
	}
	th.errorf("%s", err.Error())
}

// position is "chunk:line: " of a frame, empty for natives.
func (th *thread) position(f *frame) string {
	if f.cl == nil {
		return ""
	}
	return fmt.Sprintf("%s:%d: ", f.cl.p.chunk, f.line())
}

// line is the line a Lua frame is at.
func (f *frame) line() int { return f.cl.p.src.LineOf(f.pc - 1) }

// where is the position of the frame at a level: 0 is the running function,
// 1 the one that called it. Frames lost to tail calls count as levels. It is
// empty where no line is known: in natives and in stripped bytecode.
func (th *thread) where(level int) string {
	if f, _ := th.level(level); f != nil && f.cl != nil && f.line() > 0 {
		return th.position(f)
	}
	return ""
}

// level finds the frame at a level. lost reports that the level is one that
// a tail call has left no trace of, or below the first; f is then nil. Both
// are zero when there is no such level.
func (th *thread) level(n int) (f *frame, lost bool) {
	if n < 0 {
		return nil, true
	}
	for f = th.fr; f != th.host; f = f.prev {
		if n == 0 {
			return f, false
		}
		n--
		if n -= f.tails; n < 0 {
			return nil, true
		}
	}
	if n == 0 && th == th.st.main {
		return f, false
	}
	return nil, false
}

// callee tells how the caller of frame f names it.
func (th *thread) callee(f *frame) (kind, name string) {
	if f.tails > 0 || f.prev == nil || f.prev.cl == nil {
		return "", ""
	}
	return luac51.CalleeOf(f.prev.cl.p.src, f.prev.pc-1)
}

// argFault raises "bad argument #i to 'f' (text)".
func (th *thread) argFault(i int, text string) {
	kind, name := th.callee(th.fr)
	if kind == "method" {
		if i--; i == 0 {
			th.errorf("calling '%s' on bad self (%s)", name, text)
		}
	}
	if name == "" {
		name = "?"
	}
	th.errorf("bad argument #%d to '%s' (%s)", i, name, text)
}

// typeFault raises that argument i is not of the type wanted.
func (th *thread) typeFault(i int, want string) {
	got := "no value"
	if i <= th.args() {
		got = th.arg(i).kind().String()
	}
	th.argFault(i, want+" expected, got "+got)
}

// The faults of operations. The operand is named if it is in a register of
// the running Lua function: reg is its number, or -1.

func (th *thread) operandFault(op string, v value, reg int) {
	if f := th.fr; f.cl != nil && reg >= 0 {
		if kind, name := luac51.NameOf(f.cl.p.src, f.pc-1, reg); kind != "" {
			th.fault("attempt to %s %s '%s' (a %s value)", op, kind, name, v.kind())
		}
	}
	th.fault("attempt to %s a %s value", op, v.kind())
}

// callFault raises that the value at a slot cannot be called.
func (th *thread) callFault(slot int) {
	reg := -1
	if f := th.fr; f.cl != nil && slot >= f.base && slot < f.top {
		reg = slot - f.base
	}
	th.operandFault("call", th.stack[slot], reg)
}

func (th *thread) arithFault(a, b value, ra, rb int) {
	if _, ok := toNumber(a); ok {
		a, ra = b, rb
	}
	th.operandFault("perform arithmetic on", a, ra)
}

func (th *thread) concatFault(a, b value, ra, rb int) {
	if a.isNumber() || a.is(kindString) {
		a, ra = b, rb
	}
	th.operandFault("concatenate", a, ra)
}

func (th *thread) compareFault(a, b value) {
	ka, kb := a.kind().String(), b.kind().String()
	if ka == kb {
		th.fault("attempt to compare two %s values", ka)
	}
	th.fault("attempt to compare %s with %s", ka, kb)
}

// traceback writes the calls from a level on, as debug.traceback does.
func (th *thread) traceback(level int) string {
	const first, last = 12, 10
	var b strings.Builder
	b.WriteString("stack traceback:")
	total := 0
	if th == th.st.main {
		total++
	}
	for f := th.fr; f != th.host; f = f.prev {
		total += 1 + f.tails
	}
	for n := level; n < total; n++ {
		if n == max(level, first) && total-n > last+1 {
			b.WriteString("\n\t...")
			n = total - last
		}
		b.WriteString("\n\t")
		f, lost := th.level(n)
		if lost {
			b.WriteString("(tail call): ?")
			continue
		}
		b.WriteString(th.describe(f))
	}
	return b.String()
}

func (th *thread) describe(f *frame) string {
	where := "[C]:"
	if f.cl != nil {
		where = fmt.Sprintf("%s:%d:", f.cl.p.chunk, f.line())
		if len(f.cl.p.src.Lines) == 0 {
			where = f.cl.p.chunk + ":"
		}
	}
	kind, name := th.callee(f)
	switch {
	case kind != "":
		return fmt.Sprintf("%s in function '%s'", where, name)
	case f.cl == nil:
		return where + " ?"
	case f.cl.p.src.LineDefined == 0:
		return where + " in main chunk"
	}
	return fmt.Sprintf("%s in function <%s:%d>", where, f.cl.p.chunk, f.cl.p.src.LineDefined)
}
