//go:build !unix

package remote

import (
	"context"
	"log/slog"

	"lander/lib/emp/frame"
	"lander/lib/job"
)

// Host answers what a running script asks its agent.
type Host interface {
	Handle(ctx context.Context, t job.Task, c frame.Command, payload []byte) frame.Response
}

// Child cannot run here: there are no process groups and no limits. Callers
// run scripts uncontained, when told to, with luavm.Runner.
type Child struct {
	Argv []string
	Host Host
	Log  *slog.Logger
}

// Run refuses every task.
func (c *Child) Run(context.Context, job.Task, job.Streams) job.Outcome {
	return job.Outcome{Err: job.Errorf(job.CodeInternal, "%v", ErrUncontained)}
}

// ChildMain is never reached.
func ChildMain() int { return 2 }
