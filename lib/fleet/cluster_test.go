//go:build unix

package fleet_test

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lander/lib/agent"
	"lander/lib/fleet"
	"lander/lib/store"
)

// mortal is a store that a process loses when it dies.
type mortal struct {
	store.Store
	dead atomic.Bool
}

func (m *mortal) err() error {
	if m.dead.Load() {
		return store.ErrUnreachable
	}
	return nil
}

func (m *mortal) Get(ctx context.Context, key string) (store.Entry, error) {
	if err := m.err(); err != nil {
		return store.Entry{}, err
	}
	return m.Store.Get(ctx, key)
}

func (m *mortal) Put(ctx context.Context, key string, value []byte, rev store.Revision) (store.Revision, error) {
	if err := m.err(); err != nil {
		return 0, err
	}
	return m.Store.Put(ctx, key, value, rev)
}

func (m *mortal) Delete(ctx context.Context, key string, rev store.Revision) error {
	if err := m.err(); err != nil {
		return err
	}
	return m.Store.Delete(ctx, key, rev)
}

func (m *mortal) Watch(ctx context.Context, prefix string) iter.Seq2[store.Change, error] {
	return func(yield func(store.Change, error) bool) {
		for c, err := range m.Store.Watch(ctx, prefix) {
			if m.dead.Load() || !yield(c, err) {
				return
			}
		}
	}
}

// testLease is short: a test waits until one is over.
const testLease = 2 * time.Second

// members has each gateway of a test join with a short lease.
func members(t testing.TB) func(*fleet.Options) {
	n := 0
	return func(o *fleet.Options) {
		n++
		p, err := store.Join(context.Background(), o.Store, store.JoinOptions{Name: fmt.Sprint("gw", n), Lease: testLease})
		if err != nil {
			t.Fatal(err)
		}
		o.Presence = p
		t.Cleanup(func() { p.Close() })
	}
}

// peer starts another gateway on the same store.
func (g *rig) peer() *rig {
	g.t.Helper()
	h := &rig{t: g.t, dir: g.t.TempDir(), home: g.home, key: g.key, front: &front{}, set: g.set, files: g.files}
	h.web = httptest.NewServer(h.front)
	h.url = h.web.URL
	g.t.Cleanup(h.web.Close)
	h.open()
	g.t.Cleanup(func() { h.stop() })
	return h
}

// die ends a gateway that has no time to say so.
func (g *rig) die() {
	g.dead.dead.Store(true)
	g.stop()
}

// roaming starts an agent that connects to whichever gateway at names.
func (g *rig) roaming(id string, at *atomic.Pointer[rig]) *device {
	g.t.Helper()
	d := g.agentNot(id, nil, func(cfg *agent.Config) {
		// It must not give up before it has found another gateway.
		cfg.AfterFunc = func(d time.Duration, f func()) func() bool {
			if d != 6*time.Second {
				d = min(d, 50*time.Millisecond)
			}
			return time.AfterFunc(d, f).Stop
		}
	})
	d.gateway = func() string { return at.Load().addr }
	d.start()
	g.t.Cleanup(func() { d.stop() })
	return d
}

// What one gateway has, all have.
func TestTwoGateways(t *testing.T) {
	a := newRig(t, nil)
	b := a.peer()
	dir := t.TempDir()
	a.agent("gw-1", nil, nil)
	a.online("gw-1", true)
	b.online("gw-1", true)
	script := a.upload("components/gw-1", "job.sh", a.sign(`echo x >> `+dir+`/ran; echo "hello $LANDER_ARG_WHO"`, "sh", 1))

	// Begun at the one that has not the session, and seen at both at once.
	path := b.begin("components/gw-1", script)
	if x := a.get(path); x["status"] == nil {
		t.Errorf("not seen where it was not begun: %v", x)
	}
	if x := b.final(path); x["status"] != "completed" || text(x, "parameters", "stdout") != "hello \n" {
		t.Errorf("at the gateway without the session: %v", x)
	}
	if x := a.final(path); x["status"] != "completed" {
		t.Errorf("at the other one: %v", x)
	}
	if l := b.get("/components/gw-1/scripts/" + script + "/executions"); len(l["items"].([]any)) != 1 {
		t.Errorf("listed: %v", l)
	}

	// One start with a key, wherever it comes again.
	start := func(g *rig, who, key string, want int) map[string]any {
		t.Helper()
		return g.doKey("POST", "/components/gw-1/scripts/"+script+"/executions", key, []byte(`{"execution_type":"now","parameters":{"who":"`+who+`"}}`), want)
	}
	first := start(b, "me", "k1", 202)
	again := start(a, "me", "k1", 202)
	if first["id"] != again["id"] || first["id"] == nil {
		t.Errorf("one key: %v and %v", first, again)
	}
	start(a, "you", "k1", 422)
	both := make(chan any, 8)
	for i := range 8 {
		go func() {
			both <- start([]*rig{a, b}[i%2], "all", "k2", 202)["id"]
		}()
	}
	id := <-both
	for range 7 {
		if other := <-both; other != id {
			t.Errorf("one key, two executions: %v and %v", id, other)
		}
	}
	for _, id := range []any{first["id"], id} {
		a.final(fmt.Sprint("/components/gw-1/scripts/", script, "/executions/", id))
	}
	if got, _ := os.ReadFile(dir + "/ran"); string(got) != "x\nx\nx\n" {
		t.Errorf("three executions ran %q", got)
	}

	// Deleted at one, gone at both.
	b.do("DELETE", path, "", nil, 204)
	a.until("the execution is gone", func() bool {
		_, ok := a.try("GET", path, "")
		return !ok
	})
}

// A stop reaches the device through the gateway that has its session, and who
// asked for it hears of the end.
func TestStopAtAnotherGateway(t *testing.T) {
	a := newRig(t, nil)
	b := a.peer()
	dir := t.TempDir()
	a.agent("gw-1", nil, nil)
	b.online("gw-1", true)
	script := a.upload("components/gw-1", "job.sh", a.sign(`touch `+dir+`/runs; sleep 60; touch `+dir+`/ended`, "sh", 1))
	path := b.begin("components/gw-1", script)
	b.until("the script runs", func() bool { _, err := os.Stat(dir + "/runs"); return err == nil })
	b.do("PUT", path, "", []byte(`{"action":"stop"}`), 200)
	if x := b.final(path); x["status"] != "terminated" || !strings.Contains(text(x, "error", "message"), "stopped by user") {
		t.Errorf("stopped: %v", x)
	}
	if x := a.final(path); x["status"] != "terminated" {
		t.Errorf("at the other one: %v", x)
	}
	// One that waits for its device ends wherever it is stopped, and is not
	// sent any more.
	away := a.agent("gw-2", nil, nil)
	b.online("gw-2", true)
	away.stop()
	a.online("gw-2", false)
	b.online("gw-2", false)
	script = a.upload("components/gw-2", "job.sh", a.sign(`touch `+dir+`/never`, "sh", 2))
	path = a.begin("components/gw-2", script)
	b.do("PUT", path, "", []byte(`{"action":"stop"}`), 200)
	if x := a.final(path); x["status"] != "terminated" {
		t.Errorf("stopped while it waits: %v", x)
	}
}

// A gateway dies while a device fetches a script from it: the device finds the
// other one, gets the script there, and runs it once.
func TestGatewayDies(t *testing.T) {
	a := newRig(t, members(t))
	b := a.peer()
	dir := t.TempDir()
	var at atomic.Pointer[rig]
	at.Store(a)
	a.roaming("gw-1", &at)
	a.online("gw-1", true)
	b.until("the device has said what it can", func() bool {
		e := b.fleet.Entity("gw-1")
		return e != nil && e.Detail["version"] == "1.2.3"
	})
	script := b.upload("components/gw-1", "job.sh", a.sign(`echo x >> `+dir+`/ran`, "sh", 1))
	// The device asks for the script, and its gateway is gone.
	fetching := make(chan struct{})
	var once atomic.Bool
	a.front.mu.Lock()
	inner := a.front.h
	a.front.h = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/fetch/") {
			if once.CompareAndSwap(false, true) {
				close(fetching)
			}
			panic(http.ErrAbortHandler)
		}
		inner.ServeHTTP(w, r)
	})
	a.front.mu.Unlock()
	path := b.begin("components/gw-1", script)
	<-fetching
	at.Store(b)
	a.die()
	if x := b.final(path); x["status"] != "completed" {
		t.Errorf("begun before its gateway died: %v", x)
	}
	if got, _ := os.ReadFile(dir + "/ran"); string(got) != "x\n" {
		t.Errorf("ran %q", got)
	}
	b.online("gw-1", true)

	// And back: where the session is, is what the other one sees too.
	c := b.peer()
	at.Store(c)
	b.until("the device moves", func() bool {
		b.fleet.Disconnect("gw-1")
		e := c.fleet.Entity("gw-1")
		return e != nil && *e.Online
	})
	if x := b.final(b.begin("components/gw-1", script)); x["status"] != "completed" {
		t.Errorf("after it has moved: %v", x)
	}
}

// The gateway that drives a start on many devices dies: another goes on, and
// each device runs the script once.
func TestManyIsTakenOver(t *testing.T) {
	a := newRig(t, members(t))
	b := a.peer()
	dir := t.TempDir()
	const n = 6
	var at atomic.Pointer[rig]
	at.Store(a)
	for i := range n {
		id := fmt.Sprintf("gw-%d", i)
		if i%2 == 0 {
			b.agent(id, nil, nil)
		} else {
			a.roaming(id, &at)
		}
	}
	for i := range n {
		id := fmt.Sprintf("gw-%d", i)
		a.until("the groups of "+id, func() bool { e := a.fleet.Entity(id); return e != nil && len(e.Tags) == 1 && *e.Online })
	}
	script := a.upload("fleet", "job.sh", a.sign(`echo x >> `+dir+`/ran; while [ ! -e `+dir+`/go ]; do sleep 0.05; done; echo x >> `+dir+`/done`, "sh", 1))
	x := a.do("POST", "/fleet/executions", "", []byte(`{"script":"`+script+`","target":{"group":"north"},"max_concurrency":2}`), 202)
	id := x["id"].(string)
	b.until("two run", func() bool { got, _ := os.ReadFile(dir + "/ran"); return len(got) == 4 })
	at.Store(b)
	a.die()
	if err := os.WriteFile(dir+"/go", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	end := b.waitMany(id)
	if end["status"] != "completed" || text(end, "counts", "completed") != fmt.Sprint(n) {
		t.Errorf("taken over: %v", end)
	}
	for _, f := range []string{"ran", "done"} {
		if got, _ := os.ReadFile(dir + "/" + f); len(got) != 2*n {
			t.Errorf("%s %q on %d devices", f, got, n)
		}
	}
}
