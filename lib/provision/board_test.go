package provision_test

import (
	"net"
	"os"
	"strings"
	"testing"

	"lander/lib/luaota"
	"lander/lib/luaota/luaotatest"
)

func newBoard(r *rig, id int64, flash *luaotatest.Flash) *luaotatest.Board {
	return &luaotatest.Board{ID: id, Flash: flash, Dial: func(string, string) (net.Conn, error) { return net.Dial("tcp", r.addr) }, Scale: 1}
}

// bootAll boots until the application runs, and returns the reboots and the end.
func bootAll(t testing.TB, b *luaotatest.Board) (int, luaotatest.BoardEnd) {
	t.Helper()
	for n := range 12 {
		e, err := b.Boot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		switch e.How {
		case "reboot":
			continue
		case "idle":
			return n, e
		}
		t.Fatalf("boot %d ended with %s: %s", n, e.How, e.Text)
	}
	t.Fatal("it boots for ever")
	return 0, luaotatest.BoardEnd{}
}

func app(version string) string {
	return "return {entry = function(why) print('app " + version + " ' .. require('part') .. ' ' .. why) end}\n"
}

func appTree(version string) map[string]string {
	return map[string]string{
		"default.json": `{` + secretLine + `,"release":"` + version + `","files":["main.lua","part.lua","big.dat","gone` + version + `.txt"]}`,
		"main.lua":     app(version), "part.lua": "return '" + version + "'\n", "big.dat": strings.Repeat(version, 3000), "gone" + version + ".txt": version,
	}
}

func interop() bool { return os.Getenv("LANDER_INTEROP") == "1" }

// Our client, run by real Lua 5.1: first update, second with deletion, none.
func TestOurClient(t *testing.T) {
	luaotatest.NeedLua(t, "lua5.1", interop())
	r := newRig(t, appTree("1"), nil)
	flash := board("s3cret")
	luaotatest.Install(flash)
	b := newBoard(r, 7, flash)
	n, e := bootAll(t, b)
	if n != 2 || len(e.Printed) != 1 || e.Printed[0] != "app 1 1 "+luaota.MessageOK {
		t.Fatalf("%d reboots, %+v\n%s", n, e, r.log)
	}
	if d := r.device(7); !d.Strong || d.Release != "1" {
		t.Errorf("%+v", d)
	}
	r.retree(appTree("2"), nil)
	b.Dial = newBoard(r, 7, flash).Dial
	n, e = bootAll(t, b)
	if n != 2 || e.Printed[0] != "app 2 2 "+luaota.MessageOK {
		t.Fatalf("%d reboots, %+v", n, e)
	}
	files := flash.Files()
	if _, there := files["gone1.txt"]; there || files["big.dat"] != strings.Repeat("2", 3000) || files["gone2.txt"] != "2" {
		t.Error("the flash is not the release's")
	}
	for name := range files {
		if strings.Contains(name, "~") || name == "luaOTA/todo" {
			t.Errorf("%s is left", name)
		}
	}
	if _, e = bootAll(t, b); e.Left != "package.loaded.main package.loaded.part" {
		t.Errorf("left %q, heap %d", e.Left, e.Heap)
	}
}

// Wherever the power fails while our client is given a new secret, the board
// finds a configuration at its next boot, and has the new one in the end.
func TestOurClientRotates(t *testing.T) {
	luaotatest.NeedLua(t, "lua5.1", interop())
	r := newRig(t, appTree("1"), nil)
	files, _ := ourBoard(t, r, 7)
	rotate := appTree("1")
	rotate["default.json"] = strings.Replace(rotate["default.json"], secretLine, `"secret":"newer","old_secrets":["s3cret"]`, 1)
	r.retree(rotate, nil)
	for n := 1; ; n++ {
		id := int64(1000 + n)
		r.copyDevice(7, id)
		flash := luaotatest.NewFlash(files)
		b := newBoard(r, id, flash)
		flash.CutAfter(n)
		if _, err := b.Boot(t.Context()); err != nil {
			t.Fatal(err)
		}
		done := flash.Changes() < n
		flash.CutAfter(0)
		if _, e := bootAll(t, b); !strings.HasPrefix(e.Printed[0], "app 1 1 ") || strings.Contains(e.Printed[0], "Invalid") {
			t.Errorf("cut at change %d: %q", n, e.Printed)
		}
		_, e := bootAll(t, b)
		conf := flash.Files()[luaota.ConfigName]
		if e.Printed[0] != "app 1 1 "+luaota.MessageOK || !strings.Contains(conf, `"newer"`) {
			t.Errorf("cut at change %d: in the end %q with %q", n, e.Printed, conf)
		}
		if done {
			if n < 5 {
				t.Errorf("%d changes only", n)
			}
			return
		}
	}
}
