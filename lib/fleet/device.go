package fleet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"

	"lander/lib/job"
	"lander/lib/m3da"
	"lander/lib/sovd"
	"lander/lib/store"
)

// deviceRecord is a device as it is stored.
type deviceRecord struct {
	ID        string    `json:"id"`
	Version   string    `json:"version,omitempty"`
	Groups    []string  `json:"groups,omitempty"`
	Assets    []string  `json:"assets,omitempty"`
	Lander    bool      `json:"lander,omitempty"` // it speaks our additions
	FirstSeen *job.Time `json:"first_seen,omitempty"`
	LastSeen  *job.Time `json:"last_seen,omitempty"`
	Gateway   string    `json:"gateway,omitempty"` // the lease of the gateway that has its session
	Moves     bool      `json:"moves,omitempty"`   // a ticket that comes again with the URL of another gateway is the same to it
}

// device is one that is known.
type device struct {
	id        string
	component string
	keys      m3da.Keys // nil: plain

	// Under Fleet.mu:
	rec   deviceRecord
	conn  *connection   // its session; nil: it is offline
	older []*connection // other sessions that are open here, the last one spoke last
	open  []*execution  // those that have not ended, in the order of their starts
	late  []*execution  // those that were ended while it may run them, and has not answered
	twins bool          // two sessions have spoken for it in turn, and that was said
	batch string        // the name of the envelope that came last
	data  *variables    // nil: it has sent none

	saving sync.Mutex // of rev
	rev    store.Revision
}

func deviceKey(id string) string { return "fleet/devices/" + store.Word(id) }

// componentID is the id of a device as that of an entity, which has less
// letters.
func componentID(id string) string {
	plain := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' {
			return r
		}
		return '_'
	}, id)
	if plain == id && len(id) <= 200 {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return plain[:min(len(plain), 200)] + "-" + hex.EncodeToString(sum[:4])
}

// add finds or makes a device. mu is held, or nobody else is there.
func (f *Fleet) add(id string) *device {
	d := f.devices[id]
	if d == nil {
		d = &device{id: id, component: componentID(id), rec: deviceRecord{ID: id}}
		f.devices[id] = d
		f.components[d.component] = d
	}
	return d
}

// save makes what is known of a device durable, and with it where its session
// is.
func (f *Fleet) save(d *device) {
	d.saving.Lock()
	defer d.saving.Unlock()
	for {
		f.mu.Lock()
		rec, here := d.rec, d.conn != nil
		if here {
			rec.Gateway = f.me
		} else if rec.Gateway == f.me {
			rec.Gateway = ""
		}
		f.mu.Unlock()
		rev, err := f.put(deviceKey(d.id), rec, d.rev)
		if err == nil {
			f.mu.Lock()
			d.rev, d.rec.Gateway = rev, rec.Gateway
			f.mu.Unlock()
			return
		}
		if !errors.Is(err, store.ErrConflict) {
			f.o.Log.Error("recording a device", "device", d.id, "error", err)
			return
		}
		// Another gateway was faster. A session here counts for more than
		// what it says; without one it knows better.
		e, err := f.o.Store.Get(context.WithoutCancel(f.ctx), deviceKey(d.id))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			f.o.Log.Error("recording a device", "device", d.id, "error", err)
			return
		}
		if d.rev = e.Rev; err != nil || here {
			continue
		}
		if other, ok := f.readDevice(e); ok {
			f.mu.Lock()
			if d.conn == nil {
				d.rec = other
			}
			f.mu.Unlock()
			return
		}
	}
}

// online reports whether a device has a session, here or at another gateway
// that is alive. mu is held.
func (f *Fleet) online(d *device) bool { return d.conn != nil || f.elsewhere(d) }

// elsewhere reports whether another gateway has its session. mu is held.
func (f *Fleet) elsewhere(d *device) bool {
	return d.conn == nil && d.rec.Gateway != "" && d.rec.Gateway != f.me && f.members.Alive(d.rec.Gateway)
}

func (f *Fleet) event(d *device, status string) {
	if f.o.Event != nil {
		f.o.Event(Event{Time: f.now(), Event: "agent", Device: d.id, Status: status})
	}
}

// groups of a device: its own, and the tags of its component. mu is held.
func (f *Fleet) groups(d *device) []string {
	groups := slices.Clone(d.rec.Groups)
	if e := f.manifest.Load().Entities[d.component]; e != nil && e.Kind == sovd.Components {
		groups = append(groups, e.Tags...)
	}
	slices.Sort(groups)
	return slices.Compact(groups)
}

// Names are what an entity answers to as the target of a signature: a device
// its id and its groups, and all together those of each.
func (f *Fleet) Names(e sovd.Ref) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var names []string
	add := func(d *device) {
		names = append(names, d.id)
		for _, g := range f.groups(d) {
			names = append(names, "group:"+strings.TrimPrefix(g, "group:"))
		}
	}
	if e == sovd.FleetRef {
		for _, d := range f.devices {
			add(d)
		}
	} else if d := f.components[e.ID]; d != nil && e.Kind == sovd.Components {
		add(d)
	}
	return names
}

// component makes the entity of a device. mu is held.
func (f *Fleet) component(d *device) *sovd.Entity {
	e := &sovd.Entity{Kind: sovd.Components, ID: d.component, Name: d.id, Type: "agent"}
	if m := f.manifest.Load().Entities[d.component]; m != nil && m.Kind == sovd.Components {
		c := *m
		e = &c
	}
	online := f.online(d)
	e.Online, e.Tags = &online, f.groups(d)
	e.Detail = map[string]any{"device": d.id, "online": online, "last_seen": d.rec.LastSeen, "version": d.rec.Version, "assets": append([]string{}, d.rec.Assets...), "waiting": len(d.open)}
	if len(d.open) == 0 {
		delete(e.Detail, "waiting")
	}
	return e
}

// app makes the entity of an asset. mu is held.
func (f *Fleet) app(d *device, asset string) *sovd.Entity {
	online := f.online(d)
	return &sovd.Entity{Kind: sovd.Apps, ID: appID(d, asset), Name: asset, LocatedOn: d.component, Online: &online, Detail: map[string]any{"device": d.id, "online": online}}
}

func appID(d *device, asset string) string { return componentID(d.component + "--" + asset) }

// Entity implements sovd.Devices.
func (f *Fleet) Entity(id string) *sovd.Entity {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.components[id] == nil {
		f.mu.Unlock()
		f.askDevice(id)
		f.mu.Lock()
	}
	if d := f.components[id]; d != nil {
		return f.component(d)
	}
	if d, asset := f.asset(id); d != nil {
		return f.app(d, asset)
	}
	return nil
}

// asset finds the device and the asset of an app. mu is held.
func (f *Fleet) asset(id string) (*device, string) {
	for at := range id {
		if !strings.HasPrefix(id[at:], "--") {
			continue
		}
		d := f.components[id[:at]]
		if d == nil {
			continue
		}
		for _, a := range d.rec.Assets {
			if appID(d, a) == id {
				return d, a
			}
		}
	}
	return nil, ""
}

// Entities implements sovd.Devices.
func (f *Fleet) Entities() iter.Seq[*sovd.Entity] {
	f.mu.Lock()
	all := slices.Collect(maps.Values(f.devices))
	f.mu.Unlock()
	return func(yield func(*sovd.Entity) bool) {
		for _, d := range all {
			f.mu.Lock()
			list := []*sovd.Entity{f.component(d)}
			for _, a := range d.rec.Assets {
				list = append(list, f.app(d, a))
			}
			f.mu.Unlock()
			for _, e := range list {
				if !yield(e) {
					return
				}
			}
		}
	}
}

// Owns reports whether an entity is a device, so that its scripts run there.
func (f *Fleet) Owns(e sovd.Ref) bool {
	if e == sovd.FleetRef {
		return true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch e.Kind {
	case sovd.Components:
		return f.components[e.ID] != nil
	case sovd.Apps:
		d, _ := f.asset(e.ID)
		return d != nil
	}
	return false
}
