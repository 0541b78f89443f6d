package sovd_test

import (
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"lander/lib/sovd"
)

const runs = "/components/main-computer/scripts"

func TestStart(t *testing.T) {
	g := newRig(t)
	r := g.do("POST", scripts+"/man_true/executions", `{"execution_type":"now","parameters":null,"other":1}`, "Content-Type: text/plain")
	id, _ := r.at("id").(string)
	if r.status != 202 || r.at("status") == nil || !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`).MatchString(fmt.Sprint(r.at("started_at"))) ||
		r.header.Get("Location") != scripts+"/man_true/executions/"+id || !regexp.MustCompile(`^exec_[A-Za-z0-9_-]+$`).MatchString(id) {
		t.Errorf("%d %v %s", r.status, r.header, r.text)
	}
	p := runs + "/man_true/executions"
	g.rows([]row{
		{name: "empty", method: "POST", path: p, status: 400, text: `{"error_code":"invalid-request","message":"Invalid JSON body"}`},
		{name: "bad JSON", method: "POST", path: p, body: "{", status: 400, want: []string{"message=Invalid JSON body"}},
		{name: "not an object", method: "POST", path: p, body: "[]", status: 400, text: `{"error_code":"invalid-request","message":"Missing required field: execution_type"}`},
		{name: "missing", method: "POST", path: p, body: "{}", status: 400, want: []string{"message=Missing required field: execution_type"}},
		{name: "empty type", method: "POST", path: p, body: `{"execution_type":""}`, status: 400, want: []string{"message=Missing required field: execution_type"}},
		{name: "not a string", method: "POST", path: p, body: `{"execution_type":1}`, status: 400, want: []string{"message=Missing required field: execution_type"}},
		{name: "null", method: "POST", path: p, body: `null`, status: 400, want: []string{"message=Missing required field: execution_type"}},
		{name: "other letters", method: "POST", path: p, body: `{"Execution_Type":"now"}`, status: 400, want: []string{"message=Missing required field: execution_type"}},
		{name: "long argument", method: "POST", path: runs + "/man_args/executions", body: `{"execution_type":"now","parameters":{"target":"` + strings.Repeat("x", 128<<10) + `"}}`, status: 400, text: `{"error_code":"invalid-request","message":"A parameter exceeds the maximum size of an argument (128 KB)"}`},
		{name: "NUL in an argument", method: "POST", path: runs + "/man_args/executions", body: `{"execution_type":"now","parameters":{"target":"a\u0000b"}}`, status: 400, want: []string{"error_code=invalid-parameter"}},
		{name: "another type", method: "POST", path: p, body: `{"execution_type":"on_restart"}`, status: 400, text: `{"error_code":"invalid-parameter","message":"Unsupported execution type: on_restart"}`},
		{name: "another type, unknown script", method: "POST", path: runs + "/nope/executions", body: `{"execution_type":"once_on_restart"}`, status: 400, want: []string{"error_code=invalid-parameter"}},
		{name: "unknown script", method: "POST", path: runs + "/nope/executions", body: `{"execution_type":"now"}`, status: 404, text: `{"error_code":"resource-not-found","message":"Script not found: nope"}`},
		{name: "not visible", method: "POST", path: runs + "/man_apps/executions", body: `{"execution_type":"now"}`, status: 404, want: []string{"message=Script not found: man_apps"}},
		{name: "too much for stdin", method: "POST", path: p, body: `{"execution_type":"now","parameters":"` + strings.Repeat("x", 65535) + `"}`, status: 400, text: `{"error_code":"invalid-request","message":"Parameters JSON exceeds maximum stdin size (64 KB)"}`},
		{name: "just enough for stdin", method: "POST", path: p, body: `{"execution_type":"now","parameters":"` + strings.Repeat("x", 65534) + `"}`, status: 202},
		{name: "file is gone", method: "POST", path: runs + "/man_gone/executions", body: `{"execution_type":"now"}`, status: 500, text: `{"error_code":"internal-error","message":"Failed to read script file"}`},
		{name: "schema", method: "POST", path: runs + "/man_stdin/executions", body: `{"execution_type":"now","parameters":{"n":11}}`, status: 400, want: []string{"error_code=invalid-parameter", "parameters.fields.0.field=/n"}},
		{name: "schema without parameters", method: "POST", path: runs + "/man_stdin/executions", body: `{"execution_type":"now"}`, status: 400, want: []string{"error_code=invalid-parameter"}},
		{name: "no proof", method: "POST", path: runs + "/man_near/executions", body: `{"execution_type":"now"}`, status: 403, want: []string{"vendor_code=x-lander-proximity-proof"}},
		{name: "wrong proof", method: "POST", path: runs + "/man_near/executions", body: `{"execution_type":"now","proximity_response":"bar"}`, status: 403},
		{name: "proof", method: "POST", path: runs + "/man_near/executions", body: `{"execution_type":"now","proximity_response":"foo"}`, status: 202},
		{name: "proof where none is asked for", method: "POST", path: p, body: `{"execution_type":"now","proximity_response":7}`, status: 202},
		{name: "bad wait", method: "POST", path: p + "?wait=soon", body: `{"execution_type":"now"}`, status: 400, want: []string{"error_code=invalid-parameter"}},
		{name: "wait", method: "POST", path: p + "?wait=60s", body: `{"execution_type":"now"}`, status: 202, want: []string{"status=completed"}},
		{name: "body too large", method: "POST", path: p, body: strings.Repeat(" ", 1<<20+1), status: 413, want: []string{"parameters.status=413"}},
		{name: "collection with a slash", method: "GET", path: p + "/", status: 200},
	})
}

func TestParameters(t *testing.T) {
	g := newRig(t)
	id := g.script("cat.sh", `printf 'argc=%s in=' $#; cat`)
	args := []struct{ parameters, want string }{
		{`{"target":"disk 0","level":3,"verbose":true}`, "[disk 0][--level][3][-v]hi"},
		{`{"target":"","level":true,"verbose":false}`, "[][--level][true]hi"},
		{`{"target":["a", {"b": 1}],"level":1.5,"verbose":"false"}`, `[["a",{"b":1}]][--level][1.5][-v]hi`},
		{`{"target":null,"verbose":null}`, "[null][-v]hi"},
		{`{"level":"-x; rm $(ls)"}`, "[--level][-x; rm $(ls)]hi"},
		{`{"ratio":0.5,"lost":1}`, "[--ratio][0.5]hi"},
		{`["a"]`, "hi"},
		{`null`, "hi"},
	}
	for _, tt := range args {
		if r := g.run("man_args", tt.parameters); r.at("parameters.stdout") != tt.want {
			t.Errorf("%s: %s", tt.parameters, r.text)
		}
	}
	long := strings.Repeat("x", 128<<10-1)
	if r := g.run("man_args", `{"target":"`+long+`"}`); r.at("parameters.stdout") != "["+long+"]hi" {
		t.Errorf("the longest argument: %.300s", r.text)
	}
	stdin := []struct{ parameters, want string }{
		{`{"a": [1, 2]}`, `argc=0 in={"a":[1,2]}`},
		{`"x"`, `argc=0 in="x"`},
		{`null`, `argc=0 in=`},
	}
	for _, tt := range stdin {
		if r := g.run(id, tt.parameters); r.at("parameters.stdout") != tt.want {
			t.Errorf("%s: %s", tt.parameters, r.text)
		}
	}
	if r := g.run("man_stdin", `{"n":3}`); r.at("parameters.n") != 3.0 {
		t.Error(r.text)
	}
}

func TestOutcomes(t *testing.T) {
	g := newRig(t)
	tests := []struct {
		name, file, script string
		want               []string
	}{
		{"text", "x.sh", "echo hello", []string{"status=completed", "parameters.stdout=hello\n", "parameters.stderr=", "parameters.exit_code=0", "error=<nil>"}},
		{"nothing", "x.sh", "true", []string{"status=completed", "parameters.stdout=", "parameters.exit_code=0"}},
		{"object", "x.sh", `echo '{"result":"ok","stdout":"lost","big":12345678901234567890}'`, []string{"parameters.result=ok", "parameters.exit_code=0"}},
		{"number", "x.sh", "echo 42", []string{"status=completed", "parameters.stdout=42\n"}},
		{"failed", "x.sh", "echo out; echo bad >&2; exit 4", []string{"status=failed", "error.message=bad\n", "error.exit_code=4", "parameters.stdout=out\n", "parameters.stderr=bad\n", "parameters.exit_code=4"}},
		{"failed silently", "x.sh", "exit 4", []string{"status=failed", "error.message=Script exited with code 4", "error.exit_code=4"}},
		{"long error", "x.sh", "printf '%0600d' 0 >&2; exit 1", []string{"error.message=" + strings.Repeat("0", 500)}},
		{"signal", "x.sh", "kill -9 $$", []string{"status=terminated", "error.message=Script killed by signal 9", "parameters.exit_code=<nil>"}},
		{"progress", "x.sh", "echo 10 >&$LANDER_PROGRESS_FD; echo PROGRESS 60 >&3", []string{"progress=60", "parameters.stdout="}},
		{"bash", "x.bash", "[[ abc == a* ]] && echo yes", []string{"parameters.stdout=yes\n"}},
		{"python", "x.py", "import json,sys; json.dump({'v': [1]}, sys.stdout)", []string{"parameters.v=[1]"}},
		{"capital extension", "x.PY", "echo sh", []string{"parameters.stdout=sh\n"}},
		{"timeout", "man_quick", "", []string{"status=terminated", "error.message=Script execution timed out"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if strings.HasSuffix(tt.file, ".py") {
				if _, err := exec.LookPath("python3"); err != nil {
					if os.Getenv("LANDER_INTEROP") == "1" {
						t.Fatal(err)
					}
					t.Skip("no python3")
				}
			}
			id := tt.file
			if tt.script != "" {
				id = g.script(tt.file, tt.script)
			}
			path := g.start(id, "")
			g.ended(path)
			g := *g
			g.t = t
			g.rows([]row{{method: "GET", path: strings.TrimPrefix(path, "/api/v1"), status: 200, want: append(tt.want, "started_at="+fmt.Sprint(g.do("GET", path, "").at("started_at")))}})
		})
	}
	id := g.script("hello.sh", "echo hello")
	path := strings.TrimPrefix(g.start(id, ""), "/api/v1")
	xid := path[strings.LastIndexByte(path, '/')+1:]
	g.rows([]row{
		{name: "another script's", method: "GET", path: runs + "/man_true/executions/" + xid, status: 404, text: fmt.Sprintf(`{"error_code":"resource-not-found","message":"Execution not found: %s"}`, xid)},
		{name: "another entity's", method: "GET", path: "/components/camera/scripts/" + id + "/executions/" + xid, status: 404},
		{name: "unknown", method: "GET", path: runs + "/man_true/executions/exec_1", status: 404, want: []string{"message=Execution not found: exec_1"}},
		{name: "bad id", method: "GET", path: runs + "/man_true/executions/a.b", status: 400, text: `{"error_code":"invalid-parameter","message":"Invalid execution ID format"}`},
	})
}

func TestControl(t *testing.T) {
	g := newRig(t)
	slow := g.script("slow.sh", "echo up; sleep 60")
	path := g.start(slow, "")
	g.printed(path, "up")
	rel := strings.TrimPrefix(path, "/api/v1")
	xid := rel[strings.LastIndexByte(rel, '/')+1:]
	invalid := func(field, message string) string {
		return fmt.Sprintf(`{"error_code":"invalid-request","message":"Request body validation failed","parameters":{"fields":[{"field":%q,"message":%q}]}}`, field, message)
	}
	g.rows([]row{
		{name: "missing", method: "PUT", path: rel, body: `{}`, status: 400, text: invalid("action", "missing required field")},
		{name: "not a string", method: "PUT", path: rel, body: `{"action":1}`, status: 400, text: invalid("action", "expected a string")},
		{name: "not an object", method: "PUT", path: rel, body: `[]`, status: 400, text: invalid("", "expected a JSON object")},
		{name: "bad JSON", method: "PUT", path: rel, body: `{`, status: 400, want: []string{"error_code=invalid-request", "message=Malformed JSON: unexpected end of JSON input"}},
		{name: "unknown action", method: "PUT", path: rel, body: `{"action":"bogus"}`, status: 400, text: `{"error_code":"invalid-request","message":"Unknown action: bogus"}`},
		{name: "running", method: "GET", path: rel, status: 200, want: []string{"status=running", "completed_at=<nil>", "parameters=<nil>", "error=<nil>"}},
		{name: "delete running", method: "DELETE", path: rel, status: 409, text: `{"error_code":"vendor-error","vendor_code":"x-medkit-script-running","message":"Cannot delete running execution. Stop it first."}`},
		{name: "delete script in use", method: "DELETE", path: runs + "/" + slow, status: 409, text: fmt.Sprintf(`{"error_code":"vendor-error","vendor_code":"x-medkit-script-running","message":"Cannot delete script with running execution: %s"}`, xid)},
		{name: "stop", method: "PUT", path: rel, body: `{"action":"stop"}`, status: 200, want: []string{"status=terminated", "error.message=Execution stopped by user", "parameters.stdout=up\n"}},
		{name: "stop again", method: "PUT", path: rel, body: `{"action":"stop"}`, status: 409, text: `{"error_code":"vendor-error","vendor_code":"x-medkit-script-not-running","message":"Execution is not running (status: terminated)"}`},
		{name: "bogus when over", method: "PUT", path: rel, body: `{"action":"bogus"}`, status: 409},
		{name: "delete", method: "DELETE", path: rel, status: 204},
		{name: "delete again", method: "DELETE", path: rel, status: 404},
		{name: "unknown", method: "PUT", path: rel, body: `{"action":"stop"}`, status: 404},
	})
	path = g.start(slow, "")
	r := g.do("PUT", path, `{"action":"forced_termination"}`)
	if r.status != 200 || r.at("status") != "terminated" || r.at("error.message") != "Execution forcefully terminated" || r.at("completed_at") == nil {
		t.Errorf("%d %s", r.status, r.text)
	}
	// The records outlive the script.
	if r := g.do("DELETE", scripts+"/"+slow, ""); r.status != 204 {
		t.Errorf("%d %s", r.status, r.text)
	}
	if r := g.do("GET", path, ""); r.status != 200 {
		t.Errorf("%d %s", r.status, r.text)
	}
}

func TestConcurrencyLimit(t *testing.T) {
	g := newRig(t, func(o *sovd.FilesOptions, _ *sovd.Config) { o.MaxRunning = 2 })
	slow := g.script("slow.sh", "sleep 60")
	a, b := g.start(slow, ""), g.start(slow, "")
	g.rows([]row{
		{name: "no slot", method: "POST", path: "/apps/nav/scripts/man_true/executions", body: `{"execution_type":"now"}`, status: 429, want: []string{"header:Retry-After=1"},
			text: `{"error_code":"vendor-error","vendor_code":"x-medkit-script-concurrency-limit","message":"Maximum concurrent executions reached (2)"}`},
		{name: "before the script is looked for", method: "POST", path: runs + "/nope/executions", body: `{"execution_type":"now"}`, status: 429},
		{name: "after the type", method: "POST", path: runs + "/nope/executions", body: `{"execution_type":"x"}`, status: 400},
	})
	g.do("PUT", a, `{"action":"stop"}`)
	for range 5 { // every failing path gives its slot back
		g.do("POST", scripts+"/nope/executions", `{"execution_type":"now"}`)
		g.do("POST", scripts+"/man_gone/executions", `{"execution_type":"now"}`)
		g.do("POST", scripts+"/man_stdin/executions", `{"execution_type":"now"}`)
	}
	if n := g.files.Running(); n != 1 {
		t.Errorf("%d slots taken", n)
	}
	g.run("man_true", "")
	g.do("PUT", b, `{"action":"forced_termination"}`)
	if n := g.files.Running(); n != 0 {
		t.Errorf("%d slots taken", n)
	}
}

func TestHistoryAndPages(t *testing.T) {
	g := newRig(t, func(o *sovd.FilesOptions, _ *sovd.Config) { o.History = 5 })
	var paths []string
	for range 7 {
		p := g.start("man_true", "")
		g.ended(p)
		paths = append(paths, p)
	}
	for i, p := range paths {
		want := 200
		if i < 2 {
			want = 404
		}
		if r := g.do("GET", p, ""); r.status != want {
			t.Errorf("execution %d: %d", i, r.status)
		}
	}
	var seen []string
	next := scripts + "/man_true/executions?limit=2"
	for pages := 0; next != ""; pages++ {
		r := g.do("GET", next, "")
		items, _ := r.at("items").([]any)
		if r.status != 200 || len(items) > 2 || pages > 3 {
			t.Fatalf("%d %s", r.status, r.text)
		}
		for _, it := range items {
			seen = append(seen, it.(map[string]any)["href"].(string))
		}
		next, _ = r.at("_links.next").(string)
	}
	want := []string{paths[6], paths[5], paths[4], paths[3], paths[2]}
	if fmt.Sprint(seen) != fmt.Sprint(want) {
		t.Errorf("pages give %q, want %q", seen, want)
	}
	p := runs + "/man_true/executions"
	g.rows([]row{
		{method: "GET", path: p + "?status=failed", status: 200, want: []string{"items.0=<nil>"}},
		{method: "GET", path: p + "?status=completed", status: 200, want: []string{"items.0.status=completed", "_links.parent=" + scripts + "/man_true"}},
		{method: "GET", path: p + "?status=x", status: 400},
		{method: "GET", path: p + "?limit=0", status: 400},
		{method: "GET", path: p + "?cursor=a.b", status: 400},
	})
}

func TestIdempotencyKey(t *testing.T) {
	g := newRig(t)
	id := g.script("count.sh", "echo run >> "+g.dir+"/count; sleep 0.2")
	start := func(key, body string) reply {
		return g.do("POST", scripts+"/"+id+"/executions", body, "Idempotency-Key: "+key)
	}
	const body = `{"execution_type":"now","parameters":{"a":1}}`
	answers := make(chan reply, 8)
	for range cap(answers) {
		go func() { answers <- start("k", body) }()
	}
	ids := map[any]int{}
	replayed := 0
	for range cap(answers) {
		r := <-answers
		ids[r.at("id")]++
		if r.header.Get("Idempotent-Replayed") == "true" {
			replayed++
		}
	}
	if len(ids) != 1 || replayed != cap(answers)-1 {
		t.Errorf("ids %v, %d replayed", ids, replayed)
	}
	if r := start("k", `{"execution_type":"now","parameters":{"a":2}}`); r.status != 422 || r.at("vendor_code") != "x-lander-idempotency-key-reused" {
		t.Errorf("%d %s", r.status, r.text)
	}
	if r := start("k", `{"execution_type": "now", "parameters": {"a": 1}}`); r.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("white space counts: %s", r.text)
	}
	if r := start("other", body); r.header.Get("Idempotent-Replayed") != "" || ids[r.at("id")] != 0 {
		t.Errorf("another key: %s", r.text)
	}
	// A start that failed leaves the key free.
	if r := g.do("POST", scripts+"/nope/executions", body, "Idempotency-Key: x"); r.status != 404 {
		t.Errorf("%d", r.status)
	}
	if r := g.do("POST", scripts+"/nope/executions", body, "Idempotency-Key: x"); r.status != 404 {
		t.Errorf("%d", r.status)
	}
}

func TestLongPoll(t *testing.T) {
	g := newRig(t)
	slow := g.script("slow.sh", "sleep 60")
	path := g.start(slow, "")
	begun := time.Now()
	if r := g.do("GET", path+"?wait=100ms", ""); r.at("status") != "running" || time.Since(begun) < 100*time.Millisecond {
		t.Errorf("after %s: %s", time.Since(begun), r.text)
	}
	done := make(chan reply)
	go func() { done <- g.do("GET", path+"?wait=5m", "") }()
	g.do("PUT", path, `{"action":"stop"}`)
	if r := <-done; r.at("status") != "terminated" {
		t.Errorf("%s", r.text)
	}
}

// The defects of the original that were seen running [gateway 13].
func TestDefects(t *testing.T) {
	g := newRig(t, func(o *sovd.FilesOptions, _ *sovd.Config) { o.MaxRunning = 1 })
	t.Run("1 stop of a script that traps TERM", func(t *testing.T) {
		id := g.script("trap.sh", "trap '' TERM; echo up; while :; do sleep 1; done")
		path := g.start(id, "")
		g.printed(path, "up")
		r := g.do("PUT", path, `{"action":"stop"}`)
		if r.at("status") != "terminated" || r.at("completed_at") == nil || g.files.Running() != 0 {
			t.Errorf("stop: %s, %d slots taken", r.text, g.files.Running())
		}
		if r := g.do("DELETE", path, ""); r.status != 204 {
			t.Errorf("delete: %d", r.status)
		}
	})
	t.Run("1 forced after stop", func(t *testing.T) {
		id := g.script("trap.sh", "trap '' TERM; echo up; while :; do sleep 1; done")
		path := g.start(id, "")
		g.printed(path, "up")
		done := make(chan reply)
		go func() { done <- g.do("PUT", path, `{"action":"stop"}`) }()
		r := g.do("PUT", path, `{"action":"forced_termination"}`)
		if s := (<-done).status; r.status != 200 && s != 200 {
			t.Errorf("%d and %d: %s", s, r.status, r.text)
		}
	})
	t.Run("2 output that is no UTF-8", func(t *testing.T) {
		r := g.run(g.script("bin.sh", `printf 'a\377b'`), "")
		b64, _ := r.at("x-lander.stdout_b64").(string)
		raw, _ := base64.StdEncoding.DecodeString(b64)
		if r.status != 200 || r.at("parameters.stdout") != "a\uFFFDb" || string(raw) != "a\xffb" {
			t.Errorf("%s", r.text)
		}
	})
	t.Run("3 a grandchild that holds stdout", func(t *testing.T) {
		r := g.run(g.script("bg.sh", "sleep 600 & echo $!"), "")
		if r.at("status") != "completed" || g.files.Running() != 0 {
			t.Errorf("%s", r.text)
		}
	})
	t.Run("4 and 5 nothing is inherited", func(t *testing.T) {
		t.Setenv("SECRET_OF_THE_GATEWAY", "x")
		r := g.run(g.script("env.sh", "env; ls -l /proc/$$/fd; pwd"), "")
		out := fmt.Sprint(r.at("parameters.stdout"))
		if strings.Contains(out, "SECRET") || strings.Contains(out, "socket:") || !strings.Contains(out, "LANDER_EXECUTION=") {
			t.Errorf("%s", out)
		}
	})
	t.Run("6 an id of 256 characters", func(t *testing.T) {
		if r := g.do("GET", scripts+"/"+strings.Repeat("x", 256), ""); r.status != 404 {
			t.Errorf("%d %s", r.status, r.text)
		}
	})
	t.Run("7 stdout of a failure and a timeout", func(t *testing.T) {
		if r := g.run(g.script("f.sh", "echo kept; exit 1"), ""); r.at("parameters.stdout") != "kept\n" {
			t.Errorf("%s", r.text)
		}
	})
	t.Run("8 records at a restart", func(t *testing.T) {
		path := g.start("man_true", "")
		want := g.ended(path).text
		g.restart()
		if r := g.do("GET", path, ""); r.text != want {
			t.Errorf("%s\nwant %s", r.text, want)
		}
	})
	t.Run("9 wrong method, malformed multipart", func(t *testing.T) {
		if r := g.do("PATCH", scripts, ""); r.status != 405 || r.header.Get("Allow") != "GET, HEAD, POST" {
			t.Errorf("%d %v", r.status, r.header)
		}
		if r := g.do("POST", scripts, "x", "Content-Type: multipart/form-data; boundary=b"); r.at("error_code") != "invalid-request" {
			t.Errorf("%s", r.text)
		}
	})
	t.Run("10 ids do not start anew", func(t *testing.T) {
		a := g.start("man_true", "")
		g.ended(a)
		g.restart()
		if b := g.start("man_true", ""); b <= a {
			t.Errorf("%s after %s", b, a)
		} else {
			g.ended(b)
		}
	})
	t.Run("11 idle connections hold up nobody", func(t *testing.T) {
		for range 50 {
			c, err := net.Dial("tcp", strings.TrimPrefix(g.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
		}
		if r := g.do("GET", "/api/v1/health", ""); r.status != 200 {
			t.Errorf("%d", r.status)
		}
	})
	t.Run("12 one message for unknown client and wrong secret", func(t *testing.T) {
		g := authRig(t)
		wrong := g.do("POST", "/api/v1/auth/authorize", `{"grant_type":"client_credentials","client_id":"op","client_secret":"x"}`, jsonBody)
		unknown := g.do("POST", "/api/v1/auth/authorize", `{"grant_type":"client_credentials","client_id":"who","client_secret":"x"}`, jsonBody)
		if wrong.status != 401 || wrong.text != unknown.text || wrong.status != unknown.status {
			t.Errorf("%d %s and %d %s", wrong.status, wrong.text, unknown.status, unknown.text)
		}
	})
}

// restart closes the gateway and opens it again on the same state.
func (g *rig) restart() {
	g.t.Helper()
	g.close()
	g.open()
}

// A flood of output is drained, cut and counted, and costs no memory.
func TestFlood(t *testing.T) {
	g := newRig(t, func(o *sovd.FilesOptions, _ *sovd.Config) { o.Budget.Output = 1000 })
	r := g.run(g.script("flood.sh", "head -c 3000000 /dev/zero | tr '\\0' x; echo err >&2"), "")
	if out := fmt.Sprint(r.at("parameters.stdout")); len(out) != 1000 || r.at("x-lander.truncated") != true || fmt.Sprintf("%.0f", r.at("x-lander.stdout_dropped")) != strconv.Itoa(3000000-1000) {
		t.Errorf("%d bytes, %v", len(out), r.at("x-lander"))
	}
}

// Output that is large lives in a file, and survives.
func TestLargeOutput(t *testing.T) {
	g := newRig(t)
	path := g.start(g.script("large.sh", "head -c 200000 /dev/zero | tr '\\0' x; echo 7 >&3"), "")
	want := g.ended(path).text
	g.restart()
	r := g.do("GET", path, "")
	if r.text != want || len(fmt.Sprint(r.at("parameters.stdout"))) != 200000 {
		t.Errorf("%d bytes, want %d", len(r.text), len(want))
	}
	if r := g.do("DELETE", path, ""); r.status != 204 {
		t.Errorf("%d", r.status)
	}
}
