package provision

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"lander/lib/job"
)

// unhealthyBoots is how many HIs with a new fingerprint within the commit window
// say that the release does not run.
const unhealthyBoots = 3

// What a session came to, beside the words of a Plan.
const (
	ResultCurrent = "current"
	ResultUpdated = "updated"
	ResultStaged  = "staged" // part of it; the board boots and goes on
	ResultHeld    = "held"
	ResultFailed  = "failed"
	ResultRefused = "refused"
)

// meet brings the record of a board up to what its HI says. It reports that the
// board is unhealthy: the release it got does not run.
func (c *session) meet() (unhealthy string) {
	d, now := c.dev, c.now()
	chk := c.hello.Chk
	if d.Pending != nil {
		if chk == d.Pending.Chk {
			d.activate(now)
		} else {
			d.Pending = nil // Dirty says what it may have changed
		}
	}
	watched := d.Updated != nil && now.Sub(d.Updated.Time) < c.tree.Settings.Window
	switch {
	case !watched || d.Chk == "":
		return ""
	case chk == d.Chk:
		if d.Boots++; d.Boots >= unhealthyBoots {
			unhealthy = fmt.Sprintf("%d boots within %s of the update", d.Boots, c.tree.Settings.Window)
		}
	case chk != "" && chk != d.Previous && len(d.Staged) == 0 && len(d.Dirty) == 0:
		unhealthy = "it came with a fingerprint that it was not given"
	}
	if unhealthy != "" && d.Previous != "" {
		d.Bad = append(slices.DeleteFunc(d.Bad, func(s string) bool { return s == d.Chk }), d.Chk)
		if len(d.Bad) > 8 {
			d.Bad = d.Bad[1:]
		}
	}
	if unhealthy != "" {
		d.Updated = nil // told once
	}
	return unhealthy
}

// target is the release that the board should have: the tree's, or the one
// before where that did not run on it.
func (c *session) target(ctx context.Context) (*Release, string) {
	r, d := c.rel, c.dev
	if !slices.Contains(d.Bad, r.Chk) {
		return r, ""
	}
	back := d.Previous
	if d.Chk != r.Chk {
		back = d.Chk // it has been given back already
	}
	if back == "" || slices.Contains(d.Bad, back) {
		return nil, "the release did not run on it, and there is none before"
	}
	old, err := loadRelease(ctx, c.svc.store, back)
	if err != nil {
		c.log.Warn("the release before cannot be given back", "error", err)
		return nil, "the release did not run on it, and the one before is not kept"
	}
	old.secret, old.oldSecrets, old.Manifest = r.secret, r.oldSecrets, r.Manifest
	return old, ""
}

// hold says why an update has to wait, or "". Going back never waits.
func (c *session) hold(r *Release) string {
	if r != c.rel {
		return ""
	}
	o := c.svc.o
	if c.assigned != nil { // somebody wants it on this very board
		o.Groups, o.Percent = nil, 100
	}
	return c.svc.rollout.keeps(c.tree, o, r, c.dev, c.hello.ID)
}

// share is where a board stands in the order in which a release reaches the
// boards, 0 to 99: fixed for a release, and another order for the next.
func share(chk string, id int64) int {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", chk, id))
	return int(binary.BigEndian.Uint64(sum[:8]) % 100)
}

func (c *session) now() job.Time { return job.Time{Time: c.svc.o.Clock()} }

// decide makes the plan for the board whose HI was verified.
func (c *session) decide(ctx context.Context, rotate bool) (Plan, error) {
	if err := c.obey(ctx); err != nil {
		return Plan{}, err
	}
	hold := func(why string) (Plan, error) {
		return Plan{Device: c.dev.ID, Release: c.rel.Name, Chk: c.rel.Chk, Action: ActionHold, Reason: why}, nil
	}
	if c.rel.Broken {
		return hold("the release is broken")
	}
	if why := c.meet(); why != "" {
		c.log.Warn("the board is unhealthy", "release", c.dev.Release, "reason", why)
		if err := c.svc.rollout.fail(ctx, c.svc.store, c.dev.Chk, c.dev.ID, why); err != nil {
			return Plan{}, err
		}
	}
	if err := c.disobey(ctx); err != nil {
		return Plan{}, err
	}
	if c.rel.Broken {
		return hold("the release is broken")
	}
	r, why := c.target(ctx)
	if why != "" {
		return hold(why)
	}
	c.goal = r
	if r.Plain && c.hello.Chk == r.LegacyChk && !rotate {
		return Plan{Device: c.dev.ID, Release: c.rel.Name, Chk: c.rel.Chk, Action: ActionNone}, nil
	}
	have, old := has(r, c.dev, c.hello)
	p := makePlan(r, about{dev: c.dev, chk: c.hello.Chk, have: have, old: old, strong: c.srv.Strong(), rotate: rotate})
	if p.Action != ActionUpdate {
		return p, nil
	}
	if _, err := configure(c.hello, r, r.tokens(), r.secret, c.srv.Strong()); err != nil {
		return hold(err.Error())
	}
	if why := c.dev.Tight.wait(r.Chk, c.now().Time); why != "" {
		return hold(why)
	}
	if why := c.hold(r); why != "" {
		return hold(why)
	}
	return p, nil
}
