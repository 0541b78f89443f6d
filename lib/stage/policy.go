package stage

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"lander/lib/emp/frame"
)

// Policy says when data is sent [EMP 5]. The zero Policy never sends by
// itself: it is the same as Manual.
type Policy struct {
	Latency time.Duration // at most this long after new data; 0: not so
	Period  time.Duration // every so long; 0: not so
	Cron    string        // at these minutes, "m h dom mon dow"; "": not so
	OnBoot  time.Duration // so long after the start, once; see Boot
	Boot    bool          // OnBoot counts
}

// BuiltIn are the policies that are always there. A policy of the same name
// takes their place, but for never, which stays empty.
func BuiltIn() map[string]Policy {
	return map[string]Policy{
		frame.PolicyDefault: {Latency: 5 * time.Second, OnBoot: 30 * time.Second, Boot: true},
		frame.PolicyNow:     {Latency: 5 * time.Second, OnBoot: 30 * time.Second, Boot: true},
		frame.PolicyOnBoot:  {OnBoot: 30 * time.Second, Boot: true},
		frame.PolicyNever:   {},
		"hourly":            {Latency: time.Hour},
		"daily":             {Latency: 24 * time.Hour},
	}
}

// policy is a Policy at work, and what waits for it.
type policy struct {
	Policy
	name   string
	gone   bool // no longer configured: its data waits for a flush by name
	groups []*group
	index  map[string][]int // of groups, by path
	acks   []*ack

	cron                           *cron
	latency, period, at, boot, try Timer // nil while not armed
	due, running                   bool  // of sessions of its own accord
}

// SetPolicies replaces the policies that are not built in, and the settings
// of those that are. Data under a policy that is gone stays, for a flush of
// all. Policies that are not valid are left out, and named by the error.
func (s *Stage) SetPolicies(named map[string]Policy) error {
	all := BuiltIn()
	maps.Copy(all, named)
	all[frame.PolicyNever] = Policy{}
	var errs []error
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		var c *cron
		if text := all[name].Cron; text != "" {
			var err error
			if c, err = parseCron(text); err != nil {
				errs = append(errs, fmt.Errorf("policy %s: %w", name, err))
				continue
			}
		}
		p := s.policyNamed(name)
		if p.Policy == all[name] && !p.gone {
			continue
		}
		waited := p.latency != nil
		p.Policy, p.cron, p.gone = all[name], c, false
		stop(&p.latency)
		stop(&p.period)
		stop(&p.at)
		if waited {
			s.armLatency(p)
		}
		s.armPeriod(p)
		s.armCron(p)
	}
	for name, p := range s.policies {
		if _, ok := all[name]; ok {
			continue
		}
		p.Policy, p.cron, p.gone = Policy{}, nil, true
		p.disarm()
		if !p.holds(s) {
			delete(s.policies, name)
		}
	}
	return errors.Join(errs...)
}

// policyNamed finds a policy or makes one that is gone. mu is held.
func (s *Stage) policyNamed(name string) *policy {
	p := s.policies[name]
	if p == nil {
		p = &policy{name: name, gone: true}
		s.policies[name] = p
	}
	return p
}

// policyFor is the policy that a command names. mu is held.
func (s *Stage) policyFor(name string) (*policy, error) {
	if p := s.policies[name]; p != nil && !p.gone {
		return p, nil
	}
	return nil, frame.Errorf(frame.StatusBadParameter, "no such policy")
}

// holds reports whether something waits for the policy. mu is held.
func (p *policy) holds(s *Stage) bool {
	if len(p.groups) > 0 || len(p.acks) > 0 {
		return true
	}
	for _, t := range s.tables {
		if len(t.rows) > 0 && (t.policy == p.name || t.conso != nil && t.conso.policy == p.name) {
			return true
		}
	}
	return false
}

func stop(t *Timer) {
	if *t != nil {
		(*t).Stop()
		*t = nil
	}
}

func (p *policy) disarm() {
	for _, t := range []*Timer{&p.latency, &p.period, &p.at, &p.boot, &p.try} {
		stop(t)
	}
}

// arm starts a timer unless it runs. mu is held.
func (s *Stage) arm(t *Timer, d time.Duration, f func()) {
	if *t != nil || s.closing {
		return
	}
	*t = s.o.Clock.AfterFunc(d, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		*t = nil
		if !s.closing {
			f()
		}
	})
}

// armLatency is called when data has come. A session that is due earlier than
// the new data asks for stays as it is. mu is held.
func (s *Stage) armLatency(p *policy) {
	if p.Latency > 0 {
		s.arm(&p.latency, p.Latency, func() { s.begin(p) })
	}
}

func (s *Stage) armBoot(p *policy) {
	if p.Boot {
		s.arm(&p.boot, p.OnBoot, func() { s.begin(p) })
	}
}

func (s *Stage) armPeriod(p *policy) {
	if p.Period > 0 {
		s.arm(&p.period, p.Period, func() { s.armPeriod(p); s.begin(p) })
	}
}

// cronStep bounds how long a timer runs before the wall clock is asked again.
const cronStep = time.Hour

func (s *Stage) armCron(p *policy) {
	if p.cron == nil {
		return
	}
	now := s.o.Clock.Now()
	at, ok := p.cron.next(now)
	if !ok {
		return
	}
	s.arm(&p.at, min(at.Sub(now), cronStep), func() {
		due := !s.o.Clock.Now().Before(at)
		s.armCron(p)
		if due {
			s.begin(p)
		}
	})
}

// backoff is how long to wait after the last failure. mu is held.
func (s *Stage) backoff() time.Duration {
	d := s.o.Retry
	for range s.failures - 1 {
		if d *= 2; d >= s.o.MaxRetry {
			return s.o.MaxRetry
		}
	}
	return d
}

// sessionEnded counts the sessions that failed. The first one that does not
// has all policies try that wait for it.
func (s *Stage) sessionEnded(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.failures++
		return
	}
	if s.failures == 0 {
		return
	}
	s.failures = 0
	for _, p := range s.policies {
		if p.try != nil {
			stop(&p.try)
			s.begin(p)
		}
	}
}

// begin starts a session for a policy that works by itself, and another one
// behind it when it is called meanwhile. While the policy waits after a
// failure, it waits on. mu is held.
func (s *Stage) begin(p *policy) {
	if p.try != nil {
		return
	}
	p.due = true
	if p.running || s.closing {
		return
	}
	p.running = true
	s.wg.Go(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for p.due && !s.closing {
			p.due = false
			s.mu.Unlock()
			err := s.send(s.ctx, selection{policies: []*policy{p}})
			s.mu.Lock()
			switch {
			case err == nil:
				stop(&p.try)
			case s.ctx.Err() == nil:
				s.log.Warn("sending data", "policy", p.name, "error", err)
				s.arm(&p.try, s.backoff(), func() { s.begin(p) })
			}
		}
		p.running = false
	})
}
