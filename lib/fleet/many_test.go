//go:build unix

package fleet_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// results are what became of the devices of a record, by their ids.
func results(x map[string]any) map[string]string {
	out := map[string]string{}
	for _, r := range x["results"].([]any) {
		m := r.(map[string]any)
		out[m["id"].(string)] = m["status"].(string)
	}
	return out
}

// waitMany waits for the end of a record.
func (g *rig) waitMany(id string) map[string]any {
	g.t.Helper()
	var x map[string]any
	g.until("the record "+id, func() bool {
		x = g.get("/fleet/executions/" + id + "?wait=5s")
		return x["completed_at"] != nil
	})
	return x
}

// One script runs on a group: one record, one result for each, at most as many
// failures as were allowed, and those that failed run again.
func TestMany(t *testing.T) {
	g := newRig(t, nil)
	dir := t.TempDir()
	for i := range 4 {
		id := fmt.Sprintf("gw-%d", i)
		g.agent(id, nil, nil)
	}
	for i := range 4 {
		id := fmt.Sprintf("gw-%d", i)
		g.until("the groups of "+id, func() bool { e := g.fleet.Entity(id); return e != nil && len(e.Tags) == 1 })
	}
	script := g.upload("fleet", "job.sh", g.sign(`echo x >> `+dir+`/ran; [ -e `+dir+`/go ] || exit 3; echo done`, "sh", 1))
	start := func(body string, want int) map[string]any {
		t.Helper()
		return g.do("POST", "/fleet/executions", "", []byte(strings.ReplaceAll(body, "SCRIPT", script)), want)
	}
	x := start(`{"script":"SCRIPT","target":{"group":"north"},"max_concurrency":"25%","max_errors":"25%"}`, 202)
	end := g.waitMany(x["id"].(string))
	if end["status"] != "failed" || text(end, "counts", "failed") != "2" || text(end, "counts", "prepared") != "2" || !strings.Contains(text(end, "message"), "2 devices were not begun") {
		t.Errorf("stopped after the failures: %v", end)
	}
	if f := g.get("/fleet/executions/" + x["id"].(string) + "?status=failed"); len(f["results"].([]any)) != 2 {
		t.Errorf("those that failed: %v", f)
	}
	g.do("GET", "/fleet/executions/"+x["id"].(string)+"?status=bogus", "", nil, 400)
	if e := g.do("POST", "/fleet/executions", "", []byte(`{"script":"x","target":"north"}`), 400); e["message"] != "Missing or invalid field: target" {
		t.Errorf("a target that is a text: %v", e)
	}
	if err := os.WriteFile(dir+"/go", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	// Both those that failed and those that were not begun.
	y := g.do("POST", "/fleet/executions/"+x["id"].(string)+"/retry-failed", "", nil, 202)
	end = g.waitMany(y["id"].(string))
	if end["status"] != "completed" || text(end, "counts", "completed") != "4" || end["retry_of"] != x["id"] {
		t.Errorf("again: %v", end)
	}
	for _, r := range end["results"].([]any) {
		if m := r.(map[string]any); text(m, "parameters", "stdout") != "done\n" || !strings.HasPrefix(text(m, "href"), "/api/v1/components/gw-") {
			t.Errorf("result: %v", m)
		} else if got := g.get(strings.TrimPrefix(text(m, "href"), "/api/v1")); got["status"] != "completed" {
			t.Errorf("its execution: %v", got)
		}
	}
	if b, err := os.ReadFile(dir + "/ran"); err != nil || len(b) != 2*6 {
		t.Errorf("runs: %q %v", b, err)
	}
	g.do("POST", "/fleet/executions/"+y["id"].(string)+"/retry-failed", "", nil, 409)
	x = start(`{"script":"SCRIPT","target":{"filter":"gw-[01]"}}`, 202)
	if end = g.waitMany(x["id"].(string)); len(results(end)) != 2 {
		t.Errorf("by a filter: %v", end)
	}
	start(`{"script":"SCRIPT","target":{"ids":["gw-1","none"]}}`, 404)
	start(`{"script":"SCRIPT","target":{"group":"south"}}`, 404)
	start(`{"script":"SCRIPT","target":{}}`, 400)
	start(`{"script":"none","target":{"ids":["gw-1"]}}`, 404)
	start(`{"script":"SCRIPT","target":{"ids":["gw-1"]},"max_errors":"x"}`, 400)
	if l := g.get("/fleet/executions"); len(l["items"].([]any)) != 3 {
		t.Errorf("list: %v", l)
	}
	if l := g.journalled(x["id"].(string)); len(l) != 1 || l[0].Action != "start" {
		t.Errorf("journal: %+v", l)
	}
}

// A start on many goes on where a gateway that ended has left it, and can be
// stopped.
func TestManyRestart(t *testing.T) {
	g := newRig(t, nil)
	dir := t.TempDir()
	a := g.agent("gw-a", nil, nil)
	g.agent("gw-b", nil, nil)
	for _, id := range []string{"gw-a", "gw-b"} {
		// That it is one of ours it says when it has had an answer.
		g.until("the description of "+id, func() bool { e := g.fleet.Entity(id); return e != nil && e.Detail["version"] == "1.2.3" })
	}
	a.stop()
	g.online("gw-a", false)
	script := g.upload("fleet", "job.sh", g.sign("echo x >> "+dir+"/ran", "sh", 1))
	x := g.do("POST", "/fleet/executions", "", []byte(`{"script":"`+script+`","target":{"ids":["gw-a","gw-b"]},"max_concurrency":1}`), 202)
	id := x["id"].(string)
	g.restart()
	if v := g.get("/fleet/executions/" + id); v["status"] != "running" || len(results(v)) != 2 {
		t.Errorf("after the restart: %v", v)
	}
	a.start()
	if v := g.waitMany(id); v["status"] != "completed" {
		t.Errorf("the end: %v", v)
	}
	if b, err := os.ReadFile(dir + "/ran"); err != nil || string(b) != "x\nx\n" {
		t.Errorf("runs: %q %v", b, err)
	}
	a.stop()
	g.online("gw-a", false)
	x = g.do("POST", "/fleet/executions", "", []byte(`{"script":"`+script+`","target":{"ids":["gw-a","gw-b"]},"max_concurrency":1}`), 202)
	id = x["id"].(string)
	g.until("the first to wait", func() bool { e := g.fleet.Entity("gw-a"); return e.Detail["waiting"] == 1 })
	g.do("PUT", "/fleet/executions/"+id, "", []byte(`{"action":"stop"}`), 200)
	if v := g.waitMany(id); v["status"] != "terminated" || results(v)["gw-a"] != "terminated" || results(v)["gw-b"] != "prepared" {
		t.Errorf("stopped: %v", v)
	}
}
