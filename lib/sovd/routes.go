package sovd

import "net/http"

// table lists every route. The description at /docs, the endpoints at / and
// the roles are read from it.
func (g *Gateway) table() []route {
	get := func(path, tag, summary, schema string, serve func(*request) error) route {
		return route{method: http.MethodGet, path: path, role: viewer, tag: tag, summary: summary, answers: map[int]string{200: schema}, serve: serve}
	}
	open := func(r route) route { r.open = true; return r }
	routes := []route{
		get("/", "server", "What this gateway can do", "Root", (*request).rootInfo),
		get("/health", "server", "Whether it is well", "Health", (*request).health),
		get("/health/ready", "server", "Whether it takes work", "Health", (*request).readiness),
		get("/version-info", "server", "The versions that it speaks", "Items", (*request).versionInfo),
		get("/areas", "discovery", "The areas", "Items", collection(Areas)),
		get("/areas/{area_id}", "discovery", "One area", "Entity", entity(Areas)),
		get("/areas/{area_id}/components", "discovery", "The components of an area", "Items", related(Areas, areaComponents)),
		get("/areas/{area_id}/subareas", "discovery", "The areas of an area", "Items", related(Areas, subareas)),
		get("/areas/{area_id}/contains", "discovery", "What an area contains", "Items", related(Areas, areaComponents)),
		get("/functions", "discovery", "The functions", "Items", collection(Functions)),
		get("/functions/{function_id}", "discovery", "One function", "Entity", entity(Functions)),
		get("/components", "discovery", "The components", "Items", collection(Components)),
		get("/components/{component_id}", "discovery", "One component", "Entity", entity(Components)),
		get("/components/{component_id}/hosts", "discovery", "The apps on a component", "Items", related(Components, hosts)),
		get("/components/{component_id}/subcomponents", "discovery", "The parts of a component", "Items", related(Components, subcomponents)),
		get("/components/{component_id}/depends-on", "discovery", "What a component depends on", "Items", related(Components, dependsOn)),
		get("/apps", "discovery", "The apps", "Items", collection(Apps)),
		get("/apps/{app_id}", "discovery", "One app", "Entity", entity(Apps)),
		get("/apps/{app_id}/depends-on", "discovery", "What an app depends on", "Items", related(Apps, dependsOn)),
		get("/apps/{app_id}/is-located-on", "discovery", "The component of an app", "Items", related(Apps, locatedOn)),
		open(route{method: http.MethodPost, path: "/auth/authorize", tag: "auth", summary: "A token for a client", body: "Credentials", answers: map[int]string{200: "Token"}, serve: (*request).authorizeClient}),
		open(route{method: http.MethodPost, path: "/auth/token", tag: "auth", summary: "A new token for a refresh token", body: "Refresh", answers: map[int]string{200: "Token"}, serve: (*request).refreshToken}),
		open(route{method: http.MethodPost, path: "/auth/revoke", tag: "auth", summary: "The end of a refresh token", body: "Revocation", answers: map[int]string{200: "Revoked"}, serve: (*request).revokeToken}),
	}
	for _, kind := range []string{Components, Apps} {
		routes = append(routes, scriptRoutes(kind)...)
		if g.c.Devices != nil {
			routes = append(routes, dataRoutes(kind)...)
		}
	}
	if g.c.Devices != nil {
		routes = append(routes, fleetRoutes()...)
	}
	if !g.c.NoDocs {
		routes = append(routes, get("/docs", "server", "This description", "Description", (*request).docs))
	} else {
		routes = append(routes, route{method: http.MethodGet, path: "/docs", role: viewer, tag: "server", summary: "Switched off", serve: func(*request) error { return errNoDocs }})
	}
	return routes
}

// scriptRoutes are the routes of SOVD 7.15 for one kind of entity.
func scriptRoutes(kind string) []route {
	p := "/" + kind + "/{" + kind[:len(kind)-1] + "_id}/scripts"
	one, runs, run := p+"/{script_id}", p+"/{script_id}/executions", p+"/{script_id}/executions/{execution_id}"
	in := func(f func(*request, Ref) error) func(*request) error { return onScripts(kind, f) }
	return []route{
		{method: http.MethodGet, path: p, role: viewer, tag: "scripts", summary: "The scripts of an entity", answers: map[int]string{200: "ScriptList"}, serve: in((*request).listScripts)},
		{method: http.MethodPost, path: p, role: configurator, tag: "scripts", summary: "Upload a script", body: "Upload", answers: map[int]string{201: "Uploaded"}, serve: in((*request).uploadScript)},
		{method: http.MethodGet, path: one, role: viewer, tag: "scripts", summary: "One script", answers: map[int]string{200: "Script"}, serve: in((*request).getScript)},
		{method: http.MethodDelete, path: one, role: configurator, tag: "scripts", summary: "Delete an uploaded script", answers: map[int]string{204: ""}, serve: in((*request).deleteScript)},
		{method: http.MethodGet, path: runs, role: viewer, tag: "executions", summary: "The executions of a script, newest first", query: []string{"limit", "cursor", "status"}, answers: map[int]string{200: "ExecutionList"}, serve: in((*request).listExecutions)},
		{method: http.MethodPost, path: runs, role: operator, tag: "executions", summary: "Start a script", query: []string{"wait"}, body: "Start", answers: map[int]string{202: "Execution"}, serve: in((*request).startExecution)},
		{method: http.MethodGet, path: run, role: viewer, tag: "executions", summary: "How an execution stands", query: []string{"wait"}, answers: map[int]string{200: "Execution"}, serve: in((*request).getExecution)},
		{method: http.MethodPut, path: run, role: operator, tag: "executions", summary: "Stop an execution", body: "Control", answers: map[int]string{200: "Execution"}, serve: controlRoute(kind)},
		{method: http.MethodDelete, path: run, role: operator, tag: "executions", summary: "Forget an execution", answers: map[int]string{204: ""}, serve: in((*request).deleteExecution)},
		{method: http.MethodGet, path: run + "/events", role: viewer, tag: "executions", summary: "Output, progress and status as server-sent events", query: []string{"from"}, answers: map[int]string{200: "Events"}, serve: in((*request).events)},
	}
}
