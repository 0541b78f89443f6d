package boards_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"lander/lib/boards"
	"lander/lib/job"
	"lander/lib/sovd"
	"lander/lib/sovd/sovdtest"
	"lander/lib/store"
	"lander/lib/store/storetest"
)

// shed is a Source of boards that take anything and run it until it is stopped.
type shed struct {
	ids     []string
	scripts []sovd.Script

	mu   sync.Mutex
	left map[string]*job.Outcome // what became of the executions that wait
	back []string                // withdrawn
}

func (s *shed) Board(_ context.Context, id string) (*boards.Board, error) {
	for _, x := range s.ids {
		if x == id {
			return &boards.Board{ID: id, Name: id, Kind: "shed", Names: []string{id}, Groups: []string{"all"}}, nil
		}
	}
	return nil, nil
}

func (s *shed) Boards(ctx context.Context) (out []*boards.Board, err error) {
	for _, id := range s.ids {
		b, _ := s.Board(ctx, id)
		out = append(out, b)
	}
	return out, nil
}

func (*shed) History(string, string) []sovd.Datum { return nil }

func (*shed) Follow(string) (<-chan sovd.Datum, func()) {
	return make(chan sovd.Datum), func() {}
}

func (s *shed) Scripts() []sovd.Script { return s.scripts }
func (*shed) Formats() []string        { return []string{"devs"} }
func (*shed) Check([]byte) error       { return nil }

func (s *shed) Plan(_ context.Context, b *boards.Board, r boards.Request) (boards.Plan, error) {
	switch r.Script {
	case "wait":
		return boards.Plan{Name: "waits", Goal: "goal", Begin: func(_ context.Context, id string) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			if b.ID == "broken" {
				return errors.New("the disk is full")
			}
			s.left[id] = nil
			return nil
		}}, nil
	case "panic":
		return boards.Plan{Run: func(context.Context, *job.Output) job.Outcome { panic("oh") }}, nil
	case "fail":
		return boards.Plan{Run: func(_ context.Context, out *job.Output) job.Outcome {
			fmt.Fprintln(out.Writer(job.Stdout), "a line")
			return job.Outcome{Err: job.Errorf(job.CodeScript, "it did not do")}
		}}, nil
	}
	return boards.Plan{Run: func(ctx context.Context, out *job.Output) job.Outcome {
		fmt.Fprintln(out.Writer(job.Stdout), "it runs")
		<-ctx.Done()
		return job.Outcome{Terminated: true, Err: job.Errorf(job.CodeInterrupted, "")}
	}}, nil
}

func (s *shed) Look(_ context.Context, x boards.Open) (bool, *job.Outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.left[x.ID]
	if !ok {
		o = &job.Outcome{Terminated: true, Err: job.Errorf(job.CodeInterrupted, "it is gone")}
	}
	return o != nil, o, nil
}

func (s *shed) Withdraw(_ context.Context, x boards.Open) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.left, x.ID)
	s.back = append(s.back, x.ID)
	return nil
}

func (s *shed) settle(path string, o job.Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left[path[strings.LastIndex(path, "/")+1:]] = &o
}

func newShed(ids ...string) *shed {
	s := &shed{ids: ids, left: map[string]*job.Outcome{}}
	for _, id := range []string{"fail", "panic", "wait"} {
		s.scripts = append(s.scripts, sovd.Script{ID: id, Name: id, Managed: true})
	}
	return s
}

func TestConformance(t *testing.T) {
	sovdtest.Run(t, func(t *testing.T) string {
		s := newShed("one", "two")
		s.scripts = nil
		return newRig(t, store.NewMemory(), s).web.URL
	})
}

// An execution that waits for its board is prepared, runs and ends once, over
// restarts of the gateway, and whoever asks.
func TestWaiting(t *testing.T) {
	s := newShed("one", "two", "broken")
	g := newRig(t, store.NewMemory(), s)
	x := g.start("one", "wait", "null")
	if v := g.get(x); v["status"] != "prepared" {
		t.Errorf("it is %v", v)
	}
	g.again(s)
	s.settle(x, job.Outcome{})
	if v := g.final(x); v["status"] != "completed" {
		t.Errorf("it is %v", v)
	}
	g.do("PUT", x, "", `{"action":"stop"}`, 409)
	if n := len(s.back); n != 0 {
		t.Errorf("%d were withdrawn", n)
	}

	// Nobody asks, and it ends all the same; what failed is withdrawn.
	x = g.start("two", "wait", "null")
	s.settle(x, job.Outcome{Err: job.Errorf(job.CodeScript, "no")})
	for last := ""; !strings.HasSuffix(x, "/"+last) || last == ""; {
		select {
		case v := <-g.ended:
			if last = v.ID; strings.HasSuffix(x, last) && (v.Status != job.Failed || v.Error.Message != "no") {
				t.Errorf("it is %+v", v)
			}
		case <-time.After(patience):
			t.Fatal("it does not end")
		}
	}
	if len(s.back) != 1 || !strings.HasSuffix(x, s.back[0]) {
		t.Errorf("withdrawn: %v", s.back)
	}

	// The board does not come.
	x = g.start("one", "wait", "null")
	g.clock.add(2 * time.Hour)
	if v := g.final(x); v["status"] != "failed" || text(v, "x-lander", "code") != "timeout" {
		t.Errorf("it is %v", v)
	}
	x = g.start("one", "wait", "null")
	if v := g.do("PUT", x, "", `{"action":"stop"}`, 200); v["status"] != "terminated" {
		t.Errorf("it is %v", v)
	}
	if len(s.back) != 3 {
		t.Errorf("withdrawn: %v", s.back)
	}
	// What cannot be begun leaves nothing.
	g.do("POST", "/components/broken/scripts/wait/executions", "", `{"execution_type":"now"}`, 500)
	if l := g.get("/components/broken/scripts/wait/executions")["items"].([]any); len(l) != 0 {
		t.Errorf("it left %v", l)
	}
}

// A record that is damaged costs nobody the others, nor the start.
func TestDamagedRecord(t *testing.T) {
	s := newShed("one")
	g := newRig(t, storetest.Damaged(store.NewMemory(), "boards/", "campaigns"), s)
	x := g.start("one", "wait", "null")
	g.again(s)
	if l := g.get("/components/one/scripts/wait/executions")["items"].([]any); len(l) != 1 {
		t.Errorf("the executions are %v", l)
	}
	s.settle(x, job.Outcome{})
	if v := g.final(x); v["status"] != "completed" {
		t.Errorf("it is %v", v)
	}
}

// What a gateway did when it died is terminated; a fault of a source is one of
// the execution.
func TestLive(t *testing.T) {
	s := newShed("one")
	st := store.NewMemory()
	g := newRig(t, st, s)
	id := g.upload("/components/one", []byte("x"))
	x := g.start("one", id, "null")
	g.until("output", func() bool { return strings.Contains(g.events(x), "it runs") })
	// As after a crash: another one opens the same store.
	h := newRig(t, st, s)
	if v := h.get(x); v["status"] != "terminated" || text(v, "x-lander", "code") != "interrupted" {
		t.Errorf("it is %v", v)
	}
	if v := g.final(x); v["status"] != "terminated" {
		t.Errorf("for the first: %v", v)
	}
	x = g.start("one", "panic", "null")
	if v := g.final(x); v["status"] != "failed" || text(v, "x-lander", "code") != "internal" {
		t.Errorf("it is %v", v)
	}
	x = g.start("one", "fail", "null")
	if v := g.final(x); v["status"] != "failed" || text(v, "error", "message") != "it did not do" || text(v, "parameters", "stdout") != "a line\n" {
		t.Errorf("it is %v", v)
	}
	// The history is bounded.
	for range 8 {
		g.final(g.start("one", "fail", "null"))
	}
	if l := g.get("/components/one/scripts/fail/executions")["items"].([]any); len(l) != 5 {
		t.Errorf("%d are kept", len(l))
	}
	// The end of the gateway ends what runs.
	x = g.start("one", id, "null")
	g.stop()
	g.open(s)
	if v := g.get(x); v["status"] != "terminated" || !strings.Contains(text(v, "error", "message"), "shut down") {
		t.Errorf("it is %v", v)
	}
}

// events are the first bytes of the events of an execution that runs.
func (g *rig) events(path string) string {
	ctx, cancel := context.WithTimeout(g.t.Context(), patience)
	defer cancel()
	out, err := g.boards.Output(ctx, sovd.Ref{Kind: sovd.Components, ID: strings.Split(path, "/")[2]}, strings.Split(path, "/")[4], path[strings.LastIndex(path, "/")+1:])
	if err != nil {
		g.t.Fatal(err)
	}
	b, _ := out.Kept(job.Stdout)
	return string(b)
}

func TestIdempotency(t *testing.T) {
	g := newRig(t, store.NewMemory(), newShed("one"))
	ref := sovd.Ref{Kind: sovd.Components, ID: "one"}
	first, err := g.boards.StartExecution(t.Context(), ref, "wait", sovd.Start{Key: "k", Digest: "a"})
	if err != nil {
		t.Fatal(err)
	}
	again, err := g.boards.StartExecution(t.Context(), ref, "wait", sovd.Start{Key: "k", Digest: "a"})
	if err != nil || again.ID != first.ID {
		t.Errorf("again: %v, %v", again, err)
	}
	_, err = g.boards.StartExecution(t.Context(), ref, "wait", sovd.Start{Key: "k", Digest: "b"})
	if e, ok := errors.AsType[*sovd.Error](err); !ok || e.Kind != sovd.KindReused {
		t.Errorf("another: %v", err)
	}
	if _, err := g.boards.StartExecution(t.Context(), ref, "none", sovd.Start{Key: "n", Digest: "a"}); err == nil {
		t.Error("there is no such script")
	}
	// A key whose start failed is free.
	if x, err := g.boards.StartExecution(t.Context(), ref, "wait", sovd.Start{Key: "n", Digest: "b"}); err != nil || x.ID == "" {
		t.Errorf("%v, %v", x, err)
	}
}

// dying is the store of a gateway that ends as soon as it records an execution.
type dying struct {
	store.Store
	dead bool
}

var errDead = errors.New("it has died")

func (s *dying) Put(ctx context.Context, key string, value []byte, rev store.Revision) (store.Revision, error) {
	if strings.HasPrefix(key, "boards/executions/") {
		s.dead = true
		return 0, errDead
	}
	return s.Store.Put(ctx, key, value, rev)
}

func (s *dying) Delete(ctx context.Context, key string, rev store.Revision) error {
	if s.dead {
		return errDead
	}
	return s.Store.Delete(ctx, key, rev)
}

// A key whose gateway died before it had recorded the start is free for the
// next: who repeats the request is not told for ever to come later.
func TestKeyOfTheDead(t *testing.T) {
	st := store.NewMemory()
	g := newRig(t, &dying{Store: st}, newShed("one"))
	ref := sovd.Ref{Kind: sovd.Components, ID: "one"}
	if _, err := g.boards.StartExecution(t.Context(), ref, "wait", sovd.Start{Key: "k", Digest: "a"}); !errors.Is(err, errDead) {
		t.Fatal(err)
	}
	// As long as it may be under way nobody else begins it.
	_, err := g.boards.StartExecution(t.Context(), ref, "wait", sovd.Start{Key: "k", Digest: "a"})
	if e, ok := errors.AsType[*sovd.Error](err); !ok || e.Kind != sovd.KindUnavailable {
		t.Errorf("while it lives: %v", err)
	}
	g.store = st
	g.again(newShed("one"))
	x, err := g.boards.StartExecution(t.Context(), ref, "wait", sovd.Start{Key: "k", Digest: "a"})
	if err != nil {
		t.Fatal(err)
	}
	if y, err := g.boards.StartExecution(t.Context(), ref, "wait", sovd.Start{Key: "k", Digest: "a"}); err != nil || y.ID != x.ID {
		t.Errorf("again: %v, %v, want %s", y, err, x.ID)
	}
}

// What a gateway does that has just come, and of which this one has not heard
// yet, is not said to have ended.
func TestOwnerUnheardOf(t *testing.T) {
	st := store.NewMemory()
	g := newRig(t, storetest.Deaf{Store: st}, newShed("one"))
	p, err := store.Join(t.Context(), st, store.JoinOptions{Name: "new"})
	if err != nil {
		t.Fatal(err)
	}
	rec := fmt.Sprintf(`{"id":"exec_1","board":"one","script":"run","owner":%q,"live":true,"status":"running","started_at":"2026-01-01T00:00:00.000Z"}`, p.Lease().ID())
	if _, err := st.Put(t.Context(), "boards/executions/one/exec_1", []byte(rec), 0); err != nil {
		t.Fatal(err)
	}
	ref := sovd.Ref{Kind: sovd.Components, ID: "one"}
	if x, err := g.boards.GetExecution(t.Context(), ref, "run", "exec_1"); err != nil || x.Status != job.Running {
		t.Errorf("%v, %v", x.Status, err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
}

// between has something done before a record is written.
type between struct {
	store.Store
	before func(key string)
}

func (s *between) Put(ctx context.Context, key string, value []byte, rev store.Revision) (store.Revision, error) {
	if rev != 0 {
		s.before(key)
	}
	return s.Store.Put(ctx, key, value, rev)
}

// What another gateway has ended meanwhile stays as that one has said.
func TestEndedElsewhere(t *testing.T) {
	st := store.NewMemory()
	s := newShed("a")
	var once sync.Once
	g := newRig(t, &between{st, func(key string) {
		if !strings.HasPrefix(key, "boards/executions/") {
			return
		}
		once.Do(func() {
			e, err := st.Get(t.Context(), key)
			text := bytes.Replace(e.Value, []byte(`"status":"prepared"`), []byte(`"status":"terminated"`), 1)
			text = bytes.Replace(text, []byte(`"status":"running"`), []byte(`"status":"terminated"`), 1)
			if err == nil && !bytes.Equal(text, e.Value) {
				_, err = st.Put(t.Context(), key, text, e.Rev)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}}, s)
	path := g.start("a", "wait", "{}")
	s.settle(path, job.Outcome{})
	if x := g.final(path); x["status"] != "terminated" {
		t.Errorf("it ended as %v", x)
	}
}

// A start on many goes on after a restart, stops, and is repeated where it
// failed.
func TestMany(t *testing.T) {
	s := newShed("a", "b", "c", "d")
	g := newRig(t, store.NewMemory(), s)
	open := func(id string) []string {
		var out []string
		for _, r := range g.get("/fleet/executions/" + id)["results"].([]any) {
			if x := text(r, "execution"); text(r, "status") != "completed" && text(r, "status") != "failed" && x != "null" {
				out = append(out, x)
			}
		}
		return out
	}
	m := g.do("POST", "/fleet/executions", "", `{"script":"wait","target":{"group":"all"},"max_concurrency":2,"max_errors":"50%"}`, 202)
	id := m["id"].(string)
	g.until("two are begun", func() bool { return len(open(id)) == 2 })
	g.again(s)
	for i, o := range []job.Outcome{{}, {Err: job.Errorf(job.CodeScript, "no")}, {}, {}} {
		g.until("one to settle", func() bool { return len(open(id)) > 0 })
		x := open(id)[0]
		s.settle(x, o)
		g.until(fmt.Sprint("number ", i), func() bool {
			return text(g.get("/fleet/executions/"+id), "counts", "prepared") == "null" || len(open(id)) == 2
		})
	}
	end := g.get("/fleet/executions/" + id + "?wait=30s")
	if end["status"] != "failed" || text(end, "counts", "completed") != "3" || text(end, "counts", "failed") != "1" {
		t.Fatalf("it ended as %v", end)
	}
	m = g.do("POST", "/fleet/executions/"+id+"/retry-failed", "", "", 202)
	if text(m, "total") != "1" || text(m, "retry_of") != id {
		t.Errorf("the second: %v", m)
	}
	id = m["id"].(string)
	g.until("it is begun", func() bool { return len(open(id)) == 1 })
	if v := g.do("PUT", "/fleet/executions/"+id, "", `{"action":"stop"}`, 200); v["status"] != "terminated" {
		t.Errorf("stopped: %v", v)
	}
	if len(s.back) != 2 { // the one that failed, and this
		t.Errorf("withdrawn: %v", s.back)
	}
	// After too many failures no more are begun.
	m = g.do("POST", "/fleet/executions", "", `{"script":"fail","target":{"filter":"*"},"max_concurrency":1,"max_errors":1}`, 202)
	end = g.get("/fleet/executions/" + m["id"].(string) + "?wait=30s")
	if end["status"] != "failed" || text(end, "counts", "failed") != "2" || text(end, "counts", "prepared") != "2" {
		t.Errorf("it ended as %v", end)
	}
	g.do("POST", "/fleet/executions", "", `{"script":"fail","target":{"ids":["a","x"]}}`, 404)
	g.do("POST", "/fleet/executions", "", `{"script":"fail","target":{"filter":"*"},"max_errors":"101%"}`, 400)
}
