package sovd_test

import (
	"bufio"
	"context"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"lander/lib/job"
	"lander/lib/proc"
	"lander/lib/sovd"
	"lander/lib/sovd/sovdtest"
	"lander/lib/store"
)

// TestMain makes this program the external provider, and the gateway that a
// test kills.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv("SOVD_TEST_PROVIDER") != "":
		providerMain()
	case os.Getenv("SOVD_TEST_GATEWAY") != "":
		gatewayMain()
	default:
		os.Exit(m.Run())
	}
}

// gatewayOf serves a provider for the conformance suite.
func gatewayOf(t *testing.T, p sovd.ScriptProvider) string {
	t.Helper()
	m, err := sovd.ParseManifest([]byte(`{manifest_version: "1.0", components: [{id: one}, {id: two}]}`))
	if err != nil {
		t.Fatal(err)
	}
	g, err := sovd.New(sovd.Config{Manifest: m, Provider: p, Clock: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(g)
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestMemoryProvider(t *testing.T) {
	sovdtest.Run(t, func(t *testing.T) string { return gatewayOf(t, sovd.NewMemory()) })
}

func TestFilesProvider(t *testing.T) {
	sovdtest.Run(t, func(t *testing.T) string {
		dir := t.TempDir()
		f, err := sovd.OpenFiles(t.Context(), sovd.FilesOptions{
			Dir: dir + "/scripts", State: dir, Store: store.NewMemory(), Runners: map[string]job.Runner{"sh": &proc.Runner{TempDir: dir}},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close(context.Background()) })
		return gatewayOf(t, f)
	})
}

func command(t *testing.T, how string) *sovd.Command {
	t.Helper()
	c := sovd.StartCommand(sovd.CommandOptions{Argv: []string{os.Args[0]}, Env: append(os.Environ(), "SOVD_TEST_PROVIDER="+how), Timeout: 20 * time.Second})
	t.Cleanup(func() { c.Close() })
	return c
}

func TestCommandProvider(t *testing.T) {
	sovdtest.Run(t, func(t *testing.T) string { return gatewayOf(t, command(t, "memory")) })
}

// providerMain is an external provider on top of Memory. With "crash" it dies
// of each get of the script "crash", and answers nonsense for some others.
func providerMain() {
	m := sovd.NewMemory()
	out := json.NewEncoder(os.Stdout)
	sc := bufio.NewScanner(os.Stdin)
	sc.Buffer(nil, 64<<20)
	for sc.Scan() {
		var q struct {
			ID                          int64
			Method, Script, Execution   string
			Entity                      sovd.Ref
			Action                      sovd.Action
			Filename, Name, Description string
			Content                     []byte          `json:"content_b64"`
			Schema                      json.RawMessage `json:"parameters_schema"`
		}
		if err := json.Unmarshal(sc.Bytes(), &q); err != nil {
			os.Exit(1)
		}
		ctx := context.Background()
		var v any
		var err error
		switch q.Method {
		case "list":
			v, err = m.ListScripts(ctx, q.Entity)
		case "get":
			switch q.Script {
			case "crash":
				os.Exit(3)
			case "pid":
				v = sovd.Script{ID: "pid", Name: strconv.Itoa(os.Getpid())}
			case "nil":
				v = nil
			case "garbage":
				os.Stdout.WriteString("{{{ nonsense\n")
				v = sovd.Script{ID: "../../x"}
			default:
				v, err = m.GetScript(ctx, q.Entity, q.Script)
			}
		case "upload":
			v, err = m.UploadScript(ctx, q.Entity, sovd.Upload{Filename: q.Filename, Body: strings.NewReader(string(q.Content)), Check: func() error { return nil },
				Name: func() string { return q.Name }, Description: func() string { return q.Description }, Schema: func() json.RawMessage { return q.Schema }})
		case "delete":
			err = m.DeleteScript(ctx, q.Entity, q.Script)
		case "start":
			v, err = m.StartExecution(ctx, q.Entity, q.Script, sovd.Start{})
		case "get_execution":
			v, err = m.GetExecution(ctx, q.Entity, q.Script, q.Execution)
		case "control":
			v, err = m.ControlExecution(ctx, q.Entity, q.Script, q.Execution, q.Action)
		case "delete_execution":
			err = m.DeleteExecution(ctx, q.Entity, q.Script, q.Execution)
		}
		a := map[string]any{"id": q.ID, "result": v}
		if e, ok := err.(*sovd.Error); ok {
			a = map[string]any{"id": q.ID, "error": map[string]any{"kind": e.Kind, "message": e.Message}}
		}
		if err := out.Encode(a); err != nil {
			return
		}
	}
}

// A program that dies is started again, and what it answers wrongly is an
// internal error and no more.
func TestCommandDies(t *testing.T) {
	g := newRig(t)
	c := g.config
	c.Provider = command(t, "crash")
	g.serve(c)
	pid := g.do("GET", scripts+"/pid", "").at("name")
	if r := g.do("GET", scripts+"/crash", ""); r.status != 503 || r.at("vendor_code") != "x-lander-unavailable" {
		t.Errorf("%d %s", r.status, r.text)
	}
	deadline := time.Now().Add(20 * time.Second)
	r := g.do("GET", scripts+"/pid", "")
	for ; r.status != 200; r = g.do("GET", scripts+"/pid", "") {
		if time.Now().After(deadline) {
			t.Fatalf("not there again: %s", r.text)
		}
	}
	if r.at("name") == pid {
		t.Errorf("the same process %v", pid)
	}
	for _, id := range []string{"nil", "garbage"} {
		if r := g.do("GET", scripts+"/"+id, ""); r.status != 500 || r.at("message") != "Internal server error" {
			t.Errorf("%s: %d %s", id, r.status, r.text)
		}
	}
	if r := g.do("GET", scripts+"/pid/executions", ""); r.status != 501 {
		t.Errorf("list of executions: %d %s", r.status, r.text)
	}
}

func TestCommandThatIsNotThere(t *testing.T) {
	c := sovd.StartCommand(sovd.CommandOptions{Argv: []string{"/nonexistent"}})
	defer c.Close()
	if _, err := c.GetScript(t.Context(), sovd.Ref{Kind: sovd.Components, ID: "one"}, "x"); err == nil {
		t.Error("no error")
	}
}

// panicking is a provider without any sense.
type panicking struct{ sovd.ScriptProvider }

func TestProviderPanics(t *testing.T) {
	g := newRig(t)
	c := g.config
	c.Provider = panicking{} // each call is one of nil
	g.serve(c)
	for _, q := range [][3]string{
		{"GET", "", ""}, {"GET", "/x", ""}, {"DELETE", "/x", ""}, {"POST", "/x/executions", `{"execution_type":"now"}`}, {"GET", "/x/executions/y", ""},
		{"GET", "/x/executions/y?wait=1s", ""}, {"PUT", "/x/executions/y", `{"action":"stop"}`}, {"DELETE", "/x/executions/y", ""},
	} {
		r := g.do(q[0], scripts+q[1], q[2])
		if r.status != 500 || r.text != `{"error_code":"internal-error","message":"Internal server error","parameters":{"details":"An internal error occurred"}}` {
			t.Errorf("%s %s: %d %s", q[0], q[1], r.status, r.text)
		}
	}
	if r := g.upload("x.sh", "true"); r.status != 500 {
		t.Errorf("upload: %d", r.status)
	}
	if r := g.do("GET", "/api/v1/health", ""); r.status != 200 {
		t.Errorf("health: %d", r.status)
	}
}

// answering is what the programs of these tests begin with: it answers $a.
const answering = `answer() { id=${a#*:}; echo "{\"id\":${id%%,*},\"result\":$1}"; }; `

// A program that answers at length before it reads on is heard meanwhile, though
// a long request waits to be written.
func TestCommandAnswersBeforeItReads(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "mark")
	const text = answering + `read -r b; read -r a; : > "$MARK"; first=$(dd bs=1 count=1 2>/dev/null)
for i in 1 2; do head -c 300000 /dev/zero | tr '\0' ' '; answer []; a=$b; done
read -r a; a=$first$a; answer '{"id":"x"}'; read -r a`
	c := sovd.StartCommand(sovd.CommandOptions{Argv: []string{"/bin/sh", "-c", text}, Env: append(os.Environ(), "MARK="+mark), Timeout: 10 * time.Second})
	defer c.Close()
	e := sovd.Ref{Kind: sovd.Components, ID: "one"}
	answers := make(chan error, 3)
	for range 2 {
		go func() { _, err := c.ListScripts(t.Context(), e); answers <- err }()
	}
	for _, err := os.Stat(mark); err != nil && len(answers) == 0; _, err = os.Stat(mark) {
		time.Sleep(time.Millisecond)
	}
	_, err := c.UploadScript(t.Context(), e, upload("x.sh", strings.NewReader(strings.Repeat("x", 200<<10))))
	answers <- err
	for range 3 {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
}

// A program that does not read is started again: what it has of a request is no
// beginning of the next one.
func TestCommandThatDoesNotRead(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "mark")
	const text = answering + `[ -e "$MARK" ] || { : > "$MARK"; exec sleep 300; }; while read -r a; do answer []; done`
	c := sovd.StartCommand(sovd.CommandOptions{Argv: []string{"/bin/sh", "-c", text}, Env: append(os.Environ(), "MARK="+mark), Timeout: time.Second})
	defer c.Close()
	e := sovd.Ref{Kind: sovd.Components, ID: "one"}
	if _, err := c.UploadScript(t.Context(), e, upload("x.sh", strings.NewReader(strings.Repeat("x", 200<<10)))); err == nil {
		t.Error("it has read it")
	}
	_, err := c.ListScripts(t.Context(), e)
	for end := time.Now().Add(20 * time.Second); err != nil && time.Now().Before(end); time.Sleep(time.Millisecond) {
		_, err = c.ListScripts(t.Context(), e)
	}
	if err != nil {
		t.Error(err)
	}
}
