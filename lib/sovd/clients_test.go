package sovd_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The generated schemas of clients ask for each of these [SOVD 3].
var capabilityNames = []string{
	"aggregation", "async_actions", "authentication", "bulk_data", "configurations", "cyclic_subscriptions", "data_access", "discovery", "faults",
	"locking", "logs", "operations", "scripts", "tls", "triggers", "updates", "vendor_extensions",
}

func TestRootIsWhole(t *testing.T) {
	g := newRig(t)
	r := g.do("GET", "/api/v1/", "")
	caps, _ := r.body["capabilities"].(map[string]any)
	for _, name := range capabilityNames {
		if _, ok := caps[name].(bool); !ok {
			t.Errorf("capability %s is %v", name, caps[name])
		}
	}
	if len(caps) != len(capabilityNames) {
		t.Errorf("%d capabilities, want %d", len(caps), len(capabilityNames))
	}
	list, _ := r.body["endpoints"].([]any)
	var endpoints []string
	for _, e := range list {
		endpoints = append(endpoints, fmt.Sprint(e))
	}
	for _, e := range endpoints {
		if !regexp.MustCompile(`^(GET|POST|PUT|DELETE) /api/v1/`).MatchString(e) {
			t.Errorf("endpoint %q", e)
		}
	}
	for _, want := range []string{
		"GET /api/v1/health", "GET /api/v1/docs", "GET /api/v1/{entity-path}/docs", "POST /api/v1/apps/{app_id}/scripts", "DELETE /api/v1/components/{component_id}/scripts/{script_id}",
		"PUT /api/v1/apps/{app_id}/scripts/{script_id}/executions/{execution_id}",
	} {
		if !slices.Contains(endpoints, want) {
			t.Errorf("%q is not among the endpoints", want)
		}
	}
}

// Whatever is answered with a body is JSON with a code and a message of the
// kind that the TypeScript client asks for [SOVD 1, 14].
func TestErrorsAreOfOneKind(t *testing.T) {
	g := newRig(t)
	for _, r := range []row{
		{method: "GET", path: "/nothing"}, {method: "GET", path: "/components/nope"}, {method: "GET", path: "/components/bad.id"}, {method: "GET", path: "/apps/main-computer"},
		{method: "PATCH", path: "/components"}, {method: "POST", path: runs + "/man_true/executions", body: "{"}, {method: "POST", path: runs + "/nope/executions", body: `{"execution_type":"now"}`},
		{method: "POST", path: runs, body: "x"}, {method: "GET", path: runs + "/nope"}, {method: "DELETE", path: runs + "/man_true"}, {method: "PUT", path: runs + "/man_true/executions/exec_1", body: "{}"},
		{method: "GET", path: runs + "/man_true/executions/exec_1"}, {method: "DELETE", path: runs + "/man_true/executions/exec_1"}, {method: "GET", path: runs + "/man_true/executions?limit=x"},
		{method: "GET", path: runs + "/bad.script"}, {method: "GET", path: runs + "/man_true/executions/bad.id"}, {method: "GET", path: "/../../etc/passwd"},
	} {
		got := g.do(r.method, "/api/v1"+r.path, r.body)
		code, ok := got.body["error_code"].(string)
		message, ok2 := got.body["message"].(string)
		if got.status < 400 || got.status > 499 || !ok || !ok2 || code == "" || message == "" || got.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s: %d %s %s", r.method, r.path, got.status, got.header.Get("Content-Type"), got.text)
		}
		if _, ok := got.body["vendor_code"]; ok != (code == "vendor-error") {
			t.Errorf("%s %s: a vendor code and another error code: %s", r.method, r.path, got.text)
		}
		if p, ok := got.body["parameters"].(map[string]any); ok && len(p) == 0 {
			t.Errorf("%s %s: parameters are there, and empty", r.method, r.path)
		}
		if strings.Contains(got.text, g.dir) {
			t.Errorf("%s %s: a path of ours: %s", r.method, r.path, got.text)
		}
	}
}

// curl -d sends this type whatever the body is [SOVD 1].
func TestFormTypeIsNotLimited(t *testing.T) {
	g := newRig(t)
	body := `{"execution_type":"now","parameters":"` + strings.Repeat("x", 20_000) + `"}`
	r := g.do("POST", scripts+"/man_true/executions?wait=30s", body, "Content-Type: application/x-www-form-urlencoded")
	if r.status != 202 || r.at("status") != "completed" {
		t.Errorf("%d %s", r.status, r.text)
	}
}

func TestTooLargeUpload(t *testing.T) {
	g := newRig(t) // takes 1 MiB
	if r := g.upload("x.sh", strings.Repeat("#", 1<<20)); r.status != 201 {
		t.Errorf("just the limit: %d %s", r.status, r.text)
	}
	const want = `{"error_code":"vendor-error","vendor_code":"x-medkit-script-too-large","message":"Script file exceeds maximum size of 1 MB"}`
	if r := g.upload("x.sh", strings.Repeat("#", 1<<20+1)); r.status != 413 || r.text != want {
		t.Errorf("one more: %d %s", r.status, r.text)
	}
}
