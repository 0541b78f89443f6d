package sovd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lander/lib/job"
	"lander/lib/proc"
	"lander/lib/sovd"
	"lander/lib/store"
)

const manifestText = `
manifest_version: "1.0"
areas:
  - {id: body, name: Body}
  - {id: head, parent_area: body}
components:
  - {id: main-computer, name: Main Computer, area: body, description: x86, type: computer, tags: [linux]}
  - {id: camera, parent_component_id: main-computer, depends_on: [main-computer]}
apps:
  - {id: nav, name: Navigation, is_located_on: main-computer, depends_on: [map]}
  - {id: map, is_located_on: main-computer}
functions: []
future: {x: 1}
scripts:
  - {id: man_true, path: DIR/true.sh, format: sh}
  - id: man_args
    name: Args demo
    description: d
    path: DIR/args.sh
    format: sh
    env: {GREETING: hi}
    args:
      - {name: target, type: positional}
      - {name: level, type: named, flag: --level}
      - {name: verbose, type: flag, flag: -v}
      - {name: ratio, type: float, flag: --ratio}
      - {name: lost, type: float}
  - {id: man_stdin, path: DIR/cat.sh, format: sh, parameters_schema: {type: object, properties: {n: {type: integer, maximum: 10}}, required: [n]}}
  - {id: man_apps, path: DIR/true.sh, format: sh, entity_filter: ["apps/*"]}
  - {id: man_camera, path: DIR/true.sh, format: sh, entity_filter: [camera]}
  - {id: man_quick, path: DIR/sleep.sh, format: sh, timeout_sec: 1}
  - {id: man_near, path: DIR/true.sh, format: sh, proximity_sha256: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae}
  - {id: man_gone, path: DIR/gone.sh, format: sh}
`

var managedFiles = map[string]string{
	"true.sh":  "true\n",
	"args.sh":  `for a in "$@"; do printf '[%s]' "$a"; done; printf '%s' "$GREETING"` + "\n",
	"cat.sh":   "cat\n",
	"sleep.sh": "sleep 60\n",
}

// rig is a gateway in the test's process.
type rig struct {
	t     *testing.T
	dir   string
	store store.Store
	files *sovd.Files
	gw    *sovd.Gateway
	url   string

	files0 sovd.FilesOptions
	config sovd.Config
}

// newRig starts a gateway with the manifest above; change may alter what it
// is made of.
func newRig(t *testing.T, change ...func(*sovd.FilesOptions, *sovd.Config)) *rig {
	t.Helper()
	g := &rig{t: t, dir: t.TempDir()}
	for name, text := range managedFiles {
		if err := os.WriteFile(filepath.Join(g.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m, err := sovd.ParseManifest([]byte(strings.ReplaceAll(manifestText, "DIR", g.dir)))
	if err != nil {
		t.Fatal(err)
	}
	g.config = sovd.Config{Manifest: m, Clock: time.Now, Log: slog.New(slog.DiscardHandler), Version: "1.2.3"}
	run := filepath.Join(g.dir, "run")
	if err := os.MkdirAll(run, 0o700); err != nil {
		t.Fatal(err)
	}
	runner := &proc.Runner{TempDir: run, Relative: true, Grace: 300 * time.Millisecond}
	g.files0 = sovd.FilesOptions{
		Dir: filepath.Join(g.dir, "scripts"), State: filepath.Join(g.dir, "state"), Managed: m.Scripts, MaxFile: 1 << 20,
		Runners: map[string]job.Runner{"sh": runner, "bash": runner, "python": runner},
		Clock:   time.Now, Log: slog.New(slog.DiscardHandler),
	}
	for _, c := range change {
		c(&g.files0, &g.config)
	}
	g.open()
	t.Cleanup(g.close)
	return g
}

func (g *rig) open() {
	g.t.Helper()
	var err error
	if g.store, err = store.OpenFiles(filepath.Join(g.dir, "state", "store")); err != nil {
		g.t.Fatal(err)
	}
	g.files0.Store = g.store
	if g.files, err = sovd.OpenFiles(g.t.Context(), g.files0); err != nil {
		g.t.Fatal(err)
	}
	c := g.config
	if c.Provider == nil {
		c.Provider = g.files
	}
	g.serve(c)
}

// serve replaces the gateway in front of what is open.
func (g *rig) serve(c sovd.Config) {
	g.t.Helper()
	var err error
	if g.gw, err = sovd.New(c); err != nil {
		g.t.Fatal(err)
	}
	srv := httptest.NewServer(g.gw)
	g.url = srv.URL
	g.t.Cleanup(srv.Close)
}

func (g *rig) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := g.files.Close(ctx); err != nil {
		g.t.Error(err)
	}
	g.store.Close()
	left, err := os.ReadDir(filepath.Join(g.dir, "run"))
	if err != nil || len(left) > 0 {
		g.t.Errorf("%d working directories left, %v", len(left), err)
	}
}

// reply is what a request was answered with.
type reply struct {
	status int
	header http.Header
	text   string
	body   map[string]any
}

// do sends a request; headers are "Name: value".
func (g *rig) do(method, path, body string, headers ...string) reply {
	g.t.Helper()
	req, err := http.NewRequestWithContext(g.t.Context(), method, g.url+path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	for _, h := range headers {
		k, v, _ := strings.Cut(h, ": ")
		req.Header.Add(k, v)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	r := reply{status: res.StatusCode, header: res.Header, text: string(b)}
	if len(b) > 0 && strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(b, &r.body); err != nil {
			g.t.Fatalf("%s %s: %v: %s", method, path, err, b)
		}
	}
	return r
}

// at goes down a body by dots; nil when there is nothing.
func (r reply) at(path string) any {
	var v any = r.body
	for p := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[p]
		case []any:
			i := int(p[0] - '0')
			if i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

const scripts = "/api/v1/components/main-computer/scripts"

// upload sends a script; parts are name, value pairs beside the file.
func (g *rig) upload(filename, content string, parts ...string) reply {
	g.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	f, err := w.CreateFormFile("file", filename)
	if err == nil {
		_, err = io.WriteString(f, content)
	}
	for i := 0; i+1 < len(parts) && err == nil; i += 2 {
		err = w.WriteField(parts[i], parts[i+1])
	}
	if err != nil {
		g.t.Fatal(err)
	}
	w.Close()
	return g.do("POST", scripts, b.String(), "Content-Type: "+w.FormDataContentType())
}

// script uploads a script that must be taken, and returns its id.
func (g *rig) script(filename, content string) string {
	g.t.Helper()
	r := g.upload(filename, content)
	if r.status != 201 {
		g.t.Fatalf("upload: %d %s", r.status, r.text)
	}
	return r.body["id"].(string)
}

// start starts a script and returns the path of its execution.
func (g *rig) start(script, parameters string) string {
	g.t.Helper()
	if parameters == "" {
		parameters = "null"
	}
	r := g.do("POST", scripts+"/"+script+"/executions", `{"execution_type":"now","parameters":`+parameters+`}`)
	if r.status != 202 {
		g.t.Fatalf("start: %d %s", r.status, r.text)
	}
	return r.header.Get("Location")
}

// run starts a script and waits for its end.
func (g *rig) run(script, parameters string) reply {
	g.t.Helper()
	return g.ended(g.start(script, parameters))
}

// ended waits for the end of an execution.
func (g *rig) ended(path string) reply {
	g.t.Helper()
	r := g.do("GET", path+"?wait=60s", "")
	if s := r.at("status"); s == "running" || r.status != 200 {
		g.t.Fatalf("%s: %d %s", path, r.status, r.text)
	}
	return r
}

// rewrite changes the record of an execution behind the gateway's back.
func (g *rig) rewrite(id string, change func(string) string) {
	g.t.Helper()
	e, err := g.store.Get(g.t.Context(), "executions/"+id)
	if err != nil {
		g.t.Fatal(err)
	}
	if _, err := g.store.Put(g.t.Context(), e.Key, []byte(change(string(e.Value))), e.Rev); err != nil {
		g.t.Fatal(err)
	}
}
