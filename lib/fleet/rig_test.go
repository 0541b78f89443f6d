//go:build unix

package fleet_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"lander/lib/agent"
	"lander/lib/bundle"
	"lander/lib/fleet"
	"lander/lib/job"
	"lander/lib/journal"
	"lander/lib/link"
	"lander/lib/m3da"
	"lander/lib/proc"
	"lander/lib/remote"
	"lander/lib/sovd"
	"lander/lib/store"
	"lander/lib/trust"
)

const childArg = "lander-script-child"

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == childArg {
		os.Exit(remote.ChildMain())
	}
	if dir := os.Getenv(gatewayVar); dir != "" {
		if err := gatewayMain(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// rig is a gateway with a fleet in the test's process.
type rig struct {
	t     testing.TB
	dir   string
	key   trust.PrivateKey
	store store.Store
	fleet *fleet.Fleet
	gw    *sovd.Gateway
	web   *httptest.Server
	url   string // of the gateway
	front *front // of web: it stays when the gateway is started anew
	addr  string // of the M3DA listener
	set   func(*fleet.Options)
	home  string // where the store and the scripts are
	dead  *mortal
	files func(*sovd.FilesOptions) // nil: as they are
	stop  func()
}

// front lets a gateway be replaced behind its address.
type front struct {
	mu sync.Mutex
	h  http.Handler
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	h := f.h
	f.mu.Unlock()
	if h == nil {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	h.ServeHTTP(w, r)
}

func newRig(t testing.TB, set func(*fleet.Options)) *rig {
	t.Helper()
	g := &rig{t: t, dir: t.TempDir(), front: &front{}, set: set}
	g.home = g.dir
	var err error
	if g.key, err = trust.GenerateKey(); err != nil {
		t.Fatal(err)
	}
	g.web = httptest.NewServer(g.front)
	g.url = g.web.URL
	t.Cleanup(g.web.Close)
	g.open()
	t.Cleanup(func() { g.stop() })
	return g
}

// open starts the gateway on its state.
func (g *rig) open() {
	g.t.Helper()
	files0, err := store.OpenFiles(filepath.Join(g.home, "store"))
	if err != nil {
		g.t.Fatal(err)
	}
	st := &mortal{Store: files0}
	g.store, g.dead = st, st
	j, err := journal.Open(g.dir, journal.Options{})
	if err != nil {
		g.t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	audit := sovd.NewAudit(j, log)
	o := fleet.Options{Store: st, Audit: audit, Clock: time.Now, Log: log}
	if g.set != nil {
		g.set(&o)
	}
	if g.fleet, err = fleet.Open(context.Background(), o); err != nil {
		g.t.Fatal(err)
	}
	fo := sovd.FilesOptions{
		Dir: filepath.Join(g.home, "scripts"), State: g.dir, Store: st, Runners: map[string]job.Runner{"sh": &proc.Runner{TempDir: g.dir}}, Log: log,
	}
	if g.files != nil {
		g.files(&fo)
	}
	files, err := sovd.OpenFiles(context.Background(), fo)
	if err != nil {
		g.t.Fatal(err)
	}
	g.fleet.Use(files)
	g.fleet.SetBase(g.web.URL)
	g.gw, err = sovd.New(sovd.Config{
		Provider: sovd.Split{Mine: g.fleet.Owns, First: g.fleet, Rest: files, Log: log}, Devices: g.fleet, Journal: j, Audit: audit, Clock: time.Now, Log: log,
		Manifest: o.Manifest,
	})
	if err != nil {
		g.t.Fatal(err)
	}
	host, port := "127.0.0.1", 0
	if g.addr != "" {
		_, p, _ := net.SplitHostPort(g.addr)
		fmt.Sscan(p, &port)
	}
	l, err := link.Listen(g.t.Context(), link.Address{Scheme: link.TCP, Host: host, Port: port}, link.Options{})
	if err != nil {
		g.t.Fatal(err)
	}
	g.addr = fmt.Sprintf("%s:%d", host, l.Address().Port)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.fleet.Serve(ctx, l) }()
	g.front.mu.Lock()
	g.front.h = g.gw
	g.front.mu.Unlock()
	g.stop = sync.OnceFunc(func() {
		g.front.mu.Lock()
		g.front.h = nil
		g.front.mu.Unlock()
		cancel()
		if err := <-done; err != nil {
			g.t.Errorf("serving: %v", err)
		}
		l.Close()
		g.gw.Close()
		g.fleet.Close()
		files.Close(context.Background())
		j.Close()
		st.Close()
	})
}

// restart ends the gateway and starts another one on the same state.
func (g *rig) restart() {
	g.stop()
	g.open()
}

// device is an agent of ours.
type device struct {
	g    *rig
	id   string
	dir  string
	keys m3da.Keys
	addr link.Address
	stop func()
	// gateway says where it connects; nil: to g.
	gateway func() string
	set     func(*agent.Config)
}

// agent starts one.
func (g *rig) agent(id string, keys m3da.Keys, set func(*agent.Config)) *device {
	g.t.Helper()
	d := g.agentNot(id, keys, set)
	d.start()
	g.t.Cleanup(func() { d.stop() })
	return d
}

// agentNot makes one that does not run yet.
func (g *rig) agentNot(id string, keys m3da.Keys, set func(*agent.Config)) *device {
	g.t.Helper()
	d := &device{g: g, id: id, dir: g.t.TempDir(), keys: keys, set: set}
	if _, err := trust.Add(filepath.Join(d.dir, "trust"), g.key.Public().Text(), ""); err != nil {
		g.t.Fatal(err)
	}
	policy := "[defaults]\ncapabilities=['base','tree','device','log','exec']\n"
	if err := os.WriteFile(filepath.Join(d.dir, "trust", "policy.toml"), []byte(policy), 0o600); err != nil {
		g.t.Fatal(err)
	}
	return d
}

func (d *device) start() {
	t := d.g.t
	t.Helper()
	serials, err := trust.OpenSerials(filepath.Join(d.dir, "serials"))
	if err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(d.dir, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	fixed := d.g.addr
	addr := func() string { return fixed }
	if d.gateway != nil {
		addr = d.gateway
	}
	cfg := agent.Config{
		ID: d.id, Version: "1.2.3", Groups: []string{"north"}, Dir: filepath.Join(d.dir, "agent"), Clock: time.Now, Log: slog.New(slog.DiscardHandler),
		Budget: job.Budget{CPU: time.Second, Wall: time.Minute},
		Script: &remote.Service{
			Trust:   func() (*trust.Store, error) { return trust.OpenStore(filepath.Join(d.dir, "trust")) },
			Serials: serials, Journal: j, Runners: remote.Runners{job.FormatSh: &proc.Runner{Grace: 100 * time.Millisecond}}, Names: []string{d.id, "group:north"}, Clock: time.Now,
		},
		Lua: func(h remote.Host) job.Runner { return &remote.Child{Argv: []string{os.Args[0], childArg}, Host: h} },
		Server: &agent.Server{Keep: true, AllowMD5: true, Keys: d.keys, Dial: func(ctx context.Context) (io.ReadWriteCloser, error) {
			var n net.Dialer
			return n.DialContext(ctx, "tcp", addr())
		}},
		// What waits for a policy goes at once.
		AfterFunc: func(d time.Duration, f func()) func() bool {
			return time.AfterFunc(min(d, 50*time.Millisecond), f).Stop
		},
	}
	cfg.Fetch.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	if d.set != nil {
		d.set(&cfg)
	}
	a, err := agent.New(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, err := link.Listen(t.Context(), link.Address{Scheme: link.TCP, Host: "127.0.0.1"}, link.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d.addr = l.Address()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Serve(ctx, []*link.Listener{l}) }()
	d.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serving %s: %v", d.id, err)
		}
		if err := a.Close(); err != nil {
			t.Errorf("closing %s: %v", d.id, err)
		}
		j.Close()
		l.Close()
	})
}

// journalled are the lines of a journal that have a word in them.
func journalled(t testing.TB, dir, word string) (out []journal.Line) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, journal.FileName))
	if err != nil {
		t.Fatal(err)
	}
	for l := range bytes.Lines(text) {
		line, err := journal.ParseLine(l)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(l, []byte(word)) {
			out = append(out, line)
		}
	}
	return out
}

// journalled are the lines of the gateway's journal with a word: it is written
// in batches, a little later than what it is about.
func (g *rig) journalled(word string) []journal.Line {
	g.t.Helper()
	g.until("the gateway's journal", func() bool {
		b, err := os.ReadFile(filepath.Join(g.dir, journal.FileName))
		return err == nil && bytes.Contains(b, []byte(word))
	})
	return journalled(g.t, g.dir, word)
}

// sign makes a bundle for any device.
func (g *rig) sign(source, format string, serial int64) []byte {
	return g.signFor("*", source, format, serial)
}

func (g *rig) signFor(target, source, format string, serial int64) []byte {
	g.t.Helper()
	p, err := bundle.Spool(strings.NewReader(source), 1<<20, "")
	if err != nil {
		g.t.Fatal(err)
	}
	st := trust.Statement{Name: fmt.Sprintf("s%d.%s", serial, format), Format: format, Size: p.Size, SHA256: p.SHA256, Targets: []string{target}, Serial: serial, Signed: time.Now().Truncate(time.Second), ArgsAllow: true}
	comment, err := st.Comment()
	if err != nil {
		g.t.Fatal(err)
	}
	var b bytes.Buffer
	if err := bundle.Pack(&b, p.Sign(g.key, comment, bundle.Comment), p.Reader()); err != nil {
		g.t.Fatal(err)
	}
	return b.Bytes()
}

// do asks the gateway for something.
func (g *rig) do(method, path, typ string, body []byte, want int) map[string]any {
	g.t.Helper()
	return g.doWith(method, path, "Content-Type", typ, body, want)
}

// doKey is do with an idempotency key.
func (g *rig) doKey(method, path, key string, body []byte, want int) map[string]any {
	g.t.Helper()
	return g.doWith(method, path, "Idempotency-Key", key, body, want)
}

func (g *rig) doWith(method, path, header, value string, body []byte, want int) map[string]any {
	g.t.Helper()
	req, err := http.NewRequestWithContext(g.t.Context(), method, g.url+"/api/v1"+path, bytes.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	if value != "" {
		req.Header.Set(header, value)
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
			g.t.Fatalf("%s %s: %v: %s", method, path, err, b)
		}
	}
	return out
}

func (g *rig) get(path string) map[string]any {
	g.t.Helper()
	return g.do("GET", path, "", nil, 200)
}

// upload uploads a script to components/ID or fleet and returns its id.
func (g *rig) upload(to, name string, script []byte) string {
	g.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile("file", name)
	if err == nil {
		_, err = part.Write(script)
	}
	if err != nil {
		g.t.Fatal(err)
	}
	w.Close()
	return g.do("POST", "/"+to+"/scripts", w.FormDataContentType(), b.Bytes(), 201)["id"].(string)
}

// begin starts a script and returns the path of its execution.
func (g *rig) begin(to, script string) string {
	g.t.Helper()
	x := g.do("POST", "/"+to+"/scripts/"+script+"/executions", "", []byte(`{"execution_type":"now"}`), 202)
	return "/" + to + "/scripts/" + script + "/executions/" + x["id"].(string)
}

// final waits for an execution's end.
func (g *rig) final(path string) map[string]any {
	g.t.Helper()
	for end := time.Now().Add(patience); ; {
		x := g.get(path + "?wait=5s")
		switch x["status"] {
		case "completed", "failed", "terminated":
			return x
		}
		if time.Now().After(end) {
			g.t.Fatalf("%s does not end: %v", path, x)
		}
	}
}

// until waits for a condition.
func (g *rig) until(what string, ok func() bool) {
	g.t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			g.t.Fatalf("waiting: %s", what)
		}
	}
}

// online waits until a device is there, or is not.
func (g *rig) online(id string, is bool) {
	g.t.Helper()
	g.until(fmt.Sprintf("%s online: %v", id, is), func() bool {
		e := g.fleet.Entity(id)
		return e != nil && *e.Online == is
	})
}

func text(x map[string]any, path ...string) string {
	var v any = x
	for _, p := range path {
		m, _ := v.(map[string]any)
		v = m[p]
	}
	return fmt.Sprint(v)
}
