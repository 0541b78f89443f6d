package sovd

import (
	"context"
	"crypto/rand"
	"io"
	"sync"
	"time"

	"lander/lib/job"
)

// Memory is a ScriptProvider that keeps scripts in memory and runs none: a
// start runs until it is controlled. It shows what a provider must do, and is
// for tests of gateways.
type Memory struct {
	mu      sync.Mutex
	scripts map[Ref]map[string]Script
	execs   map[string]*memoryExecution
}

type memoryExecution struct {
	entity Ref
	script string
	x      Execution
}

// NewMemory returns an empty Memory.
func NewMemory() *Memory {
	return &Memory{scripts: map[Ref]map[string]Script{}, execs: map[string]*memoryExecution{}}
}

// ListScripts implements ScriptProvider.
func (m *Memory) ListScripts(_ context.Context, e Ref) ([]Script, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []Script
	for _, s := range m.scripts[e] {
		out = append(out, s)
	}
	sortScripts(out)
	return out, nil
}

// GetScript implements ScriptProvider.
func (m *Memory) GetScript(_ context.Context, e Ref, id string) (Script, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.scripts[e][id]
	if !ok {
		return Script{}, Errorf(KindNotFound, "Script not found: %s", id)
	}
	return s, nil
}

// UploadScript implements ScriptProvider.
func (m *Memory) UploadScript(_ context.Context, e Ref, u Upload) (Script, error) {
	b, err := io.ReadAll(io.LimitReader(u.Body, DefaultMaxFile+1))
	if err != nil {
		return Script{}, err
	}
	if len(b) > DefaultMaxFile {
		return Script{}, Errorf(KindTooLarge, "Script file exceeds maximum size of 10 MB")
	}
	if err := u.Check(); err != nil {
		return Script{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s := Script{ID: newScriptID(time.Now(), rand.Reader), Name: u.Name(), Description: u.Description(), Schema: u.Schema()}
	if m.scripts[e] == nil {
		m.scripts[e] = map[string]Script{}
	}
	m.scripts[e][s.ID] = s
	return s, nil
}

// DeleteScript implements ScriptProvider.
func (m *Memory) DeleteScript(_ context.Context, e Ref, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.scripts[e][id]; !ok {
		return Errorf(KindNotFound, "Script not found: %s", id)
	}
	for _, x := range m.execs {
		if x.entity == e && x.script == id && !x.x.Status.Final() {
			return Errorf(KindRunning, "Cannot delete script with running execution: %s", x.x.ID)
		}
	}
	delete(m.scripts[e], id)
	return nil
}

// StartExecution implements ScriptProvider.
func (m *Memory) StartExecution(_ context.Context, e Ref, script string, _ Start) (Execution, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.scripts[e][script]; !ok {
		return Execution{}, Errorf(KindNotFound, "Script not found: %s", script)
	}
	now := time.Now()
	x := Execution{ID: job.NewID(now, rand.Reader), Status: job.Running, StartedAt: job.Time{Time: now}}
	m.execs[x.ID] = &memoryExecution{e, script, x}
	return x, nil
}

func (m *Memory) lookup(e Ref, script, id string) (*memoryExecution, error) {
	x := m.execs[id]
	if x == nil || x.entity != e || x.script != script {
		return nil, Errorf(KindNotFound, "Execution not found: %s", id)
	}
	return x, nil
}

// GetExecution implements ScriptProvider.
func (m *Memory) GetExecution(_ context.Context, e Ref, script, id string) (Execution, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	x, err := m.lookup(e, script, id)
	if err != nil {
		return Execution{}, err
	}
	return x.x, nil
}

// ControlExecution implements ScriptProvider.
func (m *Memory) ControlExecution(_ context.Context, e Ref, script, id string, a Action) (Execution, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	x, err := m.lookup(e, script, id)
	switch {
	case err != nil:
		return Execution{}, err
	case x.x.Status.Final():
		return Execution{}, notRunning(x.x.Status)
	case a != ActionStop && a != ActionForced:
		return Execution{}, Errorf(KindInput, "Unknown action: %s", a)
	}
	now := job.Time{Time: time.Now()}
	x.x.Status, x.x.CompletedAt, x.x.Error = job.Terminated, &now, &ExecutionError{Message: a.Cause()}
	x.x.Parameters = outputParameters(nil, nil, nil)
	return x.x, nil
}

// DeleteExecution implements ScriptProvider.
func (m *Memory) DeleteExecution(_ context.Context, e Ref, script, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	x, err := m.lookup(e, script, id)
	if err != nil {
		return err
	}
	if !x.x.Status.Final() {
		return Errorf(KindRunning, "Cannot delete running execution. Stop it first.")
	}
	delete(m.execs, id)
	return nil
}
