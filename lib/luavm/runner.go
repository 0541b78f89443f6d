package luavm

import (
	"context"
	"errors"
	"slices"
	"time"

	"lander/lib/job"
)

// Runner runs Lua tasks in this process, under a polled context. Scripts from
// outside belong in a child process; this is for tests, rules and simulators.
type Runner struct {
	Modules []Module         // offered to every task, beside Progress
	Now     func() time.Time // nil means time.Now
	Limits  job.Budget       // used for the zero fields of a task's budget
	Cache   *Cache           // of compiled programs; nil keeps none
}

// Run implements job.Runner for job.FormatLua and job.FormatLuac51.
func (r *Runner) Run(ctx context.Context, t job.Task, s job.Streams) job.Outcome {
	b := t.Budget
	if b.Wall == 0 {
		b.Wall = r.Limits.Wall
	}
	if b.Memory == 0 {
		b.Memory = r.Limits.Memory
	}
	if b.Output == 0 {
		b.Output = r.Limits.Output
	}
	if b.Depth == 0 {
		b.Depth = r.Limits.Depth
	}
	p, err := r.Cache.Load(t.ChunkName(), t.Format, t.Payload)
	if err == nil {
		_, err = p.Run(ctx, Config{
			Args: t.Args, Argv: t.Argv, Env: t.Env, Capabilities: t.Capabilities, Budget: b, Poll: true,
			Stdin: s.Stdin, Stdout: s.Stdout, Stderr: s.Stderr, Now: r.Now, Modules: append(slices.Clip(r.Modules), Progress(s.Progress)),
		})
	}
	return OutcomeOf(err)
}

// Load compiles the payload of a task by its format word.
func Load(name, format string, payload []byte) (*Program, error) {
	if format == job.FormatLuac51 {
		return CompileBytecode(name, payload)
	}
	if format != job.FormatLua {
		return nil, job.Errorf(job.CodeLoad, "%s: format %q is none of Lua", name, format)
	}
	return Compile(name, payload)
}

// OutcomeOf words the error of Compile or Run as an outcome.
func OutcomeOf(err error) job.Outcome {
	code := 0
	if err == nil {
		return job.Outcome{ExitCode: &code}
	}
	code = 1
	var exit *Exit
	if errors.As(err, &exit) {
		code = exit.Code
	}
	var je *job.Error
	if !errors.As(err, &je) {
		je = job.Errorf(job.CodeInternal, "%v", err)
	}
	out := job.Outcome{ExitCode: &code, Err: je}
	switch je.Code {
	case job.CodeTimeout, job.CodeInterrupted, job.CodeMemory, job.CodeOutput, job.CodeDepth, job.CodeCPU:
		out.Terminated = true
	}
	return out
}
