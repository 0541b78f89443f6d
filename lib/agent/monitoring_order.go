package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"lander/lib/durable"
	"lander/lib/emp/frame"
	"lander/lib/job"
	"lander/lib/journal"
	"lander/lib/remote"
)

// order does what a script asks for. The errors are for the script.
func (m *monitoring) order(ctx context.Context, t job.Task, o remote.MonitoringOrder) (frame.Value, error) {
	if err := m.take(ctx); err != nil {
		return frame.Value{}, err
	}
	defer m.give()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(m.ctx, cancel)()
	done := frame.Bool(true)
	switch o.Op {
	case remote.MonitoringInstall, remote.MonitoringLoad:
		return done, m.install(ctx, t, o)
	case remote.MonitoringList:
		return m.list(o.Name)
	case remote.MonitoringUninstallAll:
		m.mu.Lock()
		names := slices.Collect(maps.Keys(m.rules))
		m.mu.Unlock()
		for _, name := range names {
			if err := m.uninstall(ctx, t, name); err != nil {
				return frame.Value{}, err
			}
		}
		return done, nil
	case remote.MonitoringUninstall:
		return done, m.uninstall(ctx, t, o.Name)
	case remote.MonitoringEnable:
		return done, m.enable(ctx, o.Name)
	case remote.MonitoringDisable:
		return done, m.disable(ctx, o.Name)
	case remote.MonitoringUnload:
		return done, m.unload(ctx, o.Name)
	}
	return frame.Value{}, frame.Errorf(frame.StatusBadParameter, "monitoring has no operation %q", o.Op)
}

func noRule(name string) error {
	return frame.Errorf(frame.StatusNotFound, "no rule %.64s", name)
}

// begin has the process run a rule.
func (m *monitoring) begin(ctx context.Context, r *ruleRecord) error {
	p, err := m.ensure(ctx)
	if err != nil {
		return err
	}
	m.mu.Lock()
	old := m.loaded[r.Name]
	m.loaded[r.Name] = r // so that it is known if it ends the process
	m.mu.Unlock()
	if err := p.Load(ctx, r.Name, r.Text, r.Capabilities); err != nil {
		m.mu.Lock()
		if old == nil {
			delete(m.loaded, r.Name)
		} else {
			m.loaded[r.Name] = old
		}
		m.mu.Unlock()
		return frame.Errorf(frame.StatusBadParameter, "%v", err)
	}
	m.mu.Lock()
	m.delay = restartMin
	m.mu.Unlock()
	return nil
}

func (m *monitoring) install(ctx context.Context, t job.Task, o remote.MonitoringOrder) error {
	sum := sha256.Sum256([]byte(o.Text))
	r := &ruleRecord{Name: o.Name, Text: o.Text, Enabled: !o.Off, Capabilities: t.Capabilities, SHA256: hex.EncodeToString(sum[:]), Script: t.Name, Execution: t.ID, KeyID: m.a.scripts.keyOf(t.ID)}
	m.mu.Lock()
	full := m.rules[o.Name] == nil && len(m.rules)+len(m.loaded) >= 2*maxRules
	m.mu.Unlock()
	switch {
	case !ruleName().MatchString(o.Name):
		return frame.Errorf(frame.StatusBadParameter, "%.64q is no name of a rule: letters, digits, _ . -", o.Name)
	case len(o.Text) > maxRuleText:
		return frame.Errorf(frame.StatusBadParameter, "a rule of more than %d bytes", maxRuleText)
	case full:
		return frame.Errorf(frame.StatusNoMemory, "too many rules")
	}
	if r.Enabled || o.Op == remote.MonitoringLoad {
		if err := m.begin(ctx, r); err != nil {
			return err
		}
	} else if err := m.unload(ctx, r.Name); err != nil && !errors.Is(err, frame.StatusNotFound) {
		return err
	}
	if o.Op == remote.MonitoringLoad {
		return nil
	}
	if err := m.keep(r); err != nil {
		return err
	}
	m.mu.Lock()
	m.rules[r.Name] = r
	m.mu.Unlock()
	return m.journal(ctx, journal.ActionUpload, t.Name, t.ID, r, "")
}

// journal says who put a rule there, or took it away, and why it is refused;
// "": it is not.
func (m *monitoring) journal(ctx context.Context, action, actor, execution string, r *ruleRecord, refused string) error {
	verdict := journal.Accepted
	if refused != "" {
		verdict = journal.Refused
	}
	_, err := m.a.scripts.svc.Journal.Append(ctx, journal.Line{
		Source: job.SourceMonitoring, Actor: actor, Action: action, Name: r.Name, Format: job.FormatLua, SHA256: r.SHA256, KeyID: r.KeyID,
		Verdict: verdict, Reason: refused, Execution: execution,
	})
	return err
}

func (m *monitoring) uninstall(ctx context.Context, t job.Task, name string) error {
	m.mu.Lock()
	r := m.rules[name]
	m.mu.Unlock()
	if r == nil {
		return noRule(name)
	}
	if err := m.unload(ctx, name); err != nil && !errors.Is(err, frame.StatusNotFound) {
		return err
	}
	if err := os.Remove(m.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the rule %s: %w", name, err)
	}
	if err := durable.SyncDir(m.dir); err != nil {
		return fmt.Errorf("removing the rule %s: %w", name, err)
	}
	m.mu.Lock()
	delete(m.rules, name)
	m.mu.Unlock()
	return m.journal(ctx, journal.ActionDelete, t.Name, t.ID, r, "")
}

func (m *monitoring) enable(ctx context.Context, name string) error {
	next, err := m.copyOf(name)
	if err != nil {
		return err
	}
	next.Enabled, next.Strikes = true, 0
	if err := m.begin(ctx, &next); err != nil {
		return err
	}
	m.mu.Lock()
	m.rules[name] = &next
	m.mu.Unlock()
	return m.keep(&next)
}

// copyOf is a rule as it is now.
func (m *monitoring) copyOf(name string) (ruleRecord, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.rules[name]; r != nil {
		return *r, nil
	}
	return ruleRecord{}, noRule(name)
}

// keep saves a rule that runs: strike may be counting.
func (m *monitoring) keep(r *ruleRecord) error {
	m.mu.Lock()
	now := *r
	m.mu.Unlock()
	return m.save(&now)
}

func (m *monitoring) disable(ctx context.Context, name string) error {
	next, err := m.copyOf(name)
	if err != nil {
		return err
	}
	next.Enabled = false
	if err := m.unload(ctx, name); err != nil && !errors.Is(err, frame.StatusNotFound) {
		return err
	}
	m.mu.Lock()
	m.rules[name] = &next
	m.mu.Unlock()
	return m.save(&next)
}

func (m *monitoring) unload(ctx context.Context, name string) error {
	m.mu.Lock()
	_, there := m.loaded[name]
	delete(m.loaded, name)
	p := m.process
	m.mu.Unlock()
	if !there {
		return noRule(name)
	}
	if p != nil {
		if err := p.Unload(ctx, name); err != nil {
			select {
			case <-p.Done(): // and the rule with it
			default:
				return fmt.Errorf("ending the rule %s: %w", name, err)
			}
		}
	}
	return nil
}

func (m *monitoring) list(what string) (frame.Value, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	from := m.rules
	switch what {
	case listLoaded:
		from = m.loaded
	case "installed", "":
	default:
		return frame.Value{}, frame.Errorf(frame.StatusBadParameter, `"installed" or "loaded" expected`)
	}
	return frame.Strings(slices.Sorted(maps.Keys(from))), nil
}
