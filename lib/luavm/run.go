package luavm

import (
	"bufio"
	"context"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
	"weak"

	"lander/lib/capability"
	"lander/lib/job"
)

// run is one execution of a program.
type run struct {
	ctx     context.Context
	c       Config
	st      *state
	start   time.Time
	in      *bufio.Reader
	out     [2]int64 // bytes written to stdout and stderr
	inside  bool     // the run's goroutine is in a function of the host
	files   *files
	scratch []byte         // for numbers being written
	open    map[*file]bool // files to close at the end

	sockets  map[*socket]bool
	io       ioLib
	held     []weak.Pointer[Function] // functions that the host may hold
	heldNext int                      // length of held at which to look through it
}

// runKey finds the run in the context that host functions get.
type runKey struct{}

func newRun(ctx context.Context, c Config) *run {
	if c.Stdin == nil {
		c.Stdin = strings.NewReader("")
	}
	if c.Stdout == nil {
		c.Stdout = io.Discard
	}
	if c.Stderr == nil {
		c.Stderr = io.Discard
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Budget.Memory <= 0 {
		c.Budget.Memory = DefaultMemory
	}
	c.Budget.Memory = max(c.Budget.Memory, leastMemory)
	if c.Budget.Depth <= 0 {
		c.Budget.Depth = DefaultDepth
	}
	r := &run{c: c, start: c.Now(), in: bufio.NewReader(c.Stdin), open: map[*file]bool{}, sockets: map[*socket]bool{}}
	r.ctx = context.WithValue(ctx, runKey{}, r)
	r.files = newFiles(c.Capabilities)
	r.st = newState(int(c.Budget.Memory), c.Budget.Depth)
	r.st.run = r
	r.st.poll = r.poll
	r.openLibraries()
	return r
}

// poll is called at points where the stack holds all that is alive.
func (r *run) poll(th *thread) {
	if r.st.stop.Load()&stopContext != 0 {
		panic(&fatal{stopped(r.ctx)})
	}
	if r.st.stop.Load()&stopCollect != 0 {
		r.st.stop.And(^uint32(stopCollect))
		r.st.collect(th)
	}
}

func (r *run) openLibraries() {
	st := r.st
	args := st.newTable(0, len(r.c.Args))
	for k, v := range r.c.Args {
		args.setString(st, k, st.string(v))
	}
	st.globals.setString(st, "args", tableValue(args))
	if r.c.Argv != nil {
		arg := st.newTable(len(r.c.Argv), 0)
		for i, v := range r.c.Argv {
			arg.setInt(st, i+1, st.string(v))
		}
		st.globals.setString(st, "arg", tableValue(arg))
	}
	if !r.c.Capabilities.Allows(capability.Base) {
		return
	}
	st.openBase()
	st.openString()
	for _, l := range []struct {
		name string
		list []entry
	}{
		{"table", tableFuncs()}, {"math", mathFuncs()}, {"debug", debugFuncs()}, {"coroutine", coroutineFuncs()}, {"os", osFuncs()},
	} {
		st.globals.setString(st, l.name, tableValue(st.fill(st.newTable(0, len(l.list)), l.list)))
	}
	st.openMath()
	st.globals.setString(st, "io", tableValue(r.openIO()))
	r.openPackage()
}

// close ends what the run has opened.
func (r *run) close() {
	for f := range r.open {
		f.close()
	}
	for s := range r.sockets {
		s.shut()
	}
	r.files.close()
}

// main runs the chunk, and then the host's Serve.
func (r *run) main(p *Program) (values []Value, err error) {
	th := r.st.main
	err = r.guard(func() error {
		slot := th.top
		th.push(r.st.newClosure(p.proto, r.st.globals).value())
		for i := range th.stack[slot].closure().ups { // bytecode may name upvalues that nothing gives
			u := &upvalue{}
			u.v = &u.own
			th.stack[slot].closure().ups[i] = u
		}
		if e := th.protect(slot, 0, value{}); e != nil {
			return r.raised(th, e)
		}
		for _, v := range th.stack[slot:th.top] {
			g, err := r.toGo(v)
			if err != nil { // coroutines, files: by their address
				g = text(v)
			}
			values = append(values, g)
		}
		th.top = slot
		return nil
	})
	if err == nil && r.c.Serve != nil {
		r.inside = true
		err = r.guard(func() error { return r.c.Serve(r.ctx) })
	}
	if end := r.guard(func() error { r.st.finalizeAll(th); return nil }); err == nil {
		err = end
	}
	if err != nil {
		values = nil
	}
	return values, err
}

// guard calls f and turns what ends a run from inside into its error: a
// spent budget, os.exit, or a fault of ours.
func (r *run) guard(f func() error) (err error) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case *fatal:
			err = e.err
		case *luaError:
			err = r.raised(r.st.main, e)
		default:
			err = job.Errorf(job.CodeInternal, "lua: %v", e)
		}
		var exit *Exit
		var je *job.Error
		switch {
		case errors.As(err, &exit):
			if exit.Code == 0 {
				err = nil
			}
		case err != nil && !errors.As(err, &je):
			err = job.Errorf(job.CodeScript, "%v", err)
		}
	}()
	return f()
}

// placed finds the position that begins most messages. A chunk may be named
// by its URL, which has colons of its own.
var placed = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:\[string "[^\n]*?"\]|[^\n:]*|\S+?):(\d+): `)
})

// raised words a Lua error that nothing caught.
func (r *run) raised(th *thread, e *luaError) *job.Error {
	out := &job.Error{Code: job.CodeScript, Message: th.errorText(e.v)}
	if e.code != "" {
		out.Code = e.code
	} else if strings.HasSuffix(out.Message, "stack overflow") {
		out.Code = job.CodeDepth
	}
	if m := placed().FindStringSubmatch(out.Message); m != nil {
		out.Line, _ = strconv.Atoi(m[1])
	}
	return out
}

// denied is the error of using what was not granted.
func denied(word string) *job.Error {
	return job.Errorf(job.CodeCapability, "capability %q not granted", word)
}
