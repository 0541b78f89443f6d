//go:build unix

package agent_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"lander/lib/agent"
	"lander/lib/bundle"
	"lander/lib/emp"
	"lander/lib/emp/frame"
	"lander/lib/job"
	"lander/lib/journal"
	"lander/lib/luac51"
	"lander/lib/m3da/bysant"
	"lander/lib/m3da/envelope"
	"lander/lib/m3da/m3datest"
	"lander/lib/trust"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// plant is a device whose server and web server are in the test.
type plant struct {
	*device
	site *m3datest.Site
	l    *m3datest.Listener
	web  *httptest.Server
	mux  *http.ServeMux
	set  func(*agent.Config)
	addr string // of the site
}

// startPlant starts an agent with a server. set may change its settings.
func startPlant(t *testing.T, o m3datest.Options, set func(*agent.Config)) *plant {
	t.Helper()
	p := &plant{site: m3datest.New(o), mux: http.NewServeMux(), set: set}
	var err error
	if p.l, err = p.site.Listen("127.0.0.1:0", nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.l.Close)
	p.addr = p.l.Addr()
	p.web = httptest.NewServer(p.mux)
	t.Cleanup(p.web.Close)
	p.device = start(t, "", nil, p.configure)
	return p
}

func (p *plant) configure(c *agent.Config) {
	addr := p.addr
	c.Server = &agent.Server{Keep: true, Dial: func(ctx context.Context) (io.ReadWriteCloser, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", addr)
	}}
	c.Fetch.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	// What waits for a policy goes at once.
	c.AfterFunc = func(d time.Duration, f func()) func() bool {
		return time.AfterFunc(min(d, 50*time.Millisecond), f).Stop
	}
	if p.set != nil {
		p.set(c)
	}
}

// restart ends the agent and starts another one on the same state.
func (p *plant) restart() {
	p.stop()
	p.device = start(p.t, p.dir, &p.key, p.configure)
}

// serve has the web server answer a path.
func (p *plant) serve(path string, body []byte) string {
	p.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { w.Write(body) })
	return p.web.URL + path
}

// detached signs a script and returns the signature's text.
func (p *plant) detached(source, format string, serial int64, change func(*trust.Statement)) string {
	p.t.Helper()
	b, err := bundle.Spool(strings.NewReader(source), 1<<20, "")
	if err != nil {
		p.t.Fatal(err)
	}
	st := trust.Statement{Name: fmt.Sprintf("d%d.%s", serial, format), Format: format, Size: b.Size, SHA256: b.SHA256, Targets: []string{"gw-1"}, Serial: serial, Signed: time.Now().Truncate(time.Second)}
	if change != nil {
		change(&st)
	}
	comment, err := st.Comment()
	if err != nil {
		p.t.Fatal(err)
	}
	return string(b.Sign(p.key, comment, bundle.Comment))
}

// response waits for the one response to a ticket.
func (p *plant) response(ticket int64) (int64, string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	if err := p.site.Wait(ctx, func() bool { return len(p.site.Responses("gw-1", ticket)) > 0 }); err != nil {
		p.t.Fatalf("ticket %d: no response", ticket)
	}
	r := p.site.Responses("gw-1", ticket)[0]
	text, _ := r.Data.Str()
	return r.Status, text
}

// deliver has a message come to the agent: it is sent with the reply to the
// agent's next envelope, which it asks the agent for.
func (p *plant) deliver(items ...envelope.Item) {
	p.t.Helper()
	p.site.Send("gw-1", items...)
	peer := p.dial(nil)
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		r := p.call(peer, frame.CmdConnectToServer, "null")
		if r.Status == 0 {
			return
		}
		if time.Now().After(deadline) { // a session may be on already
			p.t.Fatalf("the agent does not connect: %s", r.Body)
		}
	}
}

func (p *plant) wantResponse(ticket, status int64, text string) {
	p.t.Helper()
	if s, got := p.response(ticket); s != status || got != text && !(strings.HasSuffix(text, "*") && strings.HasPrefix(got, strings.TrimSuffix(text, "*"))) {
		p.t.Errorf("ticket %d: %d %q, want %d %q", ticket, s, got, status, text)
	}
}

// journalled are the journal lines of a ticket.
func (p *plant) journalled(ticket int64) (out []journal.Line) {
	for _, l := range p.lines() {
		if l.Ticket == fmt.Sprint(ticket) && l.Source == job.SourceM3DA {
			out = append(out, l)
		}
	}
	return out
}

func TestServerRunsScripts(t *testing.T) {
	p := startPlant(t, m3datest.Options{}, func(c *agent.Config) {
		c.Budget.Wall, c.Budget.CPU = 2*time.Second, 10*time.Second
		c.Fetch.Stall = time.Second
		c.MaxRunning = 64 // all of them may run at once on a slow host
	})
	good := "tree.set('ram.ran', (tree.get('ram.ran') or 0) + 1) print('hello')"
	url := p.serve("/good.lua", []byte(good))
	p.mux.HandleFunc("/slow.lua", func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	p.mux.HandleFunc("/huge.lua", func(w http.ResponseWriter, r *http.Request) {
		piece := make([]byte, 1<<20)
		for range 100 {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	})
	sign := func(source string, serial int64, change func(*trust.Statement)) string {
		return p.detached(source, "lua", serial, change)
	}
	script := func(ticket int64, name, source string) envelope.Message {
		url := p.serve("/"+name, []byte(source))
		return m3datest.Command(ticket, "ExecuteScript", url, sign(source, 100+ticket, nil))
	}
	bundled := p.serve("/bundle", p.sign("print(1)", "lua", 150))
	largest := p.serve("/largest", p.sign("print(1) --"+strings.Repeat("x", 1<<20-len("print(1) --")), "lua", 151))
	named := m3datest.Command(3, "x")
	named.Path = "@sys.commands.ExecuteScript"
	named.Body = bysant.OfMap(envelope.Text("url", bundled))
	proto, err := luac51.Compile("@tool.lua", []byte("tree.set('ram.binary', 1)\nerror('from bytecode')"))
	if err != nil {
		t.Fatal(err)
	}
	code := luac51.Dump(proto, luac51.Host64, false)
	binary := p.serve("/tool.luac", code)
	other := p.serve("/other.lua", []byte("return 1"))
	type test struct {
		name   string
		m      envelope.Message
		status int64
		text   string
	}
	tests := []test{
		{"good", m3datest.Command(1, "ExecuteScript", url, sign(good, 1, nil)), 0, "ok"},
		{"bundle, by name", named, 0, "ok"},
		{"throws", script(4, "throw.lua", "\nerror('boom')"), -1, p.web.URL + "/throw.lua:2: boom"},
		{"bytecode", m3datest.Command(25, "ExecuteScript", binary, p.detached(string(code), "luac51", 125, nil)), -1, "tool.lua:2: from bytecode"},
		{"throws no text", script(5, "table.lua", "error({})"), -1, "(error object is a table value)"},
		{"syntax error", script(6, "syntax.lua", "x = = 1"), -1, "load: " + p.web.URL + "/syntax.lua:1: *"},
		{"wrong signature", m3datest.Command(7, "ExecuteScript", other, sign("return 2", 7, nil)), -1, "signature: *"},
		{"no signature at all", m3datest.Command(8, "ExecuteScript", other, "garbage"), -1, "signature: *"},
		{"MD5", m3datest.Command(9, "ExecuteScript", other, trust.LegacyMD5([]byte("return 1"))), -1, "signature: *"},
		{"expired", m3datest.Command(10, "ExecuteScript", other, sign("return 1", 10, func(s *trust.Statement) {
			s.Signed, s.Expires = s.Signed.Add(-2*time.Hour), s.Signed.Add(-time.Hour)
		})), -1, "expired: *"},
		{"other target", m3datest.Command(11, "ExecuteScript", other, sign("return 1", 11, func(s *trust.Statement) { s.Targets = []string{"gw-2"} })), -1, "not-for-this-device: *"},
		{"replayed", m3datest.Command(12, "ExecuteScript", other, sign("return 1", 0, func(s *trust.Statement) { s.Name = "d1.lua" })), -1, "replayed: *"},
		{"capability", m3datest.Command(13, "ExecuteScript", other, sign("return 1", 13, func(s *trust.Statement) { s.Cap = []string{"fs:/etc"} })), -1, "capability: *"},
		{"404", m3datest.Command(14, "ExecuteScript", p.web.URL+"/none.lua", sign("return 1", 14, nil)), -1, "download: *"},
		{"slow server", m3datest.Command(15, "ExecuteScript", p.web.URL+"/slow.lua", sign("return 1", 15, nil)), -1, "download: *"},
		{"100 MB", m3datest.Command(16, "ExecuteScript", p.web.URL+"/huge.lua", sign("return 1", 16, nil)), -1, "signature: the payload is longer *"},
		{"100 MB as a bundle", m3datest.Command(17, "ExecuteScript", p.web.URL+"/huge.lua", ""), -1, "*"},
		{"file URL", m3datest.Command(18, "ExecuteScript", "file:///etc/passwd", ""), -1, "download: *"},
		{"link-local", m3datest.Command(19, "ExecuteScript", "http://169.254.169.254/", ""), -1, "download: *"},
		{"endless", script(20, "loop.lua", "while true do end"), -1, "timeout: *"},
		{"no url", m3datest.Command(21, "ExecuteScript"), -1, "bad-arguments: *"},
		{"unknown command", m3datest.Command(22, "Fly"), -1, "unknown command Fly"},
		{"unknown asset", envelope.Message{Path: "nobody.x", Ticket: bysant.OfInt(23), Body: bysant.OfMap()}, -1, "unknown assetid"},
		{"the largest script, in a bundle", m3datest.Command(26, "ExecuteScript", largest), 0, "ok"},
		{"no body", envelope.Message{Path: "@sys.commands", Ticket: bysant.OfInt(24)}, -1, "invalid message: message body is nil or empty"},
	}
	var all []envelope.Item
	for _, tt := range tests {
		all = append(all, tt.m)
	}
	p.deliver(all...)
	for _, tt := range tests {
		n, _ := tt.m.Ticket.Int()
		t.Run(tt.name, func(t *testing.T) { p.wantResponse(n, tt.status, tt.text) })
	}
	key := p.key.Public().ID()
	lines := p.journalled(1)
	if len(lines) != 1 {
		t.Fatalf("%d journal lines of ticket 1", len(lines))
	}
	if l := lines[0]; l.Actor != "AIRVANTAGE" || l.Name != "d1.lua" || l.KeyID != key || l.Verdict != journal.Accepted || l.Outcome != "completed" || l.Serial == nil || *l.Serial != 1 || l.SHA256 == "" {
		t.Errorf("journal of a good run: %+v", l)
	}
	for ticket, reason := range map[int64]string{7: "signature", 10: "expired", 11: "signed for", 14: "404"} {
		lines := p.journalled(ticket)
		if len(lines) != 1 || lines[0].Verdict != journal.Refused || !strings.Contains(lines[0].Reason, reason) {
			t.Errorf("journal of ticket %d: %+v", ticket, lines)
		}
	}
	// Without a ticket it runs and nobody is told.
	p.deliver(m3datest.Command(0, "ExecuteScript", p.serve("/quiet.lua", []byte("tree.set('ram.quiet', 1)")), sign("tree.set('ram.quiet', 1)", 300, nil)))
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if _, _, ok := p.agent.Tree().Get("ram.quiet"); ok {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a script without a ticket does not run")
		}
	}
	// Delivered again, before and after a restart: the stored answer, no run.
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for n := 2; n <= 3; n++ {
		p.deliver(tests[0].m, tests[2].m)
		if err := p.site.Wait(ctx, func() bool { return len(p.site.Responses("gw-1", 1)) >= n && len(p.site.Responses("gw-1", 4)) >= n }); err != nil {
			t.Errorf("delivery %d: %d and %d responses", n, len(p.site.Responses("gw-1", 1)), len(p.site.Responses("gw-1", 4)))
		}
		p.restart()
	}
	for _, ticket := range []int64{1, 4} {
		rs := p.site.Responses("gw-1", ticket)
		for _, r := range rs {
			if !r.Data.Equal(rs[0].Data) || r.Status != rs[0].Status {
				t.Errorf("ticket %d: %v", ticket, rs)
			}
		}
		if n := len(p.journalled(ticket)); n != 1 {
			t.Errorf("ticket %d is in the journal %d times", ticket, n)
		}
	}
	if f := p.site.Faults(); f != nil {
		t.Error(f)
	}
}

// The execution object follows the response, to a server that can take it.
func TestExecutionObject(t *testing.T) {
	for _, original := range []bool{false, true} {
		p := startPlant(t, m3datest.Options{Original: original}, nil)
		p.deliver() // so that the server's kind is known
		url := p.serve("/s.lua", []byte("print('out')"))
		p.deliver(m3datest.Command(5, "ExecuteScript", url, p.detached("print('out')", "lua", 1, nil)))
		p.wantResponse(5, 0, "ok")
		var found []envelope.Message
		for _, i := range p.site.Items("gw-1") {
			if m, ok := i.(envelope.Message); ok && m.Path == "@sys.execution" {
				found = append(found, m)
			}
		}
		if original != (len(found) == 0) {
			t.Errorf("original %v: %d execution objects", original, len(found))
		}
		for _, m := range found {
			out, _ := m.Body.Get("stdout")
			if text, _ := out.Str(); text != "out\n" || !m.Ticket.Equal(bysant.OfInt(5)) {
				t.Errorf("execution %+v", m)
			}
		}
	}
}

// Legacy MD5 "signatures" are taken only when configured, and the journal
// says so.
func TestMD5(t *testing.T) {
	p := startPlant(t, m3datest.Options{Original: true}, func(c *agent.Config) { c.Server.AllowMD5 = true })
	url := p.serve("/s.lua", []byte("error('x', 0)"))
	p.deliver(m3datest.Command(1, "ExecuteScript", url, strings.ToUpper(trust.LegacyMD5([]byte("error('x', 0)")))), m3datest.Command(2, "ExecuteScript", url, trust.LegacyMD5([]byte("other"))))
	p.wantResponse(1, -1, "x")
	p.wantResponse(2, -1, "signature: corrupted script content")
	if l := p.journalled(1); len(l) != 1 || l[0].Reason != "md5" || l[0].KeyID != "" {
		t.Errorf("journal %+v", l)
	}
}

// What is no signature is refused by both doors, and that it was tried is on
// record.
func TestNoSignature(t *testing.T) {
	p := startPlant(t, m3datest.Options{}, nil)
	url := p.serve("/s.lua", []byte("print(1)"))
	p.deliver(m3datest.Command(1, "ExecuteScript", url, trust.LegacyMD5([]byte("print(1)"))), m3datest.Command(2, "ExecuteScript", url, "print(1)"))
	p.wantResponse(1, -1, "signature: an MD5 is no signature, and allow_md5 is not set")
	p.wantResponse(2, -1, "signature: *")
	if _, r, _ := p.execute(p.dial(nil), frame.ExecuteScript{URL: url, Signature: "print(1)", Ticket: "3"}); r.Status != frame.StatusNotPermitted || !strings.HasPrefix(string(r.Body), `"signature: `) {
		t.Errorf("by EMP: %d %s", r.Status, r.Body)
	}
	for ticket, source := range []string{1: job.SourceM3DA, 2: job.SourceM3DA, 3: job.SourceEMP} {
		n := 0
		for _, l := range p.lines() {
			if l.Ticket == fmt.Sprint(ticket) && l.Source == source && l.Verdict == journal.Refused && l.Name == url {
				n++
			}
		}
		if ticket > 0 && n != 1 {
			t.Errorf("ticket %d: %d lines in the journal", ticket, n)
		}
	}
}

// StopExecution comes while a script runs.
func TestServerStopsAScript(t *testing.T) {
	p := startPlant(t, m3datest.Options{}, nil)
	p.deliver()
	source := "tree.set('ram.begun', true) while true do end"
	url := p.serve("/loop.lua", []byte(source))
	p.deliver(m3datest.Command(1, "ExecuteScript", url, p.detached(source, "lua", 1, nil)))
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if v, _, ok := p.agent.Tree().Get("ram.begun"); ok && v.Kind() == frame.KindBool {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the script does not begin")
		}
	}
	// The server's ticket 1 is not that of an application.
	p.want(p.dial(nil), frame.CmdStopExecution, `{"ticket":"1"}`, frame.StatusNotFound, `"no such execution"`)
	if err := p.site.Push("gw-1", m3datest.Command(2, "StopExecution", "1")); err != nil {
		t.Fatal(err)
	}
	p.wantResponse(1, -1, "interrupted*")
	p.wantResponse(2, 0, "ok")
}

// On a link that is kept, a server of ours has its answers without the
// latency of their policy.
func TestAnswersAtOnce(t *testing.T) {
	p := startPlant(t, m3datest.Options{}, func(c *agent.Config) {
		soon := c.AfterFunc
		c.AfterFunc = func(d time.Duration, f func()) func() bool {
			if d >= 5*time.Second {
				return func() bool { return true } // it never comes
			}
			return soon(d, f)
		}
	})
	p.deliver()
	url := p.serve("/s.lua", []byte("print('out')"))
	p.deliver(m3datest.Command(5, "ExecuteScript", url, p.detached("print('out')", "lua", 1, nil)))
	p.wantResponse(5, 0, "ok")
}

func TestDeviceCommands(t *testing.T) {
	reboots := make(chan string, 10)
	uploads := make(chan string, 1)
	p := startPlant(t, m3datest.Options{}, func(c *agent.Config) {
		c.Reboot = func(_ context.Context, reason string) error { reboots <- reason; return nil }
	})
	p.mux.HandleFunc("PUT /log", func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		uploads <- string(b)
	})
	p.deliver(
		envelope.Message{Path: "@sys.ram.a", Ticket: bysant.OfInt(1), Body: bysant.OfMap(envelope.Int("x", 5), envelope.Text("y.z", "w"))},
		m3datest.Command(2, "ReadNode", "ram.a"),
		m3datest.Command(3, "ReadNode", "ram.none"),
		m3datest.Command(4, "Connect"),
		envelope.Message{Path: "@sys.config.agent.deviceId", Ticket: bysant.OfInt(5), Body: bysant.OfList(bysant.OfInt(1))},
		m3datest.Command(6, "LogUpload", p.web.URL+"/log", "ram"),
		m3datest.Command(7, "LogUpload", p.web.URL+"/log", "flash"),
		m3datest.Command(8, "LogUpload", "ftp://x/y"),
		envelope.Message{Path: "@sys.config.keep", Body: bysant.OfMap(envelope.Int("me", 1))},
		m3datest.Command(0, "Connect"),
	)
	p.wantResponse(1, 0, "ok")
	p.wantResponse(2, 0, "ok")
	p.wantResponse(3, -1, "no such variable: ram.none")
	p.wantResponse(4, 0, "ok")
	p.wantResponse(5, -1, "*")
	p.wantResponse(6, 0, "ok")
	p.wantResponse(7, -1, "no such log: flash")
	p.wantResponse(8, -1, "upload: *")
	if text := <-uploads; !strings.Contains(text, "level=") {
		t.Errorf("the log is %q", text)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := p.site.Wait(ctx, func() bool {
		return len(p.site.Column("gw-1", "@sys.ram.a", "x")) > 0 && len(p.site.Column("gw-1", "@sys.ram.a.y", "z")) > 0
	}); err != nil {
		t.Fatalf("ReadNode sent %v", p.site.Items("gw-1"))
	}
	if v := p.site.Column("gw-1", "@sys.ram.a", "x"); !v[0].Equal(bysant.OfInt(5)) {
		t.Errorf("x is %v", v)
	}
	// What is in force after a reset shows in the tree, also without a restart.
	p.deliver(envelope.Message{Path: "@sys.config.update", Body: bysant.OfMap(envelope.Int("retries", 5))}, m3datest.Command(22, "ResetToFactoryDefault"))
	p.wantResponse(22, 0, "ok")
	if v, _, _ := p.agent.Tree().Get("config.update.retries"); v.String() != "2" {
		t.Errorf("after a reset config.update.retries is %v", v)
	}
	p.deliver(m3datest.Command(23, "ResetToFactoryDefault", "0")) // in 0 seconds is not at all
	p.wantResponse(23, 0, "ok")
	// A reset forgets what was set, and is answered after the restart.
	p.deliver(envelope.Message{Path: "@sys.config.keep", Body: bysant.OfMap(envelope.Int("me", 1))})
	p.deliver(m3datest.Command(20, "ResetToFactoryDefault", "6"))
	select {
	case reason := <-reboots:
		if reason != "reset to factory default" {
			t.Errorf("reboot: %s", reason)
		}
	case <-time.After(patience):
		t.Fatalf("no reboot: %v", p.site.Responses("gw-1", 20))
	}
	p.restart()
	p.wantResponse(20, 0, "ok")
	if _, _, ok := p.agent.Tree().Get("config.keep.me"); ok {
		t.Error("a variable has survived the reset")
	}
	p.deliver(m3datest.Command(21, "Reboot"))
	if reason := <-reboots; reason != "asked for by the server" {
		t.Errorf("reboot: %s", reason)
	}
	p.restart()
	p.wantResponse(21, 0, "ok")
	if n := len(p.site.Responses("gw-1", 20)); n != 1 {
		t.Errorf("%d responses to the reset", n)
	}
	if f := p.site.Faults(); f != nil {
		t.Error(f)
	}
}

// Commands in one body are done by name, and the first that fails ends them.
func TestSeveralCommands(t *testing.T) {
	p := startPlant(t, m3datest.Options{}, nil)
	list := func(s ...string) bysant.Value {
		var vs []bysant.Value
		for _, t := range s {
			vs = append(vs, bysant.OfString(t))
		}
		return bysant.OfList(vs...)
	}
	field := func(name string, v bysant.Value) bysant.Member {
		return bysant.Member{Key: bysant.Name(name), Value: v}
	}
	p.deliver(
		envelope.Message{Path: "@sys.commands", Ticket: bysant.OfInt(1), Body: bysant.OfMap(field("ReadNode", list("ram.none")), field("Connect", list()), field("SoftwareUpdate", list("http://127.0.0.1:1/")))},
		envelope.Message{Path: "@sys", Ticket: bysant.OfInt(2), Body: bysant.OfMap(field("ram.b", bysant.OfInt(3)), field("commands.ReadNode", list("ram.b")))},
	)
	p.wantResponse(1, -1, "no such variable: ram.none")
	p.wantResponse(2, -1, "no such variable: ram.b")
}

// The original server sends each value as a list of one, and no tickets.
func TestSingleValuesAsLists(t *testing.T) {
	p := startPlant(t, m3datest.Options{}, nil)
	text := bysant.OfString
	one := func(vs ...bysant.Value) bysant.Value { return bysant.OfList(vs...) }
	field := func(name string, v bysant.Value) bysant.Member {
		return bysant.Member{Key: bysant.Name(name), Value: one(v)}
	}
	url := p.serve("/s.lua", []byte("print('out')"))
	script := p.detached("print('out')", "lua", 1, nil)
	p.deliver(
		envelope.Message{Path: "@sys.ram.single", Ticket: bysant.OfInt(0), Body: bysant.OfMap(
			field("level", bysant.OfInt(3)), field("name", text("abc")), field("on", bysant.OfBool(true)), field("tree", bysant.OfMap(bysant.Member{Key: bysant.Name("leaf"), Value: bysant.OfInt(4)})),
			bysant.Member{Key: bysant.Name("many"), Value: one(bysant.OfInt(7), bysant.OfInt(8))})},
		envelope.Message{Path: "@sys", Body: bysant.OfMap(field("ram.single.top", bysant.OfInt(5)))},
		envelope.Message{Path: "@sys.commands.ReadNode", Ticket: bysant.OfInt(1), Body: bysant.OfMap(field("1", text("ram.single.level")), field("2", text("ram.single.none")))},
		envelope.Message{Path: "@sys.commands", Ticket: bysant.OfInt(2), Body: bysant.OfMap(field("ReadNode", text("ram.single.name")))},
		envelope.Message{Path: "@sys.commands", Ticket: bysant.OfInt(3), Body: bysant.OfMap(field("ReadNode", one(text("ram.single.on"), text("ram.single.absent"))))},
		envelope.Message{Path: "@sys", Ticket: bysant.OfInt(4), Body: bysant.OfMap(field("commands", bysant.OfMap(bysant.Member{Key: bysant.Name("ReadNode"), Value: one(text("ram.single.gone"))})))},
		envelope.Message{Path: "@sys.commands.ExecuteScript", Ticket: bysant.OfInt(5), Body: bysant.OfMap(field("url", text(url)), field("signature", text(script)))},
		envelope.Message{Path: "@sys.commands", Ticket: bysant.OfInt(6), Body: bysant.OfMap(field("ExecuteScript", bysant.OfMap(bysant.Member{Key: bysant.Name("url"), Value: text("ftp://nowhere/")})))},
	)
	p.wantResponse(1, -1, "no such variable: ram.single.none")
	p.wantResponse(2, 0, "ok")
	p.wantResponse(3, -1, "no such variable: ram.single.absent")
	p.wantResponse(4, -1, "no such variable: ram.single.gone")
	p.wantResponse(5, 0, "ok")
	if _, text := p.response(6); strings.Contains(text, "needs a url") {
		t.Errorf("the arguments in one map: %s", text)
	}
	for path, want := range map[string]string{"level": "3", "name": `"abc"`, "on": "true", "tree.leaf": "4", "top": "5", "many.1": "7", "many.2": "8"} {
		if v, _, ok := p.agent.Tree().Get("ram.single." + path); !ok || v.String() != want {
			t.Errorf("%s is %s, not %s", path, v, want)
		}
	}
}

// Data of the server reaches the application that owns its path; a ticket is
// answered by it, once.
func TestServerSendsData(t *testing.T) {
	p := startPlant(t, m3datest.Options{}, nil)
	got := make(chan string, 10)
	app := p.dial(emp.HandlerFunc(func(_ []byte, r *emp.Request) ([]byte, error) {
		got <- string(r.Payload)
		return nil, nil
	}))
	p.want(app, frame.CmdRegister, `"house"`, 0, "null")
	m := envelope.Message{Path: "house.kitchen", Ticket: bysant.OfInt(7), Body: bysant.OfMap(envelope.Int("light", 1))}
	p.deliver(m)
	select {
	case text := <-got:
		if !strings.Contains(text, `"light":1`) || !strings.Contains(text, `"house.kitchen"`) {
			t.Errorf("delivered %s", text)
		}
	case <-time.After(patience):
		t.Fatal("nothing was delivered")
	}
	p.deliver(m) // under way: nothing happens
	// A ticket that the application could not acknowledge reaches none.
	p.deliver(envelope.Message{Path: m.Path, Ticket: bysant.OfString("seven"), Body: m.Body})
	p.want(app, frame.CmdPAcknowledge, `{"ticket":7,"status":3,"message":"dark"}`, 0, "null")
	p.wantResponse(7, 3, "dark")
	for deadline := time.Now().Add(patience); len(p.site.Responses("gw-1", 7)) < 2; time.Sleep(20 * time.Millisecond) {
		p.deliver(m) // the stored answer
		if time.Now().After(deadline) {
			t.Fatal("a ticket that came again is not answered")
		}
	}
	if len(got) > 0 {
		t.Error("the message was delivered twice")
	}
	// What an application had when it went is handed to the next one.
	m.Ticket = bysant.OfInt(8)
	p.deliver(m)
	<-got
	if err := app.Drain(t.Context()); err != nil { // it has said that it has it
		t.Fatal(err)
	}
	app.Close()
	<-app.Done()
	next := p.dial(emp.HandlerFunc(func(_ []byte, r *emp.Request) ([]byte, error) {
		got <- string(r.Payload)
		return nil, nil
	}))
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if r := p.call(next, frame.CmdRegister, `"house"`); r.Status == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the asset is not free")
		}
	}
	for deadline := time.Now().Add(patience); len(got) == 0; time.Sleep(20 * time.Millisecond) {
		p.deliver(m)
		if time.Now().After(deadline) {
			t.Fatal("it is not handed to the next one")
		}
	}
	p.want(next, frame.CmdPAcknowledge, `{"ticket":8,"status":0}`, 0, "null")
	p.wantResponse(8, 0, "ok")
}

// With a link for each session only, commands come all the same, and a secured
// server works as a plain one.
func TestSecuredWithoutKeeping(t *testing.T) {
	for i, c := range []m3datest.Credentials{{Auth: "hmac-md5", Password: "pw"}, {Auth: "hmac-sha1", Cipher: "aes-cbc-256", Password: "pw"}} {
		p := startPlant(t, m3datest.Options{Original: i == 0, Devices: map[string]m3datest.Credentials{"gw-1": c}}, func(cfg *agent.Config) {
			k, err := trust.NewM3DASecret([]byte("pw")).Keys("AIRVANTAGE", "gw-1", c.Auth, c.Cipher)
			if err != nil {
				t.Fatal(err)
			}
			cfg.Server.Keys, cfg.Server.Keep = k.Side(trust.M3DADevice), false
		})
		p.deliver(m3datest.Command(1, "Connect"))
		p.wantResponse(1, 0, "ok")
		p.restart()
		p.deliver(m3datest.Command(2, "Connect"))
		p.wantResponse(2, 0, "ok")
	}
}
