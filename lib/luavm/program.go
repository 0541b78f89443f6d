package luavm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"

	"lander/lib/job"
)

func init() { lua.MaxArrayIndex = 1e6 }

// Program is a compiled script. It is immutable and may be run by several
// goroutines at once.
type Program struct {
	name  string
	proto *lua.FunctionProto
}

// Compile compiles source, which may begin with a #! line. name is the chunk
// name in messages. The error is a *job.Error with job.CodeLoad.
func Compile(name string, source []byte) (p *Program, err error) {
	defer func() {
		if r := recover(); r != nil {
			p, err = nil, job.Errorf(job.CodeInternal, "compiling %s: %v", name, r)
		}
	}()
	if len(source) > 0 && source[0] == '#' {
		if i := bytes.IndexByte(source, '\n'); i >= 0 {
			source = source[i:]
		} else {
			source = nil
		}
	}
	if err := scanNesting(source); err != nil {
		return nil, job.Errorf(job.CodeLoad, "%s: %v", name, err)
	}
	chunk, err := parse.Parse(bytes.NewReader(source), name)
	if err != nil {
		return nil, loadError(name, err)
	}
	proto, err := lua.Compile(chunk, name)
	if err != nil {
		return nil, loadError(name, err)
	}
	return &Program{name: name, proto: proto}, nil
}

var parsePlace = regexp.MustCompile(`(?s)^.* line:(\d+)\(column:\d+\)(.*)$`)

func loadError(name string, err error) *job.Error {
	text := strings.TrimSpace(err.Error())
	if m := parsePlace.FindStringSubmatch(text); m != nil {
		line, _ := strconv.Atoi(m[1])
		return &job.Error{Code: job.CodeLoad, Line: line, Message: fmt.Sprintf("%s:%d:%s", name, line, m[2])}
	}
	return job.Errorf(job.CodeLoad, "%s: %s", name, text)
}

// Name returns the chunk name.
func (p *Program) Name() string { return p.name }

// Run executes the program in a fresh state and returns what its chunk
// returned. When ctx ends, a polled run stops with job.CodeTimeout or
// job.CodeInterrupted. The error is a *job.Error, or an *Exit when the script
// called os.exit with a code other than 0.
func (p *Program) Run(ctx context.Context, c Config) (values []Value, err error) {
	if c.Budget.Wall > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Budget.Wall)
		defer cancel()
	}
	defer func() {
		if r := recover(); r != nil {
			values, err = nil, job.Errorf(job.CodeInternal, "running %s: %v", p.name, r)
		}
	}()
	r := newRun(ctx, c)
	defer r.l.Close()
	return r.main(p)
}

// stopped words the end of a context.
func stopped(ctx context.Context) *job.Error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return job.Errorf(job.CodeTimeout, "the wall-clock budget was spent")
	}
	return job.Errorf(job.CodeInterrupted, "interrupted")
}
