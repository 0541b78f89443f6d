package luavm

import (
	"context"
	"errors"
	"fmt"

	"lander/lib/job"
	"lander/lib/luac51"
)

// Program is a compiled script. It is immutable and may be run by several
// goroutines at once.
type Program struct {
	name  string
	proto *proto
}

// Compile compiles source, which may begin with a #! line. name is the chunk
// name in messages. The error is a *job.Error with job.CodeLoad. Time and
// memory are bounded by a constant times the size of source, and nesting by
// the 200 levels of PUC Lua.
func Compile(name string, source []byte) (p *Program, err error) {
	defer caught("compiling "+name, &err)
	if luac51.IsBytecode(source) {
		return nil, job.Errorf(job.CodeLoad, "%s: source text expected, got a precompiled chunk", name)
	}
	src, err := luac51.CompileWithin("@"+name, luac51.SkipShebang(source), hostCalls)
	if err != nil {
		e := &job.Error{Code: job.CodeLoad, Message: err.Error()}
		var syntax *luac51.SyntaxError
		if errors.As(err, &syntax) {
			e.Line = syntax.Line
		}
		return nil, e
	}
	return &Program{name, load(src)}, nil
}

// CompileBytecode verifies a precompiled chunk of PUC Lua 5.1, full or
// stripped, of either word size and byte order.
func CompileBytecode(name string, chunk []byte) (p *Program, err error) {
	defer caught("loading "+name, &err)
	src, err := luac51.Undump(chunk)
	if err != nil {
		return nil, job.Errorf(job.CodeLoad, "%s: %v", name, err)
	}
	return &Program{name, load(src)}, nil
}

// Name returns the chunk name.
func (p *Program) Name() string { return p.name }

// caught turns a Go panic, which would be a fault of this package, into an
// error.
func caught(doing string, err *error) {
	if r := recover(); r != nil {
		*err = job.Errorf(job.CodeInternal, "%s: %v", doing, r)
	}
}

// Run executes the program in a fresh state and returns what its chunk
// returned. When ctx ends, a polled run stops with job.CodeTimeout or
// job.CodeInterrupted. The error is a *job.Error, or an *Exit when the script
// called os.exit with a code other than 0.
func (p *Program) Run(ctx context.Context, c Config) (values []Value, err error) {
	defer caught("running "+p.name, &err)
	if c.Budget.Wall > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Budget.Wall)
		defer cancel()
	}
	if ctx.Err() != nil {
		return nil, stopped(ctx)
	}
	r := newRun(ctx, c)
	defer r.close()
	if c.Poll {
		defer context.AfterFunc(ctx, func() { r.st.request(stopContext) })()
	}
	return r.main(p)
}

// stopped words the end of a context.
func stopped(ctx context.Context) *job.Error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return job.Errorf(job.CodeTimeout, "the wall-clock budget was spent")
	}
	return job.Errorf(job.CodeInterrupted, "interrupted")
}

// errorText is the message of an error value that nothing caught.
func (th *thread) errorText(v value) string {
	if s, ok := toString(v); ok {
		return s
	}
	if th.st.metamethod(v, evToString).p != nil {
		slot := th.top
		th.push(th.st.newNative(func(th *thread) int { return th.ret(th.display(th.arg(1))) }).value())
		th.push(v)
		if err := th.protect(slot, 1, value{}); err == nil {
			if s, ok := toString(th.stack[slot]); ok && th.top > slot {
				th.top = slot
				return s
			}
		}
		th.top = slot
	}
	return fmt.Sprintf("(error object is a %s value)", v.kind())
}

func skipShebang(s string) []byte { return luac51.SkipShebang([]byte(s)) }
