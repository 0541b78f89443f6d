package sovd

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// errNoDocs is the answer where the description is switched off.
var errNoDocs = Errorf(KindUnsupported, "API documentation is disabled")

// docs serves the OpenAPI 3.1 description of all routes.
func (q *request) docs() error {
	return q.describe(func(string) bool { return true })
}

// docsBelow serves the description scoped to a path, which must exist; an
// entity of the path may be named or stand as its parameter.
func (g *Gateway) docsBelow(q *request, path string) error {
	if err := g.authorize(q, &route{role: viewer}); err != nil {
		return err
	}
	if g.c.NoDocs {
		return errNoDocs
	}
	n, params := g.tree.find(path)
	if q.r.Method != http.MethodGet && q.r.Method != http.MethodHead {
		return methodNotAllowed([]string{http.MethodGet, http.MethodHead})
	}
	if n == nil {
		return notFound
	}
	below := strings.Split(strings.Trim(path, "/"), "/")
	if kind := below[0]; words[kind] != "" && len(params) > 0 && !strings.HasPrefix(params[0], "{") {
		if _, err := g.resolve(kind, params[0]); err != nil {
			return err
		}
	}
	return q.describe(func(p string) bool { return within(strings.Split(strings.Trim(p, "/"), "/"), below) })
}

// within reports whether a route's path lies at or below some words.
func within(path, words []string) bool {
	if len(path) < len(words) {
		return false
	}
	for i, w := range words {
		if path[i] != w && !strings.HasPrefix(path[i], "{") {
			return false
		}
	}
	return true
}

// describe serves the description of the routes that want lets through.
func (q *request) describe(want func(path string) bool) error {
	g := q.g
	paths := object{}
	var tags []object
	for i := range g.routes {
		r := &g.routes[i]
		if !want(r.path) {
			continue
		}
		p, ok := paths[r.path].(object)
		if !ok {
			p = object{}
			paths[r.path] = p
		}
		p[strings.ToLower(r.method)] = g.operation(r)
		if !slices.ContainsFunc(tags, func(t object) bool { return t["name"] == r.tag }) {
			tags = append(tags, object{"name": r.tag})
		}
	}
	bodies, err := schemas()
	if err != nil {
		return err
	}
	if g.c.Devices == nil {
		delete(bodies, "FleetStart")
		delete(bodies, "FleetRecord")
	}
	responses := object{"GenericError": errorResponse("An error", "Error")}
	components := object{"schemas": bodies, "responses": responses}
	if g.c.Auth != nil {
		responses["Unauthorized"] = errorResponse("No token, or one that does not count", "AuthError")
		responses["Forbidden"] = errorResponse("The role is too low", "AuthError")
		components["securitySchemes"] = object{"bearer": object{"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
	}
	return q.reply(http.StatusOK, object{
		"openapi": "3.1.0",
		"info": object{
			"title": gatewayName, "version": g.c.Version, "x-sovd-version": sovdVersion, "description": "SOVD diagnostic scripts (ISO 17978-3, 7.15)",
			"license": object{"name": "See the distribution", "identifier": "LicenseRef-Lander"},
		},
		"servers":    []object{{"url": Base}},
		"tags":       tags,
		"paths":      paths,
		"components": components,
	})
}

func errorResponse(description, schema string) object {
	return object{"description": description, "content": object{"application/json": object{"schema": object{"$ref": "#/components/schemas/" + schema}}}}
}

func responseRef(name string) object { return object{"$ref": "#/components/responses/" + name} }

// operation describes one route.
func (g *Gateway) operation(r *route) object {
	o := object{"operationId": operationID(r), "summary": r.summary, "tags": []string{r.tag}}
	var params []object
	for _, name := range r.params {
		schema := object{"type": "string", "minLength": 1}
		if name != "data_id" {
			schema["maxLength"], schema["pattern"] = MaxID, "^[A-Za-z0-9_-]+$"
		}
		params = append(params, object{"name": name, "in": "path", "required": true, "schema": schema})
	}
	for _, name := range r.query {
		params = append(params, object{"name": name, "in": "query", "schema": object{"type": "string"}})
	}
	if r.body == "Start" {
		params = append(params, object{"name": "Idempotency-Key", "in": "header", "schema": object{"type": "string", "maxLength": 255}})
	}
	if params != nil {
		o["parameters"] = params
	}
	ref := func(name string) object { return object{"schema": object{"$ref": "#/components/schemas/" + name}} }
	if r.body != "" {
		media := "application/json"
		if r.body == "Upload" {
			media = "multipart/form-data"
		}
		o["requestBody"] = object{"required": true, "content": object{media: ref(r.body)}}
	}
	answers := object{"default": responseRef("GenericError")}
	if r.tag == "auth" {
		answers["default"] = errorResponse("An error", "AuthError")
	}
	for status, name := range r.answers {
		a := object{"description": http.StatusText(status)}
		switch name {
		case "":
		case "Events":
			a["content"] = object{"text/event-stream": object{"schema": object{"type": "string"}}}
		case "Lines":
			a["content"] = object{"application/x-ndjson": object{"schema": object{"type": "string"}}}
		default:
			a["content"] = object{"application/json": ref(name)}
		}
		answers[strconv.Itoa(status)] = a
	}
	o["responses"] = answers
	switch {
	case g.c.Auth == nil:
	case r.open || !g.c.Auth.now.Load().requires(r.method):
		o["security"] = []object{} // reachable without a token
	default:
		o["security"] = []object{{"bearer": []string{}}}
		o["description"] = "Needs the role " + r.role.String() + " or one above."
		answers["401"], answers["403"] = responseRef("Unauthorized"), responseRef("Forbidden")
	}
	return o
}

// operationID is the method and the words of the path.
func operationID(r *route) string {
	id := strings.ToLower(r.method)
	for w := range strings.SplitSeq(strings.Trim(r.path, "/"), "/") {
		w = strings.Trim(w, "{}")
		for part := range strings.FieldsFuncSeq(w, func(c rune) bool { return c == '-' || c == '_' }) {
			id += strings.ToUpper(part[:1]) + part[1:]
		}
	}
	return id
}

// schemaText are the bodies of the description, by name.
//
//go:embed schemas.json
var schemaText []byte

func schemas() (object, error) {
	var all object
	if err := json.Unmarshal(schemaText, &all); err != nil {
		return nil, fmt.Errorf("reading the schemas of the description: %w", err)
	}
	return all, nil
}
