package sovd_test

import (
	"fmt"
	"strings"
	"testing"
)

// row is one line of a table of requests: path below /api/v1, and what must
// be in the answer, as path=value.
type row struct {
	name    string
	method  string
	path    string
	body    string
	headers []string
	status  int
	want    []string
	text    string // the whole body, when it is not ""
}

func (g *rig) rows(rows []row) {
	g.t.Helper()
	for _, r := range rows {
		name := r.name
		if name == "" {
			name = r.method + " " + r.path
		}
		g.t.Run(name, func(t *testing.T) {
			t.Helper()
			g := *g
			g.t = t
			got := g.do(r.method, "/api/v1"+r.path, r.body, r.headers...)
			if got.status != r.status {
				t.Fatalf("status %d, want %d: %s", got.status, r.status, got.text)
			}
			if r.text != "" && got.text != r.text {
				t.Errorf("body %s\nwant %s", got.text, r.text)
			}
			for _, w := range r.want {
				k, v, _ := strings.Cut(w, "=")
				if name, ok := strings.CutPrefix(k, "header:"); ok {
					if h := got.header.Get(name); h != v {
						t.Errorf("%s: %q, want %q", name, h, v)
					}
					continue
				}
				if at := fmt.Sprint(got.at(k)); at != v {
					t.Errorf("%s is %s, want %s: %s", k, at, v, got.text)
				}
			}
		})
	}
}

const (
	notFoundBody = `{"error_code":"resource-not-found","message":"Resource not found","parameters":{"status":404}}`
	unknownBody  = `{"error_code":"entity-not-found","message":"Entity not found","parameters":{"entity_id":"nope"}}`
)

func TestEntityRoutes(t *testing.T) {
	g := newRig(t)
	long := strings.Repeat("a", 257)
	g.rows([]row{
		{method: "GET", path: "/", status: 200, want: []string{"api_base=/api/v1", "version=1.2.3", "capabilities.scripts=true", "capabilities.faults=false", "capabilities.authentication=false", "auth=<nil>", "header:Content-Type=application/json"}},
		{method: "GET", path: "", status: 200, want: []string{"api_base=/api/v1"}},
		{method: "GET", path: "/health", status: 200, want: []string{"status=healthy", "warning_schema_version=2", "discovery.mode=manifest_only"}},
		{method: "GET", path: "/health/ready", status: 200, want: []string{"status=ready"}},
		{method: "GET", path: "/version-info", status: 200, want: []string{"items.0.version=1.0.0", "items.0.base_uri=/api/v1", "items.0.vendor_info.version=1.2.3"}},
		{method: "GET", path: "/components", status: 200, want: []string{"x-medkit.total_count=2", "items.1.id=main-computer", "items.1.name=Main Computer", "items.1.href=/api/v1/components/main-computer", "items.1.type=component", "items.1.description=x86", "items.1.x-medkit.source=manifest", "items.1.x-medkit.ros2.node=/main-computer"}},
		{method: "GET", path: "/components/", status: 200, want: []string{"x-medkit.total_count=2"}},
		{method: "HEAD", path: "/components", status: 200},
		{method: "GET", path: "/apps", status: 200, want: []string{"items.1.type=app", "items.1.x-medkit.component_id=main-computer", "items.1.x-medkit.is_online=true"}},
		{method: "GET", path: "/areas", status: 200, want: []string{"items.0.type=area", "items.0.id=body"}},
		{method: "GET", path: "/functions", status: 200, text: `{"items":[],"x-medkit":{"total_count":0}}`},
		{method: "GET", path: "/components/main-computer", status: 200, want: []string{"type=component", "scripts=/api/v1/components/main-computer/scripts", "hosts=/api/v1/components/main-computer/hosts", "subcomponents=/api/v1/components/main-computer/subcomponents", "belongs-to=/api/v1/areas/body", "capabilities.0.name=scripts", "capabilities.0.href=/api/v1/components/main-computer/scripts", "_links.self=/api/v1/components/main-computer", "_links.collection=/api/v1/components", "_links.area=/api/v1/areas/body", "data=<nil>"}},
		{method: "GET", path: "/apps/nav", status: 200, want: []string{"is-located-on=/api/v1/components/main-computer", "_links.is-located-on=/api/v1/components/main-computer", "scripts=/api/v1/apps/nav/scripts"}},
		{method: "GET", path: "/components/main-computer/hosts", status: 200, want: []string{"items.0.id=map", "items.1.id=nav"}},
		{method: "GET", path: "/components/main-computer/subcomponents", status: 200, want: []string{"items.0.id=camera", "items.1=<nil>"}},
		{method: "GET", path: "/components/camera/depends-on", status: 200, want: []string{"items.0.id=main-computer"}},
		{method: "GET", path: "/apps/nav/depends-on", status: 200, want: []string{"items.0.id=map", "_links.app=/api/v1/apps/nav"}},
		{method: "GET", path: "/apps/nav/is-located-on", status: 200, want: []string{"items.0.id=main-computer", "items.1=<nil>"}},
		{method: "GET", path: "/areas/body/components", status: 200, want: []string{"items.0.id=main-computer", "items.1=<nil>", "_links.self=/api/v1/areas/body/components", "_links.area=/api/v1/areas/body", "x-medkit.total_count=1"}},
		{method: "GET", path: "/areas/body/subareas/", status: 200, want: []string{"items.0.id=head", "items.0.href=/api/v1/areas/head", "items.1=<nil>", "_links.self=/api/v1/areas/body/subareas"}},
		{method: "GET", path: "/areas/head/subareas", status: 200, want: []string{"items.0=<nil>", "_links.area=/api/v1/areas/head"}},
		{method: "GET", path: "/components/nope", status: 404, text: unknownBody},
		{method: "GET", path: "/apps/nope/scripts", status: 404, text: unknownBody},
		{method: "GET", path: "/apps/main-computer", status: 400, text: `{"error_code":"invalid-parameter","message":"Invalid entity type for route: expected App, got Component","parameters":{"actual_type":"Component","entity_id":"main-computer","expected_type":"App"}}`},
		{method: "GET", path: "/components/bad.id", status: 400, text: `{"error_code":"invalid-parameter","message":"Invalid entity ID","parameters":{"details":"Entity ID contains invalid character: '.'. Only alphanumeric, underscore and hyphen are allowed","entity_id":"bad.id"}}`},
		{name: "too long", method: "GET", path: "/components/" + long, status: 400, want: []string{"parameters.details=Entity ID too long (max 256 characters)"}},
		{method: "GET", path: "/nothing", status: 404, text: notFoundBody},
		{method: "GET", path: "/areas/body/scripts", status: 404, text: notFoundBody},
		{method: "GET", path: "/functions/x/scripts", status: 404, text: notFoundBody},
		{method: "GET", path: "/components/a%2Fb", status: 404, text: notFoundBody},
		{method: "GET", path: "/components/%2e%2e/apps", status: 404, text: notFoundBody},
		{method: "GET", path: "/components//scripts", status: 404, text: notFoundBody},
		{method: "POST", path: "/components", status: 405, want: []string{"header:Allow=GET, HEAD", "error_code=invalid-request"}},
		{method: "PATCH", path: "/components/main-computer/scripts/x/executions/y", status: 405, want: []string{"header:Allow=DELETE, GET, HEAD, PUT"}},
		{method: "GET", path: "/docs", status: 200, want: []string{"openapi=3.1.0"}},
		{method: "GET", path: "/components/main-computer/docs", status: 200, want: []string{"openapi=3.1.0", "paths./apps=<nil>"}},
		{name: "of a collection", method: "GET", path: "/components/docs", status: 200, want: []string{"openapi=3.1.0", "paths./apps=<nil>"}},
		{name: "of a collection of an entity", method: "GET", path: "/components/main-computer/scripts/docs", status: 200, want: []string{"openapi=3.1.0"}},
		{name: "of any component", method: "GET", path: "/components/%7Bcomponent_id%7D/docs", status: 200},
		{name: "of no entity", method: "GET", path: "/components/nope/docs", status: 404, want: []string{"error_code=entity-not-found"}},
		{name: "of another type", method: "GET", path: "/apps/main-computer/scripts/docs", status: 400, want: []string{"error_code=invalid-parameter"}},
		{method: "GET", path: "/nothing/docs", status: 404, text: notFoundBody},
		{method: "GET", path: "/../../etc/passwd", status: 404},
	})
}

func TestFeatureOff(t *testing.T) {
	g := newRig(t)
	c := g.config
	c.Provider = nil
	g.serve(c)
	const off = `{"error_code":"not-implemented","message":"Scripts backend not configured"}`
	g.rows([]row{
		{method: "GET", path: "/components/main-computer/scripts", status: 501, text: off},
		{method: "GET", path: "/components/nope/scripts", status: 501, text: off},
		{method: "GET", path: "/components/bad.id/scripts", status: 501, text: off},
		{method: "POST", path: "/apps/nav/scripts", status: 501, text: off},
		{method: "GET", path: "/apps/nav/scripts/x", status: 501, text: off},
		{method: "DELETE", path: "/apps/nav/scripts/x", status: 501, text: off},
		{method: "POST", path: "/apps/nav/scripts/x/executions", status: 501, text: off},
		{method: "GET", path: "/apps/nav/scripts/x/executions/y", status: 501, text: off},
		{method: "DELETE", path: "/apps/nav/scripts/x/executions/y", status: 501, text: off},
		{method: "GET", path: "/apps/nav/scripts/x/executions/y/events", status: 501, text: off},
		{method: "PUT", path: "/apps/nav/scripts/x/executions/y", body: `{"action":"stop"}`, status: 501, text: off},
		{name: "the body of a PUT comes first", method: "PUT", path: "/apps/nav/scripts/x/executions/y", body: `{}`, status: 400, want: []string{"message=Request body validation failed"}},
		{method: "GET", path: "/", status: 200, want: []string{"capabilities.scripts=false"}},
	})
}

func TestDocsOff(t *testing.T) {
	g := newRig(t)
	c := g.config
	c.Provider, c.NoDocs = g.files, true
	g.serve(c)
	g.rows([]row{
		{method: "GET", path: "/docs", status: 501, want: []string{"error_code=not-implemented"}},
		{method: "GET", path: "/components/docs", status: 501, want: []string{"error_code=not-implemented"}},
	})
}
