package provision_test

import (
	"strings"
	"testing"

	"lander/lib/luaota"
	"lander/lib/provision"
)

const secretLine = `"secret":"s3cret"`

func TestFirstUpdateAndNone(t *testing.T) {
	big := strings.Repeat("0123456789", 500)
	r := newRig(t, map[string]string{
		"default.json": `{` + secretLine + `, "release":"1.0", "files":["main.lua","a.dat","www/x.html","empty.txt",{"path":"start.lua","name":"init.lua","mode":"source"}]}`,
		"main.lua":     "return 1\n", "a.dat": big, "www/x.html": "<p>", "empty.txt": "", "start.lua": "require 'luaOTA.check'\n",
	}, nil)
	flash := board("s3cret")
	if n := r.settle(7, flash); n != 1 {
		t.Errorf("%d boots", n)
	}
	same(t, flash, map[string]string{"main.lc": lc + "return 1\n", "a.dat": big, "www/x.html": "<p>", "empty.txt": "", "init.lua": "require 'luaOTA.check'\n"})
	conf := flash.Files()[luaota.ConfigName]
	if !strings.Contains(conf, `"spwd":"w1fi-geheim"`) || !strings.Contains(conf, `"secret":"s3cret"`) || strings.Contains(conf, `"id"`) {
		t.Errorf("config.json %s", conf)
	}
	r.wait(provision.EventSession, 1)
	d := r.device(7)
	if d.Release != "1.0" || d.Chk == "" || d.Result != provision.ResultCurrent || d.Pending != nil {
		t.Errorf("%+v", d)
	}
	if log := r.log.String(); strings.Contains(log, "geheim") || strings.Contains(log, "s3cret") {
		t.Errorf("a secret is in the log: %s", log)
	}
}

// Only what changed is sent; what a release drops goes; nothing waits behind.
func TestSecondUpdate(t *testing.T) {
	tree := map[string]string{
		"default.json": `{` + secretLine + `,"release":"1","files":["a.txt","b.txt","c.lua"]}`,
		"a.txt":        "a1", "b.txt": "b1", "c.lua": "return 1",
	}
	r := newRig(t, tree, nil)
	flash := board("s3cret")
	flash.Put("stray.txt", "x")
	r.settle(7, flash)
	r.retree(map[string]string{
		"default.json": `{` + secretLine + `,"release":"2","files":["a.txt","d.txt"],"delete":["stray.txt"]}`,
		"a.txt":        "a2", "d.txt": "d2",
	}, nil)
	if n := r.settle(7, flash); n != 1 {
		t.Errorf("%d boots", n)
	}
	same(t, flash, map[string]string{"a.txt": "a2", "d.txt": "d2"})
	// Deletion alone.
	r.retree(map[string]string{"default.json": `{` + secretLine + `,"release":"3","files":["a.txt"]}`}, nil)
	r.settle(7, flash)
	same(t, flash, map[string]string{"a.txt": "a2", "~": ""})
	for _, e := range r.eventsOf(provision.EventFile) {
		if e.Name == "a.txt" && e.Bytes != 2 {
			t.Errorf("%+v", e)
		}
	}
}

func TestBrokenReleaseNeverReachesABoard(t *testing.T) {
	r := newRig(t, map[string]string{
		"default.json": `{` + secretLine + `,"files":["ok.txt","bad.lua"]}`, "ok.txt": "x", "bad.lua": "x = = 1\n",
	}, nil)
	flash := board("s3cret")
	if n := r.settle(7, flash); n != 0 {
		t.Errorf("%d boots", n)
	}
	same(t, flash, nil)
	if !strings.Contains(r.log.String(), "bad.lua") || !strings.Contains(r.log.String(), "broken") {
		t.Errorf("log %s", r.log.String())
	}
}
