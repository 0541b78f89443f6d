package devtree_test

import (
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lander/lib/devtree"
	"lander/lib/emp/frame"
)

func open(t testing.TB, o devtree.Options) *devtree.Tree {
	t.Helper()
	tree, err := devtree.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tree.Close(); err != nil {
			t.Error(err)
		}
	})
	return tree
}

// app is a client with what it was told.
type app struct {
	t    *testing.T
	tree *devtree.Tree
	*devtree.Client
	mu   sync.Mutex
	told []string
}

func newApp(t *testing.T, tree *devtree.Tree) *app {
	a := &app{t: t, tree: tree}
	a.Client = tree.Client(func(n frame.NotifyVariable) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.told = append(a.told, string(n.Append(nil)))
	})
	t.Cleanup(a.Close)
	return a
}

// notices returns what came since the last call. It waits until the changes
// so far are told: a later one is confirmed after them.
func (a *app) notices() []string {
	a.t.Helper()
	if err := a.tree.SetWait(a.t.Context(), "ram.never.there", frame.Value{}); err != nil {
		a.t.Fatal(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	out := a.told
	a.told = nil
	return out
}

func (a *app) get(payload string) string {
	a.t.Helper()
	b, err := a.GetVariable([]byte("x"), []byte(payload))
	if err != nil {
		return err.Error()
	}
	return string(b[1:])
}

// set waits for the outcome.
func (a *app) set(payload string) error {
	ch := make(chan error, 1)
	if err := a.SetVariable([]byte(payload), func(err error) { ch <- err }); err != nil {
		return err
	}
	return <-ch
}

func (a *app) mustSet(payload string) {
	a.t.Helper()
	if err := a.set(payload); err != nil {
		a.t.Fatalf("%s: %v", payload, err)
	}
}

func (a *app) register(payload string) string {
	a.t.Helper()
	id, err := a.RegisterVariable([]byte(payload))
	if err != nil {
		a.t.Fatalf("%s: %v", payload, err)
	}
	return string(id)
}

func status(err error) frame.Status {
	if err == nil {
		return frame.StatusOK
	}
	s, ok := errors.AsType[frame.Status](err)
	if !ok {
		return frame.StatusUnspecifiedError
	}
	return s
}

// both runs a test on a tree in memory and on one with a file.
func both(t *testing.T, f func(t *testing.T, o devtree.Options)) {
	t.Run("memory", func(t *testing.T) { f(t, devtree.Options{}) })
	t.Run("file", func(t *testing.T) { f(t, devtree.Options{File: filepath.Join(t.TempDir(), "tree")}) })
}

func TestGetVariable(t *testing.T) {
	both(t, func(t *testing.T, o devtree.Options) {
		a := newApp(t, open(t, o))
		a.mustSet(`["config.agent",{"deviceId":"012345678901234","assetport":9999,"signalport":18888}]`)
		a.mustSet(`["config.types",{"f":1.5,"w":1.0,"i":12345678901,"t":true,"n":false,"s":"é/\"","e":""}]`)
		for _, tt := range []struct{ in, out string }{
			{`"config.agent.deviceId"`, `["012345678901234"]`},
			{`"config.agent"`, `[null,["config.agent.assetport","config.agent.deviceId","config.agent.signalport"]]`},
			{`["config.agent.deviceId","config.agent"]`, `[{"config.agent.deviceId":"012345678901234"},["config.agent.assetport","config.agent.deviceId","config.agent.signalport"]]`},
			{`["config.agent.deviceId","config.types.i"]`, `[{"config.agent.deviceId":"012345678901234","config.types.i":12345678901},[]]`},
			{`["config.types.i","config.types.i"]`, `[{"config.types.i":12345678901},[]]`},
			{`""`, `[null,["config","ram","update"]]`},
			{`"."`, `[null,["config","ram","update"]]`},
			{`"config"`, `[null,["config.agent","config.types"]]`},
			{`"ram"`, `[null,[]]`},
			{`"config.nosuch"`, `[null,[]]`},
			{`"nosuch"`, `[null,[]]`},
			{`["nosuch"]`, `[{},[]]`},
			{`"config.agent.deviceId.x"`, `[null,[]]`},
			{`[]`, `[{},[]]`},
			{`"..config...agent.deviceId."`, `["012345678901234"]`},
			{`".config.agent."`, `[null,["config.agent.assetport","config.agent.deviceId","config.agent.signalport"]]`},
			{`"config.types.f"`, `[1.5]`},
			{`"config.types.w"`, `[1.0]`},
			{`"config.types.i"`, `[12345678901]`},
			{`"config.types.t"`, `[true]`},
			{`"config.types.n"`, `[false]`},
			{`"config.types.s"`, `["é/\""]`},
			{`"config.types.e"`, `[""]`},
			{`"config.types.\u0066"`, `[1.5]`},
			{`5`, "path is an integer, a string or a list of them is wanted"},
			{`null`, "path is null, a string or a list of them is wanted"},
			{``, "path is null, a string or a list of them is wanted"},
		} {
			if got := a.get(tt.in); got != tt.out {
				t.Errorf("%s\n got %s\nwant %s", tt.in, got, tt.out)
			}
		}
	})
}

func TestSetVariable(t *testing.T) {
	both(t, func(t *testing.T, o devtree.Options) {
		a := newApp(t, open(t, o))
		for _, tt := range []struct {
			set    string
			status frame.Status
			text   string
			get    string
			want   string
		}{
			{`["config.foo",1]`, 0, "", `"config.foo"`, `[1]`},
			{`["config.foo",{"a":1,"b":{"c":"x"}}]`, 0, "", `["config.foo.a","config.foo.b.c"]`, `[{"config.foo.a":1,"config.foo.b.c":"x"},[]]`},
			{`["",{"config.foo.z":3}]`, 0, "", `["config.foo.z","config.foo.a"]`, `[{"config.foo.z":3,"config.foo.a":1},[]]`},
			{`[{"config.foo.y":4}]`, 0, "", `"config.foo"`, `[null,["config.foo.a","config.foo.b","config.foo.y","config.foo.z"]]`},
			{`["config.foo.a",null]`, 0, "", `"config.foo"`, `[null,["config.foo.b","config.foo.y","config.foo.z"]]`},
			{`["config.foo.y"]`, 0, "", `"config.foo"`, `[null,["config.foo.b","config.foo.z"]]`},
			{`["config.nosuch.at.all"]`, 0, "", `"config"`, `[null,["config.foo"]]`},
			{`["config.l",[10,20]]`, 0, "", `["config.l.1","config.l.2"]`, `[{"config.l.1":10,"config.l.2":20},[]]`},
			{`["config.e",{}]`, 0, "", `"config.e"`, `[null,[]]`},
			{`["config.e"]`, 0, "", `"config"`, `[null,["config.foo","config.l"]]`},
			{`["config.l",5]`, 0, "", `["config.l","config.l.1"]`, `[{"config.l":5},[]]`},
			{`["config.l.x.y",6]`, 0, "", `["config.l","config.l.x.y"]`, `[{"config.l.x.y":6},["config.l.x"]]`},
			{`["config.l",null]`, 0, "", `["config.l","config.l.x.y"]`, `[{},[]]`},
			{`["config.m",{"a":1,"a.b":2}]`, 0, "", `["config.m.a","config.m.a.b"]`, `[{"config.m.a.b":2},["config.m.a.b"]]`},
			{`["..config..d.",7]`, 0, "", `"config.d"`, `[7]`},
			{`["config.n",{"a":{"b":null},"c":[1,null]}]`, 0, "", `"config.n.c"`, `[null,["config.n.c.1"]]`},
			{`["ram.x",1.0]`, 0, "", `"ram.x"`, `[1.0]`},
			{`["nosuch.x",1]`, -5, "nosuch.x: no mapping found", `"nosuch"`, `[null,[]]`},
			{`["nosuch",1]`, -5, "nosuch: no mapping found", `""`, `[null,["config","ram","update"]]`},
			{`["update.x",1]`, -5, "update subtree is not writable", `"update"`, `[null,[]]`},
			{`["config",1]`, -12, "config: bad path", `"config.d"`, `[7]`},
			{`["config",null]`, -12, "config: bad path", `"config.d"`, `[7]`},
			{`["",1]`, -12, "bad path", `"config.d"`, `[7]`},
			{`["config.d\n",1]`, -12, "config.d\n: bad path", `"config.d"`, `[7]`},
			{`"config.foo"`, -12, "a list is wanted, got a string", `"config.d"`, `[7]`},
			// All of a set or nothing of it.
			{`["",{"config.d":8,"ram.d":8,"nosuch.d":8}]`, -5, "nosuch.d: no mapping found", `["config.d","ram.d"]`, `[{"config.d":7},[]]`},
		} {
			err := a.set(tt.set)
			if status(err) != tt.status || err != nil && err.Error() != tt.text {
				t.Errorf("%s: %v, want %v %s", tt.set, err, tt.status, tt.text)
			}
			if got := a.get(tt.get); got != tt.want {
				t.Errorf("after %s: %s is\n     %s\nwant %s", tt.set, tt.get, got, tt.want)
			}
		}
	})
}

func TestNotifications(t *testing.T) {
	both(t, func(t *testing.T, o devtree.Options) {
		tree := open(t, o)
		setter, a := newApp(t, tree), newApp(t, tree)
		setter.mustSet(`["config.agent",{"deviceId":"0123","x":1}]`)
		if id := a.register(`[["config.foo"],["config.agent.deviceId"]]`); id != "DT_ID_0" {
			t.Errorf("the first id is %s", id)
		}
		for _, tt := range []struct {
			set  string
			want []string
		}{
			{`["config.other",1]`, nil},
			{`["config.agent.deviceId","0124"]`, nil}, // passive only
			{`["config.foobar",1]`, nil},
			{`["config.foo.q",5]`, []string{`["DT_ID_0",{"config.foo.q":5,"config.agent.deviceId":"0124"}]`}},
			{`["config.foo.q",5]`, nil}, // no change
			{`["config.foo.q",5.0]`, []string{`["DT_ID_0",{"config.foo.q":5.0,"config.agent.deviceId":"0124"}]`}},
			{`["config",{"foo":{"q":6,"r":{"s":7}},"other":2}]`, []string{`["DT_ID_0",{"config.foo.q":6,"config.foo.r.s":7,"config.agent.deviceId":"0124"}]`}},
			{`["config.foo.r",8]`, []string{`["DT_ID_0",{"config.foo.r.s":null,"config.foo.r":8,"config.agent.deviceId":"0124"}]`}},
			{`["config.foo.r.t",9]`, []string{`["DT_ID_0",{"config.foo.r":null,"config.foo.r.t":9,"config.agent.deviceId":"0124"}]`}},
			{`["config.agent.deviceId"]`, nil},
			{`["config.foo"]`, []string{`["DT_ID_0",{"config.foo.q":null,"config.foo.r.t":null,"config.agent.deviceId":null}]`}},
			{`["config.foo"]`, nil},
			{`["config.foo",1]`, []string{`["DT_ID_0",{"config.foo":1,"config.agent.deviceId":null}]`}},
			{`["config",{"foo":{"a":1},"foo.a":2,"foo.b":null}]`, []string{`["DT_ID_0",{"config.foo":null,"config.foo.a":2,"config.agent.deviceId":null}]`}},
			{`["config",{"foo.a":3,"foo":{"a":2}}]`, nil}, // there and back
		} {
			setter.mustSet(tt.set)
			if diff := cmp.Diff(tt.want, a.notices()); diff != "" {
				t.Errorf("%s:\n%s", tt.set, diff)
			}
		}
	})
}

func TestWatches(t *testing.T) {
	tree := open(t, devtree.Options{})
	a, b := newApp(t, tree), newApp(t, tree)
	a.mustSet(`["ram.n",{"x":1}]`)
	leaf := a.register(`["ram.n.x"]`)
	node := a.register(`["ram.n","ram.n"]`) // the node is passive as well: left out
	both := a.register(`[["ram.n","ram.n.x","ram..n."],["ram.n.x","ram.later"]]`)
	all := b.register(`[""]`)
	a.mustSet(`["ram.n.x",2]`)
	want := []string{`["` + leaf + `",{"ram.n.x":2}]`, `["` + node + `",{"ram.n.x":2}]`, `["` + both + `",{"ram.n.x":2,"ram.later":null}]`}
	if diff := cmp.Diff(want, a.notices()); diff != "" {
		t.Errorf("the setter's own:\n%s", diff)
	}
	if diff := cmp.Diff([]string{`["` + all + `",{"ram.n.x":2}]`}, b.notices()); diff != "" {
		t.Errorf("the watcher of everything:\n%s", diff)
	}
	for _, tt := range []struct {
		a      *app
		in     string
		status frame.Status
	}{
		{b, `"` + leaf + `"`, -5}, // foreign
		{a, `"` + leaf + `"`, 0},
		{a, `"` + leaf + `"`, -5}, // second time
		{a, `"DT_ID_99"`, -5},
		{a, `null`, -12},
		{a, ``, -12},
	} {
		if err := tt.a.DeRegisterVariable([]byte(tt.in)); status(err) != tt.status {
			t.Errorf("deregister %s: %v, want %v", tt.in, err, tt.status)
		}
	}
	a.mustSet(`["ram.n.x",3]`)
	if got := a.notices(); len(got) != 2 {
		t.Errorf("after the deregistration %v", got)
	}
	a.Close()
	b.notices()
	b.mustSet(`["ram.n.x",4]`)
	if got := a.notices(); got != nil {
		t.Errorf("a closed client is told %v", got)
	}
	if got := b.notices(); len(got) != 1 {
		t.Errorf("the other client is told %v", got)
	}
	if _, err := a.RegisterVariable([]byte(`["x"]`)); !errors.Is(err, devtree.ErrClosed) {
		t.Errorf("a closed client registers: %v", err)
	}
}

// The outcome comes before the notification of the same change, and each
// client learns of the changes in their order.
func TestOrder(t *testing.T) {
	both(t, func(t *testing.T, o devtree.Options) {
		tree := open(t, o)
		var mu sync.Mutex
		confirmed := map[int64]bool{}
		last := map[string]int64{}
		faults := 0
		c := tree.Client(func(n frame.NotifyVariable) {
			mu.Lock()
			defer mu.Unlock()
			for _, m := range n.Changes {
				i, _ := m.Value.Int()
				if !confirmed[i] || i <= last[m.Key] {
					faults++
				}
				last[m.Key] = i
			}
		})
		defer c.Close()
		if _, err := c.Watch([]string{"config", "ram"}, nil); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		const writers, each = 8, 100
		for w := range writers {
			wg.Go(func() {
				path := "ram.w"
				if w%2 == 0 {
					path = "config.w"
				}
				path += string(rune('a' + w))
				var open sync.WaitGroup
				for i := range each {
					n := int64(w*each + i + 1)
					open.Add(1)
					err := tree.Set(path, frame.Int(n), func(err error) {
						if err != nil {
							t.Error(err)
						}
						mu.Lock()
						confirmed[n] = true
						mu.Unlock()
						open.Done()
					})
					if err != nil {
						t.Error(err)
					}
				}
				open.Wait()
			})
		}
		wg.Wait()
		tree.Close()
		mu.Lock()
		defer mu.Unlock()
		if faults > 0 || len(confirmed) != writers*each {
			t.Errorf("%d notifications out of order, %d changes confirmed", faults, len(confirmed))
		}
		for path, n := range last {
			if v, _, _ := tree.Get(path); v.String() != frame.Int(n).String() {
				t.Errorf("the last told value of %s is %d, the tree has %v", path, n, v)
			}
		}
	})
}

// What is called by the tree may use it.
func TestSetFromNotification(t *testing.T) {
	tree := open(t, devtree.Options{})
	var c *devtree.Client
	done := make(chan string, 1)
	c = tree.Client(func(n frame.NotifyVariable) {
		i, _ := n.Changes[0].Value.Int()
		if i == 100 {
			done <- n.Changes[0].Key
			return
		}
		if err := tree.Set("ram.i", frame.Int(i+1), nil); err != nil {
			t.Error(err)
		}
	})
	defer c.Close()
	if _, err := c.Watch([]string{"ram.i"}, nil); err != nil {
		t.Fatal(err)
	}
	if err := tree.Set("ram.i", frame.Int(1), nil); err != nil {
		t.Fatal(err)
	}
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("the chain of sets has stopped")
	}
}

func TestLimits(t *testing.T) {
	tree := open(t, devtree.Options{Limits: devtree.Limits{PathBytes: 20, PathDepth: 4, ValueBytes: 10, Variables: 3, TotalBytes: 40, Watches: 2}})
	a := newApp(t, tree)
	for _, tt := range []struct {
		set    string
		status frame.Status
	}{
		{`["ram.aaaaaaaaaaaaaaaa",1]`, 0},
		{`["ram.aaaaaaaaaaaaaaaaa",1]`, -12},
		{`["ram.a.b.c",1]`, 0},
		{`["ram.a.b.c.d",1]`, -12},
		{`["ram.a.b.c","0123456789"]`, 0},
		{`["ram.a.b.c","0123456789x"]`, -12},
		{`["ram.z",1]`, -3}, // bytes: 20+9+10+5
		{`["ram.a.b.c","01234"]`, 0},
		{`["ram.z",1]`, 0},
		{`["ram.y",1]`, -3},
		{`["ram.z",2]`, 0},
		{`["ram",{"z":null,"y":1}]`, 0},
		{`["ram.` + strings.Repeat("x", 500) + `",1]`, -12},
	} {
		if err := a.set(tt.set); status(err) != tt.status {
			t.Errorf("%s: %v, want %v", tt.set, err, tt.status)
		} else if err != nil && len(err.Error()) > 150 {
			t.Errorf("the error repeats a long path: %d bytes", len(err.Error()))
		}
	}
	if _, err := a.RegisterVariable([]byte(`[["a","b","c"]]`)); status(err) != frame.StatusNoMemory {
		t.Errorf("too many paths in a registration: %v", err)
	}
	a.register(`["a"]`)
	a.register(`["a"]`)
	if _, err := a.RegisterVariable([]byte(`["a"]`)); status(err) != frame.StatusNoMemory {
		t.Errorf("too many registrations: %v", err)
	}
}

func TestGetDoesNotAllocate(t *testing.T) {
	tree := open(t, devtree.Options{})
	a := newApp(t, tree)
	a.mustSet(`["config.agent.deviceId","012345678901234"]`)
	payload, dst := []byte(`"config.agent.deviceId"`), make([]byte, 0, 100)
	if n := testing.AllocsPerRun(100, func() { a.GetVariable(dst, payload) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// The owner's own watches are not told apart from clients' by the ids.
func TestFollow(t *testing.T) {
	tree, err := devtree.Open(devtree.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	told := 0
	stop := tree.Follow(".config.p.", func() { told++ })
	for _, path := range []string{"config.p.x", "config.q", "config.p"} {
		if err := tree.Set(path, frame.Int(1), nil); err != nil {
			t.Fatal(err)
		}
	}
	if told != 2 {
		t.Errorf("told %d times, want 2", told)
	}
	stop()
	if err := tree.Set("config.p", frame.Int(7), nil); err != nil {
		t.Fatal(err)
	}
	if told != 2 {
		t.Error("told after the end")
	}
	id, err := tree.Client(func(frame.NotifyVariable) {}).Watch([]string{"config"}, nil)
	if id != "DT_ID_0" || err != nil {
		t.Errorf("the first client's watch is %s, %v", id, err)
	}
}
