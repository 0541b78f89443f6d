package sovd

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"

	"lander/lib/job"
)

// guard keeps the faults of a provider from taking the gateway down: a panic
// is an internal error, and so is an answer without the id it must have.
type guard struct {
	p   ScriptProvider
	log *slog.Logger
}

func (g guard) rescue(doing string, err *error) {
	if v := recover(); v != nil {
		g.log.Error("the script provider panicked", "doing", doing, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
		*err = fmt.Errorf("%s: the script provider panicked", doing)
	}
}

func (g guard) script(s Script, err error) (Script, error) {
	if err == nil && badID(s.ID, "Script") != "" {
		return Script{}, fmt.Errorf("the script provider answered with the script id %.40q", s.ID)
	}
	return s, err
}

func (g guard) execution(x Execution, err error) (Execution, error) {
	if err == nil && badID(x.ID, "Execution") != "" {
		return Execution{}, fmt.Errorf("the script provider answered with the execution id %.40q", x.ID)
	}
	return x, err
}

func (g guard) ListScripts(ctx context.Context, e Ref) (list []Script, err error) {
	defer g.rescue("listing scripts", &err)
	if list, err = g.p.ListScripts(ctx, e); err != nil {
		return nil, err
	}
	for _, s := range list {
		if _, err := g.script(s, nil); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (g guard) GetScript(ctx context.Context, e Ref, id string) (s Script, err error) {
	defer g.rescue("getting a script", &err)
	return g.script(g.p.GetScript(ctx, e, id))
}

func (g guard) UploadScript(ctx context.Context, e Ref, u Upload) (s Script, err error) {
	defer g.rescue("uploading a script", &err)
	return g.script(g.p.UploadScript(ctx, e, u))
}

func (g guard) DeleteScript(ctx context.Context, e Ref, id string) (err error) {
	defer g.rescue("deleting a script", &err)
	return g.p.DeleteScript(ctx, e, id)
}

func (g guard) StartExecution(ctx context.Context, e Ref, script string, s Start) (x Execution, err error) {
	defer g.rescue("starting an execution", &err)
	return g.execution(g.p.StartExecution(ctx, e, script, s))
}

func (g guard) GetExecution(ctx context.Context, e Ref, script, id string) (x Execution, err error) {
	defer g.rescue("getting an execution", &err)
	return g.execution(g.p.GetExecution(ctx, e, script, id))
}

func (g guard) ControlExecution(ctx context.Context, e Ref, script, id string, a Action) (x Execution, err error) {
	defer g.rescue("controlling an execution", &err)
	return g.execution(g.p.ControlExecution(ctx, e, script, id, a))
}

func (g guard) DeleteExecution(ctx context.Context, e Ref, script, id string) (err error) {
	defer g.rescue("deleting an execution", &err)
	return g.p.DeleteExecution(ctx, e, script, id)
}

func (g guard) ListExecutions(ctx context.Context, e Ref, script string) (list []Execution, err error) {
	defer g.rescue("listing executions", &err)
	f, ok := g.p.(Follower)
	if !ok {
		return nil, Errorf(KindUnsupported, "The script provider keeps no list of executions")
	}
	return f.ListExecutions(ctx, e, script)
}

func (g guard) WaitExecution(ctx context.Context, e Ref, script, id string) (x Execution, err error) {
	defer g.rescue("waiting for an execution", &err)
	if f, ok := g.p.(Follower); ok {
		return g.execution(f.WaitExecution(ctx, e, script, id))
	}
	return poll(ctx, g, e, script, id)
}

func (g guard) Output(ctx context.Context, e Ref, script, id string) (o *job.Output, err error) {
	defer g.rescue("following an execution", &err)
	f, ok := g.p.(Follower)
	if !ok {
		return nil, Errorf(KindUnsupported, "The script provider does not show output as it comes")
	}
	o, err = f.Output(ctx, e, script, id)
	if err == nil && o == nil {
		err = Errorf(KindInternal, "The script provider has no output to follow")
	}
	return o, err
}
