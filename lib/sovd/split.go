package sovd

import (
	"context"
	"log/slog"

	"lander/lib/job"
)

// Split is a ScriptProvider of two: what Mine says belongs to First goes
// there, all else to Rest, which may be nil.
type Split struct {
	Mine  func(Ref) bool
	First ScriptProvider
	Rest  ScriptProvider
	Log   *slog.Logger
}

func (s Split) of(e Ref) (guard, error) {
	switch {
	case s.Mine(e):
		return guard{s.First, s.Log}, nil
	case s.Rest == nil:
		return guard{}, Errorf(KindUnsupported, "Scripts backend not configured")
	}
	return guard{s.Rest, s.Log}, nil
}

// off reports whether nobody has the scripts of an entity.
func (s Split) off(e Ref) bool {
	if s.Mine(e) {
		return false
	}
	if rest, ok := s.Rest.(Split); ok {
		return rest.off(e)
	}
	return s.Rest == nil
}

// ListScripts implements ScriptProvider.
func (s Split) ListScripts(ctx context.Context, e Ref) ([]Script, error) {
	p, err := s.of(e)
	if err != nil {
		return nil, err
	}
	return p.ListScripts(ctx, e)
}

// GetScript implements ScriptProvider.
func (s Split) GetScript(ctx context.Context, e Ref, id string) (Script, error) {
	p, err := s.of(e)
	if err != nil {
		return Script{}, err
	}
	return p.GetScript(ctx, e, id)
}

// UploadScript implements ScriptProvider.
func (s Split) UploadScript(ctx context.Context, e Ref, u Upload) (Script, error) {
	p, err := s.of(e)
	if err != nil {
		return Script{}, err
	}
	return p.UploadScript(ctx, e, u)
}

// DeleteScript implements ScriptProvider.
func (s Split) DeleteScript(ctx context.Context, e Ref, id string) error {
	p, err := s.of(e)
	if err != nil {
		return err
	}
	return p.DeleteScript(ctx, e, id)
}

// StartExecution implements ScriptProvider.
func (s Split) StartExecution(ctx context.Context, e Ref, script string, st Start) (Execution, error) {
	p, err := s.of(e)
	if err != nil {
		return Execution{}, err
	}
	return p.StartExecution(ctx, e, script, st)
}

// GetExecution implements ScriptProvider.
func (s Split) GetExecution(ctx context.Context, e Ref, script, id string) (Execution, error) {
	p, err := s.of(e)
	if err != nil {
		return Execution{}, err
	}
	return p.GetExecution(ctx, e, script, id)
}

// ControlExecution implements ScriptProvider.
func (s Split) ControlExecution(ctx context.Context, e Ref, script, id string, a Action) (Execution, error) {
	p, err := s.of(e)
	if err != nil {
		return Execution{}, err
	}
	return p.ControlExecution(ctx, e, script, id, a)
}

// DeleteExecution implements ScriptProvider.
func (s Split) DeleteExecution(ctx context.Context, e Ref, script, id string) error {
	p, err := s.of(e)
	if err != nil {
		return err
	}
	return p.DeleteExecution(ctx, e, script, id)
}

// ListExecutions implements Follower.
func (s Split) ListExecutions(ctx context.Context, e Ref, script string) ([]Execution, error) {
	p, err := s.of(e)
	if err != nil {
		return nil, err
	}
	return p.ListExecutions(ctx, e, script)
}

// WaitExecution implements Follower.
func (s Split) WaitExecution(ctx context.Context, e Ref, script, id string) (Execution, error) {
	p, err := s.of(e)
	if err != nil {
		return Execution{}, err
	}
	return p.WaitExecution(ctx, e, script, id)
}

// Output implements Follower.
func (s Split) Output(ctx context.Context, e Ref, script, id string) (*job.Output, error) {
	p, err := s.of(e)
	if err != nil {
		return nil, err
	}
	return p.Output(ctx, e, script, id)
}
