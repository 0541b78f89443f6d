//go:build !unix

package remote

import (
	"context"
	"log/slog"
	"time"

	"lander/lib/capability"
	"lander/lib/emp"
	"lander/lib/emp/frame"
	"lander/lib/job"
	"lander/lib/proc"
)

// Host answers what a running script asks its agent.
type Host interface {
	Handle(ctx context.Context, t job.Task, c frame.Command, payload []byte) frame.Response
}

// Child cannot run here: there are no process groups and no limits. Callers
// run scripts uncontained, when told to, with luavm.Runner.
type Child struct {
	Argv   []string
	Host   Host
	Env    []string
	User   *proc.User
	Family *proc.Family
	Cgroup *proc.Cgroup
	Log    *slog.Logger
}

// Run refuses every task.
func (c *Child) Run(context.Context, job.Task, job.Streams) job.Outcome {
	return job.Outcome{Err: job.Errorf(job.CodeInternal, "%v", ErrUncontained)}
}

// RulesOptions are what the process of the monitoring rules is started with.
type RulesOptions struct {
	Answer emp.Handler
	Open   func(*emp.Peer)
	Gone   func()
	Ended  func(rule, text string)
	Uptime time.Duration
}

// RuleProcess is a child that runs monitoring rules: there is none here.
type RuleProcess struct{}

// RuleError is what a rule's own text ends in.
type RuleError struct{ Text string }

func (e *RuleError) Error() string { return e.Text }

// StartRules refuses.
func (c *Child) StartRules(context.Context, RulesOptions) (*RuleProcess, error) {
	return nil, ErrUncontained
}

// Load refuses.
func (p *RuleProcess) Load(context.Context, string, string, capability.Set) error {
	return ErrUncontained
}

// Unload refuses.
func (p *RuleProcess) Unload(context.Context, string) error { return ErrUncontained }

// Done is closed.
func (p *RuleProcess) Done() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// Suspect is nobody.
func (p *RuleProcess) Suspect() (rule, trace string) { return "", "" }

// Close does nothing.
func (p *RuleProcess) Close() {}

// ChildMain is never reached.
func ChildMain() int { return 2 }
