package provision

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"lander/lib/job"
	"lander/lib/luaota/record"
	"lander/lib/store"
)

// keptRelease is a release in the store, under release/<fingerprint>, without
// its contents, which are under blob/<sha256>: what a board ran before can be
// given back when the tree has moved on.
type keptRelease struct {
	Name   string       `json:"name"`
	Items  []keptItem   `json:"items"`
	Delete []string     `json:"delete,omitempty"`
	Config record.Value `json:"config,omitempty"` // canonical text of the object
	Groups []string     `json:"groups,omitempty"`
	Kept   job.Time     `json:"kept"` // when it was written; zero: before that was noted
}

type keptItem struct {
	Path, Name, Mode, Send, SHA256 string
	MTime, Size                    int64
}

// keepRelease writes a release to the store before the first board gets it.
func (s *Service) keepRelease(ctx context.Context, r *Release) error {
	s.keptMu.Lock()
	defer s.keptMu.Unlock()
	if s.kept[r.Chk] {
		return nil
	}
	k := keptRelease{Name: r.Name, Delete: r.Delete, Groups: r.Groups, Kept: job.Time{Time: s.o.Clock()}}
	if len(r.Config) > 0 {
		k.Config = r.Config.Value()
	}
	for _, it := range r.Items {
		k.Items = append(k.Items, keptItem{it.Path, it.Name, it.Mode, it.send, it.SHA256, it.MTime, it.Size})
		if len(it.Content) > store.MaxValue {
			s.log.Warn("a file is too large to be kept: the release cannot be given back later", "release", r.Name, "file", it.Path)
			s.kept[r.Chk] = true
			return nil
		}
		if err := putOnce(ctx, s.store, "blob/"+it.SHA256, it.Content); err != nil {
			return fmt.Errorf("keeping release %s: %w", r.Name, err)
		}
	}
	b, err := json.Marshal(k)
	if err == nil {
		err = putOnce(ctx, s.store, "release/"+r.Chk, b)
	}
	if err != nil {
		return fmt.Errorf("keeping release %s: %w", r.Name, err)
	}
	s.kept[r.Chk] = true
	return nil
}

// putOnce writes what never changes.
func putOnce(ctx context.Context, s store.Store, key string, b []byte) error {
	if _, err := s.Get(ctx, key); err == nil {
		return nil
	}
	_, err := s.Put(ctx, key, b, 0)
	if errors.Is(err, store.ErrConflict) {
		return nil
	}
	return err
}

// loadRelease reads a release back.
func loadRelease(ctx context.Context, s store.Store, chk string) (*Release, error) {
	e, err := s.Get(ctx, "release/"+chk)
	if err != nil {
		return nil, fmt.Errorf("reading release %s: %w", chk, err)
	}
	var k keptRelease
	if err := json.Unmarshal(e.Value, &k); err != nil {
		return nil, fmt.Errorf("reading release %s: %w", chk, err)
	}
	r := &Release{Name: k.Name, Chk: chk, Delete: k.Delete, Groups: k.Groups}
	if k.Config != "" {
		if r.Config, err = record.ParseObject([]byte(k.Config)); err != nil {
			return nil, fmt.Errorf("reading release %s: %w", chk, err)
		}
	}
	for _, i := range k.Items {
		b, err := s.Get(ctx, "blob/"+i.SHA256)
		if err != nil {
			return nil, fmt.Errorf("reading %s of release %s: %w", i.Path, chk, err)
		}
		r.Items = append(r.Items, &Item{Path: i.Path, Name: i.Name, Mode: i.Mode, Content: b.Value, SHA256: i.SHA256, MTime: i.MTime, Size: i.Size, send: i.Send})
	}
	return r, nil
}
