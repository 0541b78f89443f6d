package provision

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"lander/lib/job"
	"lander/lib/store"
)

// Assignment is the release that one board is to have in place of that of its
// manifest, kept in the store under assign/<decimal id>. It stands until it is
// withdrawn: the board keeps the release whatever becomes of the tree.
type Assignment struct {
	Device  string   `json:"device"`
	Chk     string   `json:"chk"` // fingerprint of the release
	Release string   `json:"release"`
	By      string   `json:"by"` // what asked for it
	At      job.Time `json:"at"`
	// Refused says why it cannot be obeyed. The board has the release of its
	// manifest then.
	Refused string `json:"refused,omitempty"`

	rev store.Revision
}

func assignKey(device string) string { return "assign/" + device }

// loadAssignment reads the assignment of a board, nil when it has none.
func loadAssignment(ctx context.Context, s store.Store, device string) (*Assignment, error) {
	e, err := s.Get(ctx, assignKey(device))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	a := &Assignment{rev: e.Rev}
	if err == nil {
		err = json.Unmarshal(e.Value, a)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the assignment of %s: %w", device, err)
	}
	return a, nil
}

func (a *Assignment) save(ctx context.Context, s store.Store) error {
	b, err := json.Marshal(a)
	if err == nil {
		a.rev, err = s.Put(ctx, assignKey(a.Device), b, a.rev)
	}
	if err != nil {
		return fmt.Errorf("writing the assignment of %s: %w", a.Device, err)
	}
	return nil
}

// release finds what was assigned, in the tree or among what boards were given
// before, or says why that is not to be had. own is what the tree has for the
// board: its secrets are those of the board.
func (a *Assignment) release(ctx context.Context, t *Tree, s store.Store, own *Release) (r *Release, why string, err error) {
	for _, r := range t.All() {
		if r.Chk == a.Chk && !r.Broken {
			return r.as(own), "", nil
		}
	}
	if t.signed != nil {
		return nil, "the release is not in the signed tree", nil
	}
	r, err = loadRelease(ctx, s, a.Chk)
	if errors.Is(err, store.ErrNotFound) {
		return nil, "the release is neither in the tree nor kept", nil
	}
	if err != nil {
		return nil, "", err
	}
	return r.as(own), "", nil
}

// as is a release for a board whose manifest is that of another one.
func (r *Release) as(own *Release) *Release {
	c := *r
	c.secret, c.oldSecrets, c.Manifest, c.Collect = own.secret, own.oldSecrets, own.Manifest, own.Collect
	return &c
}

// obey puts the release that the board was assigned in the place of the tree's.
func (c *session) obey(ctx context.Context) error {
	a, err := loadAssignment(ctx, c.svc.store, c.dev.ID)
	if err != nil || a == nil || a.Refused != "" {
		return err
	}
	r, why, err := a.release(ctx, c.tree, c.svc.store, c.rel)
	if err != nil {
		return err
	}
	c.assigned = a
	if r == nil {
		return c.refuse(ctx, why)
	}
	c.own, c.rel = c.rel, r
	return nil
}

// disobey goes back to the tree's release when the assigned one did not run on
// the board.
func (c *session) disobey(ctx context.Context) error {
	if c.assigned == nil || !slices.Contains(c.dev.Bad, c.rel.Chk) {
		return nil
	}
	c.rel = c.own
	return c.refuse(ctx, "the release did not run on it")
}

func (c *session) refuse(ctx context.Context, why string) error {
	a := c.assigned
	c.assigned = nil
	a.Refused = why
	c.log.Warn("an assignment cannot be obeyed", "release", a.Release, "reason", why)
	err := a.save(ctx, c.svc.store)
	if errors.Is(err, store.ErrConflict) {
		return nil // there is another one by now, for the next boot
	}
	return err
}

// Offer is a release that may be assigned.
type Offer struct {
	Chk       string   `json:"chk"`
	Name      string   `json:"release"`
	Manifests []string `json:"manifests,omitempty"` // that say so now; none: boards had it before
	Files     int      `json:"files"`
	Bytes     int64    `json:"bytes,omitempty"`
}

// maxNamed is how many manifests an offer names.
const maxNamed = 16

// offers are the releases of a tree, each once.
func (t *Tree) offers() []Offer {
	var out []Offer
	at := map[string]int{}
	for _, r := range t.All() {
		if r.Broken {
			continue
		}
		i, ok := at[r.Chk+" "+r.Name]
		if !ok {
			i = len(out)
			at[r.Chk+" "+r.Name] = i
			out = append(out, Offer{Chk: r.Chk, Name: r.Name, Files: len(r.Items), Bytes: r.Bytes()})
		}
		if o := &out[i]; len(o.Manifests) < maxNamed || r.Manifest == DefaultName {
			o.Manifests = append(o.Manifests, r.Manifest)
		}
	}
	return out
}

// publish writes what the tree offers under offers/<name of the server>, for
// those who assign.
func (s *Service) publish(ctx context.Context, t *Tree) error {
	if s.store == nil {
		return nil
	}
	offers := t.offers()
	for {
		b, err := json.Marshal(offers)
		if err == nil && len(b) > store.MaxValue && len(offers) > 1 {
			offers = offers[:len(offers)/2] // the others can be assigned by their fingerprints
			continue
		}
		if err == nil {
			var e store.Entry
			key := "offers/" + store.Word(orName(s.o.Name))
			if e, err = s.store.Get(ctx, key); err == nil && string(e.Value) == string(b) {
				return nil
			}
			if err == nil || errors.Is(err, store.ErrNotFound) {
				_, err = putLast(ctx, s.store, key, b, e.Rev)
			}
		}
		if err != nil {
			return fmt.Errorf("publishing the releases: %w", err)
		}
		return nil
	}
}

func orName(name string) string {
	if name == "" {
		return "tree"
	}
	return name
}

// parseID reads a chip id as it is written in decimal.
func parseID(text string) (int64, bool) {
	id, err := strconv.ParseInt(text, 10, 64)
	return id, err == nil && id >= 0 && strconv.FormatInt(id, 10) == text
}
