package boards_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"lander/lib/boards"
	"lander/lib/campaign"
	"lander/lib/job"
	"lander/lib/journal"
	"lander/lib/sovd"
	"lander/lib/store"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// rig is a gateway with boards in the test's process.
type rig struct {
	t      testing.TB
	dir    string
	store  store.Store
	clock  *clock
	boards *boards.Boards
	many   *campaign.Campaigns
	web    *httptest.Server
	url    string
	ended  chan sovd.Execution
	stop   func()
}

type clock struct {
	mu  sync.Mutex
	off time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.off)
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off += d
}

// newRig opens a gateway over the sources; again opens another one on the same
// store.
func newRig(t testing.TB, st store.Store, sources ...boards.Source) *rig {
	t.Helper()
	g := &rig{t: t, dir: t.TempDir(), store: st, clock: &clock{}}
	g.open(sources...)
	t.Cleanup(func() { g.stop() })
	return g
}

func (g *rig) open(sources ...boards.Source) {
	g.t.Helper()
	ctx := context.Background()
	log := slog.New(slog.DiscardHandler)
	g.ended = make(chan sovd.Execution, 100)
	ended := g.ended
	members, err := store.Join(ctx, g.store, store.JoinOptions{Name: "here", Clock: time.Now, Log: log})
	if err != nil {
		g.t.Fatal(err)
	}
	g.boards, err = boards.OpenBoards(ctx, boards.Options{
		Sources: sources, Store: g.store, Presence: members, TTL: time.Hour, History: 5, Clock: g.clock.now, Log: log,
		Ended: func(x sovd.Execution) { ended <- x },
	})
	if err != nil {
		g.t.Fatal(err)
	}
	files, err := sovd.OpenFiles(ctx, sovd.FilesOptions{Dir: filepath.Join(g.dir, "scripts"), State: g.dir, Store: store.NewMemory(), Runners: map[string]job.Runner{}, Log: log})
	if err != nil {
		g.t.Fatal(err)
	}
	g.boards.Use(files)
	g.many = campaign.Open(ctx, campaign.Options{Store: g.store, Presence: members, Clock: g.clock.now, Log: log, Pin: g.boards.Pin})
	all := sovd.Joined{Sources: []sovd.DeviceSource{g.boards}, Mixed: g.many}
	split := sovd.Split{Mine: g.boards.Owns, First: g.boards, Rest: files, Log: log}
	if err := g.many.Use(ctx, split, all); err != nil {
		g.t.Fatal(err)
	}
	j, err := journal.Open(g.dir, journal.Options{})
	if err != nil {
		g.t.Fatal(err)
	}
	gw, err := sovd.New(sovd.Config{Provider: split, Devices: all, Journal: j, Clock: g.clock.now, Log: log})
	if err != nil {
		g.t.Fatal(err)
	}
	g.web = httptest.NewServer(gw)
	g.url = g.web.URL + "/api/v1"
	g.stop = sync.OnceFunc(func() {
		g.web.Close()
		g.many.Close()
		short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		g.boards.Close(short)
		files.Close(short)
		j.Close()
		members.Close()
	})
}

// again is the same gateway after its end.
func (g *rig) again(sources ...boards.Source) {
	g.t.Helper()
	g.stop()
	g.open(sources...)
}

func (g *rig) do(method, path, typ, body string, want int) map[string]any {
	g.t.Helper()
	req, err := http.NewRequestWithContext(g.t.Context(), method, g.url+path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	if typ != "" {
		req.Header.Set("Content-Type", typ)
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
	if res.StatusCode != want {
		g.t.Fatalf("%s %s: %d %s, want %d", method, path, res.StatusCode, b, want)
	}
	var out map[string]any
	if len(b) > 0 {
		if err := json.Unmarshal(b, &out); err != nil {
			g.t.Fatal(err)
		}
	}
	return out
}

func (g *rig) get(path string) map[string]any { return g.do("GET", path, "", "", 200) }

func (g *rig) upload(path string, program []byte) string {
	g.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	f, err := w.CreateFormFile("file", "app.devs")
	if err == nil {
		_, err = f.Write(program)
	}
	if err != nil {
		g.t.Fatal(err)
	}
	w.Close()
	return g.do("POST", path+"/scripts", w.FormDataContentType(), b.String(), 201)["id"].(string)
}

// start starts a script and returns the path of the execution.
func (g *rig) start(board, script, parameters string) string {
	g.t.Helper()
	path := "/components/" + board + "/scripts/" + script + "/executions"
	x := g.do("POST", path, "", `{"execution_type":"now","parameters":`+parameters+`}`, 202)
	return path + "/" + x["id"].(string)
}

// final waits for the end of an execution.
func (g *rig) final(path string) map[string]any {
	g.t.Helper()
	x := g.get(path + "?wait=30s")
	switch x["status"] {
	case "completed", "failed", "terminated":
		return x
	}
	g.t.Fatalf("it has not ended: %v", x)
	return nil
}

// until waits for a condition.
func (g *rig) until(what string, is func() bool) {
	g.t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			g.t.Fatalf("never: %s", what)
		}
	}
}

// text is a member of a member as text.
func text(v any, path ...string) string {
	for _, p := range path {
		m, _ := v.(map[string]any)
		v = m[p]
	}
	if s, ok := v.(string); ok {
		return s
	}
	b, _ := json.Marshal(v)
	return string(b)
}
