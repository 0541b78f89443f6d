package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"lander/lib/capability"
	"lander/lib/durable"
	"lander/lib/emp/frame"
	"lander/lib/remote"
)

// Limits of monitoring.
const (
	maxRules     = 100
	maxRuleText  = 256 << 10
	maxStrikes   = 3 // processes that a rule may end before it is disabled
	restartMin   = 100 * time.Millisecond
	restartMax   = time.Minute
	ruleSuffix   = ".rule"
	listLoaded   = "loaded"
	rulesDirName = "monitoring"
)

var ruleName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$`) })

// ruleRecord is an installed rule: monitoring/NAME.rule. It may do what the
// script might that installed it.
type ruleRecord struct {
	Name         string         `json:"name"`
	Text         string         `json:"text"`
	Enabled      bool           `json:"enabled"`
	Capabilities capability.Set `json:"capabilities"`
	SHA256       string         `json:"sha256"`
	Script       string         `json:"script,omitempty"` // that installed it
	Execution    string         `json:"execution,omitempty"`
	KeyID        string         `json:"key_id,omitempty"` // of the script's signature
	Strikes      int            `json:"strikes,omitempty"`
}

// monitoring keeps the installed rules, and the one process that runs those
// that are enabled or were loaded.
type monitoring struct {
	a     *Agent
	dir   string
	child *remote.Child // nil: no process can be made
	began time.Time

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	turn   chan struct{} // holds a token while something is changed

	trustRead chan struct{} // gets a token when a script had the trust store read

	mu      sync.Mutex
	rules   map[string]*ruleRecord
	loaded  map[string]*ruleRecord // what runs, or is to run after a restart
	process *remote.RuleProcess
	delay   time.Duration // before the next restart
}

func (a *Agent) openMonitoring(child *remote.Child) error {
	m := &monitoring{a: a, dir: filepath.Join(a.cfg.Dir, rulesDirName), child: child, began: a.cfg.Clock(), turn: make(chan struct{}, 1), trustRead: make(chan struct{}, 1), rules: map[string]*ruleRecord{}, loaded: map[string]*ruleRecord{}, delay: restartMin}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	a.monitoring = m
	if err := durable.MkdirAll(m.dir, 0o700); err != nil {
		return fmt.Errorf("opening the monitoring rules: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(m.dir, "*"+ruleSuffix))
	if err != nil {
		return fmt.Errorf("opening the monitoring rules: %w", err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		var r ruleRecord
		if err == nil {
			err = json.Unmarshal(b, &r)
		}
		if err != nil || r.Name+ruleSuffix != filepath.Base(file) {
			a.cfg.Log.Warn("a monitoring rule cannot be read", "file", file, "error", err)
			continue
		}
		m.rules[r.Name] = &r
		if r.Enabled {
			m.loaded[r.Name] = &r
		}
	}
	m.endRevoked()
	a.scripts.svc.Trust = m.readTrust
	m.wg.Go(m.watchTrust)
	if len(m.loaded) > 0 {
		m.wg.Go(func() {
			if m.take(m.ctx) == nil {
				defer m.give()
				if _, err := m.ensure(m.ctx); err != nil && m.ctx.Err() == nil {
					a.cfg.Log.Error("monitoring does not start", "error", err)
				}
			}
		})
	}
	return nil
}

func (m *monitoring) close() {
	m.cancel()
	m.mu.Lock()
	p := m.process
	m.mu.Unlock()
	if p != nil {
		p.Close()
	}
	m.wg.Wait()
}

func (m *monitoring) take(ctx context.Context) error {
	select {
	case m.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (m *monitoring) give() { <-m.turn }

// ensure returns the process, and starts it with all rules that are to run
// when there is none. The turn is held.
func (m *monitoring) ensure(ctx context.Context) (*remote.RuleProcess, error) {
	m.mu.Lock()
	p := m.process
	m.mu.Unlock()
	if p != nil {
		select {
		case <-p.Done():
		default:
			return p, nil
		}
	}
	if m.child == nil {
		return nil, frame.Errorf(frame.StatusNotAvailable, "monitoring needs a process of its own, which this system does not give")
	}
	s := &session{a: m.a, addr: "monitoring", names: map[string]bool{}}
	s.vars = m.a.tree.Client(s.notify)
	p, err := m.child.StartRules(m.ctx, remote.RulesOptions{
		Answer: ruleHandler{m.a, s}, Open: s.peer.Store, Gone: s.vars.Close, Uptime: m.a.cfg.Clock().Sub(m.began), Ended: m.ruleEnded,
	})
	if err != nil {
		s.vars.Close()
		return nil, err
	}
	m.mu.Lock()
	m.process = p
	all := slices.SortedFunc(maps.Values(m.loaded), func(a, b *ruleRecord) int { return strings.Compare(a.Name, b.Name) })
	m.mu.Unlock()
	m.wg.Go(func() { m.supervise(p) })
	for _, r := range all {
		if err := p.Load(ctx, r.Name, r.Text, r.Capabilities); err != nil {
			m.a.cfg.Log.Error("a monitoring rule does not begin", "rule", r.Name, "error", err)
			if _, own := errors.AsType[*remote.RuleError](err); !own {
				break // the process has gone: the next one goes on
			}
			m.mu.Lock()
			delete(m.loaded, r.Name)
			m.mu.Unlock()
		}
	}
	return p, nil
}

// supervise waits for the end of a process, and has another one begin.
func (m *monitoring) supervise(p *remote.RuleProcess) {
	<-p.Done()
	if m.ctx.Err() != nil {
		return
	}
	name, trace := p.Suspect()
	m.a.cfg.Log.Error("the process of the monitoring rules has ended", "rule", name, "trace", trace)
	m.strike(name)
	m.mu.Lock()
	if m.process == p {
		m.process = nil
	}
	delay, some := m.delay, len(m.loaded) > 0
	m.delay = min(2*m.delay, restartMax)
	m.mu.Unlock()
	if !some {
		return
	}
	over := make(chan struct{})
	stop := m.a.afterFunc(delay, func() { close(over) })
	defer stop()
	select {
	case <-over:
	case <-m.ctx.Done():
		return
	}
	if m.take(m.ctx) != nil {
		return
	}
	defer m.give()
	if _, err := m.ensure(m.ctx); err != nil && m.ctx.Err() == nil {
		m.a.cfg.Log.Error("monitoring does not start again", "error", err)
	}
}

// strike counts the processes that a rule has ended, and disables it when
// there are too many.
func (m *monitoring) strike(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.loaded[name]
	if r == nil {
		return
	}
	r.Strikes++
	if r.Strikes >= maxStrikes {
		r.Enabled = false
		delete(m.loaded, name)
		m.a.cfg.Log.Error("a monitoring rule is disabled: it ended its process", "rule", name, "times", r.Strikes)
		m.a.event(Event{Event: "script", Name: name, Status: "disabled"})
	}
	if m.rules[name] == r {
		if err := m.save(r); err != nil {
			m.a.cfg.Log.Error("keeping a monitoring rule", "rule", name, "error", err)
		}
	}
}

// ruleEnded is told by the process that it has stopped a rule.
func (m *monitoring) ruleEnded(name, text string) {
	m.a.cfg.Log.Error("a monitoring rule was stopped", "rule", name, "error", text)
	m.mu.Lock()
	delete(m.loaded, name)
	m.mu.Unlock()
}

func (m *monitoring) path(name string) string { return filepath.Join(m.dir, name+ruleSuffix) }

func (m *monitoring) save(r *ruleRecord) error {
	b, err := json.Marshal(r)
	if err == nil {
		err = durable.WriteFile(m.path(r.Name), b, 0o600)
	}
	if err != nil {
		return fmt.Errorf("keeping the rule %s: %w", r.Name, err)
	}
	return nil
}
