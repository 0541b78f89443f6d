// Package sovdtest is the conformance suite of sovd.ScriptProvider. It works
// on the wire: every provider stands behind a gateway, whose answers are what
// counts.
//
//	func TestMine(t *testing.T) {
//		sovdtest.Run(t, func(t *testing.T) string { return urlOfGatewayWith(t, newMine(t)) })
//	}
//
// The gateway must have the components one and two, and one slot at least.
package sovdtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Script is what the suite uploads: it runs until it is stopped.
const Script = "sleep 600\n"

// Run checks the eight operations. open returns the address of a gateway with
// an empty provider, such as http://127.0.0.1:8080; it is called for each part.
func Run(t *testing.T, open func(t *testing.T) string) {
	run(t, open, part{"scripts", scripts}, part{"executions", executions}, part{"entities are apart", apart})
}

// RunLibrary checks the four operations on scripts, for a provider that is a
// library only: its executions are never started.
func RunLibrary(t *testing.T, open func(t *testing.T) string) {
	run(t, open, part{"scripts", scripts}, part{"entities are apart", apart})
}

type part struct {
	name string
	test func(*client)
}

func run(t *testing.T, open func(t *testing.T) string, parts ...part) {
	for _, part := range parts {
		t.Run(part.name, func(t *testing.T) { part.test(&client{t, open(t) + "/api/v1/components/one/scripts"}) })
	}
}

type client struct {
	t   *testing.T
	url string
}

type answer struct {
	status   int
	body     map[string]any
	location string
	text     string
}

func (c *client) do(method, path, typ, body string) answer {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if typ != "" {
		req.Header.Set("Content-Type", typ)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	a := answer{status: res.StatusCode, location: res.Header.Get("Location"), text: string(b)}
	if len(b) > 0 {
		if err := json.Unmarshal(b, &a.body); err != nil {
			c.t.Fatalf("%s %s: %v: %s", method, path, err, b)
		}
	}
	return a
}

// want checks a status and, unless code is "", the error's code.
func (c *client) want(a answer, status int, code string) answer {
	c.t.Helper()
	got := fmt.Sprint(a.body["vendor_code"])
	if a.body["vendor_code"] == nil {
		got = fmt.Sprint(a.body["error_code"])
	}
	if a.status != status || code != "" && got != code {
		c.t.Fatalf("%d %s, want %d %s", a.status, a.text, status, code)
	}
	return a
}

func (c *client) upload() string {
	c.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	f, err := w.CreateFormFile("file", "wait.sh")
	if err == nil {
		_, err = io.WriteString(f, Script)
	}
	if err == nil {
		err = w.WriteField("metadata", `{"name":"Wait","description":"waits"}`)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	w.Close()
	a := c.want(c.do("POST", "", w.FormDataContentType(), b.String()), 201, "")
	id, _ := a.body["id"].(string)
	if a.body["name"] != "Wait" || !regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$`).MatchString(id) || !strings.HasSuffix(a.location, "/scripts/"+id) {
		c.t.Fatalf("upload: %s, Location %s", a.text, a.location)
	}
	return id
}

func (c *client) list() []any {
	c.t.Helper()
	l, _ := c.want(c.do("GET", "", "", ""), 200, "").body["items"].([]any)
	return l
}

func scripts(c *client) {
	if l := c.list(); len(l) != 0 {
		c.t.Fatalf("it is not empty: %v", l)
	}
	id, other := c.upload(), c.upload()
	if id == other {
		c.t.Fatalf("the id %s came twice", id)
	}
	if l := c.list(); len(l) != 2 {
		c.t.Errorf("%d scripts of two", len(l))
	}
	one := c.want(c.do("GET", "/"+id, "", ""), 200, "")
	if one.body["id"] != id || one.body["name"] != "Wait" || one.body["description"] != "waits" || one.body["managed"] != false {
		c.t.Errorf("got %s", one.text)
	}
	c.want(c.do("GET", "/none", "", ""), 404, "resource-not-found")
	c.want(c.do("DELETE", "/none", "", ""), 404, "resource-not-found")
	c.want(c.do("DELETE", "/"+id, "", ""), 204, "")
	c.want(c.do("DELETE", "/"+id, "", ""), 404, "resource-not-found")
	c.want(c.do("GET", "/"+id, "", ""), 404, "resource-not-found")
	if l := c.list(); len(l) != 1 {
		c.t.Errorf("%d scripts of one", len(l))
	}
}

func executions(c *client) {
	id := c.upload()
	const now = `{"execution_type":"now"}`
	c.want(c.do("POST", "/none/executions", "", now), 404, "resource-not-found")
	a := c.want(c.do("POST", "/"+id+"/executions", "", now), 202, "")
	xid, _ := a.body["id"].(string)
	if xid == "" || !strings.HasSuffix(a.location, "/scripts/"+id+"/executions/"+xid) || a.body["started_at"] == nil {
		c.t.Fatalf("start: %s, Location %s", a.text, a.location)
	}
	x := "/" + id + "/executions/" + xid
	if g := c.want(c.do("GET", x, "", ""), 200, ""); g.body["status"] != "running" || g.body["id"] != xid || g.body["completed_at"] != nil {
		c.t.Errorf("running: %s", g.text)
	}
	c.want(c.do("GET", "/"+id+"/executions/exec_none", "", ""), 404, "resource-not-found")
	c.want(c.do("GET", "/none/executions/"+xid, "", ""), 404, "resource-not-found")
	c.want(c.do("DELETE", x, "", ""), 409, "x-medkit-script-running")
	c.want(c.do("DELETE", "/"+id, "", ""), 409, "x-medkit-script-running")
	c.want(c.do("PUT", x, "", `{"action":"bogus"}`), 400, "invalid-request")
	c.want(c.do("PUT", "/"+id+"/executions/exec_none", "", `{"action":"stop"}`), 404, "resource-not-found")
	c.want(c.do("PUT", x, "", `{"action":"stop"}`), 200, "")
	c.ended(x)
	c.want(c.do("PUT", x, "", `{"action":"stop"}`), 409, "x-medkit-script-not-running")
	a = c.want(c.do("POST", "/"+id+"/executions", "", now), 202, "")
	y := "/" + id + "/executions/" + fmt.Sprint(a.body["id"])
	c.want(c.do("PUT", y, "", `{"action":"forced_termination"}`), 200, "")
	c.ended(y)
	// The record outlives its script.
	c.want(c.do("DELETE", "/"+id, "", ""), 204, "")
	c.want(c.do("GET", x, "", ""), 200, "")
	c.want(c.do("DELETE", x, "", ""), 204, "")
	c.want(c.do("DELETE", x, "", ""), 404, "resource-not-found")
	c.want(c.do("GET", x, "", ""), 404, "resource-not-found")
}

// ended waits until an execution that was stopped is terminated.
func (c *client) ended(path string) {
	c.t.Helper()
	for range 100 {
		a := c.want(c.do("GET", path+"?wait=1s", "", ""), 200, "")
		switch a.body["status"] {
		case "running", "prepared":
			time.Sleep(10 * time.Millisecond)
			continue
		case "terminated":
			if a.body["completed_at"] == nil || a.body["error"] == nil {
				c.t.Errorf("terminated: %s", a.text)
			}
			return
		}
		c.t.Fatalf("a stopped execution is %s", a.text)
	}
	c.t.Fatalf("%s runs on", path)
}

func apart(c *client) {
	id := c.upload()
	two := &client{c.t, strings.Replace(c.url, "/one/", "/two/", 1)}
	if l := two.list(); len(l) != 0 {
		c.t.Errorf("another entity sees %v", l)
	}
	two.want(two.do("GET", "/"+id, "", ""), 404, "resource-not-found")
	two.want(two.do("DELETE", "/"+id, "", ""), 404, "resource-not-found")
	two.want(two.do("POST", "/"+id+"/executions", "", `{"execution_type":"now"}`), 404, "resource-not-found")
}
