package sovd

import (
	"iter"
	"maps"
	"net/http"
	"strings"
)

// Devices are the entities that come and go, beside those of the manifest.
type Devices interface {
	DeviceSource
	FleetRuns
}

// DeviceSource is where such entities are known from: the agents that connect
// to the gateway, as components, and their assets, as apps; or boards. All
// methods are safe for concurrent use; an Entity that was returned does not
// change.
type DeviceSource interface {
	// Entity returns one of them, or nil. One that the manifest has too
	// carries what the manifest says of it.
	Entity(id string) *Entity
	// Entities yields all of them.
	Entities() iter.Seq[*Entity]
	// Payload is what a device fetches under a token, which nobody can guess
	// and which does not hold for ever.
	Payload(token string) (payload []byte, ok bool)
	// Data returns what the entity has sent: the latest value of each of its
	// variables. ok is false for an entity that sends none.
	Data(e Ref) (all []Datum, ok bool)
	// History returns the kept values of one variable, the oldest first; nil
	// when there is none of that id.
	History(e Ref, id string) []Datum
	// Follow hands out what the entity sends from now on, until stop is
	// called. The channel is closed when the reader is too slow.
	Follow(e Ref) (data <-chan Datum, stop func())
}

// FetchPath is where devices fetch their scripts, with a token behind it. It
// is outside the API: no token of a client is asked for.
const FetchPath = "/fetch/"

// Fleet is the kind of FleetRef.
const Fleet = "fleet"

// FleetRef stands for all devices together: scripts that are uploaded for it
// run on many. Its id is none that an entity can have.
var FleetRef = Ref{Kind: Fleet, ID: "fleet.all"}

// entity finds an entity by its id, nil when there is none.
func (g *Gateway) entity(id string) *Entity {
	if g.c.Devices != nil {
		if e := g.c.Devices.Entity(id); e != nil {
			return e
		}
	}
	return g.manifest.Load().Entities[id]
}

// entities yields all entities, each once.
func (g *Gateway) entities() iter.Seq[*Entity] {
	if g.c.Devices == nil {
		return maps.Values(g.manifest.Load().Entities)
	}
	return func(yield func(*Entity) bool) {
		for e := range g.c.Devices.Entities() {
			if !yield(e) {
				return
			}
		}
		for id, e := range g.manifest.Load().Entities {
			if g.c.Devices.Entity(id) == nil && !yield(e) {
				return
			}
		}
	}
}

// collectionsOf are the collections below one entity.
func (g *Gateway) collectionsOf(e *Entity) []string {
	list := collections[e.Kind]
	if g.c.Devices != nil && (e.Kind == Components || e.Kind == Apps) {
		if _, ok := g.c.Devices.Data(Ref{Kind: e.Kind, ID: e.ID}); ok {
			list = append([]string{"data"}, list...)
		}
	}
	return list
}

// payload serves what a device fetches.
func (q *request) payload(token string) error {
	if q.r.Method != http.MethodGet && q.r.Method != http.MethodHead {
		return methodNotAllowed([]string{http.MethodGet, http.MethodHead})
	}
	b, ok := q.g.c.Devices.Payload(token)
	if !ok {
		return notFound
	}
	h := q.w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Cache-Control", "no-store")
	q.w.WriteHeader(http.StatusOK)
	q.w.Write(b)
	return nil
}

// shownPath is a path without what is secret.
func shownPath(path string) string {
	if strings.HasPrefix(path, FetchPath) {
		return FetchPath + "..."
	}
	return path
}
