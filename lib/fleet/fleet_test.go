//go:build unix

package fleet_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"lander/lib/agent"
	"lander/lib/emp"
	"lander/lib/emp/frame"
	"lander/lib/fleet"
	"lander/lib/journal"
	"lander/lib/link"
	"lander/lib/m3da"
	"lander/lib/sovd"
	"lander/lib/trust"
)

func (d *device) call(c frame.Command, payload string) {
	d.g.t.Helper()
	conn, err := link.Dial(d.g.t.Context(), d.addr, link.Options{})
	if err != nil {
		d.g.t.Fatal(err)
	}
	p := emp.NewPeer(conn, emp.Options{})
	d.g.t.Cleanup(func() { p.Close(); <-p.Done() })
	if r, err := p.Call(d.g.t.Context(), c, []byte(payload)); err != nil || r.Status != 0 {
		d.g.t.Fatalf("%s %s: %v %v", c, payload, r, err)
	}
}

// An agent is a component, what it hosts are apps, and a script that is
// uploaded there runs there.
func TestScriptOnAgent(t *testing.T) {
	g := newRig(t, nil)
	d := g.agent("gw-1", nil, nil)
	g.online("gw-1", true)
	d.call(frame.CmdRegister, `"house"`)
	g.until("the asset", func() bool { return g.fleet.Entity("gw-1--house") != nil })
	c := g.get("/components/gw-1")
	if text(c, "x-lander", "version") != "1.2.3" || text(c, "x-lander", "online") != "true" || text(c, "tags") != "[north]" {
		t.Errorf("component: %v", c)
	}
	if a := g.get("/components/gw-1/hosts"); len(a["items"].([]any)) != 1 {
		t.Errorf("hosts: %v", a)
	}

	script := g.upload("components/gw-1", "job.lua", g.sign(`print("hello " .. tostring(args and args.who))`, "lua", 1))
	x := g.do("POST", "/components/gw-1/scripts/"+script+"/executions", "", []byte(`{"execution_type":"now","parameters":{"who":"you"}}`), 202)
	path := "/components/gw-1/scripts/" + script + "/executions/" + x["id"].(string)
	end := g.final(path)
	if end["status"] != "completed" || text(end, "parameters", "stdout") != "hello you\n" || text(end, "parameters", "exit_code") != "0" {
		t.Errorf("execution: %v", end)
	}
	// Both journals have it, under one name.
	id := x["id"].(string)
	g.until("the line about its end", func() bool { return len(g.journalled(id)) == 2 })
	l := g.journalled(id)
	slices.SortFunc(l, func(a, b journal.Line) int { return -strings.Compare(a.Action, b.Action) }) // the end may be quicker
	if l[0].Action != "start" || l[0].SHA256 == "" || l[1].Action != "run" || l[1].Outcome != "completed" || l[1].Ticket != id || l[1].SHA256 != l[0].SHA256 {
		t.Errorf("the gateway's journal: %+v", l)
	}
	if l := journalled(t, d.dir, id); len(l) != 1 || l[0].Action != "run" || l[0].Ticket != id || l[0].Outcome != "completed" {
		t.Errorf("the agent's journal: %+v", l)
	}

	bad := g.upload("components/gw-1", "bad.lua", g.sign("error('no')", "lua", 2))
	end = g.final(g.begin("components/gw-1", bad))
	if end["status"] != "failed" || !strings.HasSuffix(text(end, "error", "message"), ":1: no") {
		t.Errorf("a script that throws: %v", end)
	}
	other, err := trust.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	ours := g.key
	g.key = other
	strange := g.upload("components/gw-1", "x.lua", g.sign("print(1)", "lua", 3))
	g.key = ours
	if end = g.final(g.begin("components/gw-1", strange)); end["status"] != "failed" || text(end, "x-lander", "code") != "signature" {
		t.Errorf("a key that the agent does not know: %v", end)
	}
	// A bare script goes with its MD5, for those who take that.
	bare := g.upload("components/gw-1", "bare.lua", []byte("print('bare')"))
	if end = g.final(g.begin("components/gw-1", bare)); end["status"] != "completed" || text(end, "parameters", "stdout") != "bare\n" {
		t.Errorf("a bare script: %v", end)
	}
	sh := g.upload("components/gw-1", "bare.sh", []byte("echo"))
	g.do("POST", "/components/gw-1/scripts/"+sh+"/executions", "", []byte(`{"execution_type":"now"}`), 400)
}

// Devices prove who they are, in each mode; others stay out.
func TestCredentials(t *testing.T) {
	list := map[string]fleet.Credentials{"plain": {}, "md5": {Auth: "hmac-md5", Password: []byte("a")}, "full": {Auth: "hmac-sha1", Cipher: "aes-ctr-256", Password: []byte("b")}, "wrong": {Auth: "hmac-sha1", Password: []byte("c")}}
	g := newRig(t, func(o *fleet.Options) { o.Devices = list })
	side := func(id, password string) m3da.Keys {
		k, err := trust.NewM3DASecret([]byte(password)).Keys(m3da.DefaultServerID, id, list[id].Auth, list[id].Cipher)
		if err != nil {
			t.Fatal(err)
		}
		return k.Side(trust.M3DADevice)
	}
	g.agent("plain", nil, nil)
	g.agent("md5", side("md5", "a"), nil)
	g.agent("full", side("full", "b"), nil)
	g.agent("wrong", side("wrong", "x"), nil)
	g.agent("stranger", nil, nil)
	for i, id := range []string{"plain", "md5", "full"} {
		g.online(id, true)
		script := g.upload("components/"+id, "job.lua", g.sign("print('"+id+"')", "lua", int64(i)))
		if end := g.final(g.begin("components/"+id, script)); text(end, "parameters", "stdout") != id+"\n" {
			t.Errorf("%s: %v", id, end)
		}
	}
	if e := g.fleet.Entity("wrong"); e == nil || *e.Online || e.Detail["last_seen"] == nil {
		t.Errorf("wrong: %+v", e)
	}
	if e := g.fleet.Entity("stranger"); e != nil {
		t.Errorf("stranger: %+v", e)
	}
}

// What waits for a device is prepared, survives the gateway, and is delivered
// when the device comes.
func TestOfflineQueue(t *testing.T) {
	g := newRig(t, nil)
	d := g.agent("gw-1", nil, nil)
	g.until("the description", func() bool { e := g.fleet.Entity("gw-1"); return e != nil && e.Detail["version"] == "1.2.3" })
	d.stop()
	g.online("gw-1", false)
	mark := filepath.Join(t.TempDir(), "ran")
	script := g.upload("components/gw-1", "job.sh", g.sign("echo run >> "+mark, "sh", 1))
	one, two := g.begin("components/gw-1", script), g.begin("components/gw-1", script)
	if x := g.get(one); x["status"] != "prepared" {
		t.Errorf("while the device is away: %v", x)
	}
	if x := g.do("PUT", two, "", []byte(`{"action":"stop"}`), 200); x["status"] != "terminated" {
		t.Errorf("stopped before it was sent: %v", x)
	}
	g.restart()
	if x := g.get(one); x["status"] != "prepared" {
		t.Errorf("after the restart: %v", x)
	}
	if e := g.fleet.Entity("gw-1"); e == nil || *e.Online || e.Detail["version"] != "1.2.3" {
		t.Errorf("the device after the restart: %+v", e)
	}
	d.start()
	if x := g.final(one); x["status"] != "completed" {
		t.Errorf("delivered: %v", x)
	}
	if b, err := os.ReadFile(mark); err != nil || string(b) != "run\n" {
		t.Errorf("it ran: %q %v", b, err)
	}
	if x := g.get(two); x["status"] != "terminated" {
		t.Errorf("the other: %v", x)
	}
}

// What waits for a device of ours that has never been there reaches it, though
// it cannot say with its first envelope that it is one of ours: signed, and in
// any format.
func TestQueueOfANewDevice(t *testing.T) {
	for _, md5 := range []bool{true, false} {
		g := newRig(t, func(o *fleet.Options) { o.Devices = map[string]fleet.Credentials{"new": {}} })
		var waiting []string
		for i, c := range [][2]string{{"echo hello", "sh"}, {"print('hello')", "lua"}} {
			waiting = append(waiting, g.begin("components/new", g.upload("components/new", "job."+c[1], g.sign(c[0], c[1], int64(i)))))
		}
		g.agent("new", nil, func(c *agent.Config) { c.Server.AllowMD5 = md5 })
		for _, path := range waiting {
			if x := g.final(path); x["status"] != "completed" || text(x, "parameters", "stdout") != "hello\n" {
				t.Errorf("an agent that takes MD5s %t: %v", md5, x)
			}
		}
	}
}

// A gateway that ends while a script runs takes its answer afterwards, and the
// script does not run twice.
func TestGatewayRestart(t *testing.T) {
	g := newRig(t, nil)
	g.agent("gw-1", nil, nil)
	g.online("gw-1", true)
	dir := t.TempDir()
	script := g.upload("components/gw-1", "job.sh", g.sign("echo run >> "+dir+"/ran; until [ -e "+dir+"/go ]; do sleep 0.05; done; echo through", "sh", 1))
	x := g.begin("components/gw-1", script)
	g.until("the script", func() bool { _, err := os.Stat(dir + "/ran"); return err == nil })
	g.restart()
	if v := g.get(x); v["status"] != "running" {
		t.Errorf("after the restart: %v", v)
	}
	g.online("gw-1", true)
	if err := os.WriteFile(dir+"/go", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if v := g.final(x); v["status"] != "completed" || text(v, "parameters", "stdout") != "through\n" {
		t.Errorf("the end: %v", v)
	}
	if b, err := os.ReadFile(dir + "/ran"); err != nil || string(b) != "run\n" {
		t.Errorf("it ran: %q %v", b, err)
	}
	g.restart()
	if v := g.get(x); v["status"] != "completed" || text(v, "parameters", "stdout") != "through\n" {
		t.Errorf("after another restart: %v", v)
	}
}

// A running script is stopped where it runs. An agent that ends in between
// says so when it is back, once.
func TestStopAndInterrupted(t *testing.T) {
	g := newRig(t, nil)
	d := g.agent("gw-1", nil, nil)
	g.online("gw-1", true)
	dir := t.TempDir()
	script := g.upload("components/gw-1", "job.sh", g.sign("echo run >> "+dir+"/ran; sleep 600", "sh", 1))
	x := g.begin("components/gw-1", script)
	g.until("the script", func() bool { _, err := os.Stat(dir + "/ran"); return err == nil })
	g.do("DELETE", "/components/gw-1/scripts/"+script, "", nil, 409)
	g.do("PUT", x, "", []byte(`{"action":"stop"}`), 200)
	if v := g.final(x); v["status"] != "terminated" || text(v, "error", "message") != "Execution stopped by user" {
		t.Errorf("stopped: %v", v)
	}
	g.do("PUT", x, "", []byte(`{"action":"stop"}`), 409)

	x = g.begin("components/gw-1", script)
	g.until("the second run", func() bool { b, _ := os.ReadFile(dir + "/ran"); return string(b) == "run\nrun\n" })
	d.stop()
	d.start()
	if v := g.final(x); v["status"] != "terminated" || text(v, "x-lander", "code") != "interrupted" {
		t.Errorf("interrupted: %v", v)
	}
	if b, _ := os.ReadFile(dir + "/ran"); string(b) != "run\nrun\n" {
		t.Errorf("it ran again: %q", b)
	}
}

// What an agent sends is data of its component and of the app of the asset.
func TestData(t *testing.T) {
	lines := make(chan fleet.Record, 100)
	g := newRig(t, func(o *fleet.Options) { o.Sink = func(r fleet.Record) error { lines <- r; return nil } })
	d := g.agent("gw-1", nil, nil)
	g.online("gw-1", true)
	d.call(frame.CmdRegister, `"house"`)
	g.until("the asset", func() bool { return g.fleet.Entity("gw-1--house") != nil })
	res, err := http.Get(g.web.URL + "/api/v1/components/gw-1/data/events")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	d.call(frame.CmdPData, `{"asset":"house","path":"kitchen","policy":"now","data":{"temp":21.5}}`)
	d.call(frame.CmdPFlush, `{"policy":"now"}`)
	var event sovd.Datum
	if line, err := bufio.NewReader(res.Body).ReadBytes('\n'); err != nil || json.Unmarshal(line, &event) != nil || event.ID != "house.kitchen.temp" || string(event.Value) != "21.5" {
		t.Errorf("event: %s %v", line, err)
	}
	if r := <-lines; r.Device != "gw-1" || r.Path != "house.kitchen" || r.Columns["temp"][0] != 21.5 {
		t.Errorf("sink: %+v", r)
	}
	d.call(frame.CmdPData, `{"asset":"house","path":"kitchen","policy":"now","data":{"temp":22}}`)
	d.call(frame.CmdPFlush, `{"policy":"now"}`)
	const path = "/apps/gw-1--house/data/house.kitchen.temp"
	g.until("the second value", func() bool {
		all, _ := g.fleet.Data(sovd.Ref{Kind: sovd.Components, ID: "gw-1"})
		return len(all) == 1 && string(all[0].Value) == "22"
	})
	if v := g.get(path); text(v, "data") != "22" || len(v["x-lander"].(map[string]any)["history"].([]any)) != 2 {
		t.Errorf("variable: %v", v)
	}
	if v := g.get("/components/gw-1/data"); len(v["items"].([]any)) != 1 {
		t.Errorf("data: %v", v)
	}
	g.do("GET", "/components/gw-1/data/none", "", nil, 404)
}

// A gateway that takes only signed scripts takes those for its devices, by
// their names and their groups, and no others.
func TestSignedOnly(t *testing.T) {
	g := newRig(t, nil)
	g.stop()
	dir := t.TempDir()
	if _, err := trust.Add(dir, g.key.Public().Text(), ""); err != nil {
		t.Fatal(err)
	}
	serials, err := trust.OpenSerials(filepath.Join(dir, "serials"))
	if err != nil {
		t.Fatal(err)
	}
	g.files = func(o *sovd.FilesOptions) {
		o.Signed = &sovd.Signed{Trust: func() (*trust.Store, error) { return trust.OpenStore(dir) }, Serials: serials, Names: g.fleet.Names}
	}
	g.open()
	g.agent("gw-1", nil, nil)
	g.until("the group", func() bool { e := g.fleet.Entity("gw-1"); return e != nil && len(e.Tags) == 1 })
	for i, target := range []string{"gw-1", "group:north", "*"} {
		script := g.upload("components/gw-1", "x.lua", g.signFor(target, "print(1)", "lua", int64(i)))
		if end := g.final(g.begin("components/gw-1", script)); end["status"] != "completed" {
			t.Errorf("for %s: %v", target, end)
		}
	}
	script := g.upload("fleet", "x.lua", g.signFor("group:north", "print(2)", "lua", 7))
	x := g.do("POST", "/fleet/executions", "", []byte(`{"script":"`+script+`","target":{"group":"north"}}`), 202)
	if end := g.waitMany(x["id"].(string)); end["status"] != "completed" {
		t.Errorf("the group: %v", end)
	}
	refused := func(to string, script []byte) {
		t.Helper()
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		part, err := w.CreateFormFile("file", "x.lua")
		if err == nil {
			_, err = part.Write(script)
		}
		if err != nil {
			t.Fatal(err)
		}
		w.Close()
		g.do("POST", "/"+to+"/scripts", w.FormDataContentType(), b.Bytes(), 403)
	}
	refused("components/gw-1", []byte("print(1)"))
	refused("components/gw-1", g.signFor("gw-2", "print(1)", "lua", 8))
	refused("fleet", g.signFor("group:south", "print(1)", "lua", 9))
}

// Lines of many writers stand whole, one after the other.
func TestSink(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "sink"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	s := fleet.NewSink(file)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if err := s.Write(fleet.Record{Device: "d", Path: "p", Columns: map[string][]any{"x": {1}}}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	b, err := os.ReadFile(file.Name())
	if err != nil || bytes.Count(b, []byte("\n")) != 50 {
		t.Errorf("%d lines %v", bytes.Count(b, []byte("\n")), err)
	}
	for l := range bytes.Lines(b) {
		var r fleet.Record
		if err := json.Unmarshal(l, &r); err != nil || r.Device != "d" {
			t.Errorf("%s: %v", l, err)
		}
	}
	file.Close()
	if err := s.Write(fleet.Record{}); err == nil {
		t.Error("a sink that is closed takes a record")
	}
}
