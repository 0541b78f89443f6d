package provision_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"lander/lib/luaota"
	"lander/lib/luaota/luaotatest"
	"lander/lib/provision"
)

func small(v string) map[string]string {
	return map[string]string{"default.json": `{` + secretLine + `,"release":"` + v + `","files":["a.txt"]}`, "a.txt": "content " + v}
}

// A share of the boards gets a release, always the same ones.
func TestPercent(t *testing.T) {
	r := newRig(t, small("1"), func(o *provision.Options) { o.Percent = 30 })
	updated := func() (ids []int64) {
		for id := int64(1); id <= 100; id++ {
			flash := board("s3cret")
			if r.settle(id, flash) == 1 {
				ids = append(ids, id)
			}
		}
		return ids
	}
	first := updated()
	if len(first) < 15 || len(first) > 45 {
		t.Errorf("%d of 100 boards", len(first))
	}
	if again := updated(); fmt.Sprint(again) != fmt.Sprint(first) {
		t.Errorf("%v, then %v", first, again)
	}
	if !strings.Contains(r.device(first[0]).Result, "current") {
		t.Errorf("%+v", r.device(first[0]))
	}
}

// A release that fails on too many boards is halted, also after a restart.
func TestMaxFailures(t *testing.T) {
	tree := map[string]string{"default.json": `{` + secretLine + `,"files":["main.lua"]}`, "main.lua": "return 1\n"}
	limit := func(o *provision.Options) { o.MaxFailures = 2 }
	r := newRig(t, tree, limit)
	for id := int64(1); id <= 2; id++ {
		flash := board("s3cret")
		flash.Code = func(string, []byte) ([]byte, error) { return nil, errors.New("main.lua:1: no") }
		r.boot(id, flash, nil)
	}
	r.wait(provision.EventDone, 2)
	good := board("s3cret")
	if n := r.settle(3, good); n != 0 {
		t.Error("the third board got it")
	}
	r.retree(nil, limit)
	if n := r.settle(3, good); n != 0 {
		t.Error("the third board got it after a restart of the service")
	}
	if d := r.device(3); d.Result != provision.ResultHeld || !strings.Contains(d.Reason, "halted") {
		t.Errorf("%+v", d)
	}
	if d := r.device(1); d.Result != provision.ResultFailed || !strings.Contains(d.Reason, "no") {
		t.Errorf("%+v", d)
	}
}

func TestRate(t *testing.T) {
	r := newRig(t, small("1"), func(o *provision.Options) { o.Rate = 2 })
	got := []int{}
	for id := int64(1); id <= 3; id++ {
		got = append(got, r.settle(id, board("s3cret")))
	}
	r.clock.add(31 * time.Second)
	got = append(got, r.settle(4, board("s3cret")), r.settle(5, board("s3cret")))
	// A clock that goes back costs nothing.
	r.clock.add(-time.Hour)
	got = append(got, r.settle(6, board("s3cret")))
	r.clock.add(31 * time.Second)
	got = append(got, r.settle(7, board("s3cret")))
	if fmt.Sprint(got) != "[1 1 0 1 0 0 1]" {
		t.Errorf("boots %v", got)
	}
}

func TestGroups(t *testing.T) {
	tree := small("1")
	tree["lander.json"] = `{"groups":{"lab":["1"]}}`
	r := newRig(t, tree, func(o *provision.Options) { o.Groups = []string{"lab"} })
	if a, b := r.settle(1, board("s3cret")), r.settle(2, board("s3cret")); a != 1 || b != 0 {
		t.Errorf("boots %d and %d", a, b)
	}
}

// A plan says hold where the service would: of a board that the options, the
// store or the release keep from it.
func TestPlansHold(t *testing.T) {
	r := newRig(t, map[string]string{
		"default.json": `{` + secretLine + `,"release":"1","files":["main.lua"]}`, "main.lua": "return 1\n", "lander.json": `{"groups":{"lab":["1","2"]}}`,
	}, func(o *provision.Options) { o.Percent = 0 })
	for id := int64(1); id <= 3; id++ {
		r.settle(id, board("s3cret"))
	}
	base := provision.Options{Store: r.store, Percent: 100}
	plans := func(change func(*provision.Options)) (out []string) {
		t.Helper()
		o := base
		if change != nil {
			change(&o)
		}
		all, err := provision.Plans(t.Context(), r.svc.Tree(), o)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range all {
			if (p.Action == provision.ActionHold) != (p.Reason != "" && len(p.Steps) == 0 && p.Release == "1") {
				t.Errorf("%+v", p)
			}
			out = append(out, p.Action)
		}
		return out
	}
	for _, c := range []struct {
		name   string
		change func(*provision.Options)
		want   string
	}{
		{"nothing holds", nil, "[update update update]"},
		{"percent", func(o *provision.Options) { o.Percent = 0 }, "[hold hold hold]"},
		{"groups", func(o *provision.Options) { o.Groups = []string{"lab"} }, "[update update hold]"},
	} {
		if got := fmt.Sprint(plans(c.change)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	r.assign("3", "1", "somebody")
	if got := fmt.Sprint(plans(func(o *provision.Options) { o.Groups, o.Percent = []string{"lab"}, 0 })); got != "[hold hold update]" {
		t.Errorf("assigned: %s", got)
	}
	bad := board("s3cret")
	bad.Code = func(string, []byte) ([]byte, error) { return nil, errors.New("main.lua:1: no") }
	r.stop()
	r.start(nil)
	r.boot(3, bad, nil)
	if got := fmt.Sprint(plans(func(o *provision.Options) { o.MaxFailures = 1 })); got != "[hold hold hold]" {
		t.Errorf("halted: %s", got)
	}
	if was, err := r.inventory().Withdraw(t.Context(), "3", ""); !was || err != nil {
		t.Errorf("withdrawing: %t, %v", was, err)
	}
	r.retree(map[string]string{"default.json": `{` + secretLine + `,"release":"1","files":[],"strict":true}`}, nil)
	if got := fmt.Sprint(plans(nil)); got != "[hold hold hold]" {
		t.Errorf("strict: %s", got)
	}
}

// A board that boots again and again with a new release gets the one before back,
// and the next release all the same.
func TestUnhealthyGoesBack(t *testing.T) {
	r := newRig(t, small("1"), nil)
	flash := board("s3cret")
	r.settle(7, flash)
	r.clock.add(time.Hour)
	r.settle(7, flash)
	r.retree(small("2"), nil)
	r.settle(7, flash) // the first HI with 2
	same(t, flash, map[string]string{"a.txt": "content 2"})
	r.settle(7, flash)
	if n := r.settle(7, flash); n != 1 { // the third within ten minutes
		t.Errorf("%d boots", n)
	}
	same(t, flash, map[string]string{"a.txt": "content 1"})
	for range 5 {
		if n := r.settle(7, flash); n != 0 {
			t.Error("the bad release came again")
		}
	}
	if d := r.device(7); d.Release != "1" || len(d.Bad) != 1 || d.Result != provision.ResultCurrent || d.Reason != "" {
		t.Errorf("%+v", d)
	}
	r.retree(small("3"), nil)
	r.settle(7, flash)
	same(t, flash, map[string]string{"a.txt": "content 3"})
}

func TestHealthyStays(t *testing.T) {
	r := newRig(t, small("1"), nil)
	flash := board("s3cret")
	r.settle(7, flash)
	r.retree(small("2"), nil)
	for range 6 {
		r.settle(7, flash)
		r.clock.add(6 * time.Minute)
	}
	same(t, flash, map[string]string{"a.txt": "content 2"})
}

// A board whose record is lost, or that shows a fingerprint of nobody, is brought
// up to the release.
func TestUnknownFingerprint(t *testing.T) {
	r := newRig(t, small("1"), nil)
	flash := board("s3cret")
	flash.Put(luaota.ConfigName, `{"server":"x","ssid":"s","chk":"0123456789abcdef","files":{"old.txt":"aaaaaar"},"secret":"s3cret"}`)
	flash.Put("old.txt", "old")
	r.settle(7, flash)
	same(t, flash, map[string]string{"a.txt": "content 1"})
}

// A secret is rotated: the board that signs with the old one gets the new one,
// and keeps the rest of its configuration.
func TestSecretRotation(t *testing.T) {
	r := newRig(t, small("1"), nil)
	flash := board("s3cret")
	r.settle(7, flash)
	r.retree(map[string]string{"default.json": `{"secret":"newer","old_secrets":["s3cret"],"release":"1","files":["a.txt"],"config":{"server":"ota.example","leave":true,"port":null}}`}, nil)
	e, err := r.boot(7, flash, nil)
	if err != nil || e.Reboot || e.Message != luaota.MessageClosed {
		t.Fatalf("%+v, %v", e, err)
	}
	conf := flash.Files()[luaota.ConfigName]
	for _, want := range []string{`"secret":"newer"`, `"server":"ota.example"`, `"leave":true`, `"spwd":"w1fi-geheim"`} {
		if !strings.Contains(conf, want) {
			t.Errorf("no %s in %s", want, conf)
		}
	}
	if strings.Contains(conf, `"port"`) {
		t.Errorf("the port is still in %s", conf)
	}
	if n := r.settle(7, flash); n != 0 {
		t.Errorf("%d boots", n)
	}
	// Who has neither secret is told nothing.
	stranger := board("wrong")
	e, err = r.boot(8, stranger, nil)
	if err != nil || e.Message != luaota.MessageClosed {
		t.Errorf("%+v, %v", e, err)
	}
	same(t, stranger, nil)
}

// What the original's server left is taken over: equal time and size is equal
// content, and nothing at all is sent where nothing changed.
func TestMigration(t *testing.T) {
	tree := map[string]string{
		"default.json": `{` + secretLine + `,"files":["main.lua","seven.lua","a.dat","www.html"]}`,
		"main.lua":     "return 1\n", "seven.lua": "return 7\n", "a.dat": "data", "www.html": "<p>",
	}
	config := func(chk string) string {
		return `{"app":"main","ssid":"lab","spwd":"w","server":"x","chk":"` + chk + `","files":{"a.dat":1700000000,"main.lua":1700000000,"www.html":1700000000,"seven.lua":1700000000},"secret":"s3cret"}`
	}
	r := newRig(t, tree, nil)
	flash := luaotatest.NewFlash(map[string]string{
		"main.lc": "x", "seven.lc": "y", "a.dat": "data", "www.html": "<p>", luaota.ConfigName: config("ad062fe91ef58d731c87f6bb6b651cb0"),
	})
	if n := r.settle(7, flash); n != 0 {
		t.Errorf("%d boots where nothing changed", n)
	}
	// One more file, one of another size, one dropped.
	tree["default.json"] = `{` + secretLine + `,"files":["main.lua","a.dat","www.html","new.txt"]}`
	tree["new.txt"], tree["www.html"] = "new", "<p>longer"
	r.retree(tree, nil)
	r.settle(7, flash)
	same(t, flash, map[string]string{"main.lc": "x", "a.dat": "data", "www.html": "<p>longer", "new.txt": "new"})
	sent := map[string]bool{}
	for _, e := range r.eventsOf(provision.EventFile) {
		sent[e.Name] = true
	}
	if len(sent) != 2 || !sent["new.txt"] || !sent["www.html"] {
		t.Errorf("sent %v", sent)
	}
}

// An update that does not fit the board's 30 seconds is spread over boots, and
// only the last one changes what the board runs.
func TestSpreadOverBoots(t *testing.T) {
	tree := map[string]string{"default.json": `{` + secretLine + `,"files":["a.dat","b.dat","c.dat","d.dat"]}`}
	for _, n := range []string{"a", "b", "c", "d"} {
		tree[n+".dat"] = strings.Repeat(n, 9*1024)
	}
	r := newRig(t, tree, nil)
	flash := board("s3cret")
	boots := 0
	for ; boots < 10; boots++ {
		e, err := r.boot(7, flash, func(d *luaota.Device) { d.Think, d.Wait, d.Now = time.Second, r.clock.add, r.clock.now })
		if err != nil {
			t.Fatal(err)
		}
		if !e.Reboot {
			break
		}
		files := flash.Files()
		_, a := files["a.dat"]
		_, d := files["d.dat"]
		if a != d {
			t.Errorf("boot %d: half of the release is in place", boots)
		}
	}
	if boots < 2 || boots > 4 {
		t.Errorf("%d boots", boots)
	}
	delete(tree, "default.json")
	same(t, flash, tree)
	if n := len(r.eventsOf(provision.EventFile)); n != 4 {
		t.Errorf("%d files were sent", n)
	}
}

// brokenOff is a board whose session is cut while the last of three files is
// sent, and the tree.
func brokenOff(t *testing.T) (r *rig, flash *luaotatest.Flash, tree map[string]string) {
	t.Helper()
	tree = map[string]string{"default.json": `{` + secretLine + `,"files":["a.dat","b.dat","c.dat"]}`}
	for _, n := range []string{"a", "b", "c"} {
		tree[n+".dat"] = strings.Repeat(n, 3000)
	}
	r = newRig(t, tree, nil)
	flash = board("s3cret")
	d, err := luaotatest.Boot(7, flash)
	if err != nil {
		t.Fatal(err)
	}
	d.Run(&cutConn{r.dial(), 7500, -1, nil, nil})
	r.wait(provision.EventDone, 1)
	return r, flash, tree
}

// What arrived before a cut is not sent again.
func TestResume(t *testing.T) {
	r, flash, tree := brokenOff(t)
	r.settle(7, flash)
	delete(tree, "default.json")
	same(t, flash, tree)
	if n := len(r.eventsOf(provision.EventFile)); n != 3 {
		t.Errorf("%d files were sent", n)
	}
}

func TestCollect(t *testing.T) {
	got := map[string]string{}
	r := newRig(t, map[string]string{"default.json": `{` + secretLine + `,"files":["a.txt"],"collect":["crash.log","none.log"]}`, "a.txt": "x"}, func(o *provision.Options) {
		o.Collect = func(device, name string, content []byte) error { got[device+" "+name] = string(content); return nil }
	})
	flash := board("s3cret")
	log := strings.Repeat("crash\n", 500)
	flash.Put("crash.log", log)
	r.settle(7, flash)
	if len(got) != 1 || got["7 crash.log"] != log {
		t.Errorf("%q", got)
	}
	if r.device(7).Collected == nil {
		t.Error("the record does not say so")
	}
}

func TestStrictReleases(t *testing.T) {
	r := newRig(t, map[string]string{"default.json": `{` + secretLine + `,"strict":true,"files":["a.txt"]}`, "a.txt": "x"}, nil)
	flash := board("s3cret")
	if n := r.settle(7, flash); n != 0 {
		t.Error("a board that speaks plainly was served")
	}
	e, err := r.boot(7, flash, func(d *luaota.Device) { d.Nonce, d.Strict = strings.Repeat("ab", 16), true })
	if err != nil || !e.Reboot {
		t.Errorf("%+v, %v", e, err)
	}
}

// Sizes that brick a board with the original client are never reached.
func TestManyFilesAndLongConfigurations(t *testing.T) {
	tree, names := map[string]string{}, []string{}
	for i := range 70 {
		n := fmt.Sprintf("file-%02d-with-a-long-name.txt", i)
		tree[n] = "x"
		names = append(names, `"`+n+`"`)
	}
	tree["default.json"] = `{` + secretLine + `,"files":[` + strings.Join(names, ",") + `]}`
	r := newRig(t, tree, nil)
	flash := board("s3cret")
	if n := r.settle(7, flash); n != 1 {
		t.Errorf("%d boots", n)
	}
	if c := flash.Files()[luaota.ConfigName]; len(c) > 1024 || !strings.Contains(c, `"chk"`) {
		t.Errorf("config.json has %d bytes", len(c))
	}
	delete(tree, "default.json")
	same(t, flash, tree)
	whole := luaotatest.NewFlash(map[string]string{
		luaota.ConfigName: `{"ssid":"s","server":"x","note":["0.1, -1e5, 0.25",` + strings.Repeat("8266,", 150) + `1],"secret":"s3cret"}`,
	})
	if n := r.settle(9, whole); n != 1 {
		t.Errorf("whole numbers: %d boots", n)
	}
	for name, config := range map[string]string{
		"long":      `{"ssid":"s","server":"x","note":"` + strings.Repeat("n", 960) + `","secret":"s3cret"}`,
		"fractions": `{"ssid":"s","server":"x","note":{"a":[` + strings.Repeat("0.1,", 50) + `1]},"secret":"s3cret"}`, // it writes 19 digits
		"backslash": `{"ssid":"a\\b","server":"x","secret":"s3cret"}`,
	} {
		flash := luaotatest.NewFlash(map[string]string{luaota.ConfigName: config})
		if n := r.settle(8, flash); n != 0 {
			t.Errorf("%s: %d boots", name, n)
		}
		same(t, flash, nil)
		if d := r.device(8); d.Result != provision.ResultHeld || !strings.Contains(d.Reason, "configuration") {
			t.Errorf("%s: %+v", name, d)
		}
	}
}
