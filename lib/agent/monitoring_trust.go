package agent

import (
	"context"
	"time"

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
			m.endRevoked()
			m.give()
		}
	}
}

// readTrust is the agent's trust store, for scripts.
func (m *monitoring) readTrust() (*trust.Store, error) {
	select {
	case m.trustRead <- struct{}{}:
	default: // somebody will look
	}
	return m.a.cfg.Script.Trust()
}

// endRevoked ends and disables the rules of keys that are not trusted any
// more. The turn is held. A store that cannot be read revokes none.
func (m *monitoring) endRevoked() {
	var rules []*ruleRecord
	m.mu.Lock()
	for _, r := range m.loaded {
		if r.KeyID != "" {
			rules = append(rules, r)
		}
	}
	m.mu.Unlock()
	if rules == nil {
		return
	}
	store, err := m.a.cfg.Script.Trust()
	if err != nil {
		m.a.cfg.Log.Error("the keys of the monitoring rules cannot be checked", "error", err)
		return
	}
	for _, r := range rules {
		if store.Has(r.KeyID) {
			continue
		}
		// It ends, and must be on record, even when the agent does.
		ctx := context.WithoutCancel(m.ctx)
		err := m.disable(ctx, r.Name)
		m.unload(ctx, r.Name) // one that is not installed
		if jerr := m.journal(ctx, journal.ActionControl, "", r.Execution, r, "its key is not trusted any more"); err == nil {
			err = jerr
		}
		m.a.cfg.Log.Error("a monitoring rule is disabled: its key is not trusted any more", "rule", r.Name, "key", r.KeyID, "error", err)
		m.a.event(Event{Event: "script", Name: r.Name, Status: "disabled"})
	}
}
