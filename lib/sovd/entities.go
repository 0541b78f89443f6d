package sovd

import (
	"cmp"
	"net/http"
	"path"
	"slices"
)

// words name the kinds in error bodies and singular.
var words = map[string]string{Components: "Component", Apps: "App", Areas: "Area", Functions: "Function"}

// singular is the type word of a kind, "component" of components.
func singular(kind string) string { return kind[:len(kind)-1] }

// resolve finds an entity of a kind by its id.
func (g *Gateway) resolve(kind, id string) (*Entity, error) {
	if bad := badID(id, "Entity"); bad != "" {
		return nil, entityError("invalid-parameter", "Invalid entity ID", map[string]any{"details": bad, "entity_id": id})
	}
	e := g.entity(id)
	if e == nil {
		return nil, entityError("entity-not-found", "Entity not found", map[string]any{"entity_id": id})
	}
	if e.Kind != kind {
		return nil, entityError("invalid-parameter", "Invalid entity type for route: expected "+words[kind]+", got "+words[e.Kind],
			map[string]any{"entity_id": id, "expected_type": words[kind], "actual_type": words[e.Kind]})
	}
	return e, nil
}

// of lists the entities of a kind that want lets through, by id.
func (g *Gateway) of(kind string, want func(*Entity) bool) []*Entity {
	var out []*Entity
	for e := range g.entities() {
		if e.Kind == kind && (want == nil || want(e)) {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b *Entity) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

type object = map[string]any

func href(e *Entity) string { return Base + "/" + e.Kind + "/" + e.ID }

// item is an entity in a list.
func item(e *Entity) object {
	extra := object{"source": "manifest"}
	switch e.Kind {
	case Apps:
		extra["is_online"] = true
		if e.LocatedOn != "" {
			extra["component_id"] = e.LocatedOn
		}
	case Components:
		node := e.Namespace
		if node == "" {
			node = "/" + e.ID
		}
		extra["ros2"] = object{"node": node}
	}
	o := object{"id": e.ID, "name": e.Name, "href": href(e), "type": singular(e.Kind), "x-medkit": extra}
	if e.Online != nil {
		extra["source"], extra["is_online"] = "agent", *e.Online
	}
	if e.Source != "" {
		extra["source"] = e.Source
	}
	if e.Detail != nil {
		o["x-lander"] = e.Detail
	}
	if e.Description != "" {
		o["description"] = e.Description
	}
	if len(e.Tags) > 0 {
		o["tags"] = e.Tags
	}
	return o
}

func items(list []*Entity) []object {
	out := make([]object, 0, len(list))
	for _, e := range list {
		out = append(out, item(e))
	}
	return out
}

// collection serves all entities of a kind.
func collection(kind string) func(*request) error {
	return func(q *request) error {
		list := items(q.g.of(kind, nil))
		return q.reply(http.StatusOK, object{"items": list, "x-medkit": object{"total_count": len(list)}})
	}
}

// entity serves one entity, with a link for each collection that it has here.
func entity(kind string) func(*request) error {
	return func(q *request) error {
		e, err := q.g.resolve(kind, q.params[0])
		if err != nil {
			return err
		}
		self := href(e)
		o := item(e)
		delete(o, "href")
		var capabilities []object
		for _, name := range q.g.collectionsOf(e) {
			o[name] = self + "/" + name
			capabilities = append(capabilities, object{"name": name, "href": self + "/" + name})
		}
		links := object{"self": self, "collection": Base + "/" + kind}
		if e.Area != "" {
			links["area"] = Base + "/" + Areas + "/" + e.Area
			o["belongs-to"] = links["area"]
		}
		if e.LocatedOn != "" {
			on := Base + "/" + Components + "/" + e.LocatedOn
			o["is-located-on"], links["is-located-on"] = on, on
		}
		for k, v := range map[string]string{"variant": e.Variant, "component_type": e.Type} {
			if v != "" {
				o["x-medkit"].(object)[k] = v
			}
		}
		if capabilities == nil {
			capabilities = []object{}
		}
		o["capabilities"], o["_links"] = capabilities, links
		return q.reply(http.StatusOK, o)
	}
}

// collections are what is served below an entity of each kind.
var collections = map[string][]string{
	Components: {"scripts", "hosts", "subcomponents", "depends-on"},
	Apps:       {"scripts", "depends-on"},
	Areas:      {"components", "subareas", "contains"},
}

// related serves the entities that stand in a relation to one.
func related(kind string, list func(*Gateway, *Entity) []*Entity) func(*request) error {
	return func(q *request) error {
		e, err := q.g.resolve(kind, q.params[0])
		if err != nil {
			return err
		}
		found := items(list(q.g, e))
		links := object{"self": href(e) + "/" + path.Base(q.route.path), singular(e.Kind): href(e)}
		return q.reply(http.StatusOK, object{"items": found, "_links": links, "x-medkit": object{"total_count": len(found)}})
	}
}

func subareas(g *Gateway, a *Entity) []*Entity {
	return g.of(Areas, func(e *Entity) bool { return e.Within == a.ID })
}

func areaComponents(g *Gateway, a *Entity) []*Entity {
	return g.of(Components, func(e *Entity) bool { return e.Area == a.ID })
}

func hosts(g *Gateway, c *Entity) []*Entity {
	return g.of(Apps, func(e *Entity) bool { return e.LocatedOn == c.ID })
}

func subcomponents(g *Gateway, c *Entity) []*Entity {
	return g.of(Components, func(e *Entity) bool { return e.ParentID == c.ID })
}

func dependsOn(g *Gateway, from *Entity) []*Entity {
	return g.of(from.Kind, func(e *Entity) bool { return slices.Contains(from.DependsOn, e.ID) })
}

func locatedOn(g *Gateway, a *Entity) []*Entity {
	return g.of(Components, func(e *Entity) bool { return e.ID == a.LocatedOn })
}

// counts says how many entities of each kind the manifest has. Those of devices
// are not counted: they may be in a store that lets us wait, and whoever asks
// about our health wants to know about us.
func (g *Gateway) counts() map[string]int {
	n := map[string]int{}
	for _, e := range g.manifest.Load().Entities {
		n[e.Kind]++
	}
	return n
}
