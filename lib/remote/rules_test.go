package remote_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lander/lib/capability"
	"lander/lib/emp/frame"
	"lander/lib/luavm"
	"lander/lib/remote"
)

// land is a device tree, a clock and a log for rules.
type land struct {
	mu      sync.Mutex
	now     time.Time
	timers  []*landTimer
	vars    map[string]frame.Value
	watches map[int]func([]frame.Member)
	paths   map[int][]string
	n       int
	log     []string
	more    chan struct{}
}

type landTimer struct {
	at time.Time
	f  func()
}

func newLand() *land {
	return &land{now: time.Date(2026, 1, 1, 10, 0, 0, 0, time.UTC), vars: map[string]frame.Value{}, watches: map[int]func([]frame.Member){}, paths: map[int][]string{}, more: make(chan struct{}, 1)}
}

func (l *land) Now() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

func (l *land) AfterFunc(d time.Duration, f func()) func() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := &landTimer{l.now.Add(d), f}
	l.timers = append(l.timers, t)
	l.note()
	return func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		i := slices.Index(l.timers, t)
		if i < 0 {
			return false
		}
		l.timers = slices.Delete(l.timers, i, i+1)
		return true
	}
}

func (l *land) note() {
	select {
	case l.more <- struct{}{}:
	default:
	}
}

// advance moves the clock to its next timer, which must be due in d.
func (l *land) advance(t *testing.T, d time.Duration) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		l.mu.Lock()
		slices.SortFunc(l.timers, func(a, b *landTimer) int { return a.at.Compare(b.at) })
		if len(l.timers) > 0 && l.timers[0].at.Sub(l.now) == d {
			first := l.timers[0]
			l.timers = l.timers[1:]
			l.now = first.at
			l.mu.Unlock()
			first.f()
			return
		}
		var next []string
		for _, t := range l.timers {
			next = append(next, t.at.Sub(l.now).String())
		}
		l.mu.Unlock()
		select {
		case <-l.more:
		case <-deadline:
			t.Fatalf("timers in %v, want %s; log %q", next, d, l.lines())
		}
	}
}

func (l *land) Get(path string) (frame.Value, []string, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if v, ok := l.vars[path]; ok {
		return v, nil, true
	}
	var kids []string
	for p := range l.vars {
		if strings.HasPrefix(p, path+".") {
			kids = append(kids, p)
		}
	}
	return frame.Value{}, kids, kids != nil
}

func (l *land) Set(path string, v frame.Value) error {
	if strings.HasPrefix(path, "system.") {
		return errors.New("read-only")
	}
	l.set(path, v)
	return nil
}

func (l *land) set(path string, v frame.Value) {
	l.mu.Lock()
	l.vars[path] = v
	var tell []func([]frame.Member)
	for n := range l.n {
		if f := l.watches[n]; f != nil && slices.Contains(l.paths[n], path) {
			tell = append(tell, f)
		}
	}
	l.mu.Unlock()
	for _, f := range tell {
		f([]frame.Member{{Key: path, Value: v}})
	}
}

func (l *land) Watch(paths []string, tell func([]frame.Member)) (func(), error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.n
	l.n++
	l.watches[n], l.paths[n] = tell, paths
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.watches, n)
	}, nil
}

func (l *land) say(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.log = append(l.log, fmt.Sprintf(format, args...))
	l.note()
}

func (l *land) Send(d remote.RuleData) error {
	l.say("send %s %s %v %v", d.Path, strings.Join(d.Columns, ","), d.Timestamps, d.Values)
	return nil
}
func (l *land) Log(rule, level, text string) { l.say("%s %s: %s", rule, level, text) }
func (l *land) Busy(string)                  {}
func (l *land) Idle(string)                  {}
func (l *land) Ended(rule string, err error) { l.say("%s ended: %v", rule, err) }
func (l *land) Hung(rule string)             { l.say("%s hung", rule) }
func (l *land) Modules() []luavm.Module      { return nil }

func (l *land) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.log)
}

// want waits for the log to be these lines.
func (l *land) want(t *testing.T, want ...string) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		got := l.lines()
		if slices.Equal(got, want) {
			return
		}
		select {
		case <-l.more:
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			t.Fatalf("log\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

func (l *land) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.log = nil
}

func engine(t *testing.T) (*land, *remote.Rules) {
	l := newLand()
	e := remote.NewRules(l, l, 0)
	t.Cleanup(e.Close)
	return l, e
}

func load(t *testing.T, e *remote.Rules, name, text string) {
	t.Helper()
	if err := e.Load(name, text, capability.Default()); err != nil {
		t.Fatal(err)
	}
}

const show = `local function show(m) local t = {} for k, v in pairs(m or {}) do t[#t+1] = k .. "=" .. tostring(v) end table.sort(t) print(table.concat(t, " ")) end `

func TestTriggers(t *testing.T) {
	num := func(n float64) frame.Value { return frame.Float(n) }
	t.Run("onchange", func(t *testing.T) {
		l, e := engine(t)
		load(t, e, "r", show+`connect(onchange("user.a", {"system.b"}), show)`)
		l.set("config.user.a", num(1))
		l.set("system.b", frame.String("x"))
		l.set("system.c", frame.String("y"))
		l.want(t, "r info: user.a=1", "r info: system.b=x")
	})
	t.Run("onhold", func(t *testing.T) {
		l, e := engine(t)
		load(t, e, "r", show+`connect(onhold(5, "system.a"), show)`)
		l.set("system.a", num(1))
		l.advance(t, 5*time.Second)
		l.want(t, "r info: system.a=1")
		l.clear()
		load(t, e, "r", show+`connect(onhold(-5, "system.a"), show)`)
		l.set("system.a", num(2))
		l.advance(t, 5*time.Second)
		l.advance(t, 5*time.Second)
		l.want(t, "r info: system.a=2", "r info: system.a=2")
	})
	t.Run("onperiod", func(t *testing.T) {
		l, e := engine(t)
		load(t, e, "r", `connect(onperiod(60), function() print(time()) end) connect(onperiod(-10), function() print "once" end)`)
		l.advance(t, 10*time.Second)
		l.want(t, "r info: once")
		l.advance(t, 50*time.Second)
		l.want(t, "r info: once", "r info: 1767261660")
		l.advance(t, 60*time.Second)
		l.want(t, "r info: once", "r info: 1767261660", "r info: 1767261720")
	})
	t.Run("onperiod, hardly any", func(t *testing.T) {
		l, e := engine(t)
		load(t, e, "r", `connect(onperiod(1e-6), function() print "tick" end)`)
		l.advance(t, 10*time.Millisecond)
		l.want(t, "r info: tick")
	})
	t.Run("ondate", func(t *testing.T) {
		l, e := engine(t)
		load(t, e, "r", `connect(ondate("30 12 * * *"), function() print(os.date("!%H:%M", time())) end)`)
		l.advance(t, time.Hour)
		l.advance(t, time.Hour)
		l.advance(t, 30*time.Minute)
		l.want(t, "r info: 12:30")
	})
	t.Run("onboot", func(t *testing.T) {
		l, e := engine(t)
		load(t, e, "r", `connect(onboot(), function() print "boot" end)`)
		l.advance(t, 30*time.Second)
		l.want(t, "r info: boot")
		load(t, e, "late", `connect(onboot(), function() print "never" end) connect(onperiod(1), function() print "tick" end)`)
		l.advance(t, time.Second)
		l.want(t, "r info: boot", "late info: tick")
	})
	t.Run("onthreshold", func(t *testing.T) {
		l, e := engine(t)
		l.set("system.t", num(5))
		load(t, e, "r", show+`for _, way in ipairs{"up", "down", "both"} do connect(onthreshold(10, "system.t", way), function(m) print(way, m["system.t"]) end) end`)
		for _, v := range []float64{9, 10, 11, 9.5, 10} {
			l.set("system.t", num(v))
		}
		// Each trigger has events of its own: their order between them is fixed
		// by that of the changes.
		l.want(t, "r info: up\t10", "r info: both\t10", "r info: down\t9.5", "r info: both\t9.5", "r info: up\t10", "r info: both\t10")
	})
	t.Run("ondeadband", func(t *testing.T) {
		l, e := engine(t)
		l.set("system.t", num(5))
		load(t, e, "r", show+`connect(ondeadband(2, "system.t"), show)`)
		for _, v := range []float64{6, 7, 8, 5} {
			l.set("system.t", num(v))
		}
		l.want(t, "r info: system.t=7", "r info: system.t=5")
	})
	t.Run("system", func(t *testing.T) {
		l, e := engine(t)
		e.Poll = 5 * time.Second
		l.vars["system.load"] = num(1)
		load(t, e, "r", show+`connect(onchange("system.load", "system.own"), show) print(system.own)`)
		l.advance(t, 5*time.Second)
		l.mu.Lock()
		l.vars["system.load"] = num(3)
		l.mu.Unlock()
		l.advance(t, 5*time.Second)
		l.want(t, "r info: nil", "r info: system.load=3")
		l.set("ram.system.own", num(7))
		l.want(t, "r info: nil", "r info: system.load=3", "r info: system.own=7")
	})
	t.Run("filter", func(t *testing.T) {
		l, e := engine(t)
		load(t, e, "r", show+`
local c = onchange("system.a")
connect(filter(function(m) return m["system.a"] > 1 end, filter(function(m) return m["system.a"] < 4 end, c)), show)
connect(filter(function() error("x") end, c), show)`)
		for v := range 5 {
			l.set("system.a", num(float64(v)))
		}
		l.want(t, "r warning: a filter fails: r:4: x", "r warning: a filter fails: r:4: x", "r info: system.a=2", "r warning: a filter fails: r:4: x", "r info: system.a=3", "r warning: a filter fails: r:4: x", "r warning: a filter fails: r:4: x")
	})
}

func TestRuleVariables(t *testing.T) {
	l, e := engine(t)
	l.set("system.net.ip", frame.String("1.2.3.4"))
	load(t, e, "r", `
print(system.net.ip, system.none, user.x)
user.x = 3 global.y = "g" persist.z = true
print(user.x, global.y, persist.z)
print(pcall(function() system.a = 1 end))
sendtimestampeddata('system', {var1 = {timestamps = {1, 2}, data = {system.net.ip, 7}}, none = {timestamps = {time()}, data = {system.var1}},
	var2 = {timestamps = {1, 2}, data = {true}}})`)
	l.want(t, "r info: 1.2.3.4\tnil\tnil", "r info: 3\tg\ttrue", "r info: false\tr:5: read-only",
		`send system none [1767261600] [[null]]`, `send system var1,var2 [1 2] [["1.2.3.4" 7] [true null]]`)
	for path, want := range map[string]string{"config.user.x": "3", "ram.global.y": `"g"`, "config.persist.z": "true"} {
		if v, _, _ := l.Get(path); v.String() != want {
			t.Errorf("%s is %s", path, v)
		}
	}
}

// A rule that fails harms no other, and its next action runs.
func TestRulesFail(t *testing.T) {
	l, e := engine(t)
	if err := e.Load("bad", "x = = 1", capability.Default()); err == nil || err.Error() != "bad:1: unexpected symbol near '='" {
		t.Errorf("a syntax error: %v", err)
	}
	if err := e.Load("bad", "\nerror('no')", capability.Default()); err == nil || err.Error() != "bad:2: no" {
		t.Errorf("an error at setup: %v", err)
	}
	for text, want := range map[string]string{
		"onperiod()":                             "bad:2: bad argument #1 to 'onperiod' (number expected, got no value)",
		`ondate "never"`:                         "bad:2: bad argument #1 to 'ondate' (",
		`onthreshold(1, "system.a", "over")`:     `bad:2: bad argument #3 to 'onthreshold' ("up", "down" or "both" expected)`,
		`ondate "0 0 */9223372036854775807 * *"`: "bad:2: bad argument #1 to 'ondate' (",
		"onperiod(0/0)":                          "bad:2: bad argument #1 to 'onperiod' (seconds expected)",
		"onhold(-1e10, 'system.a')":              "bad:2: bad argument #1 to 'onhold' (seconds expected)",
		"for i = 1, 1001 do onboot() end":        "bad:2: too many triggers",
		"connect(1, print)":                      "bad:2: bad argument #1 to 'connect' (a trigger expected, got number)",
		"connect(onboot(), 1)":                   "bad:2: bad argument #2 to 'connect' (function expected, got number)",
		"filter(print)":                          "bad:2: bad argument #2 to 'filter' (a trigger expected, got nil)",
		"filter(1, onboot())":                    "bad:2: bad argument #1 to 'filter' (function expected, got number)",
		"sendtimestampeddata()":                  "bad:2: bad argument #1 to 'sendtimestampeddata' (string expected, got no value)",
	} {
		if err := e.Load("bad", "\n"+text, capability.Default()); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	load(t, e, "a", `local c = onchange("system.a") connect(c, function() error("boom") end) connect(c, function() print "next" end)`)
	load(t, e, "b", `connect(onchange("system.a"), function() local t = {} while true do t[#t+1] = ("x"):rep(1e6) .. #t end end)`)
	load(t, e, "c", `connect(onchange("system.c"), function() print "fine" end)`)
	l.set("system.a", frame.Int(1))
	deadline := time.Now().Add(30 * time.Second)
	has := func(text string) bool {
		return slices.ContainsFunc(l.lines(), func(s string) bool { return strings.HasPrefix(s, text) })
	}
	for !(has("a error: an action fails: a:1: boom") && has("a info: next") && has("b ended: ")) {
		if time.Now().After(deadline) {
			t.Fatalf("log %q", l.lines())
		}
		time.Sleep(time.Millisecond)
	}
	l.clear()
	l.set("system.c", frame.Int(1))
	l.want(t, "c info: fine")
	if e.Unload("b") || !e.Unload("a") || e.Unload("a") {
		t.Error("wrong rules are there")
	}
	// A new text takes the place of the old when it is good.
	if err := e.Load("c", "error('x')", capability.Default()); err == nil {
		t.Error("loaded")
	}
	l.clear()
	l.set("system.c", frame.Int(2))
	l.want(t, "c info: fine")
	load(t, e, "c", `connect(onchange("system.c"), function() print "new" end)`)
	l.clear()
	l.set("system.c", frame.Int(3))
	l.want(t, "c info: new")
}

func TestRuleCapabilities(t *testing.T) {
	_, e := engine(t)
	for text, want := range map[string]string{
		`onchange("system.a")`:              `capability "tree" not granted`,
		`print(user.x)`:                     `capability "tree" not granted`,
		`sendtimestampeddata("a", {})`:      `capability "data" not granted`,
		`io.open("/etc/passwd"):read("*a")`: ``,
	} {
		if err := e.Load("r", text, capability.Set{capability.Base}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// A rule that computes without end is stopped, and the others go on.
func TestEndlessRule(t *testing.T) {
	if os.Getenv("LANDER_LONG") != "1" {
		t.Skip("it takes as long as a rule may run: LANDER_LONG=1")
	}
	l, e := engine(t)
	load(t, e, "endless", `connect(onchange("system.a"), function() while true do end end)`)
	load(t, e, "other", `connect(onchange("system.b"), function() print "fine" end)`)
	l.set("system.a", frame.Int(1))
	l.want(t, "endless error: the rule runs for more than 10s: it is stopped", "endless ended: interrupted")
	l.set("system.b", frame.Int(1))
	l.want(t, "endless error: the rule runs for more than 10s: it is stopped", "endless ended: interrupted", "other info: fine")
}
