//go:build unix

package agent_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"lander/lib/agent"
	"lander/lib/emp/frame"
	"lander/lib/job"
	"lander/lib/journal"
	"lander/lib/m3da/bysant"
	"lander/lib/m3da/m3datest"
)

// logBook is a log that a test reads.
type logBook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBook) wait(t *testing.T, parts ...string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		l.mu.Lock()
		text := l.buf.String()
		l.mu.Unlock()
		for line := range strings.Lines(text) {
			all := true
			for _, p := range parts {
				all = all && strings.Contains(line, p)
			}
			if all {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("no line with %q in the log:\n%s", parts, text)
		}
	}
}

// allCapabilities lets scripts do all that monitoring tests need.
func (d *device) allCapabilities() {
	d.t.Helper()
	policy := "[defaults]\ncapabilities=['base','tree','device','log','data','monitoring','exec']\n"
	if err := os.WriteFile(filepath.Join(d.dir, "trust", "policy.toml"), []byte(policy), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// run runs a script that must complete, and returns its output.
func (d *device) run(serial int64, source string) string {
	d.t.Helper()
	res, r, err := d.execute(d.dial(nil), frame.ExecuteScript{Bundle: d.sign(source, "lua", serial)})
	if err != nil || res.Status != job.Completed {
		d.t.Fatalf("%v, %d %s, %+v", err, r.Status, r.Body, res.Error)
	}
	return res.Stdout
}

// The snippet of the document.
const snippet = `local m = require "agent.monitoring"
local script = "local function action() local data = {var1 = { timestamps = {time()}, data = {system.var1} }}; sendtimestampeddata('system', data); end; connect(onchange('system.var1'),action)"
local res, err = m.install("script1",script)
if not res then error(err) end
`

func TestMonitoringSnippet(t *testing.T) {
	p := startPlant(t, m3datest.Options{}, nil)
	p.allCapabilities()
	url := p.serve("/snippet.lua", []byte(snippet))
	p.deliver(m3datest.Command(1, "ExecuteScript", url, p.detached(snippet, "lua", 1, nil)))
	p.wantResponse(1, 0, "ok")
	app := p.dial(nil)
	values := func(n int) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if err := p.site.Wait(ctx, func() bool { return len(p.site.Column("gw-1", "@sys.system", "var1")) >= n }); err != nil {
			t.Fatalf("the server has %v", p.site.Items("gw-1"))
		}
	}
	p.want(app, frame.CmdSetVariable, `["ram.system.var1",42]`, 0, "null")
	values(1)
	// It is there after a restart.
	p.restart()
	app = p.dial(nil)
	for deadline := time.Now().Add(patience); len(p.site.Column("gw-1", "@sys.system", "var1")) < 2; time.Sleep(20 * time.Millisecond) {
		p.want(app, frame.CmdSetVariable, `["ram.system.var1",43]`, 0, "null")
		p.want(app, frame.CmdSetVariable, `["ram.system.var1",null]`, 0, "null")
		if time.Now().After(deadline) {
			t.Fatal("the rule does not work after a restart")
		}
	}
	if v := p.site.Column("gw-1", "@sys.system", "var1"); !v[0].Equal(bysant.OfInt(42)) {
		t.Errorf("var1 was %v", v[0])
	}
	if ts := p.site.Column("gw-1", "@sys.system", "timestamps"); len(ts) == 0 {
		t.Error("no timestamps")
	} else if n, _ := ts[0].Int(); time.Since(time.Unix(n, 0)) > time.Hour {
		t.Errorf("timestamp %d", n)
	}
	found := false
	for _, l := range p.lines() {
		found = found || l.Action == journal.ActionUpload && l.Source == job.SourceMonitoring && l.Name == "script1" && l.Actor == "d1.lua"
	}
	if !found {
		t.Error("the journal does not tell who installed the rule")
	}
	if f := p.site.Faults(); f != nil {
		t.Error(f)
	}
}

// Variables of the same times leave in one message, with the times once.
func TestMonitoringDataTogether(t *testing.T) {
	const source = `require("agent.monitoring").install("two",
	"local t = {time(), time() + 1} sendtimestampeddata('two', {a = {timestamps = t, data = {1, 2}}, b = {timestamps = t, data = {3}}})")`
	p := startPlant(t, m3datest.Options{}, nil)
	p.allCapabilities()
	p.deliver(m3datest.Command(1, "ExecuteScript", p.serve("/two.lua", []byte(source)), p.detached(source, "lua", 1, nil)))
	p.wantResponse(1, 0, "ok")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := p.site.Wait(ctx, func() bool { return len(p.site.Column("gw-1", "@sys.two", "b")) > 1 }); err != nil {
		t.Fatalf("the server has %v", p.site.Items("gw-1"))
	}
	for _, column := range []string{"timestamps", "a", "b"} {
		if v := p.site.Column("gw-1", "@sys.two", column); len(v) != 2 {
			t.Errorf("%s is %v", column, v)
		}
	}
}

func TestMonitoringOperations(t *testing.T) {
	d := startDeviceWith(t, func(*agent.Config) {})
	d.allCapabilities()
	if out := d.run(1, `
local m = require "agent.monitoring"
local function list(what) print(what, table.concat(m.list(what), " ")) end
assert(m.install("a", "x = 1", true))
assert(m.install("b", "x = 1", false))
assert(m.install("c", {"x =", " 1"}, "now"))
assert(m.load("v", "x = 1"))
list "installed" list "loaded"
print(m.install("bad", "x = = 1"))
print(m.install("../x", "x = 1"))
print(m.load("f", function() end))
print(m.enable("nope"))
assert(m.enable("b")) assert(m.disable("a")) assert(m.unload("v")) assert(m.unload("c"))
list "installed" list "loaded"
assert(m.enable("a", true)) assert(m.uninstall("b"))
list "installed" list "loaded"
print(m.install("a", "error('no')"))
list "loaded"
assert(m.uninstallall())
list "installed" list "loaded"
`); out != strings.Join([]string{
		"installed\ta b c", "loaded\ta c v", "nil\tbad:1: unexpected symbol near '='", "nil\t\"../x\" is no name of a rule: letters, digits, _ . -",
		"nil\ta function stays in its script: give the text of the rule", "nil\tno rule nope",
		"installed\ta b c", "loaded\tb", "installed\ta c", "loaded\ta", "nil\ta:1: no", "loaded\ta", "installed\t", "loaded\t", "",
	}, "\n") {
		t.Errorf("printed\n%s", out)
	}
}

// What a rule does to the process of the rules does not stop the others; the
// third time it is disabled.
func TestMonitoringSupervision(t *testing.T) {
	book := &logBook{}
	d := startDeviceWith(t, func(c *agent.Config) { c.Log = slog.New(slog.NewTextHandler(book, nil)) })
	d.allCapabilities()
	d.run(1, `
local m = require "agent.monitoring"
assert(m.install("good", "connect(onchange('user.go'), function() user.good = (user.good or 0) + 1 end)"))
assert(m.install("throws", "connect(onchange('user.go'), function() error('oops') end)"))
assert(m.install("greedy", "connect(onchange('user.eat'), function() local t = {} while true do t[#t+1] = ('x'):rep(1e6) .. #t end end)"))
assert(m.install("killer", "connect(onchange('user.kill'), function() os.execute('kill -9 $PPID') end)"))
`)
	p := d.dial(nil)
	good := func(what string) {
		t.Helper()
		v, _, _ := d.agent.Tree().Get("config.user.good")
		was, _ := v.Int()
		for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
			d.want(p, frame.CmdSetVariable, `["config.user.go",1]`, 0, "null")
			d.want(p, frame.CmdSetVariable, `["config.user.go",2]`, 0, "null")
			if v, _, _ := d.agent.Tree().Get("config.user.good"); !v.IsNull() {
				if n, _ := v.Int(); n > was {
					return
				}
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s, the good rule does nothing", what)
			}
		}
	}
	good("at first")
	book.wait(t, "script=throws", "oops")
	d.want(p, frame.CmdSetVariable, `["config.user.eat",1]`, 0, "null")
	book.wait(t, "rule=greedy", "not enough memory")
	good("behind one that was greedy")
	for n := 1; n <= 3; n++ {
		for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
			d.want(p, frame.CmdSetVariable, `["config.user.kill",1]`, 0, "null")
			d.want(p, frame.CmdSetVariable, `["config.user.kill",2]`, 0, "null")
			book.mu.Lock()
			died := strings.Count(book.buf.String(), "the process of the monitoring rules has ended")
			book.mu.Unlock()
			if died >= n {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("the rules' process did not die %d times", n)
			}
		}
	}
	book.wait(t, "a monitoring rule is disabled", "rule=killer")
	good("behind one that killed")
	if out := d.run(2, `local m = require "agent.monitoring" print(table.concat(m.list "installed", " "), table.concat(m.list "loaded", " "))`); out != "good greedy killer throws\tgood throws\n" {
		t.Errorf("rules: %s", out)
	}
}

// What else a script reaches of its agent.
func TestScriptAPI(t *testing.T) {
	p := startPlant(t, m3datest.Options{}, nil)
	p.allCapabilities()
	if out := p.run(1, `
assert(data.send("house.kitchen", {temp = 21}, "now"))
assert(data.flush("now"))
print(data.send("house", {x = 1}, "nosuch"))
print(tree.watch("ram.w", 0.01))
log.info("hello from a script")
print(device.id(), io.popen("echo program"):read("*l"))`); out != "nil\tno such policy\nnil\ngw-1\tprogram\n" {
		t.Errorf("printed %q", out)
	}
	if v := p.site.Column("gw-1", "house.kitchen", "temp"); len(v) != 1 || !v[0].Equal(bysant.OfInt(21)) {
		t.Errorf("the server has %v", v)
	}
	done := make(chan string, 1)
	go func() {
		res, _, err := p.execute(p.dial(nil), frame.ExecuteScript{Bundle: p.sign(`tree.set("ram.ready", 1) local c = tree.watch({"ram.w", "ram.v"}, 30) print(c and c["ram.w.x"])`, "lua", 2)})
		if err != nil {
			t.Error(err)
		}
		done <- res.Stdout
	}()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		p.want(p.dial(nil), frame.CmdSetVariable, `["ram.w.x",5]`, 0, "null")
		p.want(p.dial(nil), frame.CmdSetVariable, `["ram.w.x",null]`, 0, "null")
		select {
		case out := <-done:
			if out != "5\n" && out != "nil\n" {
				t.Errorf("watched %q", out)
			}
			return
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("the watch does not end")
		}
	}
}

// A rule ends with the trust in the key of whose script installed it, whether
// the agent runs then or not, and stays so until it is installed anew.
func TestMonitoringRevoked(t *testing.T) {
	book := &logBook{}
	d := startDeviceWith(t, func(c *agent.Config) { c.Log = slog.New(slog.NewTextHandler(book, nil)) })
	d.allCapabilities()
	const install = `
local m = require "agent.monitoring"
assert(m.install("a", "connect(onchange('user.go'), function() user.done = (user.done or 0) + 1 end)"))
assert(m.load("b", "x = 1"))`
	const lists = `local m = require "agent.monitoring" print(table.concat(m.list "installed", " "), table.concat(m.list "loaded", " "))`
	d.run(1, install)
	policy := filepath.Join(d.dir, "trust", "policy.toml")
	good, err := os.ReadFile(policy)
	if err != nil {
		t.Fatal(err)
	}
	revoke := func() {
		t.Helper()
		if err := os.WriteFile(policy, append(good, "[[key]]\nid = '"+d.key.Public().ID()+"'\nrevoked = true\n"...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	restore := func() {
		t.Helper()
		if err := os.WriteFile(policy, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	revoke()
	// What comes now is refused, and has the agent look.
	if _, r, _ := d.execute(d.dial(nil), frame.ExecuteScript{Bundle: d.sign("x = 1", "lua", 2)}); r.Status != frame.StatusNotPermitted {
		t.Errorf("a script of a revoked key: %d %s", r.Status, r.Body)
	}
	book.wait(t, "a monitoring rule is disabled: its key is not trusted any more", "rule=a", d.key.Public().ID())
	book.wait(t, "a monitoring rule is disabled: its key is not trusted any more", "rule=b", d.key.Public().ID())
	restore()
	if out := d.run(3, lists); out != "a\t\n" {
		t.Errorf("rules: %s", out)
	}
	d.run(4, install)
	d.stop()
	revoke()
	d = start(t, d.dir, &d.key, func(c *agent.Config) { c.Log = slog.New(slog.NewTextHandler(book, nil)) })
	restore()
	if out := d.run(5, lists); out != "a\t\n" {
		t.Errorf("rules after a restart: %s", out)
	}
	n := 0
	for _, l := range d.lines() {
		if l.Action == journal.ActionControl && l.Verdict == journal.Refused && l.KeyID == d.key.Public().ID() && strings.Contains(l.Reason, "trusted") {
			n++
		}
	}
	if n != 3 {
		t.Errorf("the journal has %d rules ended, not 3", n)
	}
}
