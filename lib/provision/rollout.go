package provision

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"lander/lib/store"
)

// rollout decides which boards may get a release now. What failed is kept in the
// store, so that a halted release stays halted.
type rollout struct {
	mu     sync.Mutex
	tokens float64 // updates that may begin
	filled time.Time
	failed map[string]map[string]string // fingerprint -> board -> why
}

// failures is the record of a release under rollout/<fingerprint>.
type failures struct {
	Failed map[string]string `json:"failed"` // board -> why
}

// fail notes that a release did not run on a board.
func (r *rollout) fail(ctx context.Context, s store.Store, chk, id, why string) error {
	if chk == "" {
		return nil
	}
	key := "rollout/" + chk
	for {
		e, err := s.Get(ctx, key)
		f := failures{Failed: map[string]string{}}
		if err == nil {
			err = json.Unmarshal(e.Value, &f)
		} else if errors.Is(err, store.ErrNotFound) {
			err = nil
		}
		if err != nil {
			return fmt.Errorf("noting a failure of release %s: %w", chk, err)
		}
		f.Failed[id] = why
		b, err := json.Marshal(f)
		if err == nil {
			_, err = s.Put(ctx, key, b, e.Rev)
		}
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		if err != nil {
			return fmt.Errorf("noting a failure of release %s: %w", chk, err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.failed[chk] = f.Failed
		return nil
	}
}

// load reads the failures of earlier runs.
func (r *rollout) load(ctx context.Context, s store.Store) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = map[string]map[string]string{}
	for e, err := range s.List(ctx, "rollout") {
		var f failures
		if err == nil {
			err = json.Unmarshal(e.Value, &f)
		}
		if err != nil {
			return fmt.Errorf("reading the failures of releases: %w", err)
		}
		r.failed[e.Key[len("rollout/"):]] = f.Failed
	}
	return nil
}

// keeps says what keeps a release from a board, as the tree, the options and the
// record of the board have it, or "".
func (r *rollout) keeps(t *Tree, o Options, rel *Release, d *Device, id int64) string {
	if rel.Strict && !d.Strong && !d.LastSeen.IsZero() {
		return "the release asks for the stronger mode, and the board speaks plainly"
	}
	groups := t.GroupsOf(id, rel)
	if t.signed != nil {
		if err := t.signed.Allowed(id, groups); err != nil {
			return err.Error()
		}
	}
	return r.hold(o, rel, id, groups, len(d.Staged)+len(d.Dirty) > 0, o.Clock())
}

// hold says why a board's update has to wait, or "". begun says that part of the
// update is on the board already.
func (r *rollout) hold(o Options, rel *Release, id int64, groups []string, begun bool, now time.Time) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.failed[rel.Chk]); o.MaxFailures > 0 && n >= o.MaxFailures {
		return fmt.Sprintf("the release is halted: it failed on %d boards", n)
	}
	if begun {
		return ""
	}
	if len(o.Groups) > 0 && !slices.ContainsFunc(groups, func(g string) bool { return slices.Contains(o.Groups, g) }) {
		return "it is in none of the groups that get updates"
	}
	if o.Percent < 100 && share(rel.Chk, id) >= o.Percent {
		return fmt.Sprintf("it is not among the %d%% that get the release", o.Percent)
	}
	if o.Rate > 0 {
		if r.filled.IsZero() { // a full bucket
			r.tokens = float64(o.Rate)
		}
		since := max(now.Sub(r.filled), 0) // a clock that went back takes nothing away
		r.tokens = min(float64(o.Rate), r.tokens+since.Minutes()*float64(o.Rate))
		r.filled = now
		if r.tokens < 1 {
			return fmt.Sprintf("%d updates have begun within the last minute", o.Rate)
		}
		r.tokens--
	}
	return ""
}
