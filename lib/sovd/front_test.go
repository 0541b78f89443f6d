package sovd_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lander/lib/sovd"
)

func TestRateLimit(t *testing.T) {
	c := &clock{now: time.Unix(1_700_000_000, 0)}
	l, err := sovd.NewRateLimit(sovd.RateLimits{Global: 100, Client: 5, Endpoints: []string{"/api/v1/*/scripts/*:2"}})
	if err != nil {
		t.Fatal(err)
	}
	g := newRig(t, func(_ *sovd.FilesOptions, conf *sovd.Config) { conf.Limits, conf.Clock = l, c.time })
	for i := range 5 {
		r := g.do("GET", "/api/v1/health", "")
		if r.status != 200 || r.header.Get("X-RateLimit-Limit") != "5" || r.header.Get("X-RateLimit-Remaining") != fmt.Sprint(4-i) {
			t.Errorf("request %d: %d %v", i, r.status, r.header)
		}
	}
	r := g.do("GET", "/api/v1/health", "")
	want := `{"error_code":"rate-limit-exceeded","message":"Too many requests. Please retry after 12 seconds.","parameters":{"limit":5,"reset":1700000060,"retry_after":12}}`
	if r.status != 429 || r.header.Get("Retry-After") != "12" || r.text != want || r.header.Get("X-RateLimit-Remaining") != "0" || r.header.Get("X-RateLimit-Reset") != "1700000060" {
		t.Errorf("%d %v %s", r.status, r.header, r.text)
	}
	c.add(12 * time.Second)
	if r := g.do("GET", "/api/v1/health", ""); r.status != 200 {
		t.Errorf("after the time: %d", r.status)
	}
	if r := g.do("GET", "/api/v1/health", ""); r.status != 429 {
		t.Errorf("one more: %d", r.status)
	}
	c.add(time.Minute)
	for i, want := range []int{200, 200, 429} {
		if r := g.do("GET", scripts+"/man_true", ""); r.status != want {
			t.Errorf("endpoint request %d: %d", i, r.status)
		}
	}
	// What one limit refuses costs nothing of the others: of 5, two are spent.
	if r := g.do("GET", "/api/v1/health", ""); r.status != 200 || r.header.Get("X-RateLimit-Remaining") != "2" {
		t.Errorf("after a request that was refused: %d %v", r.status, r.header)
	}
	for _, tt := range []struct {
		limits sovd.RateLimits
		want   string // the limit in the header, how many requests pass, and the reset after the first
	}{
		{sovd.RateLimits{Global: 3}, "3 3 1700000020"},
		{sovd.RateLimits{Global: 3, Client: 4}, "3 3 1700000020"},
		{sovd.RateLimits{Global: 4, Client: 2}, "2 2 1700000030"},
		{sovd.RateLimits{}, " 9 "},
		{sovd.RateLimits{Endpoints: []string{"/elsewhere:1"}}, " 9 "},
		{sovd.RateLimits{Endpoints: []string{"/api/v1/health:1", "/api/*/health:7"}}, "1 1 1700000060"},
		{sovd.RateLimits{Endpoints: []string{"/api*lth:2", "/*/health/*:1", "*x:1"}}, "2 2 1700000030"},
	} {
		l, err := sovd.NewRateLimit(tt.limits)
		if err != nil {
			t.Fatal(err)
		}
		c := &clock{now: time.Unix(1_700_000_000, 0)}
		g := newRig(t, func(_ *sovd.FilesOptions, conf *sovd.Config) { conf.Limits, conf.Clock = l, c.time })
		first := g.do("GET", "/api/v1/health", "")
		passed := 1
		for range 8 {
			if r := g.do("GET", "/api/v1/health", ""); r.status == 200 {
				passed++
			}
		}
		if got := fmt.Sprint(first.header.Get("X-RateLimit-Limit"), " ", passed, " ", first.header.Get("X-RateLimit-Reset")); got != tt.want {
			t.Errorf("%+v: %s, want %s", tt.limits, got, tt.want)
		}
	}
	for _, bad := range []sovd.RateLimits{{Client: -1}, {Global: -1}, {Endpoints: []string{"x"}}, {Endpoints: []string{"/x:0"}}, {Endpoints: []string{":5"}}} {
		if _, err := sovd.NewRateLimit(bad); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
}

func TestCORS(t *testing.T) {
	g := newRig(t, func(_ *sovd.FilesOptions, c *sovd.Config) {
		c.CORS = &sovd.CORS{Origins: []string{"http://page"}, Credentials: true}
	})
	g.rows([]row{
		{name: "preflight", method: "OPTIONS", path: "/components", headers: []string{"Origin: http://page"}, status: 204, want: []string{
			"header:Access-Control-Allow-Origin=http://page", "header:Access-Control-Allow-Methods=GET, PUT, POST, DELETE, OPTIONS", "header:Access-Control-Allow-Headers=Content-Type, Accept, Idempotency-Key, Last-Event-ID", "header:Access-Control-Max-Age=86400", "header:Access-Control-Allow-Credentials=true"}},
		{name: "foreign preflight", method: "OPTIONS", path: "/components", headers: []string{"Origin: http://evil"}, status: 403, want: []string{"header:Access-Control-Allow-Origin="}},
		{name: "request", method: "GET", path: "/components", headers: []string{"Origin: http://page"}, status: 200, want: []string{"header:Access-Control-Allow-Origin=http://page", "header:Vary=Origin"}},
		{name: "foreign request", method: "GET", path: "/components", headers: []string{"Origin: http://evil"}, status: 200, want: []string{"header:Access-Control-Allow-Origin="}},
		{name: "no page", method: "GET", path: "/components", status: 200, want: []string{"header:Access-Control-Allow-Origin="}},
	})
	for _, bad := range []*sovd.CORS{{}, {Origins: []string{"*"}, Credentials: true}} {
		c := g.config
		c.CORS = bad
		if _, err := sovd.New(c); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
}

func TestPage(t *testing.T) {
	g := newRig(t, func(_ *sovd.FilesOptions, c *sovd.Config) {
		c.Page = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "page "+r.URL.Path) })
	})
	if r := g.do("GET", "/", ""); r.text != "page /" {
		t.Errorf("%s", r.text)
	}
	if r := g.do("POST", "/", ""); r.status != 404 {
		t.Errorf("%d", r.status)
	}
	if r := g.do("GET", "/api/v1x", ""); r.text != "page /api/v1x" {
		t.Errorf("%s", r.text)
	}
}

func TestMetrics(t *testing.T) {
	m := sovd.NewMetrics(func() int { return 7 })
	g := newRig(t, func(o *sovd.FilesOptions, c *sovd.Config) { o.Ended, c.Metrics = m.Ended, m })
	g.run("man_true", "")
	g.do("POST", scripts+"/nope/executions", `{"execution_type":"now"}`)
	g.close() // every end is counted
	var b strings.Builder
	if _, err := m.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"lander_gateway_starts_total 1\n", "lander_gateway_running 7\n", `lander_gateway_rejects_total{reason="not-found"} 1` + "\n",
		`lander_gateway_executions_total{status="completed"} 1` + "\n", `lander_gateway_executions_total{status="failed"} 0` + "\n",
		`lander_gateway_requests_total{method="POST",status="202"} 1` + "\n", `lander_gateway_execution_seconds_count 1` + "\n", `lander_gateway_execution_seconds_bucket{le="+Inf"} 1` + "\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

// The description is whole: every reference leads somewhere, every parameter
// of a path is declared, every operation has an id of its own and an answer.
func TestDescription(t *testing.T) {
	g := authRig(t)
	r := g.do("GET", "/api/v1/docs", "")
	doc := r.body
	if doc["openapi"] != "3.1.0" || r.at("info.title") == nil || r.at("info.version") == nil {
		t.Fatalf("%s", r.text)
	}
	if url, _ := r.at("servers.0.url").(string); url != "/api/v1" || r.at("info.x-sovd-version") != "1.0.0" {
		t.Errorf("served at %q: %s", url, r.text)
	}
	schemas := r.at("components.schemas").(map[string]any)
	responses := r.at("components.responses").(map[string]any)
	var refs func(v any)
	used := map[string]bool{}
	refs = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				response, isResponse := strings.CutPrefix(ref, "#/components/responses/")
				name := strings.TrimPrefix(ref, "#/components/schemas/")
				used[name] = true
				if schemas[name] == nil && (!isResponse || responses[response] == nil) {
					t.Errorf("%s leads nowhere", ref)
				}
			}
			for _, x := range v {
				refs(x)
			}
		case []any:
			for _, x := range v {
				refs(x)
			}
		}
	}
	refs(doc)
	for name, s := range schemas {
		if !used[name] {
			t.Errorf("the schema %s is not used", name)
		}
		b, err := json.Marshal(map[string]any{"components": doc["components"], "not": s})
		if err != nil || !sovd.ValidSchema(b) {
			t.Errorf("the schema %s is none", name)
		}
	}
	tags := map[any]bool{}
	for _, x := range doc["tags"].([]any) {
		tags[x.(map[string]any)["name"]] = true
	}
	ids := map[string]bool{}
	operations := 0
	for path, p := range doc["paths"].(map[string]any) {
		if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "/api/") {
			t.Errorf("path %s", path)
		}
		for method, o := range p.(map[string]any) {
			operations++
			op := o.(map[string]any)
			id, _ := op["operationId"].(string)
			if ids[id] || id == "" {
				t.Errorf("%s %s: the id %q", method, path, id)
			}
			ids[id] = true
			declared := map[string]bool{}
			list, _ := op["parameters"].([]any)
			for _, x := range list {
				if pm := x.(map[string]any); pm["in"] == "path" {
					declared["{"+pm["name"].(string)+"}"] = true
				}
			}
			for word := range strings.SplitSeq(path, "/") {
				if strings.HasPrefix(word, "{") && !declared[word] {
					t.Errorf("%s %s: %s is not declared", method, path, word)
				}
				delete(declared, word)
			}
			// Reading is free in this rig: what is published is what is asked for.
			secured := method != "get" && !strings.HasPrefix(path, "/auth/")
			security, published := op["security"].([]any)
			answers := op["responses"].(map[string]any)
			if !published || secured != (len(security) > 0) || secured != (answers["401"] != nil) || secured != (answers["403"] != nil) {
				t.Errorf("%s %s: security %v, %v", method, path, security, answers)
			}
			if tag := op["tags"].([]any)[0]; !tags[tag] {
				t.Errorf("%s %s: the tag %v is not declared", method, path, tag)
			}
			if len(declared) > 0 || op["summary"] == "" || len(op["responses"].(map[string]any)) < 2 {
				t.Errorf("%s %s: %v", method, path, op)
			}
		}
	}
	endpoints := g.do("GET", "/api/v1/", "").at("endpoints").([]any)
	if len(endpoints) != operations+1 {
		t.Errorf("%d endpoints, %d operations", len(endpoints), operations)
	}
}

// What the description says of itself holds for another program, too.
func TestDescriptionIsValid(t *testing.T) {
	lint, err := exec.LookPath("validate-api")
	if err != nil {
		if os.Getenv("LANDER_INTEROP") == "1" {
			t.Fatal("validate-api, of @seriousme/openapi-schema-validator, is not installed, and LANDER_INTEROP=1 makes it mandatory")
		}
		t.Skip("validate-api is not installed")
	}
	g := newRig(t)
	file := filepath.Join(t.TempDir(), "openapi.json")
	if err := os.WriteFile(file, []byte(g.do("GET", "/api/v1/docs", "").text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(lint, file).CombinedOutput()
	if err != nil || !strings.Contains(string(out), `"valid":true`) && !strings.Contains(string(out), `"valid": true`) {
		t.Errorf("%v: %s", err, out)
	}
}

// A request with a length beside its chunks is the last of its connection: a
// proxy in front may have seen its end elsewhere [RFC 9112 6.3].
func TestLengthBesideChunks(t *testing.T) {
	g := newRig(t, func(*sovd.FilesOptions, *sovd.Config) {})
	for name, head := range map[string]string{
		"length and chunks": "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
		"chunks":            "Transfer-Encoding: chunked\r\n",
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(g.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "POST %s/man_true/executions HTTP/1.1\r\nHost: x\r\n%s\r\n0\r\n\r\nGET /api/v1/health HTTP/1.1\r\nHost: x\r\n\r\n", scripts, head)
		b, _ := io.ReadAll(conn) // a reset is an end, too
		conn.Close()
		if n := strings.Count(string(b), "HTTP/1.1 "); n != 1 {
			t.Errorf("%s: %d answers: %q", name, n, b)
		}
	}
}
