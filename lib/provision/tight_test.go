package provision_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"lander/lib/luaota"
	"lander/lib/luaota/luaotatest"
	"lander/lib/provision"
)

func tightFlash(room int) *luaotatest.Flash {
	f := luaotatest.NewFlash(map[string]string{luaota.ConfigName: `{"app":"main","ssid":"lab","server":"127.0.0.1","port":8266,"secret":"s3cret"}`, "own.txt": "the user's"})
	f.Room = room
	return f
}

// A flash that has no room for the new files beside the old ones gets them all
// the same, one after the other, and the largest over its old self.
func TestTightFlash(t *testing.T) {
	tree := func(v string, big int) map[string]string {
		return map[string]string{
			"default.json": `{"secret":"s3cret","files":["a.txt","big.dat","c.txt","m.lua"],"release":"` + v + `"}`,
			"a.txt":        strings.Repeat(v, 2000), "big.dat": strings.Repeat(v, big), "c.txt": strings.Repeat(v, 1500), "m.lua": "return '" + v + "'",
		}
	}
	for name, c := range map[string]struct {
		room, big int
		warned    bool
	}{
		"room for all":           {40000, 9000, false},
		"room for the largest":   {23800, 9000, true},
		"room for the small":     {16500, 9000, true},
		"the largest grows":      {16500, 9400, true},
		"the largest is smaller": {16500, 5000, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, tree("1", 9000), nil)
			f := tightFlash(c.room)
			if n := r.settle(7, f); n != 1 {
				t.Fatalf("%d boots for the first release", n)
			}
			next := tree("2", c.big)
			r.retree(next, nil)
			r.settle(7, f)
			files := f.Files()
			for n, text := range next {
				if n == "default.json" || n == "m.lua" {
					continue
				}
				if files[n] != text {
					t.Errorf("%s has %d bytes, not %d", n, len(files[n]), len(text))
				}
			}
			if files["own.txt"] == "" || !strings.Contains(files["m.lc"], "'2'") {
				t.Errorf("files %v", maps.Keys(files))
			}
			if got := strings.Contains(r.log.String(), "no room for the new files beside the old"); got != c.warned {
				t.Errorf("warned %v\n%s", got, tail(r.log.String()))
			}
			if d := r.device(7); d.Tight != nil || d.Result != provision.ResultCurrent {
				t.Errorf("%+v", d)
			}
		})
	}
}

// What does not fit at all stays away: the old files stay whole, one line says
// what is missing, and it is not sent again at each visit.
func TestTooLarge(t *testing.T) {
	for name, c := range map[string]struct {
		path, want string
	}{
		"an application's": {"big.dat", "big.dat needs 5000 bytes more than its old content"},
		"the client's own": {"luaOTA/_init.lua", "is not written over"},
	} {
		t.Run(name, func(t *testing.T) {
			tree := func(v string, n int) map[string]string {
				return map[string]string{
					"default.json": `{"secret":"s3cret","files":[{"path":"` + c.path + `","mode":"raw"},"c.txt"],"release":"` + v + `"}`,
					c.path:         strings.Repeat(v, n), "c.txt": v,
				}
			}
			r := newRig(t, tree("1", 9000), nil)
			f := tightFlash(12000)
			r.settle(7, f)
			old := f.Files()[c.path]
			r.retree(tree("2", 14000), nil)
			if e, err := r.boot(7, f, nil); err != nil || e.Reboot {
				t.Fatalf("%+v, %v", e, err)
			}
			d := r.device(7)
			if d.Result != provision.ResultFailed || !strings.Contains(d.Reason, c.want) || strings.Contains(d.Reason, "\n") {
				t.Errorf("%s: %s", d.Result, d.Reason)
			}
			for range 3 {
				before := r.device(7).Bytes
				e, err := r.boot(7, f, nil)
				if err != nil || e.Message != luaota.MessageOK {
					t.Fatalf("%+v, %v", e, err)
				}
				if d := r.device(7); d.Bytes-before > 200 || d.Result != provision.ResultHeld || !strings.Contains(d.Reason, c.want) {
					t.Errorf("%d bytes again, %s: %s", d.Bytes-before, d.Result, d.Reason)
				}
			}
			if f.Files()[c.path] != old {
				t.Error("the old file is gone")
			}
			// Somebody made room: it is tried again after a while.
			f.Room = 0
			r.clock.add(2 * time.Hour)
			r.settle(7, f)
			if len(f.Files()[c.path]) != 14000 {
				t.Error("not updated when there is room")
			}
			// Another release is tried at once.
			f.Room = 15000
			r.retree(tree("3", 16000), nil)
			r.boot(7, f, nil)
			r.retree(tree("4", 100), nil)
			r.settle(7, f)
			if len(f.Files()[c.path]) != 100 {
				t.Error("a release that fits was not sent")
			}
		})
	}
}

// Our client, run by real Lua, on a flash without room.
func TestOurClientTight(t *testing.T) {
	luaotatest.NeedLua(t, "lua5.1", interop())
	r := newRig(t, appTree("1"), nil)
	flash := board("s3cret")
	luaotatest.Install(flash)
	b := newBoard(r, 7, flash)
	bootAll(t, b)
	for _, text := range flash.Files() {
		flash.Room += len(text)
	}
	flash.Room += 1800
	r.retree(appTree("2"), nil)
	b.Dial = newBoard(r, 7, flash).Dial
	if _, e := bootAll(t, b); e.Printed[0] != "app 2 2 "+luaota.MessageOK {
		t.Fatalf("%+v\n%s", e, tail(r.log.String()))
	}
	files := flash.Files()
	if _, there := files["gone1.txt"]; there || files["big.dat"] != strings.Repeat("2", 3000) {
		t.Error("the flash is not the release's")
	}
	if !strings.Contains(r.log.String(), "written over its old content") || !r.device(7).Strong {
		t.Errorf("not over its old content\n%s", tail(r.log.String()))
	}
}

// Wherever the power fails, the board comes back and gets the release.
func TestTightPowerCut(t *testing.T) {
	tree := func(v string) map[string]string {
		return map[string]string{
			"default.json": `{"secret":"s3cret","files":["a.txt","big.dat","c.txt"],"release":"` + v + `"}`,
			"a.txt":        strings.Repeat(v, 300), "big.dat": strings.Repeat(v, 2000), "c.txt": strings.Repeat(v, 200),
		}
	}
	for n := 1; ; n++ {
		r := newRig(t, tree("1"), nil)
		f := tightFlash(3600)
		r.settle(7, f)
		r.retree(tree("2"), nil)
		f.CutAfter(n)
		r.boot(7, f, nil)
		cutAt := f.Changes()
		f.CutAfter(0)
		r.settle(7, f)
		for name, text := range tree("2") {
			if name != "default.json" && f.Files()[name] != text {
				t.Errorf("cut at %d: %s is wrong", n, name)
			}
		}
		r.stop()
		if cutAt < n {
			if n < 8 {
				t.Errorf("%d changes only", cutAt)
			}
			return
		}
	}
}
