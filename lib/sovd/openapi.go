package sovd

import (
	"net/http"
	"strconv"
	"strings"
)

// docs serves the OpenAPI 3.1 description of all routes.
func (q *request) docs() error {
	return q.reply(http.StatusOK, q.g.describe(func(string) bool { return true }))
}

// docsBelow serves the description scoped to a path, which must exist; an
// entity of the path may be named or stand as its parameter.
func (g *Gateway) docsBelow(q *request, path string) error {
	if err := g.authorize(q, &route{role: viewer}); err != nil {
		return err
	}
	n, _ := g.tree.find(path)
	if q.r.Method != http.MethodGet && q.r.Method != http.MethodHead {
		return methodNotAllowed([]string{http.MethodGet, http.MethodHead})
	}
	if n == nil {
		return notFound
	}
	words := strings.Split(strings.Trim(path, "/"), "/")
	return q.reply(http.StatusOK, g.describe(func(p string) bool { return within(strings.Split(strings.Trim(p, "/"), "/"), words) }))
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

// describe makes the description of the routes that want lets through.
func (g *Gateway) describe(want func(path string) bool) object {
	paths := object{}
	for i := range g.routes {
		r := &g.routes[i]
		if !want(r.path) {
			continue
		}
		p, ok := paths[Base+r.path].(object)
		if !ok {
			p = object{}
			paths[Base+r.path] = p
		}
		p[strings.ToLower(r.method)] = g.operation(r)
	}
	bodies := schemas()
	if g.c.Devices == nil {
		delete(bodies, "FleetStart")
		delete(bodies, "FleetRecord")
	}
	doc := object{
		"openapi":    "3.1.0",
		"info":       object{"title": gatewayName, "version": g.c.Version, "description": "SOVD diagnostic scripts (ISO 17978-3, 7.15)", "license": object{"name": "See the distribution", "identifier": "LicenseRef-Lander"}},
		"servers":    []object{{"url": "/"}},
		"paths":      paths,
		"components": object{"schemas": bodies},
	}
	if g.c.Auth != nil {
		doc["components"].(object)["securitySchemes"] = object{"bearer": object{"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
	}
	return doc
}

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
	fault := "Error"
	if r.tag == "auth" {
		fault = "AuthError"
	}
	answers := object{"default": object{"description": "An error", "content": object{"application/json": ref(fault)}}}
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
	if g.c.Auth != nil && !r.open && g.c.Auth.now.Load().requires(r.method) {
		o["security"] = []object{{"bearer": []string{}}}
		o["description"] = "Needs the role " + r.role.String() + " or one above."
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

// schemas are the bodies of the description.
func schemas() object {
	str, integer, boolean := object{"type": "string"}, object{"type": "integer"}, object{"type": "boolean"}
	when := object{"type": "string", "format": "date-time"}
	obj := func(required []string, members object) object {
		o := object{"type": "object", "properties": members}
		if required != nil {
			o["required"] = required
		}
		return o
	}
	list := func(of object) object {
		return obj([]string{"items"}, object{"items": object{"type": "array", "items": of}, "_links": object{"type": "object"}})
	}
	ref := func(name string) object { return object{"$ref": "#/components/schemas/" + name} }
	return object{
		"Error":     obj([]string{"error_code", "message"}, object{"error_code": str, "vendor_code": str, "message": str, "parameters": object{"type": "object"}}),
		"AuthError": obj([]string{"error", "error_description"}, object{"error": str, "error_description": str}),
		"Root": obj([]string{"api_base", "name", "version", "capabilities", "endpoints"}, object{
			"api_base": str, "name": str, "version": str, "capabilities": object{"type": "object", "additionalProperties": boolean}, "endpoints": object{"type": "array", "items": str}}),
		"Health":      obj([]string{"status"}, object{"status": str, "timestamp": integer}),
		"Items":       list(object{"type": "object"}),
		"Entity":      obj([]string{"id", "name", "type"}, object{"id": str, "name": str, "type": str, "description": str, "capabilities": object{"type": "array", "items": object{"type": "object"}}}),
		"Description": object{"type": "object", "description": "An OpenAPI 3.1 document"},
		"Credentials": obj([]string{"grant_type", "client_id", "client_secret"}, object{"grant_type": object{"const": "client_credentials"}, "client_id": str, "client_secret": str}),
		"Refresh":     obj([]string{"grant_type", "refresh_token"}, object{"grant_type": object{"const": "refresh_token"}, "refresh_token": str}),
		"Revocation":  obj([]string{"token"}, object{"token": str}),
		"Revoked":     obj([]string{"status"}, object{"status": object{"const": "revoked"}}),
		"Token": obj([]string{"access_token", "token_type", "expires_in", "refresh_token", "scope"}, object{
			"access_token": str, "token_type": object{"const": "Bearer"}, "expires_in": integer, "refresh_token": str, "scope": str}),
		"Script": obj([]string{"id", "name", "href", "managed", "proximity_proof_required"}, object{
			"id": str, "name": str, "description": str, "href": str, "managed": boolean, "proximity_proof_required": boolean, "parameters_schema": object{"description": "A JSON schema"},
			"x-lander": obj(nil, object{"format": str, "sha256": str, "key_id": str, "serial": integer, "expires": when})}),
		"ScriptList": list(ref("Script")),
		"Upload":     obj([]string{"file"}, object{"file": object{"type": "string", "contentMediaType": "application/octet-stream"}, "metadata": object{"type": "string", "contentMediaType": "application/json"}}),
		"Uploaded":   obj([]string{"id", "name"}, object{"id": str, "name": str}),
		"Start":      obj([]string{"execution_type"}, object{"execution_type": object{"const": "now"}, "parameters": object{"description": "What the script gets"}, "proximity_response": str}),
		"Control":    obj([]string{"action"}, object{"action": object{"enum": []string{string(ActionStop), string(ActionForced)}}}),
		"Execution": obj([]string{"id", "status", "started_at"}, object{
			"id": str, "status": object{"enum": []string{"prepared", "running", "completed", "failed", "terminated"}}, "progress": object{"type": "integer", "minimum": 0, "maximum": 100},
			"started_at": when, "completed_at": when,
			"parameters": obj([]string{"stdout", "stderr", "exit_code"}, object{"stdout": str, "stderr": str, "exit_code": object{"type": []string{"integer", "null"}}}),
			"error":      obj([]string{"message"}, object{"message": str, "exit_code": integer}),
			"x-lander": obj(nil, object{"script": str, "format": str, "sha256": str, "key_id": str, "serial": integer, "code": str, "truncated": boolean,
				"stdout_dropped": integer, "stderr_dropped": integer, "stdout_b64": str, "stderr_b64": str})}),
		"FleetStart": obj([]string{"script", "target"}, object{"script": str, "target": obj(nil, object{"group": str, "filter": str, "ids": object{"type": "array", "items": str}}),
			"parameters": object{"description": "What the script gets"}, "max_concurrency": integer, "max_errors": object{"type": []string{"integer", "string"}}}),
		"FleetRecord": obj([]string{"id", "status", "script", "total", "counts", "started_at"}, object{"id": str, "status": str, "script": str, "total": integer,
			"counts": object{"type": "object"}, "started_at": when, "completed_at": when, "results": object{"type": "array", "items": object{"type": "object"}}}),
		"ExecutionList": list(obj([]string{"id", "status", "started_at", "href"}, object{"id": str, "status": str, "started_at": when, "completed_at": when, "href": str})),
	}
}
