package provision

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sort"

	"lander/lib/store"
)

// DefaultOldReleases is how many releases are kept that nothing needs.
const DefaultOldReleases = 1000

// prune forgets the oldest releases that are in no tree, on no board, and that
// no board goes back to or was assigned, and the contents that no other one has.
// Where each board has a manifest of its own, each change of the tree is as many
// releases as there are boards.
func (s *Service) prune(ctx context.Context) error {
	s.keptMu.Lock()
	defer s.keptMu.Unlock()
	clear(s.kept) // also what another server has forgotten is written again
	needed, err := s.needed(ctx)
	if err != nil {
		return fmt.Errorf("looking for old releases: %w", err)
	}
	type old struct {
		store.Entry
		keptRelease
	}
	var all []*old
	blobs := map[string]bool{} // of those that stay
	for e, err := range s.store.List(ctx, "release") {
		var k keptRelease
		if err == nil {
			err = json.Unmarshal(e.Value, &k)
		}
		if err != nil {
			return fmt.Errorf("looking for old releases: %w", err)
		}
		if !needed[e.Key[len("release/"):]] {
			e.Value = nil
			all = append(all, &old{e, k})
			continue
		}
		for _, i := range k.Items {
			blobs[i.SHA256] = true
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].Kept.After(all[j].Kept.Time) })
	left := min(len(all), orDefault(s.o.OldReleases, DefaultOldReleases))
	for _, r := range all[:left] {
		for _, i := range r.Items {
			blobs[i.SHA256] = true
		}
	}
	for _, r := range all[left:] {
		// The release last: one that is half forgotten is found again.
		for _, i := range r.Items {
			if blobs[i.SHA256] {
				continue
			}
			e, err := s.store.Get(ctx, "blob/"+i.SHA256)
			if err == nil {
				err = s.store.Delete(ctx, e.Key, e.Rev)
			}
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return fmt.Errorf("forgetting release %s: %w", r.Name, err)
			}
		}
		if err := s.store.Delete(ctx, r.Key, r.Rev); err != nil && !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("forgetting release %s: %w", r.Name, err)
		}
	}
	return nil
}

// needed are the fingerprints of the releases that may not be forgotten. What
// cannot be read may need any: that is an error.
func (s *Service) needed(ctx context.Context) (map[string]bool, error) {
	out := map[string]bool{}
	boards, err := Devices(ctx, s.store)
	if err != nil {
		return nil, err
	}
	for i := range boards {
		d := &boards[i]
		out[d.Chk], out[d.Previous] = true, true
		if d.Pending != nil {
			out[d.Pending.Chk] = true
		}
	}
	for e, err := range s.store.List(ctx, "assign") {
		var a Assignment
		if err == nil {
			err = json.Unmarshal(e.Value, &a)
		}
		if err != nil {
			return nil, err
		}
		out[a.Chk] = true
	}
	offers, err := Inventory{Store: s.store}.Offers(ctx)
	if err != nil {
		return nil, err
	}
	for i := range offers {
		if len(offers[i].Manifests) > 0 {
			out[offers[i].Chk] = true
		}
	}
	for _, r := range s.Tree().All() { // of which not all may be on offer
		out[r.Chk] = true
	}
	return out, nil
}
