package provision

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"

	"lander/lib/job"
	"lander/lib/store"
)

// Device is what is known of one board, kept in the store under
// device/<decimal id>.
type Device struct {
	ID      string `json:"device"`
	Chk     string `json:"chk"`     // fingerprint of what the board said it has, when it last had one of ours
	Release string `json:"release"` // its name

	// Have is what the flash holds: name -> token.
	Have map[string]string `json:"have,omitempty"`
	// Pending is the release that a session was about to activate or did; the
	// board's next HI tells.
	Pending *Pending `json:"pending,omitempty"`
	// Dirty are names that hold the old or the new content, nobody knows.
	Dirty []string `json:"dirty,omitempty"`
	// Staged are the files that arrived whole and wait: name -> token, and
	// the size that the board should show. A zero one may be there or not.
	Staged map[string]Staged `json:"staged,omitempty"`
	// Tight says that the flash has no room for a release.
	Tight *Tight `json:"tight,omitempty"`
	// Gone are names of the release's delete list that were deleted.
	Gone []string `json:"gone,omitempty"`

	Previous string    `json:"previous,omitempty"` // fingerprint to go back to
	Bad      []string  `json:"bad,omitempty"`      // fingerprints that this board did not bear
	Updated  *job.Time `json:"updated,omitempty"`  // when Chk was activated
	Boots    int       `json:"boots"`              // HIs with Chk within the commit window

	FirstSeen job.Time  `json:"first_seen"`
	LastSeen  job.Time  `json:"last_seen"`
	Result    string    `json:"result"` // of the last session: current, updated, staged, refused, failed, held
	Reason    string    `json:"reason,omitempty"`
	Bytes     int64     `json:"bytes"` // sent, in all sessions
	Sessions  int64     `json:"sessions"`
	Failures  int       `json:"failures"` // sessions in a row that broke
	Collected *job.Time `json:"collected,omitempty"`
	Strong    bool      `json:"strong"` // the last session spoke the stronger mode
	Address   string    `json:"address,omitempty"`
	Groups    []string  `json:"groups,omitempty"` // as the tree has them

	rev store.Revision
}

// Staged is a file on the flash under the name it waits with.
type Staged struct {
	Token string `json:"token"`
	Size  int64  `json:"size"`          // that a listing shows
	Alt   int64  `json:"alt,omitempty"` // or this one [OTA 4, cm writer bug]
}

// Pending is a release on its way to a board.
type Pending struct {
	Chk     string            `json:"chk"`
	Release string            `json:"release"`
	Have    map[string]string `json:"have"`
	Gone    []string          `json:"gone,omitempty"`
}

func deviceKey(id int64) string { return "device/" + strconv.FormatInt(id, 10) }

// loadDevice reads what is known of a board; a new one is empty.
func loadDevice(ctx context.Context, s store.Store, id int64) (*Device, error) {
	d := &Device{ID: strconv.FormatInt(id, 10)}
	e, err := s.Get(ctx, deviceKey(id))
	if errors.Is(err, store.ErrNotFound) {
		return d, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the record of %d: %w", id, err)
	}
	if err := json.Unmarshal(e.Value, d); err != nil {
		return nil, fmt.Errorf("reading the record of %d: %w", id, err)
	}
	d.rev = e.Rev
	return d, nil
}

// save writes the record. When another process wrote it meanwhile, the later
// session wins: it spoke with the board last.
func (d *Device) save(ctx context.Context, s store.Store) error { return d.saving(ctx, s)() }

// saving begins to write the record as it is now, and returns the function that
// waits for the end of it. The record may be changed meanwhile.
func (d *Device) saving(ctx context.Context, s store.Store) (wait func() error) {
	b, err := json.Marshal(d)
	if err != nil {
		return func() error { return fmt.Errorf("writing the record of %s: %w", d.ID, err) }
	}
	rev := d.rev
	done := make(chan error, 1)
	go func() {
		var err error
		rev, err = putLast(ctx, s, "device/"+d.ID, b, rev)
		done <- err
	}()
	return sync.OnceValue(func() error {
		if err := <-done; err != nil {
			return fmt.Errorf("writing the record of %s: %w", d.ID, err)
		}
		d.rev = rev
		return nil
	})
}

// putLast puts a value whatever stands there.
func putLast(ctx context.Context, s store.Store, key string, value []byte, rev store.Revision) (store.Revision, error) {
	for {
		now, err := s.Put(ctx, key, value, rev)
		if !errors.Is(err, store.ErrConflict) {
			return now, err
		}
		e, err := s.Get(ctx, key)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return 0, err
		}
		rev = e.Rev
	}
}

// Devices lists the boards that a store knows, in the order of their ids' text.
// Records that are damaged are left out, and named by the error beside the
// others.
func Devices(ctx context.Context, s store.Store) ([]Device, error) {
	var out []Device
	var damaged []error
	for e, err := range s.List(ctx, "device") {
		if err != nil && !errors.Is(err, store.ErrDamaged) {
			return out, fmt.Errorf("listing the devices: %w", err)
		}
		d := Device{rev: e.Rev}
		if err == nil {
			if err = json.Unmarshal(e.Value, &d); err != nil {
				err = fmt.Errorf("%s: %w", e.Key, err)
			}
		}
		if err != nil {
			damaged = append(damaged, fmt.Errorf("reading the devices: %w", err))
			continue
		}
		out = append(out, d)
	}
	return out, errors.Join(damaged...)
}

// activate takes what a session was about to do as done.
func (d *Device) activate(now job.Time) {
	p := d.Pending
	switch {
	case d.Chk == p.Chk:
	case slices.Contains(d.Bad, d.Chk): // given back what it had: not watched again
		d.Previous, d.Updated, d.Boots = "", nil, 0
	default:
		d.Previous, d.Updated, d.Boots = d.Chk, &now, 0
	}
	d.Chk, d.Release, d.Have, d.Gone = p.Chk, p.Release, p.Have, p.Gone
	d.Pending, d.Dirty, d.Staged, d.Tight = nil, nil, nil, nil
}

// holds is what the flash holds for sure.
func (d *Device) holds() map[string]string {
	m := maps.Clone(d.Have)
	for _, name := range d.Dirty {
		delete(m, name)
	}
	return m
}

// ours are the names that we put on the flash, surely or maybe.
func (d *Device) ours() []string {
	names := slices.Collect(maps.Keys(d.Have))
	names = append(names, d.Dirty...)
	slices.Sort(names)
	return slices.Compact(names)
}

// arrived notes that a file has its name: what an end of the session leaves to be
// done is the rest alone.
func (d *Device) arrived(name, from, token string) {
	if d.Have == nil {
		d.Have = map[string]string{}
	}
	d.Have[name] = token
	d.Dirty = slices.DeleteFunc(d.Dirty, func(n string) bool { return n == name })
	delete(d.Staged, from)
}
