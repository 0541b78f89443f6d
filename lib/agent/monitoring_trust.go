package agent

import (
	"cmp"
	"context"
	"errors"
	"time"

	"lander/lib/emp/frame"
	"lander/lib/job"
	"lander/lib/journal"
	"lander/lib/trust"
)

// trustEvery is how often rules are held against the trust store while no
// script has it read.
const trustEvery = time.Minute

// watchTrust ends the rules of keys that are revoked, when the trust store
// was read and now and then.
func (m *monitoring) watchTrust() {
	for m.ctx.Err() == nil {
		over := make(chan struct{})
		stop := m.a.afterFunc(trustEvery, func() { close(over) })
		select {
		case <-over:
		case <-m.trustRead:
		case <-m.ctx.Done():
		}
		stop()
		if m.take(m.ctx) == nil {
			m.endRevoked(m.ctx)
			m.give()
		}
	}
}

// readTrust is the agent's trust store, for scripts.
func (m *monitoring) readTrust(read func() (*trust.Store, error)) func() (*trust.Store, error) {
	return func() (*trust.Store, error) {
		defer func() {
			select {
			case m.trustRead <- struct{}{}:
			default: // somebody will look
			}
		}()
		return read()
	}
}

// revoked names the keys of rules that run, or are to, which are not trusted
// any more. A store that cannot be read revokes none.
func (m *monitoring) revoked() map[string]bool {
	keys := map[string]bool{}
	m.mu.Lock()
	for _, rules := range []map[string]*ruleRecord{m.rules, m.loaded} {
		for name, r := range rules {
			if r.Enabled || m.loaded[name] != nil {
				keys[r.KeyID] = true
			}
		}
	}
	m.mu.Unlock()
	delete(keys, "") // nobody signed
	if len(keys) == 0 {
		return nil
	}
	store, err := m.a.cfg.Script.Trust()
	if err != nil {
		m.a.cfg.Log.Error("the keys of the monitoring rules cannot be checked", "error", err)
		return nil
	}
	for _, k := range store.Keys() {
		if !k.Policy.Revoked {
			delete(keys, k.ID)
		}
	}
	return keys
}

// endRevoked ends and disables the rules of keys that are not trusted any
// more. The turn is held.
func (m *monitoring) endRevoked(ctx context.Context) {
	keys := m.revoked()
	if len(keys) == 0 {
		return
	}
	ended := map[string]*ruleRecord{}
	m.mu.Lock()
	for _, rules := range []map[string]*ruleRecord{m.rules, m.loaded} {
		for name, r := range rules {
			if keys[r.KeyID] && (r.Enabled || m.loaded[name] != nil) {
				ended[name] = r
			}
		}
	}
	m.mu.Unlock()
	for name, r := range ended {
		err := m.unload(ctx, name)
		if errors.Is(err, frame.StatusNotFound) {
			err = nil
		}
		m.mu.Lock()
		have := m.rules[name]
		m.mu.Unlock()
		if have != nil && have.Enabled {
			next := *have
			next.Enabled = false
			err = cmp.Or(err, m.save(&next))
			m.mu.Lock()
			m.rules[name] = &next
			m.mu.Unlock()
		}
		// It is over, and must be on record even when the agent ends.
		_, jerr := m.a.scripts.svc.Journal.Append(context.WithoutCancel(ctx), journal.Line{
			Source: job.SourceMonitoring, Action: journal.ActionControl, Name: name, Format: job.FormatLua, SHA256: r.SHA256, KeyID: r.KeyID,
			Verdict: journal.Refused, Reason: "its key is not trusted any more", Execution: r.Execution,
		})
		m.a.cfg.Log.Error("a monitoring rule is disabled: its key is not trusted any more", "rule", name, "key", r.KeyID, "error", errors.Join(err, jerr))
		m.a.event(Event{Event: "script", Name: name, Status: "disabled"})
	}
}
