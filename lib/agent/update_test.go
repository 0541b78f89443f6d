//go:build unix

package agent_test

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lander/lib/agent"
	"lander/lib/bundle"
	"lander/lib/emp"
	"lander/lib/emp/frame"
	"lander/lib/journal"
	"lander/lib/trust"
)

// pack makes a package of files: name, content, name, content...
func pack(t testing.TB, files ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		if err := w.WriteHeader(&tar.Header{Name: files[i], Mode: 0o644, Size: int64(len(files[i+1])), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		w.Write([]byte(files[i+1]))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const twoParts = `{ version = "1", components = {
  { name = "a.pkg1", version = "1.2", location = "one", provides = { feature = "2.0" }, parameters = { x = 1, l = { 1, 2 } } },
  { name = "a.pkg2", version = "1.0", location = "dir/two.txt", depends = { feature = ">=1.5 <3" } },
} }`

// installer is an application that installs what comes, and what it was told.
type installer struct {
	mu      sync.Mutex
	seen    []string
	over    chan struct{}
	codes   map[string]int64
	refuse  frame.Status
	silent  bool
	onEvent func(p *emp.Peer, event, details string)
}

func (in *installer) Answer(_ []byte, r *emp.Request) ([]byte, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	switch r.Command {
	case frame.CmdSoftwareUpdate:
		p, err := frame.ParseSoftwareUpdate(r.Payload)
		if err != nil {
			return nil, err
		}
		loc := p.Location
		if b, err := os.ReadFile(loc); err == nil {
			loc = string(b)
		}
		in.seen = append(in.seen, fmt.Sprintf("[20] %s %s %s %v", p.Component, p.Version, loc, p.Params))
		if in.silent {
			return nil, nil
		}
		if in.refuse != 0 {
			return nil, in.refuse
		}
		code, ok := in.codes[p.Component]
		if !ok {
			code = 200
		}
		// The result comes before the response.
		r.Peer().Post(frame.CmdSoftwareUpdateResult, frame.SoftwareUpdateResult{Component: p.Component, Code: code}.Append(nil), nil)
	case frame.CmdSoftwareUpdateStatus:
		p, err := frame.ParseSoftwareUpdateStatus(r.Payload)
		if err != nil {
			return nil, err
		}
		if p.Event == 1 && p.Details != "" {
			return nil, nil // percentages
		}
		in.seen = append(in.seen, strings.TrimSpace(fmt.Sprintf("%d %s", p.Event, p.Details)))
		onEvent, peer := in.onEvent, r.Peer()
		if onEvent == nil {
			onEvent = func(*emp.Peer, string, string) {}
		}
		// What it asks for on an event is answered before the event is.
		return r.Go(func(context.Context) ([]byte, error) {
			onEvent(peer, fmt.Sprint(p.Event), p.Details)
			if p.Event == frame.UpdateFailed || p.Event == frame.UpdateSuccessful {
				in.over <- struct{}{}
			}
			return nil, nil
		})
	}
	return nil, nil
}

func (d *device) installer(in *installer) *emp.Peer {
	d.t.Helper()
	in.over = make(chan struct{}, 10)
	p := d.dial(in)
	d.want(p, frame.CmdRegister, `"a"`, 0, "null")
	d.want(p, frame.CmdRegisterUpdateListener, ``, 0, "null")
	d.want(p, frame.CmdRegisterUpdateListener, `null`, 0, "null")
	return p
}

func (in *installer) end(t testing.TB) string {
	t.Helper()
	select {
	case <-in.over:
	case <-time.After(20 * time.Second):
		in.mu.Lock()
		defer in.mu.Unlock()
		t.Fatalf("the update does not end: %s", strings.Join(in.seen, " | "))
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	s := strings.Join(in.seen, " | ")
	in.seen = nil
	return s
}

// update starts an update and retries while the last one is being put away.
func (d *device) update(o agent.UpdateOrder) {
	d.t.Helper()
	if err := d.agent.Update(o); err != nil {
		d.t.Fatal(err)
	}
}

func (d *device) file(name string, b []byte) string {
	d.t.Helper()
	p := filepath.Join(d.dir, name)
	if err := os.WriteFile(p, b, 0o600); err != nil {
		d.t.Fatal(err)
	}
	return p
}

func TestUpdate(t *testing.T) {
	d := startDevice(t, "", nil, 0)
	in := &installer{}
	p := d.installer(in)
	good := d.file("good", d.sign(pack(t, "Manifest", twoParts, "one", "ONE", "dir/two.txt", "TWO"), "package", 1))
	d.update(agent.UpdateOrder{Location: good, Ticket: frame.Int(7)})
	want := `0 | 1 | 2 | 3 | 4 a.pkg1 | [20] a.pkg1 1.2 ONE {"l":[1,2],"x":1} | 4 a.pkg2 | [20] a.pkg2 1.0 TWO null | 6 success`
	if got := in.end(t); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	d.want(p, frame.CmdGetVariable, `"update.swlist.components.1.version"`, 0, `["1.2"]`)
	d.want(p, frame.CmdGetVariable, `"update.swlist.components.1.provides.feature"`, 0, `["2.0"]`)
	d.want(p, frame.CmdGetVariable, `"update.swlist.lastupdate.result"`, 0, `[200]`)
	d.want(p, frame.CmdSoftwareUpdateResult, `["a.pkg1",200]`, -12, `"no such component is being updated"`)
	d.want(p, frame.CmdSoftwareUpdateRequest, `0`, -19, `"no update in progress"`)
	d.want(p, frame.CmdSoftwareUpdateRequest, `3`, -12, `"no such update request: integer"`)
	lines := d.lines()
	if l := lines[len(lines)-1]; l.Action != "update" || l.Outcome != "200 success" || l.KeyID == "" || l.Serial == nil || *l.Serial != 1 || l.Source != "cli" || l.Ticket != "7" {
		t.Errorf("the journal says %+v", l)
	}

	removal := `{components={{name="a.pkg1"}}}`
	for i, c := range []struct{ what, files, want string }{
		{"needed by another", removal, "0 | 1 | 2 | 3 | 5 component a.pkg2 depends on feature >=1.5 <3"},
		{"not Lua", `{components=f()}`, "0 | 1 | 2 | 3 | 5 the manifest: line 1: not Lua data: no value at \"f()}\""},
		{"outside", `{components={{name="a.x",version="1",location="../x"}}}`, "0 | 1 | 2 | 3 | 5 component a.x: its location is not in the package"},
		{"removal", `{force=true,components={{name="a.pkg1",parameters={x=1}}}}`, `0 | 1 | 2 | 3 | 4 a.pkg1 | [20] a.pkg1   {"x":1} | 6 success`},
		{"the agent's own", `{force=true,components={{name="@sys.app",version="1",location="one"}}}`, "0 | 1 | 2 | 3 | 4 @sys.app | 5 component @sys.app: the agent installs nothing of its own"},
	} {
		d.update(agent.UpdateOrder{Location: d.file("p", d.sign(pack(t, "./Manifest", c.files, "one", "ONE"), "package", int64(i+2)))})
		if got := in.end(t); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.what, got, c.want)
		}
	}
	d.update(agent.UpdateOrder{Location: d.file("p", d.sign(pack(t, "x", "y"), "package", 20))})
	if got := in.end(t); got != "0 | 1 | 2 | 3 | 5 the package has no Manifest" {
		t.Error(got)
	}
	d.want(p, frame.CmdGetVariable, `"update.swlist.lastupdate.result"`, 0, `[454]`)
	// Nobody signed it, somebody altered it, it is for another format's door, or
	// says nothing of what it is.
	bad := d.sign(pack(t, "Manifest", twoParts, "one", "ONE"), "package", 30)
	bad[len(bad)-2000] ^= 1
	stock, err := bundle.Spool(strings.NewReader(pack(t, "Manifest", twoParts, "one", "ONE", "dir/two.txt", "2")), 1<<20, "")
	if err != nil {
		t.Fatal(err)
	}
	for what, b := range map[string][]byte{"unsigned": []byte(pack(t, "Manifest", twoParts)), "altered": bad, "a script": d.sign("print(1)", "lua", 31), "stock": d.signText(stock, "a stock signature")} {
		d.update(agent.UpdateOrder{Location: d.file("p", b)})
		if got := in.end(t); !strings.HasPrefix(got, "0 | 1 | 5 ") {
			t.Errorf("%s: %s", what, got)
		}
		d.want(p, frame.CmdGetVariable, `"update.swlist.lastupdate.result"`, 0, `[554]`)
		// On record is also whose it was, and which.
		lines := d.lines()
		l := lines[len(lines)-1]
		if l.Verdict != journal.Refused || (l.KeyID == "") != (what == "unsigned") || (l.Serial != nil && l.SHA256 != "" && l.Name != "") != (what == "altered" || what == "a script") {
			t.Errorf("%s: the journal says %+v", what, l)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(d.dir, "agent", "update", "work")); len(left) > 0 {
		t.Error("the unpacked package stays")
	}
	// Unregistered, it is told nothing.
	d.want(p, frame.CmdUnregisterUpdateListener, ``, 0, "null")
	d.want(p, frame.CmdUnregisterUpdateListener, `[]`, 0, "null")
}

// A package that waited until its window has closed is not installed where the
// key's policy has the window checked at each use: neither one that was not
// unpacked yet, nor one that was, which a restart lies between.
func TestUpdateRecheck(t *testing.T) {
	var ahead atomic.Int64
	set := func(c *agent.Config) {
		c.Clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	}
	d := startDeviceWith(t, set)
	policy := func(text string) {
		if err := os.WriteFile(filepath.Join(d.dir, "trust", "policy.toml"), []byte("[defaults]\n"+text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i, tt := range []struct{ policy, event, want string }{
		{"", "2", "6 success"},
		{"recheck=true", "2", "5 expired: expired at "},
		{"recheck=true", "3", "5 expired: the package was good until "},
		{"", "3", "6 success"},
	} {
		policy(tt.policy)
		ahead.Store(0)
		p, err := bundle.Spool(strings.NewReader(pack(t, "Manifest", twoParts, "one", "ONE", "dir/two.txt", "TWO")), 1<<20, "")
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now().Truncate(time.Second)
		st := trust.Statement{Name: fmt.Sprint(i), Format: "package", Size: p.Size, SHA256: p.SHA256, Targets: []string{"gw-1"}, Serial: 1, Signed: now, Expires: now.Add(time.Hour)}
		comment, err := st.Comment()
		if err != nil {
			t.Fatal(err)
		}
		paused := make(chan struct{}, 10)
		in := &installer{onEvent: func(p *emp.Peer, event, _ string) {
			switch event {
			case tt.event:
				p.Call(t.Context(), frame.CmdSoftwareUpdateRequest, []byte("0"))
			case "7":
				paused <- struct{}{}
			}
		}}
		q := d.installer(in)
		d.update(agent.UpdateOrder{Location: d.file("p", d.signText(p, comment))})
		<-paused
		ahead.Store(int64(2 * time.Hour))
		if tt.event == "3" {
			d.stop()
			d = start(t, d.dir, &d.key, set)
			in = &installer{}
			q = d.installer(in)
		}
		in.mu.Lock()
		in.onEvent = nil
		in.mu.Unlock()
		d.want(q, frame.CmdSoftwareUpdateRequest, "1", 0, "null")
		if got := in.end(t); !strings.Contains(got, "| "+tt.want) && !strings.HasPrefix(got, tt.want) {
			t.Errorf("%q, paused at %s: %s", tt.policy, tt.event, got)
		}
		d.stop()
		d = start(t, d.dir, &d.key, set)
	}
}

func TestUpdateFails(t *testing.T) {
	d := startDevice(t, "", nil, 0)
	in := &installer{codes: map[string]int64{"a.pkg2": 485}}
	p := d.installer(in)
	n := int64(0)
	start := func() {
		n++
		d.update(agent.UpdateOrder{Location: d.file("p", d.sign(pack(t, "Manifest", twoParts, "one", "", "dir/two.txt", ""), "package", n)), Remove: true})
	}
	start()
	if got := in.end(t); !strings.HasSuffix(got, `| 4 a.pkg2 | [20] a.pkg2 1.0  null | 5 Component [a.pkg2] has reported an error [485]`) {
		t.Error(got)
	}
	d.want(p, frame.CmdGetVariable, `"update.swlist.lastupdate.result"`, 0, `[485]`)
	if _, err := os.Stat(filepath.Join(d.dir, "p")); err == nil {
		t.Error("the package stays")
	}
	in.mu.Lock()
	in.refuse = frame.StatusNotPermitted
	in.mu.Unlock()
	start()
	if got := in.end(t); !strings.HasSuffix(got, `| 5 Component [a.pkg1] was refused: NOT_PERMITTED (-4)`) {
		t.Error(got)
	}
	// No result: again, and then it is enough.
	in.mu.Lock()
	in.silent = true
	in.mu.Unlock()
	d.want(p, frame.CmdSetVariable, `["config.update",{"timeout":0.05,"retries":3}]`, 0, "null")
	start()
	if got := in.end(t); strings.Count(got, "[20] a.pkg1") != 3 || !strings.HasSuffix(got, "| 5 Component [a.pkg1] gave no result in time") {
		t.Error(got)
	}
	d.want(p, frame.CmdGetVariable, `"update.swlist.lastupdate.result"`, 0, `[461]`)
	// One at a time.
	d.want(p, frame.CmdSetVariable, `["config.update.timeout",30]`, 0, "null")
	start()
	if err := d.agent.Update(agent.UpdateOrder{Location: "x"}); err == nil || !strings.Contains(err.Error(), "506") {
		t.Errorf("a second update: %v", err)
	}
}

// A listener pauses the update from within an event, resumes it, aborts the
// next; and a pause lasts over a restart.
func TestUpdateRequests(t *testing.T) {
	d := startDevice(t, "", nil, 0)
	ask := func(p *emp.Peer, what string) { p.Call(t.Context(), frame.CmdSoftwareUpdateRequest, []byte(what)) }
	in := &installer{onEvent: func(p *emp.Peer, event, _ string) {
		switch event {
		case "3":
			ask(p, "0")
		case "7":
			ask(p, "0") // ignored
			ask(p, "1")
		}
	}}
	p := d.installer(in)
	b := d.sign(pack(t, "Manifest", twoParts, "one", "ONE", "dir/two.txt", "TWO"), "package", 1)
	// It pauses at each CRC_OK; the one that is told again pauses it again,
	// so the second time it is let through.
	first := true
	old := in.onEvent
	in.onEvent = func(p *emp.Peer, event, details string) {
		if event == "3" && !first {
			return
		}
		if event == "3" {
			first = false
		}
		old(p, event, details)
	}
	d.update(agent.UpdateOrder{Location: d.file("p", b)})
	if got := in.end(t); !strings.HasPrefix(got, "0 | 1 | 2 | 3 | 7 current step=[dispatch_update] | 3 | 4 a.pkg1 | [20]") || !strings.HasSuffix(got, "6 success") {
		t.Error(got)
	}
	in.mu.Lock()
	in.onEvent = func(p *emp.Peer, event, _ string) {
		if event == "2" {
			ask(p, "2")
		}
	}
	in.mu.Unlock()
	d.update(agent.UpdateOrder{Location: d.file("p", b)})
	if got := in.end(t); got != "0 | 1 | 2 | 5 Aborted by user" {
		t.Error(got)
	}
	d.want(p, frame.CmdGetVariable, `"update.swlist.lastupdate.result"`, 0, `[600]`)

	paused := make(chan struct{}, 10)
	in.mu.Lock()
	in.onEvent = func(p *emp.Peer, event, details string) {
		switch {
		case event == "4" && details == "a.pkg1":
			ask(p, "0") // before the second component
		case event == "7":
			paused <- struct{}{}
		}
	}
	in.mu.Unlock()
	d.update(agent.UpdateOrder{Location: d.file("p", b)})
	<-paused
	d.stop()
	d = startDevice(t, d.dir, &d.key, 0)
	again := &installer{}
	q := d.installer(again)
	r := d.call(q, frame.CmdGetVariable, `["update.currentupdate.component","update.currentupdate.paused","update.currentupdate.step"]`)
	if want := `[{"update.currentupdate.component":"a.pkg2","update.currentupdate.paused":true,"update.currentupdate.step":"dispatch_update"},[]]`; string(r.Body) != want {
		t.Errorf("the update that is on: %s", r.Body)
	}
	if r := d.call(q, frame.CmdSoftwareUpdateRequest, "1"); r.Status != 0 {
		t.Errorf("resuming: %d %s", r.Status, r.Body)
	}
	got := again.end(t)
	if strings.Contains(got, "a.pkg1") || !strings.HasSuffix(got, "4 a.pkg2 | [20] a.pkg2 1.0 TWO null | 6 success") {
		t.Errorf("after the restart: %s", got)
	}
	d.want(q, frame.CmdGetVariable, `"update.currentupdate"`, 0, `[null,[]]`)
}

// An application that gives no result is not asked again where somebody has
// aborted, or paused, meanwhile.
func TestUpdateRequestsWhileSilent(t *testing.T) {
	d := startDevice(t, "", nil, 0)
	in := &installer{silent: true}
	p := d.installer(in)
	b := d.sign(pack(t, "Manifest", twoParts, "one", "ONE", "dir/two.txt", "TWO"), "package", 1)
	d.want(p, frame.CmdSetVariable, `["config.update",{"timeout":0.2,"retries":2}]`, 0, "null")
	on := func(event, what string) {
		in.mu.Lock()
		defer in.mu.Unlock()
		in.onEvent = func(p *emp.Peer, e, details string) {
			if e == event {
				p.Call(t.Context(), frame.CmdSoftwareUpdateRequest, []byte(what))
			}
		}
	}
	const begun = "0 | 1 | 2 | 3 | 4 a.pkg1 | [20] a.pkg1 1.2 ONE "
	on("4", "2")
	d.update(agent.UpdateOrder{Location: d.file("p", b)})
	if got := in.end(t); !strings.HasPrefix(got, begun) || strings.Count(got, "[20]") != 1 || !strings.HasSuffix(got, " | 5 Aborted by user") {
		t.Error(got)
	}
	d.want(p, frame.CmdGetVariable, `"update.swlist.lastupdate.result"`, 0, `[600]`)
	d.want(p, frame.CmdSetVariable, `["config.update.retries",1]`, 0, "null")
	d.update(agent.UpdateOrder{Location: d.file("p", b)})
	if got := in.end(t); !strings.HasSuffix(got, " | 5 Aborted by user") {
		t.Error("at the last attempt: ", got)
	}
	d.want(p, frame.CmdSetVariable, `["config.update.retries",2]`, 0, "null")
	on("4", "0")
	d.update(agent.UpdateOrder{Location: d.file("p", b)})
	deadline := time.Now().Add(patience)
	for paused := false; !paused; time.Sleep(5 * time.Millisecond) {
		in.mu.Lock()
		paused = slices.Contains(in.seen, "7 current step=[dispatch_update]")
		in.mu.Unlock()
		if time.Now().After(deadline) {
			t.Fatalf("no pause: %q", in.seen)
		}
	}
	d.want(p, frame.CmdSetVariable, `["config.update.timeout",30]`, 0, "null")
	in.mu.Lock()
	in.silent, in.onEvent = false, nil
	in.mu.Unlock()
	d.want(p, frame.CmdSoftwareUpdateRequest, "1", 0, "null")
	if got := in.end(t); strings.Count(got, "[20] a.pkg1") != 2 || !strings.Contains(got, "| 7 current step=[dispatch_update] | 4 a.pkg1 | [20] a.pkg1") || !strings.HasSuffix(got, "6 success") {
		t.Error(got)
	}
}

// A package from a server that wants a name and a password, and one that is
// put into the drop directory.
func TestUpdateSources(t *testing.T) {
	d := startDeviceWith(t, func(c *agent.Config) { c.Fetch.AllowLoopback = true })
	b := d.sign(pack(t, "Manifest", `{components={{name="a.x",version="1",location="one"}}}`, "one", strings.Repeat("1", 3000)), "package", 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "bob" || password != "p@ss:/w" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Write(b)
	}))
	defer srv.Close()
	in := &installer{}
	p := d.installer(in)
	d.update(agent.UpdateOrder{Location: srv.URL + "/dir/x.pkg:bob@p@ss:/w"})
	if got := in.end(t); !strings.HasSuffix(got, "6 success") {
		t.Error(got)
	}
	d.update(agent.UpdateOrder{Location: srv.URL + "/dir/x.pkg:bob@wrong"})
	if got := in.end(t); strings.Contains(got, "wrong") || !strings.Contains(got, "5 ") {
		t.Error(got)
	}
	d.want(p, frame.CmdGetVariable, `"update.swlist.lastupdate.result"`, 0, `[552]`)
	drop := filepath.Join(d.dir, "agent", "update", "drop", "x.pkg")
	if err := os.WriteFile(drop+".part", b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(drop+".part", drop); err != nil {
		t.Fatal(err)
	}
	if got := in.end(t); !strings.HasSuffix(got, "6 success") {
		t.Error(got)
	}
	if _, err := os.Stat(drop); err == nil {
		t.Error("the package stays in the drop directory")
	}
}
