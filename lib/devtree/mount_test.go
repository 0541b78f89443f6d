package devtree_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lander/lib/devtree"
	"lander/lib/emp/frame"
)

// gadget is a subtree of one switch and one fixed name.
type gadget struct {
	tree *devtree.Tree
	on   bool
}

func (g *gadget) Get(path string) (frame.Value, []string, bool) {
	switch path {
	case "":
		return frame.Value{}, []string{"switch", "info"}, true
	case "info":
		return frame.Value{}, []string{"name"}, true
	case "switch":
		return frame.Bool(g.on), nil, true
	case "info.name":
		return frame.String("gadget"), nil, true
	}
	return frame.Value{}, nil, false
}

func (g *gadget) Set(changes []frame.Member) error {
	for _, c := range changes {
		if c.Key != "switch" || c.Value.Kind() != frame.KindBool {
			return frame.Errorf(frame.StatusBadParameter, "no such switch")
		}
	}
	for _, c := range changes {
		was := g.on
		if g.on, _ = c.Value.Bool(); g.on != was {
			g.tree.Notify(frame.Member{Key: "ram.gadget.switch", Value: c.Value})
		}
	}
	return nil
}

func TestMount(t *testing.T) {
	tree := open(t, devtree.Options{})
	a := newApp(t, tree)
	a.mustSet(`["ram.x",1]`)
	g := &gadget{tree: tree}
	if err := tree.Mount("ram.gadget", g); err != nil {
		t.Fatal(err)
	}
	if err := tree.Mount("fixed", readOnly{g}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"ram", "ram.x", "ram.x.y", "ram.gadget", "ram.gadget.info", "", "config"} {
		if err := tree.Mount(path, g); err == nil {
			t.Errorf("a second subtree is mounted at %q", path)
		}
	}
	id := a.register(`[["ram"],["ram.gadget.info.name","ram.gadget.info"]]`)
	for _, tt := range []struct{ in, out string }{
		{`""`, `[null,["config","fixed","ram","update"]]`},
		{`"ram"`, `[null,["ram.gadget","ram.x"]]`},
		{`"ram.gadget"`, `[null,["ram.gadget.info","ram.gadget.switch"]]`},
		{`"ram.gadget.info"`, `[null,["ram.gadget.info.name"]]`},
		{`"ram.gadget.info.name"`, `["gadget"]`},
		{`"ram.gadget.nosuch"`, `[null,[]]`},
		{`["fixed.switch","fixed"]`, `[{"fixed.switch":false},["fixed.info","fixed.switch"]]`},
	} {
		if got := a.get(tt.in); got != tt.out {
			t.Errorf("%s: %s, want %s", tt.in, got, tt.out)
		}
	}
	for _, tt := range []struct {
		set    string
		status frame.Status
		told   []string
	}{
		{`["ram.gadget.switch",true]`, 0, []string{`["` + id + `",{"ram.gadget.switch":true,"ram.gadget.info.name":"gadget"}]`}},
		{`["ram.gadget.switch",true]`, 0, nil},
		{`["ram",{"gadget":{"switch":false},"x":2}]`, 0, []string{
			`["` + id + `",{"ram.x":2,"ram.gadget.info.name":"gadget"}]`,
			`["` + id + `",{"ram.gadget.switch":false,"ram.gadget.info.name":"gadget"}]`}},
		{`["ram",{"gadget":{"switch":5},"x":3}]`, -12, nil},
		{`["ram.gadget",5]`, -12, nil},
		{`["fixed.switch",true]`, -5, nil},
		{`["fixed",null]`, -5, nil},
	} {
		err := a.set(tt.set)
		if status(err) != tt.status {
			t.Errorf("%s: %v, want %v", tt.set, err, tt.status)
		}
		if diff := cmp.Diff(tt.told, a.notices()); diff != "" {
			t.Errorf("%s:\n%s", tt.set, diff)
		}
	}
	if got := a.get(`"ram.x"`); got != `[2]` {
		t.Errorf("a set that the subtree refused has changed ram.x: %s", got)
	}
	tree.Unmount("ram.gadget")
	tree.Unmount("ram.gadget")
	if got := a.get(`"ram"`); got != `[null,["ram.x"]]` {
		t.Errorf("after the unmount %s", got)
	}
}

// mirrors begins to show a setting while a change of its own is made.
type mirrors struct{ gadget }

func (m *mirrors) Set([]frame.Member) error { return m.tree.Mirror("ram.z", frame.Int(5)) }

// What a subtree does to the tree holds against the rest of the change.
func TestMountChangesTheTree(t *testing.T) {
	tree := open(t, devtree.Options{})
	a := newApp(t, tree)
	if err := tree.Mount("ram.gadget", &mirrors{gadget{tree: tree}}); err != nil {
		t.Fatal(err)
	}
	if err := a.set(`["ram",{"gadget":{"switch":true},"y":1,"z":1}]`); status(err) != frame.StatusNotPermitted {
		t.Errorf("a mirror was set: %v", err)
	}
	if got := a.get(`["ram.y","ram.z"]`); got != `[{"ram.z":5},[]]` {
		t.Errorf("afterwards: %s", got)
	}
}

type readOnly struct{ g *gadget }

func (r readOnly) Get(path string) (frame.Value, []string, bool) { return r.g.Get(path) }

func TestMountKeepsItsPlace(t *testing.T) {
	tree := open(t, devtree.Options{})
	a := newApp(t, tree)
	if err := tree.Mount("ram.n.gadget", &gadget{tree: tree}); err != nil {
		t.Fatal(err)
	}
	a.mustSet(`["ram.n.x",1]`)
	for _, set := range []string{`["ram.n",5]`, `["ram.n",null]`} {
		if err := a.set(set); status(err) != frame.StatusNotPermitted {
			t.Errorf("%s: %v", set, err)
		}
	}
	a.mustSet(`["ram.n.x"]`)
	if got := a.get(`"ram.n.gadget.switch"`); got != `[false]` {
		t.Errorf("the subtree answers %s", got)
	}
}

func TestPut(t *testing.T) {
	tree := open(t, devtree.Options{})
	a := newApp(t, tree)
	id := a.register(`["update"]`)
	if err := tree.Put("update.swlist.lastupdate", frame.Map(frame.Member{Key: "result", Value: frame.Int(200)}), nil); err != nil {
		t.Fatal(err)
	}
	if got := a.get(`"update.swlist.lastupdate.result"`); got != `[200]` {
		t.Error(got)
	}
	if diff := cmp.Diff([]string{`["` + id + `",{"update.swlist.lastupdate.result":200}]`}, a.notices()); diff != "" {
		t.Error(diff)
	}
	if err := a.set(`["update.swlist.lastupdate.result",1]`); status(err) != -5 || err.Error() != "update subtree is not writable" {
		t.Errorf("a client writes: %v", err)
	}
	if err := tree.Put("nosuch.x", frame.Int(1), nil); status(err) != -5 {
		t.Errorf("a root that is not there: %v", err)
	}
}

func TestMirror(t *testing.T) {
	both(t, func(t *testing.T, o devtree.Options) {
		tree := open(t, o)
		a := newApp(t, tree)
		a.mustSet(`["config.server",{"url":"http://old","serverId":"s"}]`)
		id := a.register(`["config.server"]`)
		if err := tree.Mirror("config.server.url", frame.String("m3da://new")); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{`["` + id + `",{"config.server.url":"m3da://new"}]`}, a.notices()); diff != "" {
			t.Error(diff)
		}
		for _, set := range []string{`["config.server.url","x"]`, `["config.server.url"]`, `["config.server",null]`, `["config.server",5]`, `["config.server.url.x",5]`, `["config",{"server":{"url":1,"serverId":"t"}}]`} {
			if err := a.set(set); status(err) != frame.StatusNotPermitted {
				t.Errorf("%s: %v", set, err)
			}
		}
		a.mustSet(`["config.server.serverId","t"]`)
		if err := tree.Put("config.server.url", frame.String("m3da://newer"), nil); err != nil {
			t.Error(err)
		}
		if got := a.get(`["config.server.url","config.server.serverId"]`); got != `[{"config.server.url":"m3da://newer","config.server.serverId":"t"},[]]` {
			t.Error(got)
		}
		for _, path := range []string{"config.server", "config.server.serverId.x", "config", "", "nosuch.x"} {
			if err := tree.Mirror(path, frame.Int(1)); err == nil {
				t.Errorf("a mirror stands at %q", path)
			}
		}
		a.notices()
		if err := tree.Mirror("config.server.url", frame.Value{}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{`["` + id + `",{"config.server.url":"http://old"}]`}, a.notices()); diff != "" {
			t.Error(diff)
		}
		a.mustSet(`["config.server.url","x"]`)
	})
}

func TestSystem(t *testing.T) {
	tree := open(t, devtree.Options{})
	now := time.Date(2026, 7, 1, 10, 20, 30, 456e6, time.FixedZone("", 3600))
	if err := tree.Mount(devtree.System, devtree.NewSystem(func() time.Time { return now })); err != nil {
		t.Fatal(err)
	}
	a := newApp(t, tree)
	if got := a.get(`["system.date","system.timestamp"]`); got != `[{"system.date":"2026-07-01T09:20:30.456Z","system.timestamp":1782897630},[]]` {
		t.Error(got)
	}
	now = now.Add(time.Second)
	if got := a.get(`"system.timestamp"`); got != `[1782897631]` {
		t.Error(got)
	}
	if got := a.get(`"system"`); !strings.HasPrefix(got, `[null,["system.date",`) || !strings.Contains(got, `"system.network"`) {
		t.Error(got)
	}
	if got := a.get(`"system.network"`); got == `[null,[]]` {
		t.Error("no network interface has an address")
	}
	if err := a.set(`["system.date","x"]`); status(err) != -5 || err.Error() != "system subtree is not writable" {
		t.Errorf("%v", err)
	}
}
