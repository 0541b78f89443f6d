package provision

import (
	"context"
	"fmt"
	"time"
)

// silences looks for boards that went silent: one that got a release and was not heard of for so long
// counts as a failure of it, once.
func (s *Service) silences(ctx context.Context) {
	tick := time.NewTicker(min(max(s.o.Silence/4, time.Millisecond), time.Minute))
	defer tick.Stop()
	told := map[string]bool{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := s.silent(ctx, told); err != nil && ctx.Err() == nil {
			s.log.Warn("looking for silent boards", "error", err)
		}
	}
}

func (s *Service) silent(ctx context.Context, told map[string]bool) error {
	all, damaged := Devices(ctx, s.store)
	for _, d := range all {
		if d.Pending == nil || d.Result != ResultUpdated || s.o.Clock().Sub(d.LastSeen.Time) < s.o.Silence {
			continue
		}
		key := d.ID + " " + d.Pending.Chk
		if told[key] {
			continue
		}
		told[key] = true
		why := fmt.Sprintf("silent since its update at %s", d.LastSeen)
		if err := s.rollout.fail(ctx, s.store, d.Pending.Chk, d.ID, why); err != nil {
			return err
		}
		s.log.Warn("a board is silent", "device", d.ID, "release", d.Pending.Release)
		s.tell(Event{Event: EventSession, Device: d.ID, Release: d.Pending.Release, Chk: d.Pending.Chk, Result: ResultFailed, Reason: why})
	}
	return damaged
}
